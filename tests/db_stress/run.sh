#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# RocksDB's own crash test with fastskip's memtables: db_stress out of Debian's
# source package, against the installed librocksdb, with the drop-in, since its
# own options know no fastskip. Black box: killed from outside at a random
# moment. White box: it kills itself at a random one of RocksDB's kill points.
# Each start verifies what the one before had written, by expected values kept
# outside of the database.
#
#   tests/db_stress/run.sh [--kills N] [--seed N] [--round-seconds N]
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../../tools/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"

KILLS=40
SEED=${FASTSKIP_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
ROUND_SECONDS=8  # a black-box round is killed within that
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "$1 needs a value."
  case $1 in
    --kills) KILLS=$2 ;;
    --seed) SEED=$2 ;;
    --round-seconds) ROUND_SECONDS=$2 ;;
    *) die "unknown option '$1'." ;;
  esac
  shift 2
done

OUT=$FASTSKIP_ROOT/build/db_stress
SOURCE=$FASTSKIP_ROOT/build/rocksdb
TREE=$SOURCE/stress

# What librocksdb.so was compiled with must hold for its headers too: no NDEBUG,
# for Debian leaves the assertions in.
DEFINES="-DGFLAGS=gflags -DOS_LINUX -DROCKSDB_PLATFORM_POSIX
  -DROCKSDB_LIB_IO_POSIX -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_SCHED_GETCPU_PRESENT
  -DSNAPPY -DZLIB -DBZIP2 -DLZ4 -DZSTD"

