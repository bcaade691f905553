# Tests, sanitizers and fuzzing.
# shellcheck shell=bash

# Two tests run at once; each keeps to one thread unless it sets its own count, as two busy OpenMP pools on two cores
# wait for each other at every barrier.
run_ctest() {
  local folder=$1
  shift
  mkdir -p build/log
  OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} ctest --test-dir "$folder" -j2 --output-on-failure "$@" 2>&1 |
    sed -u '/^ *Start *[0-9]/d' | tee build/log/ctest.log
}

sanitized_tests() {
  local preset=$1
  shift
  build "$preset" "build/$preset" "" "$@"
  UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp:halt_on_error=1" \
    run_ctest "build/$preset" -LE '^gpu$' >"build/log/ctest-$preset.log" || { cat "build/log/ctest-$preset.log"; return 1; }
  grep -E '% tests passed' "build/log/ctest-$preset.log"
}

prepare_tests() {
  ensure_packages build checks
  ensure_torch
  ensure_reference
  ensure_assets
  step "build everything in build/release" build release build/release ""
}

test_everything() {
  prepare_tests
  attempt "check the format" check_format
  attempt "check layers, includes and file sizes" "$(base_python)" scripts/check_layers.py
  attempt "clang-tidy over the torch-free libraries" run_tidy --limit-seconds 300
  attempt "torch-free tests, address and undefined-behaviour sanitizers" sanitized_tests asan
  attempt "all tests, fast ones first" run_ctest build/release --no-tests=error
  print_summary
  grep -E '% tests passed' build/log/ctest.log || true
  any_failed && die "some steps failed, see the summary above"
  return 0
}

command_test() {
  case ${1:-} in
    '') test_everything ;;
    fast | slow | gpu)
      prepare_tests
      step "run the tests labelled $1" run_ctest build/release -L "^$1\$" "${@:2}" ;;
    *)
      prepare_tests
      step "run the tests with $*" run_ctest build/release --no-tests=error "$@" ;;
  esac
}

command_asan() {
  ensure_packages build
  if [[ ${1:-} == all ]]; then
    ensure_torch
    step "all tests, address and undefined-behaviour sanitizers" sanitized_tests asan -DWEFT_TORCH=ON
  else
    step "torch-free tests, address and undefined-behaviour sanitizers" sanitized_tests asan
  fi
}

command_tsan() {
  ensure_packages build
  step "torch-free tests, thread sanitizer" sanitized_tests tsan
}

run_fuzzers() {
  local seconds=$1 program name
  build fuzz build/fuzz ""
  for program in build/fuzz/*_fuzz; do
    name=$(basename "$program")
    mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
    echo "    $name for $seconds s"
    quietly "$name.log" "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" \
      "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
    rmdir --ignore-fail-on-non-empty "tests/fuzz/corpus/$name"
  done
}

command_fuzz() {
  ensure_packages build fuzz
  step "fuzz" run_fuzzers "${1:-20}"
}

command_chaos() {
  command_build weft-chaos
  build/release/weft-chaos --seeds "${1:-1..1000}" --jobs "$(nproc)"
}
