#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs db_bench with two or more memtables in turn and compares speed and
# answers. Fails when answers differ. tools/compare.sh --help tells the rest.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"
# shellcheck source=tools/lib/speed_report.sh
. "$FASTSKIP_ROOT/tools/lib/speed_report.sh"

COMMAND="tools/compare.sh $*"
DB_BENCH=db_bench
LDB=
PRELOAD=
BENCH=
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
FILLS=fillseq,fillrandom,overwrite
READS=readrandom,readmissing,seekrandom,readseq,readreverse
BESIDE=readwhilewriting,seekrandomwhilewriting,mixed
WORKLOADS=$FILLS,$READS,$BESIDE

usage() {
  cat <<EOF
usage: tools/compare.sh [option...] [-- db_bench option...]

What to run:
  --db-bench=FILE    the db_bench to run                    ($DB_BENCH)
  --release          build one: RocksDB from Debian's source package, for
                     release, with fastskip in its tree (below build/rocksdb),
                     and memtable_bench with it (as for --bench)
  --preload=FILE     libfastskip.so, for programs built without fastskip (none)
  --ldb=FILE         an ldb: also compare all keys and values in the end (none)
  --memtables=LIST   two or more; ratios refer to the first
                     ($MEMTABLES)
  --bench=FILE       a memtable_bench, built by tools/memtable_bench.sh: also
                     times the memtables by themselves (none)

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
  --full             --threads=1,2 --batch=1,100 --wal=off,on

What to write:
  --out=DIR          speed.csv (each round), speed.md (table), speed.svg and
                     speed.png (chart, drawn by gnuplot), memtable_bench.txt
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

# has <word> <list with commas>
has() { [[ ,$2, == *,"$1",* ]]; }

# check_list <option> <list> [allowed words]: numbers where no words are given.
check_list() {
  local item
  [ -n "$2" ] || die "$1 needs a value (see --help)."
  for item in ${2//,/ }; do
    if [ -n "${3-}" ]; then
      has "$item" "$3" || die "$1: '$item' is none of ${3//,/, }."
    else
      [[ $item =~ ^[1-9][0-9]*$ ]] || die "$1: '$item' is no number above 0."
    fi
  done
}

for arg in "$@"; do
  case $arg in
    --db-bench=*) DB_BENCH=${arg#*=} ;;
    --release) RELEASE=yes ;;
    --ldb=*) LDB=${arg#*=} ;;
    --preload=*) PRELOAD=${arg#*=} ;;
    --bench=*) BENCH=${arg#*=} ;;
    --memtables=*) MEMTABLES=${arg#*=} ;;
    --num=*) NUM=${arg#*=} ;;
    --rounds=*) ROUNDS=${arg#*=} ;;
    --threads=*) THREADS=${arg#*=} ;;
    --batch=*) BATCH=${arg#*=} ;;
    --wal=*) WAL=${arg#*=} ;;
    --full)
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
check_list --num "$NUM"
check_list --rounds "$ROUNDS"
check_list --threads "$THREADS"
check_list --batch "$BATCH"
check_list --wal "$WAL" off,on
IFS=, read -ra NAMES <<<"$MEMTABLES"
[ ${#NAMES[@]} -ge 2 ] || die "--memtables: two at least (see --help)."
[ -z "$OUT" ] || command -v gnuplot >/dev/null ||
  die "--out draws with gnuplot, which is missing (Debian: gnuplot-nox)."

# results_of <db_bench's output> <benchmark>[=<workload>]...: lines of workload,
# microseconds, answer (operations and what was found).
results_of() {
  local raw=$1
  shift
  # db_bench counts on the same line, with carriage returns.
  tr '\r' '\n' <"$raw" | awk -v steps="$*" '
    BEGIN { wanted = split(steps, step, " ") }
    /^[a-z]+ +: +[0-9.]+ micros\/op/ {
      split(step[++n], pair, "=")
      if (pair[1] != $1) exit
      operations = found = "-"
      for (i = 4; i < NF; i++)
        if ($(i + 1) ~ /^operations/) operations = $i
      if (match($0, /\([0-9]+ of [0-9]+ found\)/))
        found = substr($0, RSTART + 1, RLENGTH - 2)
      else if (match($0, /found:[0-9]+/))
        found = substr($0, RSTART + 6, RLENGTH - 6) " found"
      gsub(" ", "_", found)
      if (pair[2] != "") print pair[2], $3, operations "/" found
      done = n
    }
    END { exit done != wanted }' ||
    die "db_bench did not report each of: $*"
}

# Bytes of a write buffer that no run of so many threads fills: RocksDB takes it
# for full at some seven eighths.
write_buffer() {
  local bytes=$((NUM * $1 * 450))
  echo $((bytes < (256 << 20) ? 256 << 20 : bytes))
}

# Whether the database's LOG names the memtable asked for: RocksDB goes on with
# skip_list when it does not know a name that it reads from text.
check_memtable() {
  case ${NAMES[$1]} in *fastskip*) ;; *) return 0 ;; esac
  grep -q 'Options.memtable_factory: FastSkipListRepFactory' \
    "$SCRATCH/db.$1/LOG" ||
    die "db_bench ran without fastskip (LOG: $(
      grep -m1 'Options.memtable_factory' "$SCRATCH/db.$1/LOG" || true))"
}