build_db_stress() {
  local launcher='' file
  ! command -v ccache >/dev/null || launcher=ccache
  mkdir -p "$OUT/objects"
  for file in "$TREE"/db_stress_tool/*.cc; do
    # shellcheck disable=SC2086  # lists of words
    echo "[ '$OUT/objects/$(basename "$file" .cc).o' -nt '$file' ] ||
      $launcher g++ -std=c++17 -O1 -w -I'$TREE' -I'$TREE/include' $DEFINES \
        -c '$file' -o '$OUT/objects/$(basename "$file" .cc).o'" | tr '\n' ' '
    printf '\0'
  done | xargs -0 -n 1 -P "$(job_count)" sh -c
  g++ -o "$OUT/db_stress" "$OUT"/objects/*.o -lrocksdb -lgflags \
    -lsnappy -lz -lbz2 -llz4 -lzstd -lpthread -ldl
}

build_dropin() {
  # shellcheck disable=SC2046  # a list of words
  cmake -S "$FASTSKIP_ROOT" -B "$OUT/fastskip" $(cmake_launcher) &&
    cmake --build "$OUT/fastskip" -j "$(job_count)" --target fastskip_dropin
}

# one_of <word...>: a random one, of a sequence that the seed repeats.
RANDOM=$((SEED % 32768))
one_of() {
  shift $((RANDOM % $#))
  CHOICE=$1
}
# option <name> <value...>: adds --name=<a random value> to OPTIONS.
option() {
  local name=$1
  shift
  one_of "$@"
  OPTIONS+=("--$name=$CHOICE")
}

# What stays for the life of the database: the seed too, by which db_stress picks
# the keys that it deletes by SingleDelete alone.
choose_fixed() {
  FIXED=(--seed=$((SEED % 1000000 + 1))
    --db="$SCRATCH/db" --expected_values_dir="$SCRATCH/expected"
    --max_key=20000 --column_families=4 --ops_per_thread=100000000
    --threads=16 --test_batches_snapshots=0 --use_merge=1
    --destroy_db_initially=0 --compression_type=none --reopen=0
    --clear_column_family_one_in=0 --value_size_mult=33 --checkpoint_one_in=0 --backup_one_in=0)
}

# Valid combinations only, as in RocksDB's own script.
choose_options() {
  OPTIONS=()
  option write_buffer_size 65536 1048576 4194304
  option max_write_buffer_number 3 6
  option db_write_buffer_size 0 0 1048576
  option memtable_protection_bytes_per_key 0 1 2 4 8
  option memtable_prefix_bloom_size_ratio 0 0.1
  option memtable_whole_key_filtering 0 1
  option batch_protection_bytes_per_key 0 8
  option max_write_buffer_size_to_maintain 0 1048576
  option sync 0 1
  option prefix_size 1 5 7 8
  option delrangepercent 0 1
  option flush_one_in 1000 100000
  option avoid_flush_during_recovery 0 1
  option paranoid_file_checks 0 1
  option verify_iterator_with_expected_state_one_in 0 5
  option get_live_files_one_in 0 10000
  OPTIONS+=(--delpercent=4 --readpercent=40 --prefixpercent=5 --iterpercent=10
    --writepercent=41 --customopspercent=0)
  # The percentages must add up to 100.
  case " ${OPTIONS[*]} " in
    *" --delrangepercent=1 "*) OPTIONS+=(--readpercent=39) ;;
  esac
  case $((RANDOM % 6)) in
    0) OPTIONS+=(--enable_pipelined_write=1) ;;
    1) OPTIONS+=(--unordered_write=1) ;;
    2) OPTIONS+=(--two_write_queues=1) ;;
    3) OPTIONS+=(--allow_concurrent_memtable_write=0) ;;
    4) OPTIONS+=(--atomic_flush=1) ;;
  esac
}

# start <log> <extra option...>: db_stress with this round's options.
start() {
  local log=$1
  shift
  FASTSKIP_OPTIONS="shards=$((1 + RANDOM % 16))" \
    LD_PRELOAD=$OUT/fastskip/libfastskip_dropin.so \
    "$OUT/db_stress" "${FIXED[@]}" "${OPTIONS[@]}" "$@" >"$log" 2>&1
}

fail() {
  tail -n 40 "$1" >&2
  die "FAILED: $2; --seed $SEED; options: ${OPTIONS[*]}"
}

# A white-box round may end before its first memtable.
check_log() {
  ! grep -q 'Starting database operations' "$1" ||
    grep -q 'fastskip drop-in: memtables of SkipListFactory' "$SCRATCH/db/LOG" ||
    fail "$1" "the drop-in was not at work"
  ! grep -qiE 'verification failed|error occurred|assertion|corruption' "$1" ||
    fail "$1" "db_stress reports an error"
}

# A kill from outside. The process is this script's own child.
black_box() {
  local log=$1 pid status=0
  start "$log" 2>/dev/null &
  pid=$!
  sleep "$((1 + RANDOM % ROUND_SECONDS)).$((RANDOM % 10))"
  # The shell that runs start() has db_stress as its child.
  pkill -KILL -P $pid || true
  # Bash tells of a killed child.
  wait $pid 2>/dev/null || status=$?
  [ $status = 137 ] || fail "$log" "db_stress ended with $status, not by SIGKILL"
}

# It kills itself, or ends after a while.
white_box() {
  local log=$1 status=0
  one_of 2000 20000 200000
  start "$log" --kill_random_test="$CHOICE" --ops_per_thread=20000 || status=$?
  case $status in
    0) ENDED=$((ENDED + 1)) ;;
    137 | 143) ;;  # by a signal of its own
    *) fail "$log" "db_stress ended with $status" ;;
  esac
}

fetch_rocksdb_source "$SOURCE"
unpack_rocksdb "$SOURCE" "$TREE"
build_db_stress
build_dropin
make_scratch
mkdir "$SCRATCH/expected"
choose_fixed
say "seed $SEED"
BLACK=0
WHITE=0
ENDED=0
while [ $((BLACK + WHITE)) -lt "$KILLS" ]; do
  choose_options
  log=$SCRATCH/round.log
  if [ $((RANDOM % 2)) = 0 ]; then
    black_box "$log"
    BLACK=$((BLACK + 1))
  else
    white_box "$log"
    WHITE=$((WHITE + 1))
  fi
  check_log "$log"
done
# The last word: everything is verified once more.
start "$log" --ops_per_thread=100 ||
  fail "$log" "the last verification ended with $?"
check_log "$log"
say "db_stress: seed $SEED, $BLACK black-box and $WHITE white-box rounds" \
  "($ENDED of them to their end), nothing lost"
