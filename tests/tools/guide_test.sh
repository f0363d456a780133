#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands of docs/guide.md, run as they stand there but for the place of
# library and database, print what stands there. (The examples' outputs are
# compared where they are built, in install_test.sh.)
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
cd "$FASTSKIP_ROOT"

# The commands of a block, with the library and the directory of this test.
commands() {
  guide_block "run $1" | sed -e "s|\$PWD/build/quickstart/libfastskip.so|$FASTSKIP_SO|" \
    -e "s|\$PWD/build/fastskip-run|$FASTSKIP_BINARY_DIR/fastskip-run|" \
    -e "s|/tmp/|$SCRATCH/|g"
}
run() {
  bash -euc "SO=$FASTSKIP_SO; RUN=$FASTSKIP_BINARY_DIR/fastskip-run
    $(commands "$1")"
}


# Every file that the guide links to exists.
check_links() {
  local link links
  links=$(grep -o '](\.\./[^)#]*' docs/guide.md | sed 's|](\.\./||')
  [ -n "$links" ] || return 1
  for link in $links; do
    [ -f "$link" ] || die "no such file: $link"
  done
}

expect "the guide names fastskip-run" grep -q "$FASTSKIP_BINARY_DIR" \
  <(commands check)
same "fastskip-run --check" "$(run check)" "$(guide_output check)"
same "db_bench with the drop-in and without, three rounds" \
  "$(run dropin | grep -c '^readrandom')" 6
same "LOG tells of the drop-in" "$(run 'dropin log')" \
  "$(guide_output 'dropin log')"
rm -rf "$SCRATCH/trial"
expect "the guide names the library" grep -q "$FASTSKIP_SO" <(commands trial)
expect "db_bench with the OPTIONS file" run trial
same "LOG names the memtable" "$(run log)" "$(guide_output log)"
same "ldb with fastskip and without" "$(run ldb 2>&1)" "$(guide_output ldb)"
expect "the guide's links lead somewhere" check_links
