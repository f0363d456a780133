#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds memtable_bench against a release build of RocksDB, and runs it.
# See tools/memtable_bench.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"

TREE=
BUILD_ONLY=
usage() {
  cat <<EOF
usage: tools/memtable_bench.sh [--tree=DIR] [--build-only] [flag of memtable_bench...]

Builds memtable_bench for release and runs it with the flags; "--help=main"
shows them.

  --tree=DIR    a RocksDB source tree with a librocksdb.a that its Makefile
                built for release. By default Debian's source package is
                fetched and built below build/rocksdb
  --build-only  do not run it
EOF
}

while [ $# -gt 0 ]; do
  case $1 in
    --tree=*) TREE=${1#*=} ;;
    --build-only) BUILD_ONLY=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) break ;;
  esac
  shift
done

if [ -z "$TREE" ]; then
  build_for_speed static_lib
else
  build_memtable_bench "$(cd "$TREE" && pwd)" >&2
fi
say "$MEMTABLE_BENCH"
[ -n "$BUILD_ONLY" ] || exec "$MEMTABLE_BENCH" "$@"
