# Debian packages: what is missing of a group in scripts/debian-packages.txt is installed, nothing else is touched.
# shellcheck shell=bash

packages_of() {
  local line section="" wanted=" $* "
  while read -r line; do
    case $line in
      '' | '#'*) ;;
      '['*) section=${line//[\[\]]/} ;;
      *) [[ $wanted == *" $section "* ]] && echo "$line" ;;
    esac
  done <scripts/debian-packages.txt
  return 0
}

missing_packages() {
  local installed package
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package} ' 2>/dev/null | tr -d '\n') "
  for package in $(packages_of "$@"); do
    [[ $installed =~ \ ii\ +"$package"(:[a-z0-9]+)?\  ]] || echo "$package"
  done
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  local install=(apt-get install -y -q --no-install-recommends "$@")
  # The package lists may be absent or old; fetch them only when the first try shows that they are.
  quietly apt.log "${install[@]}" 2>/dev/null || { quietly apt.log apt-get update -q && quietly apt.log "${install[@]}"; }
}

# ensure_packages GROUP..
ensure_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "    not a Debian system: the libraries of scripts/debian-packages.txt are taken to be there"
    return
  fi
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [[ -n $missing ]] || return 0
  if [[ $(id -u) -ne 0 ]]; then
    die "these Debian packages are missing; install them, then run the command again:
  sudo apt-get update && sudo apt-get install --no-install-recommends $missing"
  fi
  # shellcheck disable=SC2086
  step "install Debian packages: $missing" install_packages $missing
}
