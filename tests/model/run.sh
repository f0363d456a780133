#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the models of the list's protocol with spin: tests/model/run.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../../tools/lib/common.sh"

HERE=$FASTSKIP_ROOT/tests/model
CODE=$FASTSKIP_ROOT/memtablerep/list

usage() {
  cat <<END
usage: tests/model/run.sh [block|orders|bugs|long...]

  block   block.pml: 3 writers and a reader on one level of blocks, every
          interleaving; and that threads that stop hold up no other
  orders  orders.pml: what only weaker memory than x86's shows, with the memory
          orders that the code has
  bugs    block.pml with each of its bugs, which must be found
  long    larger cases of block.pml
Without arguments: block orders bugs.
END
}

# scenario <key in the block> <key> <key of writer 1> <of 2> <of 3>: of
# block.pml. Key 0: none.
scenario() {
  echo "-DINIT0=$1 -DINIT1=$2 -DK00=$3 -DK01=0 -DK10=$4 -DK11=0 -DK20=$5 -DK21=0"
}
HALF=$(scenario 5 0 12 9 7)
DUPLICATES=$(scenario 5 9 7 7 0)
APPENDS=$(scenario 5 0 7 7 9)
EMPTY=$(scenario 0 0 7 7 0)
SPLITS=$(scenario 5 9 7 8 0)

STATES=0
# verify <title> <model> <safety|cycles> <spin's options>: prints a line; fails
# when an error was found, or the search was not complete.
verify() {
  local title=$1 model=$2 dir=$SCRATCH/run error states started=$SECONDS
  local -a compile=(-DSAFETY) run=()
  [ "$3" = safety ] || { compile=(-DNP) && run=(-l); }
  rm -rf "$dir"
  mkdir -p "$dir"
  # shellcheck disable=SC2086  # a list of words
  (cd "$dir" && spin $4 -a "$HERE/$model" >spin.log 2>&1 &&
    gcc -O2 -w -DCOLLAPSE "${compile[@]}" -o pan pan.c >>spin.log 2>&1) ||
    { cat "$dir/spin.log" && die "$model cannot be compiled."; }
  (cd "$dir" && ./pan -m1000000 -w22 ${run[@]+"${run[@]}"} >pan.log 2>&1) ||
    { tail -n 5 "$dir/pan.log" && die "the search ended early."; }
  ! grep -q 'max search depth too small' "$dir/pan.log" ||
    die "the search was not deep enough."
  states=$(awk '/states, stored/ { print $1; exit }' "$dir/pan.log")
  STATES=$((STATES + states))
  error=$(sed -n 's/^pan:1: //p' "$dir/pan.log")
  printf '%-44s %9d states, %3d s: %s\n' "$title" "$states" \
    $((SECONDS - started)) "${error:-no errors}"
  grep -q 'errors: 0$' "$dir/pan.log"
}

check_block() {
  verify 'half-full block, a stalled insert; lookup' block.pml safety \
    "$HALF -DPROBE=5" &&
    verify 'duplicates, append; lookup' block.pml safety "$APPENDS -DPROBE=9" &&
    verify 'duplicates, split; lookup' block.pml safety \
      "$DUPLICATES -DPROBE=9" &&
    verify 'duplicates, split; scan' block.pml safety "$DUPLICATES -DSCAN" &&
    verify 'splits; no thread runs for ever' block.pml cycles \
      "$SPLITS -DPROBE=9"
}

check_long() {
  verify 'appends and splits; lookup' block.pml safety \
    "$(scenario 5 9 12 13 12) -DPROBE=9" &&
    verify 'half-full block; scan' block.pml safety "$HALF -DSCAN" &&
    verify 'half-full block; no thread runs for ever' block.pml cycles \
      "$HALF -DPROBE=5"
}

FOUND=0
# bug <name> <safety|cycles> <options>: which the model must show to be one.
bug() {
  if verify "BUG_$1" block.pml "$2" "$3 -DBUG_$1"; then
    say "BUG_$1 was not found."
    return 1
  fi
  FOUND=$((FOUND + 1))
}

