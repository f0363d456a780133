#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares the speed of two commits. See tools/compare_commits.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"
# shellcheck source=tools/lib/speed_report.sh
. "$FASTSKIP_ROOT/tools/lib/speed_report.sh"
# shellcheck source=tools/lib/db_bench_rounds.sh
. "$FASTSKIP_ROOT/tools/lib/db_bench_rounds.sh"

COMMAND="tools/compare_commits.sh $*"
KEYS=random,tables,zipf,appends
ENTRIES=1000,10000,500000
BENCHMARKS=insert,get,getmissing,seek,scan,scanback
ROUNDS=7
WITH_DB_BENCH=
WORKLOADS=fillseq,fillrandom,readrandom,readmissing,seekrandom,readseq,readreverse
NUM=500000
BUILD_ONLY=
BENCHES=()  # memtable_bench of both
OUT=
FROM=
REVISIONS=()
FLAGS=()  # of memtable_bench

# One database at a time, as tools/compare.sh does by default.
# shellcheck disable=SC2034  # used by db_bench_rounds.sh
THREADS=1 BATCH=1 WAL=off PRELOAD='' LDB='' MORE=()

# names_in <source of memtable_bench>...: the names in their tables, with commas.
names_in() {
  (cd "$FASTSKIP_ROOT/tools/memtable_bench" &&
    sed -nE 's/^ *\{(Operation::[A-Za-z0-9]+, )?"([a-z0-9_]+)",.*/\2/p' "$@") |
    paste -sd,
}
ALL_KEYS=$(names_in key_shapes.cc key_encodings.cc key_sets.cc)
ALL_BENCHMARKS=$(names_in memtable_run.cc)

usage() {
  cat <<END
usage: tools/compare_commits.sh [option...] REV [REV] [-- flag of memtable_bench...]

Builds memtable_bench of two commits, the second one being HEAD by default,
against one release build of RocksDB, and runs them in turn with fastskip alone.

  --keys=LIST        shapes of keys     ($KEYS)
                     of $ALL_KEYS
  --entries=LIST     entries            ($ENTRIES)
  --benchmarks=LIST  operations         ($BENCHMARKS)
                     of $ALL_BENCHMARKS
  --rounds=N         rounds             ($ROUNDS)
  --db-bench         also db_bench of each commit, with the memtable in it
  --workloads=LIST   its workloads, as of tools/compare.sh
                     ($WORKLOADS)
  --num=N            its keys           ($NUM)
  --build-only       build, and print the programs' names
  --programs=A,B     build nothing: these two are programs memtable_bench
  --out=FILE         write each round to FILE (CSV, as tools/compare.sh does)
  --from=FILE        run nothing: report what such a file holds

Three programs take turns, another one first in each round: those of both commits
and a copy of the first one, which shows how far figures of the same code lie
apart. Each round has a seed of its own, the same for all three. Columns:

  first, second  nanoseconds per operation, medians of the rounds
  ratio          first / second: above 1, the second commit is faster
  low, high      the same in the least and the most favourable round
  again          first / its copy, with low and high
  noise          per cent: the larger of what "again" differs from 1 and half of
                 what lies between its low and its high
  verdict        "slower" or "faster" where the second commit is so by more than
                 3 % and more than the noise. It does not change the exit status

The exit status is 1 where answers of db_bench differ. Checkouts and builds stay
in build/compare_commits.
END
}

# check_revision <revision>: prints the commit.
check_revision() {
  git -C "$FASTSKIP_ROOT" rev-parse --quiet --verify "$1^{commit}" ||
    die "'$1' is no commit of this repository (see --help)."
}

