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
# shellcheck source=tools/lib/real_keys.sh
. "$FASTSKIP_ROOT/tools/lib/real_keys.sh"

TREE=
BUILD_ONLY=
PROGRAM=$MEMTABLE_BENCH
usage() {
  cat <<EOF
usage: tools/memtable_bench.sh [option...] [flag of memtable_bench...]

Builds memtable_bench for release and runs it with the flags; "--help=main"
shows them. Installs the Debian packages that --keys=paths and --keys=words take
their keys of. With your own keys, one a line, it shows what fastskip does for
you:

  tools/memtable_bench.sh --keys=file:PATH
  tools/memtable_bench.sh --out-of-tree --keys=file:PATH

  --tree=DIR    a RocksDB source tree with a librocksdb.a that its Makefile
                built for release. By default Debian's source package is
                fetched and built below build/rocksdb
  --out-of-tree fastskip as outside of RocksDB's source tree, without RocksDB's
                internal headers, as the shared library has it; RocksDB itself is
                the same. It recognises RocksDB's comparators, as it does in a
                shared librocksdb; --key_comparator=own is how it works where it
                cannot
  --build-only  do not run it
EOF
}

while [ $# -gt 0 ]; do
  case $1 in
    --tree=*) TREE=${1#*=} ;;
    --out-of-tree) PROGRAM=$MEMTABLE_BENCH_OUT_OF_TREE ;;
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
  { build_memtable_bench "$(cd "$TREE" && pwd)" && build_out_of_tree; } >&2
fi
install_key_packages "$@"
say "$PROGRAM"
[ -n "$BUILD_ONLY" ] || exec "$PROGRAM" "$@"
