#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/compare_commits.sh computes its table as it says, and refuses what it
# cannot use. Nothing is built.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

compare_commits() { "$FASTSKIP_ROOT/tools/compare_commits.sh" "$@"; }

# rows <workload> <first> <again> <second> [answer of the second]: its lines of the
# CSV; microseconds of three rounds each, as 1:2:3.
rows() {
  local workload=$1 answer=same name micros round
  shift
  for name in first again second; do
    IFS=: read -ra micros <<<"$1"
    shift
    [ $name != second ] || answer=${1:-same}
    for round in 1 2 3; do
      say "$workload,1,-,-,$name,$round,${micros[round - 1]},$answer"
    done
  done
}

# row <operation>: its line of the table without the workload.
row() {
  compare_commits --from="$CSV" | sed -n "s/^alone: $1, .* entries *//p" |
    xargs
}

CSV=$SCRATCH/rounds.csv
{
  say "# machine: some"
  say "# first: 1234567 (2026-01-01)"
  say "workload,threads,batch,wal,memtable,round,micros,answer"
  # A quarter more time, beside a copy that takes as long as the first.
  rows insert:random_keys:1000 0.2:0.1:0.3 0.2:0.1:0.3 0.25:0.125:0.375
  # The same, beside a copy whose rounds have ratios from 0.8 to 1.4: half of
  # that is 30 %.
  rows get:random_keys:1000 0.4:0.42:0.4 0.5:0.3:0.4 0.5:0.525:0.5
  # 2 % gets no verdict, 5 % does.
  rows seek:random_keys:1000 1:1:1 1:1:1 1.02:1.02:1.02
  rows scan:random_keys:1000 1.05:1.05:1.05 1.05:1.05:1.05 1:1:1
  # All rounds of the copy are slower by 10 %: no spread, and noise.
  rows scanback:random_keys:1000 1:1:1 1.1:1.1:1.1 1.09:1.09:1.09
} >"$CSV"

expect "a report" compare_commits --from="$CSV"
same "slower" "$(row insert)" \
  "200.0 250.0 0.800 0.800 0.800 1.000 1.000 1.000 0.0 slower"
same "within the noise of single rounds" "$(row get)" \
  "400.0 500.0 0.800 0.800 0.800 1.000 0.800 1.400 30.0"
same "within 3 %" "$(row seek)" \
  "1000.0 1020.0 0.980 0.980 0.980 1.000 1.000 1.000 0.0"
same "faster" "$(row scan)" \
  "1050.0 1000.0 1.050 1.050 1.050 1.000 1.000 1.000 0.0 faster"
same "within the noise of the medians" "$(row scanback)" \
  "1000.0 1090.0 0.917 0.917 0.917 0.909 0.909 0.909 9.1"
report=$(compare_commits --from="$CSV")
expect "the commits are named" grep -qx 'first: 1234567 (2026-01-01)' \
  <<<"$report"
expect "a count" grep -q '^5 rows: 1 slower, 1 faster' <<<"$report"

rows readrandom 1:1:1 1:1:1 1:1:1 100/99_of_100_found >>"$CSV"
refuse "answers that differ" compare_commits --from="$CSV"

# A script stands in for memtable_bench: $1 microseconds in each round.
fake_bench() {
  cat >"$SCRATCH/bench.$1" <<END
#!/bin/bash
for arg in "\$@"; do
  case \$arg in
    --keys=*) keys=\${arg#*=} ;;
    --entries=*) entries=\${arg#*=} ;;
    --seed=*) seed=\${arg#*=} ;;
    --csv=*) csv=\${arg#*=} ;;
  esac
done
echo "$1 \$keys \$entries \$seed" >>"$SCRATCH/calls"
echo "insert:\${keys}_keys:\$entries,1,-,-,fastskip,1,$1,same" >"\$csv"
[ "\$keys" != zipf ] || { echo "no zipf here"; exit 2; }
END
  chmod +x "$SCRATCH/bench.$1"
}
fake_bench 2
fake_bench 1
programs=$SCRATCH/bench.2,$SCRATCH/bench.1
expect "two programs" compare_commits --programs="$programs" --rounds=2 \
  --keys=random,uuid --entries=10 --out="$SCRATCH/out.csv"
same "they take turns, with the seed of the round" "$(xargs <"$SCRATCH/calls")" \
  "$(xargs <<<"2 random 10 1001 2 random 10 1001 1 random 10 1001
2 uuid 10 1001 2 uuid 10 1001 1 uuid 10 1001
2 random 10 1002 1 random 10 1002 2 random 10 1002
2 uuid 10 1002 1 uuid 10 1002 2 uuid 10 1002")"
same "--out has all rounds" "$(grep -vc '^#' "$SCRATCH/out.csv")" 13
same "the report of --out" "$(CSV=$SCRATCH/out.csv row insert)" \
  "$(for _ in 1 2; do echo "2000.0 1000.0 2.000 2.000 2.000 1.000 1.000 1.000 0.0 faster"; done | xargs)"

# rejects <part of the message> <argument...>
rejects() {
  local message=$1
  shift
  refuse "${*:-no argument}" compare_commits "$@" 2>"$SCRATCH/error"
  expect "... and says why" grep -qF -- "$message" "$SCRATCH/error"
}
rejects "which commits"
rejects "'nosuch' is no commit" nosuch
rejects "'c' is a third commit" a b c
rejects "unknown option '--nosuch'" a --nosuch
rejects "--keys: 'nosuch' is none of random," a --keys=random,nosuch
rejects "--benchmarks: 'nosuch' is none of insert," a --benchmarks=nosuch
rejects "--entries: 'many' is no number" a --entries=1000,many
rejects "--rounds: '0' is no number" a --rounds=0
rejects "--num: '-1' is no number" a --num=-1
rejects "--keys needs a value" a --keys=
rejects "--workloads: 'nosuch' is none of fillseq," a --workloads=nosuch
rejects "--seed behind '--' is set by this script" a -- --seed=1
rejects "'b' behind '--' is no flag" a -- b
rejects "no zipf here" --programs="$programs" --keys=zipf
rejects "--programs: '/nosuch' is not two" --programs=/nosuch
rejects "no program '/nosuch'" --programs="$SCRATCH/bench.1,/nosuch"
rejects "takes no commits, and there is 'a'" --programs="$programs" a
rejects "exclude each other" --programs="$programs" --db-bench
rejects "--out: cannot write '/nosuch/x'" a --out=/nosuch/x
rejects "cannot read '/nosuch'" --from=/nosuch
rejects "is no speed.csv" --from="$SCRATCH/error"
rejects "takes no commits, and there is 'a'" --from="$CSV" a
sed -i '/,again,/d' "$CSV"
rejects "has no row of 'again'" --from="$CSV"