while [ $# -gt 0 ]; do
  case $1 in
    --keys=*) KEYS=${1#*=} ;;
    --entries=*) ENTRIES=${1#*=} ;;
    --benchmarks=*) BENCHMARKS=${1#*=} ;;
    --rounds=*) ROUNDS=${1#*=} ;;
    --db-bench) WITH_DB_BENCH=yes ;;
    --workloads=*) WORKLOADS=${1#*=} ;;
    --num=*) NUM=${1#*=} ;;
    --build-only) BUILD_ONLY=yes ;;
    --programs=*) IFS=, read -ra BENCHES <<<"${1#*=}" ;;
    --out=*) OUT=${1#*=} ;;
    --from=*) FROM=${1#*=} ;;
    --help | -h)
      usage
      exit 0
      ;;
    --)
      shift
      FLAGS=("$@")
      break
      ;;
    -*) die "unknown option '$1' (see --help)." ;;
    *) REVISIONS+=("$1") ;;
  esac
  shift
done
check_list --keys "$KEYS" "$ALL_KEYS"
check_list --entries "$ENTRIES"
check_list --benchmarks "$BENCHMARKS" "$ALL_BENCHMARKS"
check_number --rounds "$ROUNDS"
check_list --workloads "$WORKLOADS" "$FILLS,$READS,$BESIDE"
check_number --num "$NUM"
for arg in "${FLAGS[@]}"; do
  case $arg in
    --memtablerep* | --benchmarks* | --keys* | --entries* | --rounds* | --seed* | --csv*)
      die "${arg%%=*} behind '--' is set by this script (see --help)."
      ;;
    -*) ;;
    *) die "'$arg' behind '--' is no flag (see --help)." ;;
  esac
done

# checkout_of <commit>: the directory of its files.
checkout_of() { echo "$FASTSKIP_ROOT/build/compare_commits/$1"; }

# check_out <commit>: its files, unless they are there.
check_out() {
  local dir
  dir=$(checkout_of "$1")
  [ ! -d "$dir" ] || return 0
  rm -rf "$dir.unpacking"
  mkdir -p "$dir.unpacking"
  git -C "$FASTSKIP_ROOT" archive "$1" | tar -x -C "$dir.unpacking" &&
    mv "$dir.unpacking" "$dir"
}

# The tree of RocksDB that all commits are built against. Its librocksdb.a holds
# no fastskip: a memtable_bench with code of another commit in it would show
# nothing.
TREE=$FASTSKIP_ROOT/build/rocksdb/plain

# forget_plugin: Make does not notice that the list of plugins is another one.
forget_plugin() {
  rm -f "$TREE/librocksdb.a" "$TREE/db_bench" "$TREE"/util/build_version.{cc,o}
}

# build_db_bench <commit>: RocksDB's own objects stay as they are.
build_db_bench() {
  link_plugin_files "$TREE" "$(checkout_of "$1")" || return 1
  forget_plugin
  make_rocksdb "$TREE" ROCKSDB_PLUGINS=fastskip db_bench &&
    cp "$TREE/db_bench" "$(checkout_of "$1").db_bench" || return 1
  forget_plugin
}

build_plain_rocksdb() {
  make_rocksdb "$TREE" ROCKSDB_PLUGINS= static_lib || return 1
  if nm "$TREE/librocksdb.a" 2>/dev/null | grep fastskip >/dev/null; then
    say "$TREE/librocksdb.a holds fastskip."
    return 1
  fi
}

build_all() {
  local dir=$FASTSKIP_ROOT/build/rocksdb commit
  fetch_rocksdb_source "$dir" && unpack_rocksdb "$dir" "$TREE" || return 1
  for commit in "$@"; do
    check_out "$commit" || return 1
    [ -z "$WITH_DB_BENCH" ] || build_db_bench "$commit" || return 1
  done
  build_plain_rocksdb || return 1
  for commit in "$@"; do
    build_memtable_bench "$TREE" "$(checkout_of "$commit")" \
      "$(checkout_of "$commit").build" || return 1
  done
}

