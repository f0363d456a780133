#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# All tests, from a fresh checkout, in one command. See tests/run.sh --help.
#
# shellcheck disable=SC2317  # the functions of steps are called by their names
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../tools/lib/common.sh"
# shellcheck source=tools/lib/rocksdb_source.sh
. "$FASTSKIP_ROOT/tools/lib/rocksdb_source.sh"

BUILD=$FASTSKIP_ROOT/build
JOBS=2  # of ctest: the tests have threads of their own
STEPS="packages lint build java asan tsan in-tree-make aarch64-list debian13"
LONG_STEPS="packages scaled fuzz crash db-stress planted-bugs"
ALL_STEPS="$STEPS in-tree-cmake ${LONG_STEPS#packages } aarch64 core debs"
SCALED_PERCENT=${FASTSKIP_TEST_PERCENT:-500}
CORE_LABELS='list;rep;db;options;dropin'
FUZZ_STARTS=20     # of two fuzzers each
FUZZ_RUNS=50000    # of each
FUZZ_SECONDS=300
CRASH_KILLS=700
STEP_SKIPPED=77    # exit status of a step that cannot run here
PACKAGES="$FASTSKIP_BUILD_PACKAGES $ROCKSDB_SOURCE_PACKAGES
  libgtest-dev clang clang-format clang-tidy libclang-rt-dev shellcheck yamllint spin wamerican-huge gnuplot-nox default-jdk-headless
  mmdebstrap file"
PASSED=0
FAILED=0
SKIPPED=0

usage() {
  cat <<EOF
usage: tests/run.sh [option...]

  --only STEP       run this step alone (may be given several times)
  --in-tree-cmake   also build RocksDB with its CMake (another quarter of an hour)
  --long            the long steps instead, which repeat the tests at scale: an
                    hour and a half
  --jobs N          tests at a time ($JOBS)
  --debian=SUITE    all of this in a chroot of Debian SUITE: trixie, sid, bookworm
                    (tests/debian.sh has what that needs)
  --help            this

Steps, in their order:
  packages       install the Debian packages that are missing
  lint           tests/lint.sh: clang-format, clang-tidy, shellcheck, yamllint,
                 lengths of files; skipped where their versions are not Debian
                 12's
  build          build with warnings as errors, all tests, among them Debian's
                 db_bench and ldb with libfastskip.so, the installed package and
                 the examples
  java           the example in Java, with as much of RocksDB's Java library as
                 it needs
  asan           the tests under AddressSanitizer and UBSan (clang), but those
                 that run stock programs or say "// Sanitizers: …"
  tsan           these tests under ThreadSanitizer, without features and most of
                 those of one thread
  in-tree-make   fastskip as a plugin in Debian's RocksDB source package, built
                 with Make: db_bench and memtable_bench, compared with
                 skip_list
  aarch64-list   the tests of the list and the arena, without those of schedules,
                 cross-built for 64-bit ARM and run under qemu's emulation
  debian13       the steps core and debs in a chroot of Debian 13

With --in-tree-cmake:

  in-tree-cmake  the same, built with RocksDB's CMake

With --long, behind packages:

  scaled         the tests that FASTSKIP_TEST_PERCENT scales, with $SCALED_PERCENT % of
                 their operations: more than 50 million inserts checked for
                 linearizability, 5,000 freezes, 2,000 damaged WALs, 201 logs of
                 operations
  fuzz           libFuzzer with AddressSanitizer and UBSan: $((2 * FUZZ_STARTS * FUZZ_RUNS)) runs of
                 short inputs, then long ones for $FUZZ_SECONDS s, and the option texts
  crash          tools/crash_test: $CRASH_KILLS kills
  db-stress      RocksDB's own crash test over fastskip: 100 kills
                 (tests/db_stress/run.sh)
  planted-bugs   every bug of tests/planted_bugs must be caught, and the larger
                 cases of tests/model checked

With --only alone:

  aarch64        all tests cross-built for 64-bit ARM, against Debian's packages
                 for it, and run under emulation, with as much work as under a
                 sanitizer; but those that run stock programs
  debs           makes the Debian packages of this release, checks them with
                 lintian, installs, uses and removes them in a bare chroot
                 (tests/packages/installed.sh)
  core           on a bare Debian: build with warnings as errors, the tests
                 labelled list, rep, db, options and dropin, and
                 tools/quickstart.sh, shortened

Everything is kept in build/, and compilations in ccache: a second run builds
only what changed. Random tests print FASTSKIP_TEST_SEED and take it back.
EOF
}