# run_db_bench <number of the memtable> <round> <run> <threads> <batch> <wal>
# <benchmark>[=<workload>]...: appends a line to $CSV for each benchmark that is
# given a workload's name.
run_db_bench() {
  local i=$1 round=$2 run=$3 threads=$4 batch=$5 wal=$6 raw list results
  shift 6
  list=$(printf '%s\n' "$@" | cut -d= -f1 | paste -sd,)
  raw=$RAW/$run.threads-$threads.batch-$batch.wal-$wal.$i.$round
  progress "round $round of $ROUNDS: $run, $threads threads, batch $batch," \
    "WAL $wal: ${NAMES[i]}"
  if ! LD_PRELOAD=$PRELOAD "$DB_BENCH" --db="$SCRATCH/db.$i" \
    --memtablerep="${NAMES[i]}" --benchmarks="$list" --num="$NUM" \
    --seed="$((1000 + round))" --threads="$threads" --batch_size="$batch" \
    --disable_wal="$([ "$wal" = on ] && echo false || echo true)" \
    --key_size=16 --value_size=100 --compression_type=none \
    --write_buffer_size="$(write_buffer "$threads")" "${MORE[@]}" \
    >"$raw" 2>&1; then
    tr '\r' '\n' <"$raw" | tail -n 20 >&2
    die "db_bench failed with --memtablerep=${NAMES[i]}"
  fi
  check_memtable "$i"
  results=$(results_of "$raw" "$@")
  [ -z "$results" ] || awk -v middle="$threads,$batch,$wal,${NAMES[i]},$round" \
    '{ print $1 "," middle "," $2 "," $3 }' <<<"$results" >>"$CSV"
  note_versions "$raw"
}

# in_turn <round> <run> <threads> <batch> <wal> <benchmark>[=<workload>]...:
# all memtables, another one first in each round.
in_turn() {
  local round=$1 k
  shift
  for k in "${!NAMES[@]}"; do
    run_db_bench $(((k + round - 1) % ${#NAMES[@]})) "$round" "$@"
  done
}

# dump <number of the memtable> <threads>: number and checksum of all keys and
# values of its database. Which of two threads wrote a value last is chance.
dump() {
  local columns=1-
  [ "$2" -eq 1 ] || columns=1
  LD_PRELOAD=$PRELOAD "$LDB" --db="$SCRATCH/db.$1" --hex scan \
    2>"$RAW/$1.ldb" >"$SCRATCH/dump" || die "ldb failed: $(cat "$RAW/$1.ldb")"
  echo "$(wc -l <"$SCRATCH/dump")" \
    "$(cut -d' ' -f"$columns" "$SCRATCH/dump" | sha256sum)"
}

# compare_dumps <threads>: 1, and says so, when databases differ.
compare_dumps() {
  local first='' now i what='keys and values'
  [ "$1" -eq 1 ] || what="keys, written by $1 threads,"
  for i in "${!NAMES[@]}"; do
    now=$(dump "$i" "$1")
    [ -n "$first" ] || first=$now
    [ "${first%% *}" -gt 0 ] || die "ldb found nothing in the database."
    if [ "$first" != "$now" ]; then
      say "All $what read back with ldb: DIFFERENT (${NAMES[0]}: $first;" \
        "${NAMES[i]}: $now)."
      return 1
    fi
  done
  say "All $what read back with ldb: the same (${first%% *} of them)."
}

# fills <round> <threads> <batch> <wal>
fills() {
  local steps=()
  if has fillseq "$WORKLOADS"; then
    in_turn "$1" fillseq "$2" "$3" "$4" fillseq=fillseq
  fi
  if has fillrandom "$WORKLOADS"; then steps=(fillrandom=fillrandom); fi
  if has overwrite "$WORKLOADS"; then
    steps=("${steps[0]:-fillrandom}" overwrite=overwrite)
  fi
  [ ${#steps[@]} -eq 0 ] || in_turn "$1" fills "$2" "$3" "$4" "${steps[@]}"
}

# reads <round> <threads>: of what fillrandom left.
reads() {
  local workload steps=(fillrandom)
  for workload in ${READS//,/ }; do
    if has "$workload" "$WORKLOADS"; then steps+=("$workload=$workload"); fi
  done
  [ ${#steps[@]} -gt 1 ] || [ -n "$LDB" ] || return 0
  in_turn "$1" reads "$2" "${BATCH%%,*}" "${WAL%%,*}" "${steps[@]}"
  if [ -n "$LDB" ] && [ "$1" -eq "$ROUNDS" ]; then
    compare_dumps "$2" || STATUS=1
  fi
}

# beside <round> <threads>: reads and writes at once. Each on a fresh database,
# since a faster writer leaves more behind.
beside() {
  local workload steps=()
  for workload in ${BESIDE//,/ }; do
    if has "$workload" "$WORKLOADS"; then
      steps+=(filluniquerandom
        "${workload/mixed/readrandomwriterandom}=$workload")
    fi
  done
  [ ${#steps[@]} -eq 0 ] ||
    in_turn "$1" beside "$2" "${BATCH%%,*}" "${WAL%%,*}" "${steps[@]}"
}

run_all() {
  local round threads batch wal
  for round in $(seq "$ROUNDS"); do
    for threads in ${THREADS//,/ }; do
      for batch in ${BATCH//,/ }; do
        for wal in ${WAL//,/ }; do
          fills "$round" "$threads" "$batch" "$wal"
        done
      done
      reads "$round" "$threads"
      beside "$round" "$threads"
    done
  done
}

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
  fi
  [ "$WORKLOADS" = none ] || command -v "$DB_BENCH" >/dev/null ||
    die "there is no '$DB_BENCH' (Debian: rocksdb-tools; or see --release)."
  start_csv "$COMMAND"
  [ "$WORKLOADS" = none ] || run_all
  [ -z "$BENCH" ] || run_memtable_bench
  progress
fi
report_text || STATUS=1
[ -z "$OUT" ] || write_report "$OUT"
exit $STATUS
