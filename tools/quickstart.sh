#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# From a fresh checkout to a comparison of fastskip with RocksDB's skip_list in
# the db_bench of Debian, in one command. Can be run any number of times.
# See tools/quickstart.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

NUM=300000
ROUNDS=3
for arg in "$@"; do
  case $arg in
    --num=*) NUM=${arg#*=} ;;
    --rounds=*) ROUNDS=${arg#*=} ;;
    --help | -h)
      cat <<EOF
usage: tools/quickstart.sh [--num=N] [--rounds=N]

Installs what is missing of RocksDB and the compilers (Debian packages, as root
or with sudo), builds fastskip in build/quickstart, and runs Debian's db_bench
with skip_list and with fastskip in turn: N keys ($NUM), N rounds ($ROUNDS).
EOF
      exit 0
      ;;
    *) die "unknown option '$arg' (see --help)." ;;
  esac
done

step "1/3  Packages"
# shellcheck disable=SC2086  # a list of words
install_packages $FASTSKIP_BUILD_PACKAGES

step "2/3  Building fastskip (build/quickstart)"
build=$FASTSKIP_ROOT/build/quickstart
mkdir -p "$build"
# shellcheck disable=SC2046  # a list of words
if ! { cmake -S "$FASTSKIP_ROOT" -B "$build" -DCMAKE_BUILD_TYPE=Release \
  $(cmake_launcher) && cmake --build "$build" -j "$(job_count)"; } \
  >"$build/log" 2>&1; then
  tail -n 40 "$build/log" >&2
  die "the build failed (all of its output: $build/log)."
fi
say "$build/libfastskip.so"

step "3/3  RocksDB's db_bench with skip_list and with fastskip"
say "$NUM keys, $ROUNDS rounds in turn, medians, one thread; a few minutes."
say
status=0
"$FASTSKIP_ROOT/tools/compare.sh" --preload="$build/libfastskip.so" --ldb=ldb \
  --num="$NUM" --rounds="$ROUNDS" || status=$?

cat <<EOF

Debian's librocksdb is built with assertions on. That slows skip_list down more
than fastskip, which is built without: figures of a release build of RocksDB
differ. tools/compare.sh --release builds one and measures with it.

fastskip in stock programs, from now on; the first line is for any program that
is linked with librocksdb.so, whatever its options:
  $build/fastskip-run PROGRAM ARGUMENT...
  LD_PRELOAD=$build/libfastskip.so db_bench --memtablerep=fastskip
EOF
[ $status -eq 0 ] || die "the comparison failed (see above)."