ONLY=
EXTRA=
SUITE=
REST=()  # what else was said
while [ $# -gt 0 ]; do
  [[ $1 == --debian=* ]] || REST+=("$1")
  case $1 in
    --debian=?*) SUITE=${1#*=} ;;
    --only)
      [ $# -ge 2 ] || die "--only needs a step (see --help)."
      case " $ALL_STEPS " in
        *" $2 "*) ONLY="$ONLY $2" ;;
        *) die "there is no step '$2' (see --help)." ;;
      esac
      REST+=("$2")
      shift
      ;;
    --in-tree-cmake) EXTRA=in-tree-cmake ;;
    --long) STEPS=$LONG_STEPS ;;
    --jobs)
      [ $# -ge 2 ] || die "--jobs needs a number (see --help)."
      JOBS=$2
      REST+=("$2")
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) die "unknown option '$1' (see --help)." ;;
  esac
  shift
done
[ -z "$SUITE" ] ||
  exec "$FASTSKIP_ROOT/tests/debian.sh" "$SUITE" tests/run.sh "${REST[@]}"

# count_ctest <junit file>: adds its tests to the totals.
count_ctest() {
  local tests failures disabled skipped
  read -r tests failures disabled skipped < <(awk -F'"' '
    /^\t(tests|failures|disabled|skipped)="/ {
      gsub(/[\t=]/, "", $1)
      count[$1] = $2
    }
    /<testcase/ { exit }
    END {
      print count["tests"] + 0, count["failures"] + 0, count["disabled"] + 0,
            count["skipped"] + 0
    }' "$1")
  PASSED=$((PASSED + tests - failures - disabled - skipped))
  FAILED=$((FAILED + failures))
  SKIPPED=$((SKIPPED + skipped))
}

# cmake_build <name> <cmake argument...>: builds in build/<name>. With -g1, which
# has the lines for a backtrace: GCC compiles four of the tests in 0.63 to 0.81
# of the time that it takes with -g, Clang with a sanitizer in 0.59 to 0.99.
cmake_build() {
  local dir=$BUILD/$1
  shift
  # shellcheck disable=SC2046  # a list of words
  cmake -S "$FASTSKIP_ROOT" -B "$dir" -DFASTSKIP_WERROR=ON $(cmake_launcher) \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -g1 -DNDEBUG" "$@" &&
    cmake --build "$dir" -j "$(job_count)"
}
CLANG="-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++"

# run_ctest <name> <junit file> <ctest argument...>: in build/<name>.
run_ctest() {
  local dir=$BUILD/$1 junit=$2
  shift 2
  (cd "$dir" && ctest -j "$JOBS" --no-tests=error --output-on-failure \
    --output-junit "$junit" "$@")
}

# cmake_tests <name> <cmake argument...>: builds the tests and runs all.
cmake_tests() {
  cmake_build "$@" -DFASTSKIP_BUILD_TESTS=ON &&
    run_ctest "$1" "$(junit_of_build "$1")"
}
junit_of_build() { echo "$BUILD/$1/junit.xml"; }

step_packages() {
  # shellcheck disable=SC2086  # a list of words
  install_packages $PACKAGES
}

step_lint() { "$FASTSKIP_ROOT/tests/lint.sh"; }
step_build() { cmake_tests out; }
step_java() {
  FASTSKIP_SO=$BUILD/out/libfastskip.so \
    "$FASTSKIP_ROOT/tests/java/java_example.sh"
}
# shellcheck disable=SC2086  # lists of words
step_asan() { cmake_tests asan -DFASTSKIP_SANITIZE=address $CLANG; }
# shellcheck disable=SC2086
step_tsan() { cmake_tests tsan -DFASTSKIP_SANITIZE=thread $CLANG; }

step_scaled() {
  cmake_build out -DFASTSKIP_BUILD_TESTS=ON || return 1
  FASTSKIP_TEST_PERCENT=$SCALED_PERCENT run_ctest out "$BUILD/out/scaled.xml" \
    -R 'list_stress|list_order|list_schedule.*(/Auto|OtherOrder)|fault_|DbWalDamage|DbFault|DbChurn|metamorphic|fuzz_replay'
}

