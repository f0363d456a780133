#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs this build into a temporary prefix and builds programs against it, as
# a user would: with find_package and with pkg-config, the static library and
# the shared one. The examples of tools/examples are built and run that way too,
# and print what docs/guide.md shows.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/../tools/expect.sh"
: "${FASTSKIP_BINARY_DIR:?to be set to the build directory}"

here=$(cd "$(dirname "$0")" && pwd)
prefix=$SCRATCH/prefix
expect "cmake --install" cmake --install "$FASTSKIP_BINARY_DIR" \
  --prefix "$prefix"
libdir=$(dirname "$(find "$prefix" -name libfastskip.a)")
for file in "$prefix/include/fastskip/fast_skip_list_factory.h" \
  "$prefix/include/fastskip/fast_skip_list_options.h" \
  "$prefix/include/fastskip/fast_skip_list_register.h" \
  "$prefix/include/fastskip/fast_skip_list_stats.h" \
  "$prefix/include/fastskip/fastskip_c.h" "$libdir/libfastskip.so" \
  "$libdir/pkgconfig/fastskip.pc" \
  "$libdir/libfastskip_dropin.so" "$libdir/libfastskip_dropin_rocksdb.so" \
  "$libdir/cmake/fastskip/fastskip-config.cmake" \
  "$prefix/share/man/man1/fastskip-run.1"; do
  expect "${file#"$prefix"/} is installed" test -f "$file"
done
expect "fastskip-run of the installation, by another name" \
  ln -s "$prefix/bin/fastskip-run" "$SCRATCH/run"
same "it finds the libraries" "$("$SCRATCH/run" ldb --db="$SCRATCH/dropin" \
  --create_if_missing put key value)" OK
expect "LOG tells of the drop-in" grep -q 'fastskip drop-in' \
  "$SCRATCH/dropin/LOG"
# As a path of its own, or behind -I or -L: not a directory of that name further
# down, such as include/fastskip where the checkout is /fastskip.
refuse "nothing installed names the source or build tree" \
  grep -rIlP "((?<![\\w.}-])|(?<=-[IL]))\\Q$FASTSKIP_ROOT\\E(?![\\w-])" "$prefix"

expect "find_package: configure" cmake -S "$here" -B "$SCRATCH/cmake" \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLES="$FASTSKIP_ROOT/tools/examples"
expect "find_package: build" cmake --build "$SCRATCH/cmake"
for program in use_static use_shared by_name; do
  expect "find_package: $program" "$SCRATCH/cmake/$program" "$SCRATCH/db"
done
example() { "$SCRATCH/cmake/$1" "${@:2}" "$SCRATCH/db"; }
for program in basic c_example concurrent_writers lifecycle; do
  same "the guide shows what $program prints" \
    "$(example "$program" || echo "failed: $?")" "$(guide_output "$program")"
done
same "the guide shows what options_file prints" \
  "$(example options_file "$FASTSKIP_ROOT/tools/examples/fastskip.options" ||
    echo "failed: $?")" "$(guide_output options_file)"

export PKG_CONFIG_PATH=$libdir/pkgconfig
flags() { pkg-config "$@" fastskip; }
same "pkg-config: version" "$(flags --modversion)" \
  "$(sed -n 's/.*VERSION \([0-9.]*\) LANGUAGES.*/\1/p' \
    "$FASTSKIP_ROOT/CMakeLists.txt")"
# shellcheck disable=SC2046  # lists of words
{
  expect "pkg-config: build" c++ -std=c++17 "$here/use.cc" -o \
    "$SCRATCH/pc_shared" $(flags --cflags --libs)
  expect "pkg-config: build with the static library" c++ -std=c++17 \
    "$here/use.cc" -o "$SCRATCH/pc_static" $(flags --cflags) \
    "$libdir/libfastskip.a" $(pkg-config --libs rocksdb) -pthread
}
expect "pkg-config: run" env LD_LIBRARY_PATH="$libdir" "$SCRATCH/pc_shared" \
  "$SCRATCH/db"
expect "pkg-config: run with the static library" "$SCRATCH/pc_static" \
  "$SCRATCH/db"
