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
says "--value_size: -2 is not one from -1" bench --value_size=-2
keys=$SCRATCH/keys.txt
hex=$SCRATCH/keys.hex
printf 'user 1\nuser 2\n\n' >"$keys"
says "--keys=file:$keys, line 3 is empty" bench --keys="file:$keys"
printf '6162\n616\n' >"$hex"
says "--keys=hex:$hex, line 2: '616' has an odd number" bench --keys="hex:$hex"
says "--keys=file:/nosuch: cannot read '/nosuch'" bench --keys=file:/nosuch
seq 100 >"$keys"
says "would call file=keys.txt" bench --keys="file:$keys,file:$keys"

# What "dpkg -L" says, and that a package is missing.
mkdir "$SCRATCH/bin"
printf '#!/bin/bash\nexit 1\n' >"$SCRATCH/bin/dpkg"
chmod +x "$SCRATCH/bin/dpkg"
with_dpkg() { PATH=$SCRATCH/bin:$PATH bench "$@"; }
# shellcheck source=tools/lib/real_keys.sh
. "$FASTSKIP_ROOT/tools/lib/real_keys.sh"
says "apt-get install $(xargs <<<"$PATHS_PACKAGES"))" with_dpkg --keys=paths
cat >"$SCRATCH/bin/dpkg" <<'EOF'
#!/bin/bash
echo diverted by nobody
for i in $(seq 150); do echo "/usr/share/doc/$i"; done
EOF

expect "all operations" bench --rounds=3 --latency --counters \
  --json="$SCRATCH/json" \
  --benchmarks=insert,get,getmissing,seek,seek10,scan,scanback,make,insertbeside,getbeside
same "the columns" "$(head -n 1 "$SCRATCH/out" | xargs)" "keys entries \
operation memtable median mean min max ratio low high comparisons"
for operation in insert get getmissing seek seek10 scan scanback make \
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
same "ties among them" "$(grep -c ' ties_per_insert=.* ties_per_get_in_leaf=' \
  "$SCRATCH/out")" 1
same "memory of both" "$(grep -c bytes_per_entry "$SCRATCH/out")" 2
same "JSON: an entry for each row" \
  "$(grep -c '"ns_per_operation"' "$SCRATCH/json")" 20
same "JSON: all rounds" \
  "$(grep -c '"rounds": \[[0-9.e+]*, [0-9.e+]*, [0-9.e+]*\]' \
    "$SCRATCH/json")" 20
for key in processor compiler rocksdb assertions p99.99 times_faster \
  comparisons leaf_blocks; do
  expect "JSON: $key" grep -q "\"$key\"" "$SCRATCH/json"
done

all=random,ycsb,prefix,tables,appends,uuid,sequential,descending,zipf,onekey,$ENCODINGS,$LISTED_KEYS
# rows <operation>: of the table, by kinds of keys.
rows() {
  awk -v o="$1" '$3 == o && $5 ~ /^[0-9.]+$/ && $1 !~ /^all_/' "$SCRATCH/out" |
    wc -l
}
expect "all keys" with_dpkg --keys="$all" --json="$SCRATCH/json" \
  --benchmarks=insert,seek10
same "a row each" "$(rows insert)" 42
same "as many paths as there are" "$(awk '$1 == "paths" { print $2; exit }' \
  "$SCRATCH/out")" 150
same "values of the encoding" "$(grep -c \
  '"keys": "zipf_counter", "entries": 2000, "value_size": 8' "$SCRATCH/json")" 4
# The same of the medians of the rows, which are rounded.
same "geometric mean" "$(awk '
  $3 != "insert" { next }
  $1 == "all_21" { found = $5; found_worst = $6; found_of = $7; next }
  $4 == "skip_list" { base[$1] = $5 }
  $4 == "fastskip" {
    ratio = base[$1] / $5; sum += log(ratio); n++
    if (of == "" || ratio < worst) { worst = ratio; of = $1 }
  }
  END {
    d = found / exp(sum / n) - 1
    print n, (d < 0.05 && d > -0.05), (found_worst < worst + 0.01), found_of != ""
  }' "$SCRATCH/out")" "21 1 1 1"
same "geometric mean in JSON" "$(grep -c \
  '"operation": "[a-z0-9]*", "keys": 21, "times_faster"' "$SCRATCH/json")" 2
expect "all keys, by suffix" with_dpkg --keys="$all" --comparator=suffix
expect "all keys, reversed, several threads" with_dpkg --keys="$all" \
  --comparator=reverse --writers=4 --readers=3 --counters \
  --benchmarks=insert,get,seek,seek10,scan,getbeside
expect "keys of one's own" bench --keys="file:$keys" --csv="$SCRATCH/csv"
same "as many as there are" \
  "$(grep -c '^get:file=keys.txt_keys:100,' "$SCRATCH/csv")" 2
expect "shuffled, the first of them" bench --keys="file:$keys" --shuffle \
  --entries=10,50,200 --benchmarks=insert --csv="$SCRATCH/csv"
same "a row for each number" "$(cut -d: -f3 "$SCRATCH/csv" | cut -d, -f1 |
  xargs)" "10 10 50 50 100 100"
# A long key, one that begins another, and another version of one.
{ printf '%01000d\n%0998d\n' 0 0; printf '0x00\n00\n'; } >"$hex"
expect "keys in hexadecimal" bench --keys="hex:$hex" \
  --benchmarks=insert,get,getmissing,seek,seek10,scan,scanback
expect "fresh pages" bench --pages=fresh --csv="$SCRATCH/csv"
expect "fresh pages are named" grep -q 'on_fresh_pages' "$SCRATCH/csv"
expect "without values, concurrent calls, processor time" bench \
  --value_size=0 --insert_concurrently --clock=cpu
expect "values of 4 KB, other memtables" bench --value_size=4096 --entries=300 \
  --memtablerep='vector,prefix_hash,{id=fastskip;shards=2;key_order=auto}' \
  --prefix_size=8 --benchmarks=insert,scan
expect "several sizes" bench --entries=10,1000 --benchmarks=get
same "a row for each" "$(grep -c ' get ' "$SCRATCH/out")" 4