# build_programs <commit>...
build_programs() {
  local log=$FASTSKIP_ROOT/build/logs/compare-commits.log
  # shellcheck disable=SC2086  # a list of words
  install_packages $FASTSKIP_BUILD_PACKAGES $ROCKSDB_SOURCE_PACKAGES git
  mkdir -p "$FASTSKIP_ROOT/build/logs" "$FASTSKIP_ROOT/build/compare_commits"
  say "Building RocksDB for release and both commits (the first time takes a" \
    "quarter of an hour; $log) ..."
  if ! build_all "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "the build failed (all of its output: $log)."
  fi
}

# The copy of the first program is a file of its own, so all three are copied.
copy_programs() {
  cp "${BENCHES[0]}" "$SCRATCH/memtable_bench.0"
  cp "${BENCHES[0]}" "$SCRATCH/memtable_bench.1"
  cp "${BENCHES[1]}" "$SCRATCH/memtable_bench.2"
  [ -n "$WITH_DB_BENCH" ] || return 0
  PROGRAMS=("$SCRATCH"/db_bench.{0,1,2})
  cp "$(checkout_of "$FIRST").db_bench" "${PROGRAMS[0]}"
  cp "$(checkout_of "$FIRST").db_bench" "${PROGRAMS[1]}"
  cp "$(checkout_of "$SECOND").db_bench" "${PROGRAMS[2]}"
}

# bench <i> <round> <keys> <entries>: appends to $CSV.
bench() {
  local raw=$SCRATCH/memtable_bench.out part=$SCRATCH/part
  progress "round $2 of $ROUNDS: $3 keys, $4 entries: ${NAMES[$1]}"
  "$SCRATCH/memtable_bench.$1" --memtablerep=fastskip --rounds=1 \
    --seed="$((1000 + $2))" --keys="$3" --entries="$4" \
    --benchmarks="$BENCHMARKS" --csv="$part" "${FLAGS[@]}" >"$raw" 2>&1 || {
    progress
    die "memtable_bench of the ${NAMES[$1]} commit failed with --keys=$3" \
      "--entries=$4 --benchmarks=$BENCHMARKS ${FLAGS[*]}: $(cat "$raw")"
  }
  # Its only memtable and its only round.
  awk -F, -v OFS=, -v name="${NAMES[$1]}" -v round="$2" \
    '{ $5 = name; $6 = round; print }' "$part" >>"$CSV"
}

