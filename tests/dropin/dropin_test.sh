#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that know nothing of fastskip get its memtables by the drop-in, and
# nothing else of them changes: answers, OPTIONS, the table of range deletions,
# memtables that they choose themselves.
# shellcheck source=tests/dropin/dropin.sh
. "$(dirname "$0")/dropin.sh"

# --- db_bench and ldb, as Debian has them ------------------------------------

bench() {
  local db=$1
  shift
  db_bench --db="$db" --num=20000 --seed=1 "$@" >/dev/null 2>&1
}
with=$SCRATCH/with
without=$SCRATCH/without
workload=("--benchmarks=fillrandom,overwrite,readrandom,seekrandom"
  --write_buffer_size=1000000)
expect "db_bench, as it is" bench "$without" "${workload[@]}"
expect "db_bench with the drop-in" dropped_in bench "$with" "${workload[@]}"
same "LOG tells of the drop-in" "$(told "$with")" yes
same "LOG does not without it" "$(told "$without")" no
same "OPTIONS and LOG still say SkipListFactory" \
  "$(memtable_in_log "$with")$(grep -h memtable_factory= "$with"/OPTIONS-* |
    sort -u)" "SkipListFactory  memtable_factory=SkipListFactory"
expect "the memtables were sealed, of column family 0" \
  grep -qE '^0:[1-9][0-9]+$' <(sealed "$with")
content() { "$@" scan --hex | sha256sum; }
all=$(content ldb --db="$without")
same "the same keys and values, read without the drop-in" \
  "$(content ldb --db="$with")" "$all"
same "and with it" "$(content dropped_in ldb --db="$with")" "$all"
expect "db_bench with threads and batches" dropped_in bench \
  "$SCRATCH/threads" --benchmarks=fillrandom,readwhilewriting --threads=4 \
  --batch_size=10
same "LOG tells of it" "$(told "$SCRATCH/threads")" yes

# What ldb writes stays in the WAL, to be recovered into a memtable of either.
ldb_of() { ldb --db="$with" "$@"; }
expect "ldb put" dropped_in ldb_of put name value
same "LOG tells of it" "$(told "$with")" yes
same "ldb get, without" "$(ldb_of get name)" value
expect "ldb put, without" ldb_of put name other
same "LOG tells nothing" "$(told "$with")" no
same "ldb get, with" "$(dropped_in ldb_of get name)" other
expect "ldb deleterange" dropped_in ldb_of deleterange nam namf
refuse "ldb get finds nothing, without" grep -qx other <(ldb_of get name 2>&1)
same "all else is left" "$(content ldb --db="$with")" "$all"

# --- A program in C ----------------------------------------------------------

same "a program in C prints the same" \
  "$(dropped_in "$C_PROGRAM" "$SCRATCH/c_with")" \
  "$("$C_PROGRAM" "$SCRATCH/c_without")"
expect "LOG tells of the drop-in" \
  grep -q 'fastskip drop-in: memtables' "$SCRATCH/c_with/LOG"
same "the program reads that database without it" \
  "$("$C_PROGRAM" "$SCRATCH/c_with")" "$("$C_PROGRAM" "$SCRATCH/c_without")"

# --- Which memtables ---------------------------------------------------------

# One memtable is sealed for each family with SkipListFactory, with the points.
db=$SCRATCH/families
expect "families of all kinds" dropped_in "$FAMILIES" "$db" default lookahead \
  derived vector default hash_skip_list hash_link_list lookahead
same "default and lookahead are replaced, with their numbers; none other is" \
  "$(sealed "$db" | sort)" "$(printf '0:100\n1:101\n4:104\n7:107')"
same "LOG tells of it in one line" "$(grep -c 'fastskip drop-in' "$db/LOG")" 1
db=$SCRATCH/explicit
expect "no family with SkipListFactory, range deletions" dropped_in \
  "$FAMILIES" "$db" vector hash_skip_list derived
same "no memtable is fastskip's" "$(lines_of_fastskip "$db")" 0
# RocksDB makes two skip lists for each memtable of the default kind, one of them
# for range deletions; with the drop-in it makes that one alone. Beside memtables
# of another kind it makes as many as ever.
expect "build count_skip_lists.so" "${CXX:-c++}" -std=c++17 -shared -fPIC \
  -o "$SCRATCH/count_skip_lists.so" \
  "$FASTSKIP_ROOT/tests/dropin/count_skip_lists.cc"
# skip_lists <preloaded library> <memtable>
skip_lists() {
  rm -rf "$SCRATCH/counted"
  LD_PRELOAD=$SCRATCH/count_skip_lists.so${1:+:$1} "$FAMILIES" \
    "$SCRATCH/counted" "$2" 2>&1 >/dev/null | sed -n 's/ skip lists$//p'
}
made=$(skip_lists '' default)
if [ "$made" = 0 ]; then
  say "skipped: this librocksdb binds its own calls, which cannot be counted"
