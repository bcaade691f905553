# The project's one Python environment, .deps/torch: LibTorch out of the pinned wheel, and the reference stack beside it.
# shellcheck shell=bash

# The system's Python, which python3-venv belongs to, goes before others on PATH.
base_python() {
  local python
  for python in /usr/bin/python3 python3; do
    if command -v "$python" >/dev/null && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  die "no Python 3 with the venv module was found; install python3-venv"
}

pip_install() {
  local stamp=$1 requirements=$2
  # A folder that was moved or half made has no working python: make it anew.
  if ! .deps/torch/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .deps/torch
    mkdir -p .deps
    "$(base_python)" -m venv .deps/torch
  fi
  # With dependencies: they are small for a CPU wheel, and a CUDA wheel cannot be loaded without its CUDA libraries.
  quietly pip.log .deps/torch/bin/python -m pip --disable-pip-version-check install \
    -r "$requirements" -c scripts/torch-requirements.txt
  hash_of "$requirements" scripts/torch-requirements.txt >"$stamp"
}

# ensure_pip NAME REQUIREMENTS PROOF..: installs unless stamped with the same requirements and every PROOF exists.
ensure_pip() {
  local what=$1 requirements=$2 proof stamp
  shift 2
  stamp=.deps/torch/.$(basename "$requirements" .txt)
  local complete=yes
  for proof in "$@"; do
    compgen -G ".deps/torch/lib/python3*/site-packages/$proof" >/dev/null || complete=no
  done
  if [[ $complete == no ]] || ! is_stamped "$stamp" "$(hash_of "$requirements" scripts/torch-requirements.txt)"; then
    step "$what" pip_install "$stamp" "$requirements"
  fi
}

ensure_torch() {
  if [[ -n ${WEFT_TORCH_DIR:-} ]]; then
    [[ -f $WEFT_TORCH_DIR/include/ATen/core/Tensor.h && -f $WEFT_TORCH_DIR/lib/libtorch_cpu.so ]] ||
      die "WEFT_TORCH_DIR=$WEFT_TORCH_DIR: expected include/ATen/core/Tensor.h and lib/libtorch_cpu.so in it"
    WEFT_TORCH_DIR=$(realpath "$WEFT_TORCH_DIR")
    export WEFT_TORCH_DIR
    return
  fi
  ensure_pip "install LibTorch into .deps/torch (a CPU wheel is 0.2 GB to fetch, a CUDA wheel 3 GB)" \
    scripts/torch-requirements.txt torch/include/ATen/core/Tensor.h torch/lib/libtorch_cpu.so
}

ensure_reference() {
  [[ -z ${WEFT_REFERENCE_PYTHON:-} ]] || return 0
  ensure_pip "install the Python reference stack into .deps/torch" scripts/reference-requirements.txt \
    torch transformers peft tensorboard
  export WEFT_REFERENCE_PYTHON=$PWD/.deps/torch/bin/python
}

# ensure_assets [NAME..]: without names what the demo needs.
ensure_assets() {
  local python
  python=$(base_python)
  local status=0
  "$python" scripts/fetch_assets.py --check "$@" || status=$?
  [[ $status -ne 0 ]] || return 0
  [[ $status -eq 1 ]] || exit "$status" # there is no such name
  if [[ $# -eq 0 ]]; then
    step "fetch the base model and the data into .deps (86 MB)" "$python" scripts/fetch_assets.py
    return
  fi
  # Debian's npm comes with some hundred packages: only for what needs it, and not where another one is.
  [[ ! "$*" =~ speeches|spam|emoji|all ]] || command -v npm >/dev/null || ensure_packages npm
  local reference=()
  if "$python" scripts/fetch_assets.py --trains "$@"; then
    ensure_reference
    reference=(--reference-python "$WEFT_REFERENCE_PYTHON")
  fi
  step "fetch $* into .deps" "$python" scripts/fetch_assets.py "${reference[@]}" "$@"
}

command_setup() {
  ensure_packages build
  ensure_torch
  echo "set-up is complete"
}

command_fetch() {
  ensure_packages build
  ensure_assets "$@"
  [[ $# -eq 0 ]] || { echo "$* is in .deps/models and .deps/data"; return; }
  echo "the base model is in .deps/models/all-MiniLM-L6-v2, the data in .deps/data/sentiment"
}

command_reference() {
  ensure_packages build
  ensure_reference
  echo "export WEFT_REFERENCE_PYTHON=$WEFT_REFERENCE_PYTHON"
}