check_bugs() {
  bug NAMELESS safety "$HALF -DPROBE=5" &&
    bug NO_SECOND_LOOK safety "$DUPLICATES -DPROBE=9" &&
    bug MOVED_ENTRIES_COUNT safety "$SPLITS -DPROBE=9" &&
    bug ANY_EMPTY_SLOT safety "$EMPTY -DPROBE=7" &&
    bug SPLITS_FROM_ANY_NEXT safety "$SPLITS -DPROBE=9" &&
    bug CLEARS_FIRST safety "$SPLITS -DPROBE=9" &&
    bug NEXT_BEFORE_WORDS safety "$SPLITS -DPROBE=9" &&
    bug VIEW_ACROSS_SPLIT safety "$SPLITS -DSCAN" &&
    bug POST_OVERWRITES safety "$SPLITS -DPROBE=9" &&
    bug WAITS cycles "$SPLITS -DPROBE=9" &&
    say "$FOUND of $FOUND planted bugs found"
}

# captured <file> <regular expression>: what it captures in the file, where it
# must match exactly once.
captured() {
  perl -0777 -ne '
    my @found = $_ =~ /'"$2"'/gs;
    @found == 1 or exit 1;
    print $found[0]' "$CODE/$1" ||
    die "cannot find '$2' once in $1."
}

# order_of <method>: 1 when this method of StepAtomic acquires or releases, 0
# when it is relaxed.
order_of() {
  local order
  order=$(captured step_atomic.h \
    "\\b$1"'\([^)]*\) (?:const )?\{[^}]*?memory_order_(?!relaxed\) !=)(\w+)') ||
    return 1
  [ "$order" = relaxed ] && echo 0 || echo 1
}

# order_in <file> <regular expression>: the order of the method that it captures.
order_in() {
  local method
  method=$(captured "$1" "$2") || return 1
  if [ "$method" = ReplaceSlot ]; then
    method=$(captured block.h 'bool ReplaceSlot\([^}]*?: slots\[i\]\.(\w+)\(') ||
      return 1
  fi
  order_of "$method"
}

check_orders() {
  local clear slot_load use_cas use_load
  local save_cas version_store version_load word_store word_load
  local open_load label_load
  clear=$(order_in block_skip_list_split.cc \
    'ClearMoved\([^{;]*\{.*?(\w+)\((?:i, )?words\.slot\[i\], empty\b') &&
    slot_load=$(order_in block_scan_portable.cc 'block\.slots\[i\]\.(\w+)\(') &&
    use_cas=$(order_in sharded_arena.cc 'shards_in_use_\.(Replace\w+)\(') &&
    use_load=$(order_in sharded_arena.cc \
      'MyShard\(\) \{[^}]*?shards_in_use_\.(\w+)\(') &&
    save_cas=$(order_in saved_order.cc 'version_\.(Replace\w+)\(') &&
    version_store=$(order_in saved_order.cc 'version_\.(Store\w+)\(') &&
    version_load=$(order_in saved_order.cc \
      '::Load\([^{]*\{\s*const uint64_t version = version_\.(\w+)\(') &&
    word_store=$(order_in saved_order.cc 'words_\[i\]\.(Store\w+)\(') &&
    word_load=$(order_in saved_order.cc 'words_\[i\]\.(Load\w+)\(') &&
    verify 'memory orders of the code' orders.pml safety \
      "-DCLEAR=$clear -DSLOT_LOAD=$slot_load -DUSE_CAS=$use_cas \
-DUSE_LOAD=$use_load -DSAVE_CAS=$save_cas -DVERSION_STORE=$version_store \
-DVERSION_LOAD=$version_load -DWORD_STORE=$word_store -DWORD_LOAD=$word_load" &&
    open_load=$(order_in saved_order.h 'slots\[open\(\)\]\.(Load\w+)\(') &&
    label_load=$(order_in block_search.cc \
      'uint64_t word = block\.slots\[order\.slot\(middle\)\]\.(Load\w+)\(') &&
    verify 'memory orders of a search in a saved order' orders.pml safety \
      "-DSEARCH -DCLEAR=$clear -DOPEN_LOAD=$open_load -DLABEL_LOAD=$label_load"
}

main() {
  local part
  command -v spin >/dev/null || die "spin is not installed (a Debian package)."
  make_scratch
  [ $# -gt 0 ] || set -- block orders bugs
  for part in "$@"; do
    case $part in
      block | orders | bugs | long) "check_$part" || die "$part failed." ;;
      --help | -h)
        usage
        return 0
        ;;
      *) die "unknown part '$part' (see --help)." ;;
    esac
  done
  say "$STATES states in all"
}

main "$@"