else
  same "the table of range deletions stays RocksDB's" \
    "$(skip_lists "$DROPIN" default)" $((made / 2))
  for name in vector hash_link_list; do
    same "so it does beside $name" "$(skip_lists "$DROPIN" "$name")" \
      "$(skip_lists '' "$name")"
  done
fi
for name in vector prefix_hash; do
  expect "db_bench --memtablerep=$name" dropped_in bench "$SCRATCH/$name" \
    --memtablerep="$name" --benchmarks=fillrandom \
    --allow_concurrent_memtable_write=false --prefix_size=8
  same "it is left alone" "$(lines_of_fastskip "$SCRATCH/$name")" 0
done
expect "db_bench --memtablerep=fastskip:3" env \
  LD_PRELOAD="$FASTSKIP_SO:$DROPIN" db_bench --db="$SCRATCH/byname" \
  --memtablerep=fastskip:3 --benchmarks=fillrandom --num=1000
same "fastskip was chosen by its name" "$(memtable_in_log "$SCRATCH/byname")" \
  FastSkipListRepFactory
same "the drop-in has nothing to do" "$(told "$SCRATCH/byname")" no

# --- Options and the switch --------------------------------------------------

quiet=$SCRATCH/quiet
export FASTSKIP_OPTIONS='shards=3;log_on_seal=false'
expect "FASTSKIP_OPTIONS" dropped_in bench "$quiet" "${workload[@]}"
unset FASTSKIP_OPTIONS
expect "LOG has the options" grep -q 'fastskip drop-in: .*shards=3;' "$quiet/LOG"
same "log_on_seal=false" "$(sealed "$quiet" | wc -l)" 0
expect "FASTSKIP_DISABLE=1" env FASTSKIP_DISABLE=1 LD_PRELOAD="$DROPIN" \
  ldb --db="$with" put name value
same "nothing is replaced" "$(told "$with")" no
expect "FASTSKIP_DISABLE=0" env FASTSKIP_DISABLE=0 LD_PRELOAD="$DROPIN" \
  ldb --db="$with" put name value
same "that is as if it were not set" "$(told "$with")" yes
refuse "children without RocksDB get no RocksDB" \
  grep -q librocksdb <(dropped_in cat /proc/self/maps)

# The page of the vtable is as read-only as before. FASTSKIP_FORCE=1 loads RocksDB
# into a program that prints its own mappings; refused options replace nothing.
writable_bytes() {
  local range permissions rest sum=0
  while read -r range permissions rest; do
    [[ $permissions == rw* && $rest == *librocksdb* ]] || continue
    sum=$((sum + 0x${range#*-} - 0x${range%-*}))
  done < <(FASTSKIP_FORCE=1 FASTSKIP_OPTIONS=$1 dropped_in cat /proc/self/maps \
    2>/dev/null)
  printf '%s' "$sum"
}
expect "librocksdb has writable data" test "$(writable_bytes shards=0)" -gt 0
same "the drop-in leaves no more of it writable" "$(writable_bytes shards=1)" \
  "$(writable_bytes shards=0)"

# --- fastskip-run ------------------------------------------------------------

ran=$SCRATCH/ran
same "fastskip-run passes arguments and output" \
  "$("$RUN" --options='shards=5' ldb --db="$ran" --create_if_missing \
    put 'a b' 'c  d')" OK
expect "with the options" grep -q 'fastskip drop-in: .*shards=5;' "$ran/LOG"
same "in a script" "$(printf '#!%s\n' "$(type -P ldb)" >"$SCRATCH/script"
  chmod +x "$SCRATCH/script"
  "$RUN" --check "$SCRATCH/script" | sed 's/ in RocksDB.*//')" \
  "$SCRATCH/script: fastskip's memtables take the place of skip_list's"
printf '#!/usr/bin/env -S A=b ldb\n' >"$SCRATCH/script"
expect "in a script by env" "$RUN" --check "$SCRATCH/script"
printf '#!/bin/sh\nexec ldb --db="%s" put in script\n' "$ran" >"$SCRATCH/script"
expect "--force: a child of a shell" "$RUN" --force "$SCRATCH/script"
same "the child has the memtables" "$(told "$ran")" yes
same "--check runs nothing" \
  "$("$RUN" --check "$C_PROGRAM" "$SCRATCH/none" | wc -l):$(ls -d \
    "$SCRATCH/none" 2>/dev/null || echo none)" 1:none
expect "FASTSKIP_DISABLE=1 fastskip-run" env FASTSKIP_DISABLE=1 "$RUN" \
  ldb --db="$ran" put name value
same "nothing is replaced" "$(told "$ran")" no
status=0
"$RUN" ldb --db="$SCRATCH/missing" get key >/dev/null 2>&1 || status=$?
same "fastskip-run ends as the program does" "$status" 1
