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
    -e "s|/tmp/|$SCRATCH/|g"
}
run() { bash -euc "SO=$FASTSKIP_SO; $(commands "$1")"; }


# Every file that the guide links to exists.
check_links() {
  local link links
  links=$(grep -o '](\.\./[^)#]*' docs/guide.md | sed 's|](\.\./||')
  [ -n "$links" ] || return 1
  for link in $links; do
    [ -f "$link" ] || die "no such file: $link"
  done
}

expect "the guide names the library" grep -q "$FASTSKIP_SO" <(commands trial)
expect "db_bench with the OPTIONS file" run trial
same "LOG names the memtable" "$(run log)" "$(guide_output log)"
same "ldb with fastskip and without" "$(run ldb 2>&1)" "$(guide_output ldb)"
expect "the guide's links lead somewhere" check_links
