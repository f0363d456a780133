#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Plants bugs in a copy of the tree, one at a time, and shows which test catches
# each: tests/planted_bugs/run.sh --help. Exits with 1 when one escapes, or no
# longer fits the code.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../../tools/lib/common.sh"

HERE=$FASTSKIP_ROOT/tests/planted_bugs
WORK=$FASTSKIP_ROOT/build/planted_bugs
TREE=$WORK/tree
LIMIT=300 # seconds for a test; the bug is one that hangs then

usage() {
  cat <<END
usage: tests/planted_bugs/run.sh [--list | --fits] [pattern...]

Plants the bugs of tests/planted_bugs/*.bug whose names match one of the
patterns (shell patterns, default '*'), and prints for each which test caught it
after how many seconds. Works in build/planted_bugs; the checkout stays as it is.

A bug's file says
  Breaks: what it breaks, for readers
  Test:   what must catch it, one or more lines:
            step SLOTS NAME FILTER   a *_step_test with so many slots a block
            tsan SLOTS NAME FILTER   the same, built with ThreadSanitizer
            asan SLOTS NAME FILTER   the same, built with AddressSanitizer
            plain NAME FILTER        any other test; tsan-plain with TSan
            model ARGUMENT...        tests/model/run.sh ARGUMENT...
          a bug is caught when each of them fails
  In:     a file, and then, between lines of <<<<, ==== and >>>>, the text that
          occurs there once (white space does not count) and what replaces it

Each test is run on the unchanged code as well, and must pass there.
--list only tells what there is, --fits only whether every bug's text is found.
END
}

# --- Bugs -------------------------------------------------------------------

field() { sed -n "s/^$1: *//p" "$2"; }

# plant <bug>: changes the tree. Fails when a text is not there exactly once.
plant() {
  perl - "$1" "$TREE" <<'END'
use strict;
my ($bug, $tree) = @ARGV;
sub slurp { open my $f, '<', $_[0] or die "$_[0]: $!\n"; local $/; <$f> }
my ($file, $changes);
for my $part (split /^(?=In: )/m, slurp($bug)) {
  $part =~ /^In: *(\S+)\s*\n<<<<\n(.*?)^====\n(.*?)^>>>>\n/ms or next;
  my ($path, $from, $to) = ("$tree/$1", $2, $3);
  # Any white space, or none, between two tokens.
  my @tokens = $from =~ /(\w+|[^\w\s])/g;
  my $pattern = join '\s*', map { quotemeta } @tokens;
  my $text = slurp($path);
  my $found = () = $text =~ /$pattern/g;
  die "$found places in $1 match, not one\n" if $found != 1;
  chomp $to;
  $text =~ s/$pattern/$to/;
  open my $out, '>', $path or die "$path: $!\n";
  print $out $text;
  close $out;
  ++$changes;
}
die "nothing to change\n" if !$changes;
END
}

# restore <bug>: the files it changed, as they are in the checkout.
restore() {
  local file
  for file in $(field In "$1" | sort -u); do
    cp "$FASTSKIP_ROOT/$file" "$TREE/$file"
  done
}

# --- Tests ------------------------------------------------------------------

# What a test of a bug's "Test:" line is built as.
target_of() {
  case $1 in
    step | tsan | asan) echo "$3_$2" ;;
    plain | tsan-plain) echo "$2" ;;
  esac
}
build_dir_of() {
  case $1 in
    tsan*) echo "$WORK/tsan" ;;
    asan) echo "$WORK/asan" ;;
    *) echo "$WORK/out" ;;
  esac
}

declare -A CONFIGURED=()
configure() {
  local dir=$1
  shift
  [ -z "${CONFIGURED[$dir]:-}" ] || return 0
  CONFIGURED[$dir]=yes
  # Fast to compile, without assertions, as in a release.
  # shellcheck disable=SC2046  # a list of words
  cmake -S "$TREE" -B "$dir" -DFASTSKIP_BUILD_TESTS=ON $(cmake_launcher) \
    -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -DNDEBUG" "$@"
}

build() {
  local dir=$1 target=$2
  local -a clang=(-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
  case $dir in
    */tsan) configure "$dir" -DFASTSKIP_SANITIZE=thread "${clang[@]}" ;;
    */asan) configure "$dir" -DFASTSKIP_SANITIZE=address "${clang[@]}" ;;
    *) configure "$dir" ;;
  esac && cmake --build "$dir" -j "$(job_count)" --target "$target"
}