# Two at a time. A finding ends it, and stays in build/fuzz/found.
step_fuzz() {
  local dir=$BUILD/fuzz/tests/fuzz found=$BUILD/fuzz/found n
  local corpus=$FASTSKIP_ROOT/tests/fuzz/corpus
  # shellcheck disable=SC2086  # a list of words
  cmake_build fuzz -DFASTSKIP_BUILD_FUZZERS=ON -DFASTSKIP_BUILD_SHARED=OFF \
    $CLANG || return 1
  mkdir -p "$found"
  for n in 1 2; do mkdir -p "$found/long$n" "$found/options$n"; done
  # From nothing each time: what a corpus gathers makes further runs slow.
  for ((n = 1; n <= FUZZ_STARTS; ++n)); do
    rm -rf "$found/short$n".[12]
    mkdir -p "$found/short$n.1" "$found/short$n.2"
    in_pairs "$dir/rep_fuzzer" -runs="$FUZZ_RUNS" -max_len=40 \
      "$found/short$n.%" || return 1
  done
  in_pairs "$dir/rep_fuzzer" -max_total_time="$FUZZ_SECONDS" "$found/long%" \
    "$corpus/rep" &&
    in_pairs "$dir/options_fuzzer" -max_total_time=$((FUZZ_SECONDS / 5)) \
      "$found/options%" "$corpus/options"
}

# in_pairs <fuzzer> <argument...>: runs it twice at once, with 1 and 2 for each
# "%" of the arguments.
in_pairs() {
  local first
  (cd "$BUILD/fuzz/found" && exec "${@//%/1}" -print_final_stats=1 2>&1) &
  first=$!
  if (cd "$BUILD/fuzz/found" && exec "${@//%/2}" -print_final_stats=1 2>&1); then
    wait "$first"
  else
    kill "$first"
    return 1
  fi
}

step_crash() {
  cmake_build out -DFASTSKIP_BUILD_TESTS=ON || return 1
  "$BUILD/out/tools/crash_test" --kills="$CRASH_KILLS"
}

# Compares skip_list and fastskip in a db_bench that has fastskip built in.
compare_in_tree() {
  "$FASTSKIP_ROOT/tools/compare.sh" --db-bench="$1" --ldb=ldb --num=100000 \
    --rounds=1
}

step_in-tree-make() {
  build_release_rocksdb db_bench || return 1
  compare_in_tree "$ROCKSDB_RELEASE_TREE/db_bench" || return 1
  build_memtable_bench "$ROCKSDB_RELEASE_TREE" && build_out_of_tree || return 1
  "$FASTSKIP_ROOT/tools/compare.sh" --workloads=none --bench="$MEMTABLE_BENCH" \
    --num=10000 --rounds=1 || return 1
  "$MEMTABLE_BENCH_OUT_OF_TREE" --entries=10000 --rounds=1 --keys=random,tenants
}

step_planted-bugs() {
  "$FASTSKIP_ROOT/tests/planted_bugs/run.sh" || return 1
  "$FASTSKIP_ROOT/tests/model/run.sh" block orders bugs long
}

step_in-tree-cmake() {
  local dir=$BUILD/rocksdb tree=$BUILD/rocksdb/cmake
  fetch_rocksdb_source "$dir" || return 1
  unpack_rocksdb "$dir" "$tree" || return 1
  ln -sfn "$FASTSKIP_ROOT" "$tree/plugin/fastskip" || return 1
  # shellcheck disable=SC2046  # a list of words
  cmake -S "$tree" -B "$tree.build" -DROCKSDB_PLUGINS=fastskip \
    -DCMAKE_BUILD_TYPE=Release -DPORTABLE=ON -DWITH_GFLAGS=ON \
    -DFAIL_ON_WARNINGS=OFF -DWITH_TESTS=OFF -DROCKSDB_BUILD_SHARED=OFF \
    $(cmake_launcher) || return 1
  cmake --build "$tree.build" -j "$(job_count)" --target db_bench || return 1
  compare_in_tree "$tree.build/db_bench"
}

# This machine's release of Debian, such as "bookworm".
own_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# For steps that make a chroot: where this is one, says so and returns
# STEP_SKIPPED.
skip_in_chroot() {
  [ -n "${FASTSKIP_CHROOT-}" ] || return 0
  say "skipped: this is a chroot already."
  return "$STEP_SKIPPED"
}

# The same where this process may make none, as in most containers; but a step
# that --only names fails there, and tests/debian.sh says why.
skip_without_mounts() {
  if [ -n "$ONLY" ] || as_root unshare --mount chroot / true 2>/dev/null; then
    return 0
  fi
  say "skipped: a chroot needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, and one is missing."
  return "$STEP_SKIPPED"
}

