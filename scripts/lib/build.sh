# Configure and build. CMake runs again only when its inputs changed; ninja decides the rest.
# shellcheck shell=bash

# The compiler cache serves clones in any folder: paths below this one are hashed as relative.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

# A compile that sees ATen takes up to 1.3 GB; CMakeLists.txt bounds those by memory, this bounds the rest.
build_jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1000000))
  local jobs=$((cores < memory_gb ? cores : memory_gb))
  echo "${WEFT_JOBS:-$((jobs > 0 ? jobs : 1))}"
}

# configure PRESET FOLDER [CMAKE_ARGUMENT..]
configure() {
  local preset=$1 folder=$2 key
  shift 2
  key=$( (cat CMakePresets.json; echo "$PWD $preset $* ${WEFT_TORCH_DIR:-}") | sha256sum | cut -d' ' -f1)
  [[ -f $folder/build.ninja ]] && is_stamped "$folder/.configured" "$key" && return
  quietly "configure-$(basename "$folder").log" cmake --fresh --preset "$preset" -B "$folder" \
    -DWEFT_TORCH_DIR="${WEFT_TORCH_DIR:-}" "$@"
  echo "$key" >"$folder/.configured"
}

# build PRESET FOLDER "TARGETS" [CMAKE_ARGUMENT..]
build() {
  local preset=$1 folder=$2 targets=$3
  shift 3
  configure "$preset" "$folder" "$@"
  # shellcheck disable=SC2086
  ninja -C "$folder" -j "$(build_jobs)" $targets
}

command_build() {
  ensure_packages build
  ensure_torch
  step "build ${*:-everything} in build/release" build release build/release "$*"
}

command_clean() {
  rm -rf build
  if [[ ${1:-} == all ]]; then
    rm -rf .deps
  fi
  echo "removed build/${1:+ and .deps/}; the results in runs/ stay"
}
