#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's db_bench with libfastskip.so loaded: the same answers as skip_list.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

compare() {
  "$FASTSKIP_ROOT/tools/compare.sh" --preload="$FASTSKIP_SO" --rounds=1 "$@"
}

expect "every benchmark agrees" compare --ldb=ldb \
  --num=20000
expect "with shards in the name" compare --ldb=ldb \
  --num=5000 --memtables=skip_list,fastskip:2
expect "with options in the name" compare --ldb=ldb \
  --num=5000 --memtables='skip_list,{id=fastskip;shards=3;key_order=bytewise}'
# A small write buffer: memtables are flushed while others are written to.
expect "through many flushes" compare --ldb=ldb --num=50000 \
  --workloads=fillrandom,readrandom,seekrandom,readseq \
  -- --write_buffer_size=262144
expect "with threads, in batches, with a WAL" compare --ldb=ldb --num=2000 \
  --full
# ldb cannot read such a database.
expect "with user-defined timestamps" compare --num=5000 \
  --workloads=fillrandom,readrandom,seekrandom -- --user_timestamp_size=8
expect "with writers at once" preloaded db_bench --memtablerep=fastskip \
  --benchmarks=fillrandom,readrandom --num=20000 --threads=8 \
  --db="$SCRATCH/db"
same "fastskip was used" "$(memtable_in_log "$SCRATCH/db")" \
  FastSkipListRepFactory
refuse "0 shards" preloaded db_bench --memtablerep=fastskip:0 \
  --benchmarks=fillseq --num=10 --db="$SCRATCH/refused"
refuse "no library, no fastskip" db_bench --memtablerep=fastskip \
  --benchmarks=fillseq --num=10 --db="$SCRATCH/refused"