run_memtable_benches() {
  local round keys entries k
  for round in $(seq "$ROUNDS"); do
    for keys in ${KEYS//,/ }; do
      for entries in ${ENTRIES//,/ }; do
        for k in 0 1 2; do
          bench $(((k + round - 1) % 3)) "$round" "$keys" "$entries"
        done
      done
    done
  done
}

# report: the table. 1 where answers differ.
report() {
  sed -n 's/^# //p' "$CSV"
  summary | awk "$LABELS"'
    function percent(x) { return sprintf("%.1f", 100 * x) }
    {
      key = $1 " " $2 " " $3 " " $4
      if (!(key in line)) { keys[++count] = key; line[key] = label($1, $2, $3, $4) }
      micros[key, $5] = $6
      ratio[key, $5] = $7
      low[key, $5] = $8
      high[key, $5] = $9
      if ($10 == "DIFFERENT") differ[key] = 1
    }
    function larger(a, b) { return a > b ? a : b }
    function row(key,    again, noise, limit, r, verdict) {
      again = ratio[key, "again"] - 1
      noise = larger(again < 0 ? -again : again,
                     (high[key, "again"] - low[key, "again"]) / 2)
      limit = larger(noise, 0.03)
      r = ratio[key, "second"]
      verdict = r * (1 + limit) < 1 ? "slower" : (r > 1 + limit ? "faster" : "")
      if (key in differ) { verdict = "DIFFERENT answers"; bad = 1 }
      total[verdict]++
      printf format, line[key], sprintf("%.1f", 1000 * micros[key, "first"]),
             sprintf("%.1f", 1000 * micros[key, "second"]), sprintf("%.3f", r),
             low[key, "second"], high[key, "second"],
             sprintf("%.3f", ratio[key, "again"]), low[key, "again"],
             high[key, "again"], percent(noise), verdict
    }
    BEGIN {
      format = "%-46s %9s %9s %6s %6s %6s  %6s %6s %6s %6s  %s\n"
      printf "\n" format, "workload", "first", "second", "ratio", "low", "high",
             "again", "low", "high", "noise", "verdict"
    }
    END {
      for (i = 1; i <= count; i++) row(keys[i])
      printf "\n%d rows: %d slower, %d faster by more than 3 %% and the noise\n",
             count, total["slower"], total["faster"]
      exit bad
    }'
}

# check_names: $CSV has the rows of this script.
check_names() {
  local name
  for name in "${NAMES[@]}"; do
    awk -F, -v name="$name" '$5 == name { found = 1 } END { exit !found }' \
      "$CSV" || die "--from: '$FROM' has no row of '$name'."
  done
}

NAMES=(first again second)
make_scratch
CSV=$SCRATCH/speed.csv
STATUS=0
if [ -n "$FROM" ]; then
  [ ${#REVISIONS[@]} -eq 0 ] ||
    die "--from=$FROM takes no commits, and there is '${REVISIONS[0]}'."
  check_csv "$FROM"
  cp "$FROM" "$CSV"
  check_names
  report || STATUS=1
  exit $STATUS
fi

# check_programs: --programs names two.
check_programs() {
  local program
  [ ${#BENCHES[@]} -eq 2 ] ||
    die "--programs: '${BENCHES[*]}' is not two programs (see --help)."
  for program in "${BENCHES[@]}"; do
    if [ ! -f "$program" ] || [ ! -x "$program" ]; then
      die "--programs: there is no program '$program'."
    fi
  done
  [ ${#REVISIONS[@]} -eq 0 ] ||
    die "--programs takes no commits, and there is '${REVISIONS[0]}'."
  [ -z "$WITH_DB_BENCH" ] || die "--programs and --db-bench exclude each other."
}

# build_commits: sets FIRST, SECOND and BENCHES.
build_commits() {
  local commit
  [ ${#REVISIONS[@]} -gt 0 ] || die "which commits? (see --help)"
  [ ${#REVISIONS[@]} -le 2 ] ||
    die "'${REVISIONS[2]}' is a third commit (see --help)."
  FIRST=$(check_revision "${REVISIONS[0]}")
  SECOND=$(check_revision "${REVISIONS[1]:-HEAD}")
  build_programs "$FIRST" "$SECOND"
  for commit in "$FIRST" "$SECOND"; do
    BENCHES+=("$(checkout_of "$commit").build/tools/memtable_bench")
    [ -n "$BUILD_ONLY" ] || continue
    say "${BENCHES[-1]}"
    [ -z "$WITH_DB_BENCH" ] || say "$(checkout_of "$commit").db_bench"
  done
}

# describe <first or second> <commit or program>: a line above the rounds.
describe() {
  local what=$2
  [ ${#REVISIONS[@]} -eq 0 ] || what=$(git -C "$FASTSKIP_ROOT" show -s \
    --format='%h (%cs)' "$2")
  sed -i "/^# command:/i # $1: $what" "$CSV"
}

[ -z "$OUT" ] || { : >>"$OUT"; } 2>/dev/null || die "--out: cannot write '$OUT'."
if [ ${#BENCHES[@]} -gt 0 ]; then
  check_programs
  FIRST=${BENCHES[0]}
  SECOND=${BENCHES[1]}
else
  build_commits
  [ -z "$BUILD_ONLY" ] || exit 0
fi
# shellcheck disable=SC2034  # used by db_bench_rounds.sh
MEMTABLE_OF=(fastskip fastskip fastskip)
RAW=$SCRATCH/raw
mkdir "$RAW"
copy_programs
start_csv "$COMMAND"
describe first "$FIRST"
describe second "$SECOND"
run_memtable_benches
[ -z "$WITH_DB_BENCH" ] || run_all
progress
[ -z "$OUT" ] || cp "$CSV" "$OUT"
report || STATUS=1
exit $STATUS
