#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/database_bench: it runs both benchmarks over both memtables, leaves
# nothing behind, and names what it refuses.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
BENCH=${FASTSKIP_BINARY_DIR:?to be set to the build}/tools/database_bench
[ -x "$BENCH" ] || die "there is no $BENCH (libgflags-dev is missing?)"

bench() { "$BENCH" --dir="$SCRATCH" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"; }
# says <text> <argument…>: the run fails and its message holds the text.
says() { refuse_saying "$1" bench "${@:2}"; }
# rows <pattern>: how many lines of the table match and end in a ratio.
rows() { grep -cE "^$1 .*[0-9.]+ +[0-9.]+ +[0-9.]+$" "$SCRATCH/out" || true; }

says "no flag" stray
says "'puts'" --benchmarks=puts
says "'hot'" --batch_keys=hot
says "'0'" --families=10,0
says "'ten'" --batch_sizes=ten
says "'sun'" --clock=sun
says "--rounds" --rounds=0
says "--threads" --threads=0
says "unknown" --memtablerep=unknown

expect "families" bench --benchmarks=families --families=3,20 --flushes=5 \
  --rounds=2
same "three ratios for each number" "$(rows '(3|20) families:')" 6
same "statistics of fastskip alone" \
  "$(grep -cE 'GetFastSkipStats of one +- +[0-9.]+ +-$' "$SCRATCH/out")" 2
expect "batches" bench --benchmarks=batches --batch_sizes=1,10 --num=500 \
  --threads=2 --rounds=1 --clock=cpu
same "with and without the hint" "$(rows '(run|scattered), batches of')" 8
same "nothing is left" "$(find "$SCRATCH" -name 'database_bench_*' | wc -l)" 0