# aarch64_tests <name> <cmake argument...>: as cmake_tests, for 64-bit ARM.
aarch64_tests() {
  local sysroot
  install_packages g++-aarch64-linux-gnu qemu-user-static
  # The cross compiler is of this machine's release.
  sysroot=$("$FASTSKIP_ROOT/tests/debian.sh" --sysroot=arm64 "$(own_suite)") ||
    return 1
  cmake_tests "$@" -DFASTSKIP_SYSROOT="$sysroot" \
    -DCMAKE_TOOLCHAIN_FILE="$FASTSKIP_ROOT/cmake/aarch64-linux-gnu.cmake"
}

step_aarch64() { aarch64_tests aarch64; }
step_aarch64-list() {
  skip_in_chroot || return
  aarch64_tests aarch64-list -DFASTSKIP_TEST_LABELS=list
}

step_core() {
  # shellcheck disable=SC2086  # a list of words
  install_packages $FASTSKIP_BUILD_PACKAGES libgtest-dev
  # A program that the drop-in is tested with.
  (install_packages oxigraph) ||
    say "Debian has oxigraph from 13 on. Without it, its test is skipped."
  cmake_tests core -DFASTSKIP_TEST_LABELS="$CORE_LABELS" &&
    "$FASTSKIP_ROOT/tools/quickstart.sh" --num=20000 --rounds=1
}

step_debs() {
  local dir=$BUILD/debs
  # shellcheck disable=SC2086  # a list of words
  install_packages $FASTSKIP_BUILD_PACKAGES dpkg-dev file lintian
  rm -rf "$dir/packages"
  cmake_build debs -DCMAKE_BUILD_TYPE=Release -DFASTSKIP_PACKAGES=ON &&
    cmake --build "$dir" --target package || return 1
  # That no maintainer is named yet is known: CMakeLists.txt has a placeholder.
  lintian --fail-on error,warning --suppress-tags \
    bogus-mail-host,bogus-mail-host-in-debian-changelog "$dir"/packages/*.deb ||
    return 1
  ls -l "$dir/packages"
  "$FASTSKIP_ROOT/tests/debian.sh" --bare "$(own_suite)" \
    tests/packages/installed.sh build/debs/packages
}

step_debian13() {
  skip_in_chroot || return
  skip_without_mounts || return
  "$FASTSKIP_ROOT/tests/debian.sh" trixie tests/run.sh --only core --only debs
}

step_db-stress() { "$FASTSKIP_ROOT/tests/db_stress/run.sh" --kills 100; }

# The lines of a log of ctest, without those of tests that passed.
failing_output() {
  grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed +[0-9.]+ sec$|^ +Start +[0-9]+:|^\[ *[0-9]+%\]' \
    "$1" | tail -n 200
}

# run_step <name>: its output goes to build/logs/<name>.log. A step that runs
# ctest counts as its tests; any other one, and one that fails otherwise, as one.
run_step() {
  local name=$1 log=$BUILD/logs/$1.log started=$SECONDS junit='' status=0
  local failed_before=$FAILED
  step "$name"
  case $name in
    build) junit=$(junit_of_build out) ;;
    asan | tsan | aarch64 | aarch64-list | core) junit=$(junit_of_build "$name") ;;
    debian13) junit=$BUILD/trixie/core/junit.xml ;;
    scaled) junit=$BUILD/out/scaled.xml ;;
  esac
  [ -z "$junit" ] || rm -f "$junit"
  ("step_$name") >"$log" 2>&1 </dev/null || status=$?
  [ -z "$junit" ] || [ ! -f "$junit" ] || count_ctest "$junit"
  if [ $status -eq 0 ]; then
    tail -n 14 "$log"
    [ -n "$junit" ] || PASSED=$((PASSED + 1))
  elif [ $status -eq "$STEP_SKIPPED" ]; then
    tail -n 14 "$log"
    SKIPPED=$((SKIPPED + 1))
  else
    failing_output "$log"
    say "FAILED: $name (all of its output: $log)"
    [ "$FAILED" -gt "$failed_before" ] || FAILED=$((FAILED + 1))
  fi
  say "$name: $((SECONDS - started)) s"
}

# In braces, so that Bash has read all of it: the file may change meanwhile.
{
  mkdir -p "$BUILD/logs"
  for name in $ALL_STEPS; do
    if [ -n "$ONLY" ]; then wanted=$ONLY; else wanted="$STEPS $EXTRA"; fi
    case " $wanted " in *" $name "*) run_step "$name" ;; esac
  done

  say
  say "All of it took $((SECONDS / 60)) min $((SECONDS % 60)) s."
  if [ "$SKIPPED" -gt 0 ]; then
    say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  else
    say "$PASSED passed, $FAILED failed"
  fi
  [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ] && exit 0
  exit 1
}
