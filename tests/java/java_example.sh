#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/examples/JavaExample.java prints what docs/guide.md shows. Debian has no
# package of RocksDB's Java library, so the part of it that the example needs is
# built from Debian's RocksDB source package, against librocksdb.so.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/../tools/expect.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"

tree=$ROCKSDB_RELEASE_TREE
jni=$tree/java/rocksjni
fetch_rocksdb_source "$FASTSKIP_ROOT/build/rocksdb"
unpack_rocksdb "$FASTSKIP_ROOT/build/rocksdb" "$tree"

# RocksDB's sources include the headers that javac makes as "include/…".
mkdir "$SCRATCH/classes" "$SCRATCH/include"
find "$tree/java/src/main/java" -name '*.java' >"$SCRATCH/sources"
expect "RocksDB's classes" javac -nowarn -h "$SCRATCH/include" \
  -d "$SCRATCH/classes" "@$SCRATCH/sources"

java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
compiler=(c++ -std=c++17 -O0 -fPIC -w -DOS_LINUX -DROCKSDB_PLATFORM_POSIX
  -DROCKSDB_LIB_IO_POSIX "-I$SCRATCH" "-I$tree" "-I$tree/include"
  "-I$tree/java" "-I$jni" "-I$java_home/include" "-I$java_home/include/linux")
! command -v ccache >/dev/null || compiler=(ccache "${compiler[@]}")
# Java looks for a native method when it is called: these files have those that
# the example calls.
for name in options rocksjni columnfamilyhandle env; do
  expect "RocksDB's $name.cc" "${compiler[@]}" -c "$jni/$name.cc" \
    -o "$SCRATCH/$name.o"
done
expect "librocksdbjni.so" c++ -shared -o "$SCRATCH/librocksdbjni.so" \
  "$SCRATCH"/*.o -lrocksdb

expect "the example" javac -cp "$SCRATCH/classes" -d "$SCRATCH" \
  "$FASTSKIP_ROOT/tools/examples/JavaExample.java"
example() {
  java -cp "$SCRATCH/classes:$SCRATCH" "-Djava.library.path=$SCRATCH" \
    JavaExample "$FASTSKIP_SO" "$SCRATCH/db"
}
same "the guide shows what JavaExample prints" \
  "$(example || echo "failed: $?")" "$(guide_output JavaExample)"
