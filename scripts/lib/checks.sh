# What can be told without running anything: format, layers, sizes, clang-tidy.
# shellcheck shell=bash

cpp_sources() {
  local folder
  for folder in common coordinator worker cli tests examples; do
    [[ ! -d $folder ]] || find "$folder" \( -name '*.h' -o -name '*.cpp' \) -print0
  done
}

run_clang_format() { cpp_sources | xargs -0 --no-run-if-empty -n 40 -P "$(nproc)" clang-format-14 "$@"; }

check_format() {
  run_clang_format --dry-run -Werror || die "the format differs from .clang-format; ./run format corrects it"
}

run_tidy() {
  configure release build/release
  "$(base_python)" scripts/lint.py --build build/release --jobs "$(build_jobs)" "$@"
}

command_format() {
  ensure_packages checks
  if [[ ${1:-} == --check ]]; then
    step "check the format" check_format
  else
    step "format the C++ sources" run_clang_format -i
  fi
}

command_lint() {
  ensure_packages build checks
  ensure_torch
  step "check layers, includes and file sizes" "$(base_python)" scripts/check_layers.py
  step "clang-tidy over the torch-free libraries" run_tidy "$@"
}
