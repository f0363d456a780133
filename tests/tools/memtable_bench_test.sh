#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/memtable_bench, in a build against the installed librocksdb: what it
# refuses, what it reports, and that all kinds of work run with right answers.
# (In a build for release it is tried by tests/run.sh's step in-tree-make.)
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
[ -x "${FASTSKIP_BENCH:?to be set to memtable_bench}" ] ||
  die "there is no $FASTSKIP_BENCH (libgflags-dev is missing?)"

# A few entries, once; --allow_debug, since Debian's librocksdb has assertions.
bench() {
  "$FASTSKIP_BENCH" --allow_debug --entries=2000 --rounds=1 --round_entries=0 \
    "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"
}
# says <text> <command…>: the command fails and its message holds the text.
says() {
  local text=$1
  shift
  refuse "$text" "$@"
  grep -qF -- "$text" "$SCRATCH/err" ||
    die "FAILED: no '$text' in: $(cat "$SCRATCH/err")"
}
# field <operation> <memtable> <number>: of that row of the table.
field() {
  awk -v o="$1" -v m="$2" -v n="$3" '$3 == o && $4 == m { print $n; exit }' \
    "$SCRATCH/out"
}
unless_allowed() { "$FASTSKIP_BENCH" --entries=2000 2>"$SCRATCH/err"; }

says "built with assertions" unless_allowed
says "no memtable 'nosuch'" bench --memtablerep=skip_list,nosuch
says "no operation 'nosuch'" bench --benchmarks=insert,nosuch
says "no keys 'nosuch'" bench --keys=nosuch
says "no comparator 'nosuch'" bench --comparator=nosuch
says "no clock 'nosuch'" bench --clock=nosuch
says "no pages 'nosuch'" bench --pages=nosuch
says "'many' is no number" bench --entries=many
says "one writer at a time" bench --memtablerep=vector --writers=2
says "needs a prefix size" bench --memtablerep=prefix_hash
says "cannot write" bench --json=/nosuch/file
says "is no flag" bench stray

expect "all operations" bench --rounds=3 --latency --counters \
  --json="$SCRATCH/json" \
  --benchmarks=insert,get,getmissing,seek,scan,scanback,make,insertbeside,getbeside
same "the columns" "$(head -n 1 "$SCRATCH/out" | xargs)" "keys entries \
operation memtable median mean min max ratio low high comparisons"
for operation in insert get getmissing seek scan scanback make \
  insertbeside getbeside; do
  same "$operation: ratio of the first memtable" \
    "$(field $operation skip_list 9)" 1.00
  same "$operation: ratio of medians" "$(field $operation fastskip 9)" \
    "$(awk -v a="$(field $operation skip_list 5)" \
      -v b="$(field $operation fastskip 5)" \
      -v r="$(field $operation fastskip 9)" \
      'BEGIN { d = a / b - r; if (d < 0) d = -d  # both are rounded
              print d < 0.006 + 0.03 * r ? r : a / b }')"
  same "$operation: latencies" "$(awk -v o=$operation \
    '$3 == o && NF == 10 && $5 <= $6 && $6 <= $7 && $7 <= $8 && $8 <= $9 &&
     $9 <= $10 { n++ } END { print n }' "$SCRATCH/out")" 2
done
same "skip_list compares" "$(field get skip_list 12 |
  awk '{ print ($1 > 5 && $1 < 100) }')" 1
same "counters of the list" "$(grep -c ' leaf_blocks=.* cas_retries=0 ' \
  "$SCRATCH/out")" 1
same "memory of both" "$(grep -c bytes_per_entry "$SCRATCH/out")" 2
same "JSON: an entry for each row" \
  "$(grep -c '"ns_per_operation"' "$SCRATCH/json")" 18
same "JSON: all rounds" \
  "$(grep -c '"rounds": \[[0-9.e+]*, [0-9.e+]*, [0-9.e+]*\]' \
    "$SCRATCH/json")" 18
for key in processor compiler rocksdb assertions p99.99 times_faster \
  comparisons leaf_blocks; do
  expect "JSON: $key" grep -q "\"$key\"" "$SCRATCH/json"
done

all=random,ycsb,prefix,tables,appends,uuid,sequential,descending,zipf,onekey
expect "all keys" bench --keys=$all
same "a row each" "$(grep -c ' insert ' "$SCRATCH/out")" 20
expect "all keys, by suffix" bench --keys=$all --comparator=suffix
expect "all keys, reversed, several threads" bench --keys=$all \
  --comparator=reverse --writers=4 --readers=3 \
  --benchmarks=insert,get,seek,scan,getbeside
expect "fresh pages" bench --pages=fresh --csv="$SCRATCH/csv"
expect "fresh pages are named" grep -q 'on_fresh_pages' "$SCRATCH/csv"
expect "without values, concurrent calls, processor time" bench \
  --value_size=0 --insert_concurrently --clock=cpu
expect "values of 4 KB, other memtables" bench --value_size=4096 --entries=300 \
  --memtablerep='vector,prefix_hash,{id=fastskip;shards=2;key_order=auto}' \
  --prefix_size=8 --benchmarks=insert,scan
expect "several sizes" bench --entries=10,1000 --benchmarks=get
same "a row for each" "$(grep -c ' get ' "$SCRATCH/out")" 4
