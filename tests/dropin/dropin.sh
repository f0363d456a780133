# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the tests beside this file: sourced. What they find in FASTSKIP_BINARY_DIR:
# the drop-in, fastskip-run, and programs that know nothing of fastskip.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/expect.sh"
: "${FASTSKIP_BINARY_DIR:?to be set to the build directory}"

DROPIN=$FASTSKIP_BINARY_DIR/libfastskip_dropin.so
# shellcheck disable=SC2034  # used by the tests, as the next ones
RUN=$FASTSKIP_BINARY_DIR/fastskip-run
# shellcheck disable=SC2034
FAMILIES=$FASTSKIP_BINARY_DIR/tests/dropin_families
# shellcheck disable=SC2034
C_PROGRAM=$FASTSKIP_BINARY_DIR/tests/dropin_c_program

dropped_in() { LD_PRELOAD=$DROPIN "$@"; }

# Whether the LOG of <db> tells that the drop-in is at work.
told() {
  grep -q 'fastskip drop-in: memtables of SkipListFactory are fastskip' \
    "$1/LOG" && echo yes || echo no
}

# The number of lines that fastskip wrote to the LOG of <db>.
lines_of_fastskip() { grep -cE 'fastskip( drop-in)?: ' "$1/LOG" || true; }

# The column families and entries of the memtables that <db>'s LOG saw sealed.
sealed() {
  sed -nE 's/.*fastskip: memtable sealed: (column_family_id=([0-9]+) )?.* entries=([0-9]+) .*/\2:\3/p' \
    "$1/LOG"
}

# says <what> <text> <command...>: the command fails, and its output has the text.
says() {
  local what=$1 text=$2 output
  shift 2
  ! output=$("$@" 2>&1) || die "FAILED: $what: this should not succeed ($*)"
  [[ $output == *"$text"* ]] || die "FAILED: $what: '$output' lacks '$text'"
  EXPECTED=$((EXPECTED + 1))
  say "ok: $what"
}
