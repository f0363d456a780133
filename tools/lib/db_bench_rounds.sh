# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Rounds of db_bench, whose variants take turns: sourced after speed_report.sh.
# The script that sources it sets, for variant i,
#   NAMES[i]        its name in $CSV
#   PROGRAMS[i]     the db_bench to run
#   MEMTABLE_OF[i]  --memtablerep
# and WORKLOADS, NUM, ROUNDS, THREADS, BATCH, WAL, PRELOAD, LDB, MORE as the
# options of tools/compare.sh are called; RAW: a directory for db_bench's output;
# STATUS becomes 1 where databases differ.
# shellcheck disable=SC2034,SC2153  # shared with the scripts that source this

# The workloads.
FILLS=fillseq,fillrandom,overwrite
READS=readrandom,readmissing,seekrandom,readseq,readreverse
BESIDE=readwhilewriting,seekrandomwhilewriting,mixed

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

# check_memtable <i>: whether the database's LOG names the memtable asked for:
# RocksDB goes on with skip_list when it does not know a name that it reads from
# text.
check_memtable() {
  case ${MEMTABLE_OF[$1]} in *fastskip*) ;; *) return 0 ;; esac
  grep -q 'Options.memtable_factory: FastSkipListRepFactory' \
    "$SCRATCH/db.$1/LOG" ||
    die "db_bench ran without fastskip (LOG: $(
      grep -m1 'Options.memtable_factory' "$SCRATCH/db.$1/LOG" || true))"
}

# run_db_bench <i> <round> <run> <threads> <batch> <wal>
# <benchmark>[=<workload>]...: appends a line to $CSV for each benchmark that is
# given a workload's name.
run_db_bench() {
  local i=$1 round=$2 run=$3 threads=$4 batch=$5 wal=$6 raw list results
  shift 6
  list=$(printf '%s\n' "$@" | cut -d= -f1 | paste -sd,)
  raw=$RAW/$run.threads-$threads.batch-$batch.wal-$wal.$i.$round
  progress "round $round of $ROUNDS: $run, $threads threads, batch $batch," \
    "WAL $wal: ${NAMES[i]}"
  if ! LD_PRELOAD=$PRELOAD "${PROGRAMS[i]}" --db="$SCRATCH/db.$i" \
    --memtablerep="${MEMTABLE_OF[i]}" --benchmarks="$list" --num="$NUM" \
    --seed="$((1000 + round))" --threads="$threads" --batch_size="$batch" \
    --disable_wal="$([ "$wal" = on ] && echo false || echo true)" \
    --key_size=16 --value_size=100 --compression_type=none \
    --write_buffer_size="$(write_buffer "$threads")" "${MORE[@]}" \
    >"$raw" 2>&1; then
    tr '\r' '\n' <"$raw" | tail -n 20 >&2
    die "db_bench of ${NAMES[i]} failed with --memtablerep=${MEMTABLE_OF[i]}"
  fi
  check_memtable "$i"
  results=$(results_of "$raw" "$@")
  [ -z "$results" ] || awk -v middle="$threads,$batch,$wal,${NAMES[i]},$round" \
    '{ print $1 "," middle "," $2 "," $3 }' <<<"$results" >>"$CSV"
  note_versions "$raw"
}

# in_turn <round> <run> <threads> <batch> <wal> <benchmark>[=<workload>]...:
# all variants, another one first in each round.
in_turn() {
  local round=$1 k
  shift
  for k in "${!NAMES[@]}"; do
    run_db_bench $(((k + round - 1) % ${#NAMES[@]})) "$round" "$@"
  done
}

# dump <i> <threads>: number and checksum of all keys and
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
