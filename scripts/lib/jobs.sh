# The demo, the benchmarks and the GPU run.
# shellcheck shell=bash

# The first of NAME, NAME-2, NAME-3, .. that does not exist.
fresh_folder() {
  local folder=$1 number=2
  while [[ -e $folder ]]; do
    folder=$1-$((number++))
  done
  echo "$folder"
}

command_demo() {
  local out="" arguments=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --out) [[ $# -gt 1 ]] || die "--out needs a folder"; out=$2; shift 2 ;;
      --out=*) out=${1#--out=}; shift ;;
      *) arguments+=("$1"); shift ;;
    esac
  done
  ensure_packages build
  ensure_torch
  step "build weft in build/release" build release build/release weft
  ensure_assets
  mkdir -p runs
  out=${out:-$(fresh_folder runs/demo)}
  local line=(build/release/weft simulate configs/sentiment.yaml --processes --compare --out "$out" "${arguments[@]}")
  step "${line[*]}" "${line[@]}"
  echo "the results are in $out: summary.json, adapter/ (PEFT format), the ledger, TensorBoard events, the resolved config"
}

command_bench() {
  ensure_packages build
  ensure_torch
  ensure_reference
  step "build the benchmarks in build/release" build release build/release "benches weft"
  ensure_assets
  step "run the benchmarks" "$(base_python)" scripts/bench/run_all.py --build build/release --out "$(fresh_folder runs/bench)" \
    --reference-python "$WEFT_REFERENCE_PYTHON" "$@"
}

has_gpu() { compgen -G '/dev/nvidia[0-9]*' >/dev/null || { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }; }

command_gpu() {
  if ! has_gpu; then
    echo "no GPU here: nothing was run. On a machine with an NVIDIA GPU and its driver, ./run gpu runs the tests labelled"
    echo "gpu and the GPU benchmarks; a LibTorch built for CUDA is needed there (see WEFT_TORCH_DIR)."
    return
  fi
  ensure_packages build
  ensure_torch
  step "build everything in build/release" build release build/release "all benches"
  ensure_assets
  step "run the tests labelled gpu" run_ctest build/release -L '^gpu$' --no-tests=error
  step "run the GPU benchmarks" "$(base_python)" scripts/bench/run_all.py --build build/release \
    --out "$(fresh_folder runs/bench-gpu)" --gpu "$@"
}
