#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs db_bench with two or more memtables in turn and compares speed and
# answers. Fails when answers differ. See tools/compare.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"
# shellcheck source=tools/lib/speed_report.sh
. "$FASTSKIP_ROOT/tools/lib/speed_report.sh"
# shellcheck source=tools/lib/db_bench_rounds.sh
. "$FASTSKIP_ROOT/tools/lib/db_bench_rounds.sh"

COMMAND="tools/compare.sh $*"
DB_BENCH=db_bench
LDB=
PRELOAD=
BENCH=
BENCH_OUT_OF_TREE=
FULL=
RELEASE=
MEMTABLES=skip_list,fastskip
NUM=500000
ROUNDS=3
THREADS=1
BATCH=1
WAL=off
OUT=
FROM=
KEEP=
WORKLOADS=$FILLS,$READS,$BESIDE

usage() {
  cat <<EOF
usage: tools/compare.sh [option...] [-- db_bench option...]

What to run:
  --db-bench=FILE    the db_bench to run                    ($DB_BENCH)
  --release          build one: RocksDB from Debian's source package, for
                     release, with fastskip in its tree (below build/rocksdb),
                     and memtable_bench with it (as for --bench), which with
                     --full is also run as for --bench-out-of-tree
  --preload=FILE     libfastskip.so, for programs built without fastskip (none)
  --ldb=FILE         an ldb: also compare all keys and values in the end (none)
  --memtables=LIST   two or more; ratios refer to the first
                     ($MEMTABLES)
  --bench=FILE       a memtable_bench, built by tools/memtable_bench.sh: also
                     times the memtables by themselves (none)
  --bench-out-of-tree=FILE
                     a memtable_bench_out_of_tree, built beside it: with --full,
                     runs the keys of real systems as well, without RocksDB's
                     internal headers and with a comparator that fastskip does
                     not recognise (none)

How:
  --workloads=LIST   of these, or "none"                    (all)
                     $FILLS
                     $READS
                     $BESIDE
  --num=N            keys                                   ($NUM)
  --rounds=N         rounds; medians are shown              ($ROUNDS)
  --threads=LIST     threads of db_bench                    ($THREADS)
  --batch=LIST       entries of a write, in fills           ($BATCH)
  --wal=LIST         write-ahead log in fills: off, on      ($WAL)
  --full             --threads=1,2 --batch=1,100 --wal=off,on; memtables by
                     themselves also with the keys of real systems (NUM * 2 / 5
                     and NUM * 2 of them)

What to write:
  --out=DIR          speed.csv (each round), speed.md (a page of charts and
                     tables), its charts speed_*.svg, the README's speed.svg and
                     speed.png (drawn by gnuplot), memtable_bench.txt
  --from=FILE        run nothing: report what that speed.csv holds
  --keep=DIR         db_bench's output

Keys of 16 bytes, values of 100 bytes, a write buffer that holds all of it. Each
round has a seed of its own, the same for all memtables, which take turns.
"overwrite" and the reads follow fillrandom. The workloads that read and write at
once find all keys, written in random order; "mixed" is db_bench's
readrandomwriterandom. Reads do not depend on --batch and --wal: they run with
the first of each. TMPDIR says where databases lie.
EOF
}

for arg in "$@"; do
  case $arg in
    --db-bench=*) DB_BENCH=${arg#*=} ;;
    --release) RELEASE=yes ;;
    --ldb=*) LDB=${arg#*=} ;;
    --preload=*) PRELOAD=${arg#*=} ;;
    --bench=*) BENCH=${arg#*=} ;;
    --bench-out-of-tree=*) BENCH_OUT_OF_TREE=${arg#*=} ;;
    --memtables=*) MEMTABLES=${arg#*=} ;;
    --num=*) NUM=${arg#*=} ;;
    --rounds=*) ROUNDS=${arg#*=} ;;
    --threads=*) THREADS=${arg#*=} ;;
    --batch=*) BATCH=${arg#*=} ;;
    --wal=*) WAL=${arg#*=} ;;
    --full)
      FULL=yes
      THREADS=1,2
      BATCH=1,100
      WAL=off,on
      ;;
    --workloads=*) WORKLOADS=${arg#*=} ;;
    --out=*) OUT=${arg#*=} ;;
    --from=*) FROM=${arg#*=} ;;
    --keep=*) KEEP=${arg#*=} ;;
    --help | -h)
      usage
      exit 0
      ;;
    --) ;;
    *) break ;;
  esac
  shift
  [ "$arg" != -- ] || break
done
for arg in "$@"; do
  case $arg in
    --db=* | --memtablerep=* | --benchmarks=* | --num=* | --seed=* | --threads=*)
      die "${arg%%=*} is set by this script (see --help)."
      ;;
    -*) ;;
    *) die "'$arg' is no option (see --help)." ;;
  esac
done
MORE=("$@")
[ "$WORKLOADS" = none ] ||
  check_list --workloads "$WORKLOADS" "$FILLS,$READS,$BESIDE"
check_number --num "$NUM"
check_number --rounds "$ROUNDS"
check_list --threads "$THREADS"
check_list --batch "$BATCH"
check_list --wal "$WAL" off,on
IFS=, read -ra NAMES <<<"$MEMTABLES"
[ ${#NAMES[@]} -ge 2 ] || die "--memtables: two at least (see --help)."
[ -z "$OUT" ] || command -v gnuplot >/dev/null ||
  die "--out draws with gnuplot, which is missing (Debian: gnuplot-nox)."

make_scratch
RAW=${KEEP:-$SCRATCH/raw}
CSV=$SCRATCH/speed.csv
STATUS=0
mkdir -p "$RAW"
if [ -n "$FROM" ]; then
  check_csv "$FROM"
  cp "$FROM" "$CSV"
else
  if [ -n "$RELEASE" ]; then
    build_for_speed db_bench
    DB_BENCH=$ROCKSDB_RELEASE_TREE/db_bench
    BENCH=$MEMTABLE_BENCH
    if [ -n "$FULL" ]; then
      BENCH_OUT_OF_TREE=$MEMTABLE_BENCH_OUT_OF_TREE
      install_key_packages "--keys=$LISTED_KEYS"
    fi
  fi
  [ "$WORKLOADS" = none ] || command -v "$DB_BENCH" >/dev/null ||
    die "there is no '$DB_BENCH' (Debian: rocksdb-tools; or see --release)."
  MEMTABLE_OF=("${NAMES[@]}")
  PROGRAMS=()
  for _ in "${NAMES[@]}"; do PROGRAMS+=("$DB_BENCH"); done
  start_csv "$COMMAND"
  [ "$WORKLOADS" = none ] || run_all
  [ -z "$BENCH" ] || run_memtable_bench
  progress
fi
report_text || STATUS=1
[ -z "$OUT" ] || write_report "$OUT"
exit $STATUS
