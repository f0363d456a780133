#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/compare.sh and tools/memtable_bench notice a memtable with a single
# fault. (Each fault, and the same memtable without one.)
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

# compare <fault> <workloads> [option...]. Several rounds: the entry in question
# may be written a second time, or not be read.
compare() {
  local fault=$1 workloads=$2
  shift 2
  "$FASTSKIP_ROOT/tools/compare.sh" --preload="$WRONG_MEMTABLES" --rounds=3 \
    --num=1000 --memtables="skip_list,wrong:$fault" --workloads="$workloads" \
    "$@" >"$SCRATCH/out" 2>&1
}
# bench <fault> <operations>
bench() {
  LD_PRELOAD=$WRONG_MEMTABLES "$FASTSKIP_BENCH" --allow_debug --rounds=1 \
    --entries=1000 --round_entries=0 --memtablerep="skip_list,wrong:$1" \
    --benchmarks="$2" "${@:3}" >"$SCRATCH/out" 2>&1
}
# notices <text> <command...>: it fails, and says so.
notices() {
  local text=$1
  shift
  refuse "$*" "$@"
  grep -q "$text" "$SCRATCH/out" ||
    die "FAILED: no '$text' in: $(cat "$SCRATCH/out")"
}

everything=insert,get,getmissing,seek,seek10,scan,scanback,insertbeside,getbeside
expect "bench: no fault" bench nothing $everything
notices 'a scan met 999 entries' bench lost scan
notices 'a scan met 999 entries' bench skipped scan
notices 'a scan met 999 entries' bench skipped scanback
notices 'refused as a duplicate' bench refused insert
notices 'get did not find each key' bench missed get --keys=sequential
notices 'get did not find each key' bench lost get --keys=sequential --writers=2
notices 'seek did not find each key' bench lost seek --keys=sequential
notices 'seek10 did not find each key' bench lost seek10 --keys=sequential
notices 'answer differently.* seek10' bench skipped seek10
# (The 901st of 901 versions.)
notices 'answer differently.* get' bench stale get --keys=onekey --entries=901
# Enough of them for the readers to look up a hundred keys meanwhile.
notices 'readers beside writers' bench missed getbeside --keys=sequential \
  --entries=200000

all=fillseq,fillrandom,overwrite,readrandom,readmissing,seekrandom,readseq,readreverse,readwhilewriting,seekrandomwhilewriting,mixed
expect "compare: no fault" compare nothing $all --rounds=1 --ldb=ldb
notices 'DIFFERENT' compare lost readrandom
notices 'DIFFERENT' compare lost seekrandom
notices 'DIFFERENT' compare lost readseq
notices 'DIFFERENT' compare skipped readreverse
notices 'DIFFERENT' compare missed readrandom
notices 'DIFFERENT' compare missed readwhilewriting
notices 'DIFFERENT' compare missed mixed
notices 'read back with ldb: DIFFERENT' compare lost fillseq --ldb=ldb
