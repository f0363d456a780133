#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/fastskip_stats: its figures agree with what it was told to write, as a
# table and as JSON, and it names what it refuses.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
STATS=${FASTSKIP_BINARY_DIR:?to be set to the build}/tools/fastskip_stats
[ -x "$STATS" ] || die "there is no $STATS (libgflags-dev is missing?)"
export TMPDIR=$SCRATCH

stats() { "$STATS" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"; }
# says <text> <argument…>: the run fails and its message holds the text.
says() { refuse_saying "$1" stats "${@:2}"; }
# row <name>: of the live memtables in the table.
row() {
  awk -v n="$1" '$0 == "live memtables" { live = 1 }
                 live && $1 == n { print $2; exit }' "$SCRATCH/out"
}
# json <object> <name>
json() {
  sed -n "s/.*\"$1\":{\([^}]*\)}.*/\1/p" "$SCRATCH/out" | tr ',' '\n' |
    awk -F: -v n="\"$2\"" '$1 == n { print $2 }'
}

says "no flag" stray
says "'xml'" --format=xml
says "'odd'" --keys=odd
says "--threads" --threads=0
says "shards=0" --memtablerep=fastskip:0
says "backpressure_percent=101" \
  --memtablerep='{id=fastskip;backpressure_percent=101}'
says "'skip_list'" --memtablerep=skip_list

# RocksDB's own comparator is recognised, and not called: here it is.
COMPARED='{id=fastskip;key_order=comparator}'
expect "a table" stats --num=5000 --value_size=50 --threads=4 \
  --memtablerep="$COMPARED"
same "entries" "$(row entries)" 5000
same "insert attempts" "$(row insert_attempts)" 5000
same "keys" "$(row average_key_size)" 16.000
same "values" "$(row average_value_size)" 50.000
same "memory" "$(row memory_reserved)" \
  "$(($(row memory_used) + $(row memory_idle)))"
[ "$(row comparator_calls)" -gt 1000 ] || die "FAILED: no comparisons"

expect "more comparisons with reads" stats --num=5000 --seed=1 --reads=20000 \
  --memtablerep="$COMPARED"
with_reads=$(row comparator_calls)
expect "fewer without" stats --num=5000 --seed=1 --memtablerep="$COMPARED"
[ "$with_reads" -gt $(($(row comparator_calls) + 20000)) ] ||
  die "FAILED: reads call no comparator"

expect "JSON" stats --num=10500 --format=json --keys=sequential \
  --memtablerep='{id=fastskip;max_entries=1000;backpressure_percent=50}' \
  --key_size=20 --db="$SCRATCH/db"
same "one line" "$(wc -l <"$SCRATCH/out")" 1
same "sealed" "$(json sealed memtables)" 10
same "entries sealed" "$(json sealed entries)" 10000
same "the least" "$(json sealed least_entries)" 1000
same "the most" "$(json sealed most_entries)" 1000
same "under pressure" "$(json live under_pressure)" 1
same "the limit" "$(json live max_entries)" 1000
same "keys of 20 bytes" "$(json live average_key_size)" 20.000
if command -v python3 >/dev/null; then
  expect "any parser" python3 -c \
    'import json, sys; json.load(open(sys.argv[1]))' "$SCRATCH/out"
fi
same "the same in LOG" "$(grep -c 'fastskip: memtable sealed:.* entries=1000 ' \
  "$SCRATCH/db/LOG")" 10
says "exists" --db="$SCRATCH/db" --num=1
same "nothing is left" "$(find "$SCRATCH" -name 'fastskip_stats_*' | wc -l)" 0
