# Steps of ./run: each says what it does and how long it took, and is remembered for the closing summary.
# shellcheck shell=bash

step_names=()
step_results=()

die() {
  printf 'run: %s\n' "$*" >&2
  exit 1
}

now_ms() { local now=${EPOCHREALTIME/[.,]/}; echo $((now / 1000)); }

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# attempt NAME COMMAND..: runs it with `set -e`, returns its status in $step_status and never fails itself.
# The command runs in a subshell: what it sets is gone afterwards.
attempt() {
  local name=$1 start
  shift
  printf '==> %s\n' "$name"
  start=$(now_ms)
  set +e
  (set -e; "$@")
  step_status=$?
  set -e
  local took=$(($(now_ms) - start)) word="done"
  [[ $step_status -eq 0 ]] || word=FAILED
  printf '    %s in %s\n' "$word" "$(seconds $took)"
  step_names+=("$name")
  step_results+=("$word in $(seconds $took)")
}

# step NAME COMMAND..: the same, but a failure ends ./run.
step() {
  attempt "$@"
  [[ $step_status -eq 0 ]] || die "\"$1\" failed, see above"
}

started_ms=$(now_ms)

print_summary() {
  local i
  echo "==> summary"
  for i in "${!step_names[@]}"; do
    printf '    %-62s %s\n' "${step_names[$i]}" "${step_results[$i]}"
  done
  printf '    %-62s %s\n' "in all" "$(seconds $(($(now_ms) - started_ms)))"
}

any_failed() { [[ " ${step_results[*]-} " == *FAILED* ]]; }

# quietly LOG COMMAND..: output goes to build/log/LOG and is shown only if the command fails.
quietly() {
  local log=build/log/$1
  shift
  mkdir -p build/log
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    echo "run: the whole output is in $log" >&2
    return 1
  fi
}

# A stamp is a file that holds the hash of the inputs a step last succeeded with.
hash_of() { cat -- "$@" | sha256sum | cut -d' ' -f1; }
is_stamped() { [[ -f $1 && $(<"$1") == "$2" ]]; }
