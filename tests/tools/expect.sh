# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the shell tests beside this file: sourced. ctest sets
#   FASTSKIP_SO          libfastskip.so of this build
#   FASTSKIP_BINARY_DIR  this build's directory
#   FASTSKIP_BENCH       its memtable_bench
#   WRONG_MEMTABLES      the library of wrong_memtables.cc
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib/common.sh"
: "${FASTSKIP_SO:?to be set to libfastskip.so}"
make_scratch
EXPECTED=0

# expect <what> <command...>: the command succeeds.
expect() {
  local what=$1
  shift
  "$@" || die "FAILED: $what ($*)"
  EXPECTED=$((EXPECTED + 1))
  say "ok: $what"
}

# refuse <what> <command...>: the command fails.
refuse() {
  local what=$1
  shift
  ! "$@" || die "FAILED: $what: this should not succeed ($*)"
  EXPECTED=$((EXPECTED + 1))
  say "ok: $what"
}

# refuse_saying <text> <command…>: the command, whose errors go to $SCRATCH/err,
# fails and has the text there.
refuse_saying() {
  refuse "$@"
  grep -qF -- "$1" "$SCRATCH/err" ||
    die "FAILED: no '$1' in: $(cat "$SCRATCH/err")"
}

# same <what> <a> <b>: two texts are equal, and not empty.
same() {
  [ -n "$2" ] || die "FAILED: $1: nothing to compare"
  [ "$2" = "$3" ] || die "FAILED: $1: '$2' is not '$3'"
  EXPECTED=$((EXPECTED + 1))
  say "ok: $1"
}

preloaded() { LD_PRELOAD=$FASTSKIP_SO "$@"; }

# The memtable that the last opening of <db> used, as its LOG says.
memtable_in_log() {
  sed -n 's/.*Options.memtable_factory: //p' "$1/LOG" | tail -n 1
}

# guide_block <mark>: the code block of docs/guide.md below the line
# "<!-- <mark> -->".
guide_block() {
  awk -v mark="<!-- $1 -->" '
    $0 == mark { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }' "$FASTSKIP_ROOT/docs/guide.md"
}

# What the guide shows as the output of an example, or of a block of commands.
guide_output() { guide_block "output of $1"; }
