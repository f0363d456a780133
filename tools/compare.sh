#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs db_bench with two memtables in turn and compares speed and answers.
# Fails when the answers differ. tools/compare.sh --help tells the rest.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"

DB_BENCH=db_bench
LDB=
PRELOAD=
NUM=500000
ROUNDS=3
THREADS=1
BASE=skip_list
OTHER=fastskip
KEEP=
# All keys exist when readwhilewriting runs, and it is followed by a fresh
# database, so what it finds and what is dumped in the end can be compared.
BENCHMARKS=fillseq,readwhilewriting,fillrandom,overwrite,readrandom,readmissing,seekrandom,readseq,readreverse

usage() {
  cat <<EOF
usage: tools/compare.sh [option...] [-- db_bench option...]

  --db-bench=FILE    the db_bench to run             ($DB_BENCH)
  --ldb=FILE         an ldb: also compare all keys and values in the end (none)
  --preload=FILE     libfastskip.so, for programs built without fastskip (none)
  --num=N            keys                            ($NUM)
  --rounds=N         rounds; medians are shown       ($ROUNDS)
  --threads=N        threads; answers are compared with one only ($THREADS)
  --benchmarks=LIST  db_bench's benchmarks           ($BENCHMARKS)
  --base=NAME --other=NAME   the memtables           ($BASE, $OTHER)
  --keep=DIR         keep the raw output there       (deleted)

Keys of 16 bytes, values of 100 bytes, a write buffer of 256 MB (everything
stays in one memtable), no WAL. Each round has a seed of its own, the same one
for both memtables.
EOF
}

for arg in "$@"; do
  case $arg in
    --db-bench=*) DB_BENCH=${arg#*=} ;;
    --ldb=*) LDB=${arg#*=} ;;
    --preload=*) PRELOAD=${arg#*=} ;;
    --num=*) NUM=${arg#*=} ;;
    --rounds=*) ROUNDS=${arg#*=} ;;
    --threads=*) THREADS=${arg#*=} ;;
    --benchmarks=*) BENCHMARKS=${arg#*=} ;;
    --base=*) BASE=${arg#*=} ;;
    --other=*) OTHER=${arg#*=} ;;
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
  [ "${arg#-}" != "$arg" ] || die "'$arg' is no option (see --help)."
done

make_scratch
RAW=${KEEP:-$SCRATCH/raw}
mkdir -p "$RAW"
: >"$RAW/results"

# run_one <base|other> <memtable> <round> [db_bench option...]: appends lines
# "<base|other> <round> <benchmark> <micros/op> <answer>" to $RAW/results.
run_one() {
  local role=$1 memtable=$2 round=$3 raw
  shift 3
  raw=$RAW/$role.$round
  # db_bench counts on the same line, with carriage returns.
  if ! LD_PRELOAD=$PRELOAD "$DB_BENCH" --db="$SCRATCH/$role" \
    --memtablerep="$memtable" --benchmarks="$BENCHMARKS" --num="$NUM" \
    --seed="$((1000 + round))" --threads="$THREADS" --key_size=16 \
    --value_size=100 --write_buffer_size=$((256 << 20)) --disable_wal=true \
    --compression_type=none "$@" >"$raw" 2>&1; then
    tr '\r' '\n' <"$raw" | tail -n 20 >&2
    die "db_bench failed with --memtablerep=$memtable"
  fi
  tr '\r' '\n' <"$raw" | awk -v role="$role" -v round="$round" '
    /^[a-z]+ +: +[0-9.]+ micros\/op/ {
      micros = $3
      operations = ""
      for (i = 4; i < NF; i++)
        if ($(i + 1) ~ /^operations/) operations = $i
      found = match($0, /\([0-9]+ of [0-9]+ found\)/) \
                  ? substr($0, RSTART + 1, RLENGTH - 2) : ""
      gsub(" ", "_", found)
      print role, round, $1, micros, operations "/" found
    }' >>"$RAW/results"
}

# Whether the database's LOG names the memtable asked for: RocksDB goes on with
# skip_list when it does not know a name that it reads from text.
check_memtable() {
  case $2 in *fastskip*) ;; *) return 0 ;; esac
  grep -q 'Options.memtable_factory: FastSkipListRepFactory' \
    "$SCRATCH/$1/LOG" ||
    die "db_bench ran without fastskip (LOG: $(
      grep -m1 'Options.memtable_factory' "$SCRATCH/$1/LOG" || true))"
}

# Number and checksum of all keys and values of the database <base|other>.
dump() {
  LD_PRELOAD=$PRELOAD "$LDB" --db="$SCRATCH/$1" --hex scan \
    2>"$RAW/$1.ldb" >"$SCRATCH/dump" || die "ldb failed: $(cat "$RAW/$1.ldb")"
  echo "$(wc -l <"$SCRATCH/dump") $(sha256sum <"$SCRATCH/dump")"
}

# The table, from $RAW/results. Exits with 1 where answers differ.
table() {
  awk -v base="$BASE" -v other="$OTHER" -v threads="$THREADS" '
    function median(role, name,    n, i, j, t, v) {
      n = split(times[role, name], v, " ")
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
          t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
        }
      return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    {
      if (!($3 in seen)) { seen[$3] = 1; names[++count] = $3 }
      times[$1, $3] = times[$1, $3] " " $4
      answers[$1, $3] = answers[$1, $3] " " $5
    }
    END {
      printf "%-18s %12s %12s %8s   %s\n", "benchmark", base, other, "ratio",
             "same keys found"
      printf "%-18s %12s %12s %8s\n", "", "micros/op", "micros/op", "times"
      for (i = 1; i <= count; i++) {
        name = names[i]
        b = median("base", name); o = median("other", name)
        same = answers["base", name] == answers["other", name]
        if (threads > 1) verdict = "not compared"
        else { verdict = same ? "yes" : "NO"; if (!same) bad = 1 }
        printf "%-18s %12.3f %12.3f %8.2f   %s\n", name, b, o,
               (o > 0 ? b / o : 0), verdict
        if (threads <= 1 && !same)
          printf "    %s:%s\n    %s:%s\n", base, answers["base", name],
                 other, answers["other", name]
      }
      exit count == 0 || bad
    }' "$RAW/results"
}

wanted=$(awk -F, '{print NF}' <<<"$BENCHMARKS")
for round in $(seq "$ROUNDS"); do
  for role in base other; do
    if [ $role = base ]; then memtable=$BASE; else memtable=$OTHER; fi
    run_one $role "$memtable" "$round" "$@"
    check_memtable $role "$memtable"
    got=$(awk -v m=$role -v r="$round" '$1 == m && $2 == r' \
      "$RAW/results" | wc -l)
    [ "$got" -eq "$wanted" ] ||
      die "db_bench reported $got of $wanted benchmarks with $memtable"
  done
done
status=0
table || status=1
if [ -n "$LDB" ]; then
  base_dump=$(dump base)
  other_dump=$(dump other)
  if [ "$base_dump" = "$other_dump" ]; then
    say "All keys and values read back with ldb: the same (${base_dump%% *} of them)."
  else
    say "All keys and values read back with ldb: DIFFERENT ($base_dump; $other_dump)."
    status=1
  fi
fi
exit $status