# run_test <word...>: the test of a "Test:" line, in the tree as it is. 0: it
# passed, 1: it failed, 2: it could not be run. Its output is in $WORK/log.
run_test() {
  local kind=$1 filter=${!#} dir target status=0
  if [ "$kind" = model ]; then
    "$TREE/tests/model/run.sh" "${@:2}" </dev/null >"$WORK/log" 2>&1 ||
      status=$?
  else
    dir=$(build_dir_of "$@")
    target=$(target_of "$@")
    build "$dir" "$target" >"$WORK/log" 2>&1 || return 2
    STARTED=$(date +%s.%N)
    timeout "$LIMIT" "$dir/tests/$target" --gtest_filter="$filter" \
      --gtest_fail_fast </dev/null >"$WORK/log" 2>&1 || status=$?
    grep -q '^\[ RUN  ' "$WORK/log" || return 2
  fi
  [ $status -eq 0 ] || return 1
}

# The same on the unchanged code, once for all bugs.
declare -A CONTROLLED=()
control() {
  local test="$*"
  [ -z "${CONTROLLED[$test]:-}" ] || return 0
  CONTROLLED[$test]=yes
  local status=0
  run_test "$@" || status=$?
  [ $status -eq 0 ] && return 0
  tail -n 30 "$WORK/log"
  say "'$test' does not pass on the code without a bug."
  return 1
}

# try_bug <bug>: prints its row of the table.
try_bug() {
  local bug=$1 name test status
  local -a words
  name=$(basename "$bug" .bug)
  [ -n "$(field Test "$bug")" ] || die "$bug names no test."
  while read -r test; do
    read -ra words <<<"$test"
    control "${words[@]}" || return 1
    if ! plant "$bug" 2>"$WORK/log"; then
      restore "$bug"
      printf '| %s | does not fit: %s |\n' "$name" "$(cat "$WORK/log")"
      return 1
    fi
    STARTED=$(date +%s.%N)
    status=0
    run_test "${words[@]}" || status=$?
    restore "$bug"
    cp "$WORK/log" "$WORK/logs/$name.log"
    if [ $status -ne 1 ]; then
      [ $status -eq 0 ] || tail -n 20 "$WORK/log"
      printf '| %s | **%s**: %s | |\n' "$name" \
        "$([ $status -eq 0 ] && echo escaped || echo cannot be run)" "$test"
      return 1
    fi
    printf '| %s | %s | %.1f |\n' "$name" "$test" \
      "$(awk -v a="$STARTED" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
  done < <(field Test "$bug")
}

# --- All --------------------------------------------------------------------

copy_tree() {
  mkdir -p "$TREE" "$WORK/logs"
  # A test that moved must not be built from its old place as well.
  (cd "$TREE" && find . -type f -print) | while read -r file; do
    [ -f "$FASTSKIP_ROOT/$file" ] || rm "$TREE/$file"
  done
  # Only what differs, so that a second run builds only what changed.
  (cd "$FASTSKIP_ROOT" && find . \( -name .git -o -path ./build \) -prune -o \
    -type f -print) | while read -r file; do
    cmp -s "$FASTSKIP_ROOT/$file" "$TREE/$file" && continue
    mkdir -p "$(dirname "$TREE/$file")"
    cp -p "$FASTSKIP_ROOT/$file" "$TREE/$file"
    touch "$TREE/$file"
  done
}

main() {
  local list='' fits='' bug pattern caught=0 escaped=0
  local -a patterns=()
  while [ $# -gt 0 ]; do
    case $1 in
      --list) list=yes ;;
      --fits) fits=yes ;;
      --help | -h)
        usage
        return 0
        ;;
      -*) die "unknown option '$1' (see --help)." ;;
      *) patterns+=("$1") ;;
    esac
    shift
  done
  [ ${#patterns[@]} -gt 0 ] || patterns=('*')
  [ -n "$list" ] || copy_tree
  [ -n "$fits" ] || say '| bug | caught by | seconds |'
  [ -n "$fits" ] || say '| --- | --- | --- |'
  for bug in "$HERE"/*.bug; do
    for pattern in "${patterns[@]}"; do
      # shellcheck disable=SC2053  # a pattern
      [[ $(basename "$bug" .bug) == $pattern ]] || continue
      if [ -n "$list" ]; then
        say "| $(basename "$bug" .bug) | $(field Test "$bug" | paste -sd ';') | $(field Breaks "$bug") |"
      elif [ -n "$fits" ]; then
        if plant "$bug"; then
          caught=$((caught + 1))
        else
          say "$bug does not fit"
          escaped=$((escaped + 1))
        fi
        restore "$bug"
      elif try_bug "$bug"; then
        caught=$((caught + 1))
      else
        escaped=$((escaped + 1))
      fi
      break
    done
  done
  [ -z "$list" ] || return 0
  say
  say "$caught of $((caught + escaped)) $([ -n "$fits" ] && echo fit || echo caught)"
  [ "$escaped" -eq 0 ] && [ "$caught" -gt 0 ]
}

main "$@"
