#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/compare.sh finds the faults that it is there to find, and its figures are
# those of the runs. A script stands in for db_bench.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

# $1: what readrandom finds with fastskip, $2: the memtable that LOG names.
# skip_list takes 2 microseconds in odd rounds and 6 in even ones, fastskip 1 and
# 2: medians 4 and 1.5, ratios 2 and 3. Seeds are those of rounds.
fake_db_bench() {
  cat >"$SCRATCH/db_bench" <<EOF
#!/bin/bash
for arg in "\$@"; do
  case \$arg in
    --db=*) db=\${arg#*=} ;;
    --memtablerep=*) memtable=\${arg#*=} ;;
    --benchmarks=*) benchmarks=\${arg#*=} ;;
    --seed=*) seed=\${arg#*=} ;;
  esac
done
echo "\$memtable \$*" >>"$SCRATCH/calls"
mkdir -p "\$db"
echo "RocksDB:    version 7.8.3"
found=100
if [ \$((seed % 2)) = 1 ]; then micros=2.000; else micros=6.000; fi
if [ "\$memtable" = fastskip ]; then
  found=$1
  if [ \$((seed % 2)) = 1 ]; then micros=1.000; else micros=2.000; fi
  echo "2026/01/01 1 Options.memtable_factory: $2" >"\$db/LOG"
fi
for name in \${benchmarks//,/ }; do
  [ "\$name" != "${3-}" ] || continue
  printf '... finished 100 ops\r'
  echo "\$name   :  \$micros micros/op 1 ops/sec 1.0 seconds 100 operations; 1.0 MB/s (\$found of 100 found)"
done
EOF
  chmod +x "$SCRATCH/db_bench"
}

# compare <workloads> [option...]
compare() {
  local workloads=$1
  shift
  : >"$SCRATCH/calls"
  "$FASTSKIP_ROOT/tools/compare.sh" --db-bench="$SCRATCH/db_bench" \
    --workloads="$workloads" --rounds=2 "$@"
}
# row <workload> <memtable>: median, ratio, low, high, verdict.
row() {
  compare "$1" | awk -v m="$2" '$2 == m { print $3, $4, $5, $6, $7 }'
}

fake_db_bench 100 FastSkipListRepFactory
expect "equal answers pass" compare readrandom
same "skip_list's figures" "$(row readrandom skip_list)" \
  "4.000 1.00 1.00 1.00 -"
same "fastskip's figures" "$(row readrandom fastskip)" \
  "1.500 2.67 2.00 3.00 same"
expect "two rounds" compare readrandom
same "memtables take turns" "$(cut -d' ' -f1 "$SCRATCH/calls" | xargs)" \
  "skip_list fastskip fastskip skip_list"

expect "all workloads and variants" compare \
  fillseq,fillrandom,overwrite,readrandom,readmissing,seekrandom,readseq,readreverse,readwhilewriting,seekrandomwhilewriting,mixed \
  --full --out="$SCRATCH/out"
# 3 fills times 2 threads, batches and WALs; 8 reads times 2 threads.
same "a line for each round" "$(grep -c ',same$\|,100/' \
  "$SCRATCH/out/speed.csv")" $(((3 * 8 + 8 * 2) * 2 * 2))
same "a line of the table for each" "$(grep -c '^| .* | 4.000 | 1.500 | \*\*2.67\*\* | 2.00 – 3.00 |$' \
  "$SCRATCH/out/speed.md")" $((3 * 8 + 8 * 2))
for option in --threads=2 --batch_size=100 --disable_wal=false --disable_wal=true; do
  expect "$option" grep -q -- "$option" "$SCRATCH/calls"
done
# shellcheck disable=SC2016  # no expansion is meant
expect "the table names machine, RocksDB and command" \
  test "$(grep -c '^- \(machine\|rocksdb\|command\): `.*`$' \
    "$SCRATCH/out/speed.md")" -eq 3
# bar <chart> <text>: that the chart has this text.
bar() { expect "chart $1: $2" grep -qF ">$2<" "$SCRATCH/$1.svg"; }
expect "SVG" grep -q '<svg ' "$SCRATCH/out/speed.svg"
expect "SVG: a bar's label" grep -q 'readrandom' "$SCRATCH/out/speed.svg"
same "PNG" "$(head -c 4 "$SCRATCH/out/speed.png" | tail -c 3)" PNG
bar out/speed_db_bench readmissing
bar out/speed_batches 'fillseq, 2 threads, batches of 100, WAL'
refuse "a chart without rows" test -e "$SCRATCH/out/speed_keys.svg"
expect "the report alone" "$FASTSKIP_ROOT/tools/compare.sh" \
  --from="$SCRATCH/out/speed.csv" --out="$SCRATCH/again"
expect "is the same" cmp "$SCRATCH/out/speed.md" "$SCRATCH/again/speed.md"

fake_db_bench 100 FastSkipListRepFactory seekrandom
refuse "a benchmark without a result" compare readrandom,seekrandom
fake_db_bench 99 FastSkipListRepFactory
refuse "a key that is not found" compare readrandom
refuse "a key that is not found, by threads" compare readrandom --threads=2
fake_db_bench 100 SkipListFactory
refuse "a run that used another memtable" compare readrandom
refuse "an unknown workload" compare nosuch
refuse "an unknown option" compare readrandom --nosuch
refuse "no number" compare readrandom --num=many
refuse "one memtable" compare readrandom --memtables=skip_list
refuse "no db_bench" "$FASTSKIP_ROOT/tools/compare.sh" --db-bench=/nosuch
refuse "no speed.csv" "$FASTSKIP_ROOT/tools/compare.sh" --from="$SCRATCH/calls"

# Memtables alone: memtable_bench checks its own answers.
cat >"$SCRATCH/bench" <<EOF
#!/bin/bash
exec "$FASTSKIP_BENCH" --allow_debug --round_entries=0 "\$@"
EOF
chmod +x "$SCRATCH/bench"
fake_db_bench 100 FastSkipListRepFactory
expect "memtables alone" compare none --bench="$SCRATCH/bench" --num=1000 \
  --out="$SCRATCH/alone"
for row in 'insert, random keys, 1,000 entries' 'scanback, random keys, 20 entries' \
  'get, random keys, 10,000 entries' 'get, random keys, 1,000 entries, 2 threads' \
  'insert, zipf keys, 1,000 entries' \
  'get, random keys by suffix, 1,000 entries'; do
  same "alone: $row" "$(grep -c "^| alone: $row |" \
    "$SCRATCH/alone/speed.md")" 1
done
expect "alone: latencies and counters" \
  grep -q 'p99.99' "$SCRATCH/alone/memtable_bench.txt"
# The keys of real systems, in tree and (a stand-in) out of it.
mkdir "$SCRATCH/bin"
cat >"$SCRATCH/bin/dpkg" <<'EOF'
#!/bin/bash
for i in $(seq 300); do echo "/usr/share/doc/$i"; done
EOF
chmod +x "$SCRATCH/bin/dpkg"
PATH=$SCRATCH/bin:$PATH expect "real encodings" compare none --full --rounds=1 \
  --num=1000 --bench="$SCRATCH/bench" --bench-out-of-tree="$SCRATCH/bench" \
  --out="$SCRATCH/real"
# 12 kinds of keys, paths in two tables of three, but for the first column.
table='^\(| [a-z_(0-9 )]*\|| db_bench.s\|| geometric mean.*\)\( | [0-9.*]*\)\{4\} |$'
same "a line for each kind of keys, and the means" \
  "$(grep -c "$table" "$SCRATCH/real/speed.md")" 76
same "each number of entries, in tree and out of it" \
  "$(sed -n 's/^## .* keys, \(.*\) entries, fastskip, \(.*\)$/\1 \2/p' \
    "$SCRATCH/real/speed.md" | xargs)" \
  "100 in tree 100 out of tree 400 in tree 400 out of tree 2,000 in tree 2,000 out of tree"
for row in 'insert, sql_row keys, 400 entries' \
  'seek10, tenants keys out of tree, 2,000 entries' 'scan, paths keys, 300 entries' \
  'get, words keys out of tree, 2,000 entries'; do
  same "alone: $row" "$(grep -c "^| alone: $row |" "$SCRATCH/real/speed.md")" 1
done
expect "ties are among the counters" grep -q ties_per_get \
  "$SCRATCH/real/memtable_bench.txt"
bar real/speed_keys 'paths, 300 entries'
bar real/speed_keys_out_of_tree 'words, 400 entries'
bar real/speed_sizes '10,000 entries'
bar real/speed_memory 'tenants, 400 entries'
expect "the report alone, with its memory" "$FASTSKIP_ROOT/tools/compare.sh" \
  --from="$SCRATCH/real/speed.csv" --out="$SCRATCH/real_again"
expect "is the same again" \
  cmp "$SCRATCH/real/speed.md" "$SCRATCH/real_again/speed.md"
# Figures of ours: skip_list takes 4 µs, fastskip 1 and 9.
{
  grep '^workload,' "$SCRATCH/real/speed.csv"
  for keys in random_keys sql_row_keys tenants_keys; do
    case $keys in random*) micros=2 ;; sql*) micros=1 ;; *) micros=9 ;; esac
    for place in '' _out_of_tree; do
      say "get:$keys$place:200000,1,-,-,skip_list,1,4,same"
      say "get:$keys$place:200000,1,-,-,fastskip,1,$micros,same"
    done
  done
  for place in '' _out_of_tree; do
    say "scan:tenants_keys$place:200000,1,-,-,skip_list,1,4,same"
    say "scan:tenants_keys$place:200000,1,-,-,fastskip,1,4,same"
  done
  say "fillrandom,1,1,off,skip_list,1,4,1/-"
  say "fillrandom,1,1,off,fastskip,1,2,1/-"
} >"$SCRATCH/ours.csv"
expect "a report of them" "$FASTSKIP_ROOT/tools/compare.sh" \
  --from="$SCRATCH/ours.csv" --out="$SCRATCH/ours"
for row in "| db_bench's | 2.00 | – |" \
  '| sql_row | 4.00 | – |' \
  '| tenants | **0.44** | 1.00 |' \
  "| geometric mean, without db_bench's | 1.33 | 1.00 |" \
  'Worst of all rows: alone: get, tenants keys, 200,000 entries: 0.44 (fastskip).'; do
  expect "$row" grep -qxF "$row" "$SCRATCH/ours/speed.md"
done
same "bars: db_bench's and encodings" "$(grep -o \
  'fillrandom\|alone: get, [a-z_]* keys' "$SCRATCH/ours/speed.svg" | sort -u |
  xargs)" "alone: get, sql_row keys fillrandom"
refuse "a memtable_bench that refuses" compare none --bench="$FASTSKIP_BENCH"
