#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's ldb on a database of fastskip's, with libfastskip.so loaded and
# without it.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

db=$SCRATCH/db
ldb_with() { preloaded ldb --db="$db" --try_load_options "$@"; }
ldb_without() { ldb --db="$db" "$@"; }

# What is written stays in the WAL, to be recovered into a memtable.
expect "db_bench fills a database" preloaded db_bench --db="$db" \
  --memtablerep=fastskip:4 --benchmarks=fillrandom --num=3000 --seed=1
all=$(ldb_with scan --hex | sha256sum)
same "stock RocksDB reads the same keys and values" "$all" \
  "$(ldb_without scan --hex | sha256sum)"

expect "put" ldb_with put name value
same "the options were loaded: fastskip was used" "$(memtable_in_log "$db")" \
  FastSkipListRepFactory
same "get" "$(ldb_with get name)" value
same "get, without the library" "$(ldb_without get name)" value
expect "deleterange" ldb_with deleterange nam namf
# RocksDB 7.8's ldb fails where there is nothing; newer ones only say so.
finds_nothing() {
  local found
  found=$("$@") || return 0
  [ "$found" = "Key not found" ]
}
expect "get finds nothing" finds_nothing ldb_with get name
expect "get finds nothing, without the library" \
  finds_nothing ldb_without get name
same "all else is left" "$all" "$(ldb_with scan --hex | sha256sum)"

options=$(printf '%s\n' "$db"/OPTIONS-* | tail -n 1)
expect "OPTIONS names the memtable and its options" \
  grep -q 'memtable_factory={id=FastSkipListRepFactory;.*shards=4;.*}' \
  "$options"

# README.md warns of this: without the library the name is lost.
expect "put, without the library" ldb_without --try_load_options put name other
same "skip_list was used" "$(memtable_in_log "$db")" SkipListFactory
same "the library reads it back" "$(ldb_with get name)" other
