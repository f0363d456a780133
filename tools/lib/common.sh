# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Shell helpers of tools/ and tests/: sourced, never run. Bash and what every
# Debian system has; no Python.

# The root of the checkout.
FASTSKIP_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
step() { printf '\n==> %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# has <word> <list with commas>
has() { [[ ,$2, == *,"$1",* ]]; }

# check_list <option> <list> [allowed words]: numbers where no words are given.
check_list() {
  local item
  [ -n "${2//,/}" ] || die "$1 needs a value, and has '$2' (see --help)."
  for item in ${2//,/ }; do
    if [ -n "${3-}" ]; then
      has "$item" "$3" || die "$1: '$item' is none of ${3//,/, }."
    else
      check_number "$1" "$item"
    fi
  done
}

# check_number <option> <value>
check_number() {
  [[ $2 =~ ^[1-9][0-9]*$ ]] || die "$1: '$2' is no number above 0."
}

# Two at least, since a compiler often waits for its files.
job_count() {
  local n
  n=$(nproc 2>/dev/null || echo 2)
  echo $((n < 2 ? 2 : n))
}

# Runs a command as root, with sudo where needed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$*' needs root, and there is no sudo: run this script as root."
  fi
}

# What of the packages in "$@" is not installed, one per line.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = \
      installed ] || echo "$package"
  done
}

# Installs the packages in "$@" that are missing. Says what it does.
install_packages() {
  local missing
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "This is no Debian system, so nothing is installed. Needed are, by"
    say "Debian's names: $*"
    return 0
  fi
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -z "$missing" ]; then
    say "All Debian packages that are needed are installed."
    return 0
  fi
  say "Installing with apt-get: $missing"
  # A package source of somebody else's that cannot be reached is no reason to
  # stop: what matters is whether the installation succeeds.
  as_root apt-get -qq update ||
    say "apt-get update reported a problem (see above); going on."
  # shellcheck disable=SC2086  # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
    --no-install-recommends $missing >/dev/null ||
    die "apt-get could not install: $missing"
}

# What building fastskip and running stock RocksDB tools takes.
# shellcheck disable=SC2034  # used by the scripts that source this file
FASTSKIP_BUILD_PACKAGES="g++ make cmake ccache pkg-config
  librocksdb-dev rocksdb-tools libgflags-dev"

# What one checkout has compiled serves another one: paths below the root are
# cached as relative ones, and the working directory does not count.
export CCACHE_BASEDIR=$FASTSKIP_ROOT
export CCACHE_NOHASHDIR=true

# Puts a compiler cache in front of CMake's compilers, where there is one.
cmake_launcher() {
  if command -v ccache >/dev/null; then
    echo "-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"
  fi
}

# Everything that a script makes outside build/ is in $SCRATCH, which is removed at
# its end.
make_scratch() {
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/fastskip.XXXXXX")
  trap 'rm -rf "$SCRATCH"' EXIT
}
