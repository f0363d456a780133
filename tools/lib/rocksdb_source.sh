# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Debian's source package of RocksDB, and fastskip linked into it: sourced after
# common.sh. Nothing of the machine's own apt configuration is touched.

# What building RocksDB and fetching its source package takes beyond
# FASTSKIP_BUILD_PACKAGES.
# shellcheck disable=SC2034  # used by the scripts that source this file
ROCKSDB_SOURCE_PACKAGES="dpkg-dev patch perl xz-utils
  libsnappy-dev zlib1g-dev libbz2-dev liblz4-dev libzstd-dev"

# source_apt <absolute dir> <apt-get argument...>: apt-get with the machine's package
# sources, turned into sources of source packages, and lists of its own.
source_apt() {
  local dir=$1 file
  shift
  if [ ! -d "$dir/parts" ]; then
    mkdir -p "$dir/parts" "$dir/lists/partial"
    : >"$dir/empty"
    for file in /etc/apt/sources.list.d/*.sources; do
      [ ! -f "$file" ] ||
        sed 's/^Types:.*/Types: deb-src/' "$file" \
          >"$dir/parts/$(basename "$file")"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
      [ ! -f "$file" ] ||
        sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" \
          >"$dir/parts/$(basename "$file" .list).list"
    done
  fi
  apt-get -qq -o Dir::Etc::sourcelist="$dir/empty" \
    -o Dir::Etc::sourceparts="$dir/parts" \
    -o Dir::State::lists="$dir/lists" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User= "$@"
}

# fetch_rocksdb_source <absolute dir>: puts the source package, of the version that is
# installed, into <dir> unless it is there.
fetch_rocksdb_source() {
  local dir=$1 version
  if compgen -G "$dir/rocksdb_*.dsc" >/dev/null; then return 0; fi
  mkdir -p "$dir"
  version=$(dpkg-query -W -f '${source:Version}' librocksdb-dev)
  source_apt "$dir/apt" update ||
    say "Not every package source has source packages; going on."
  rm -rf "$dir/download"
  mkdir "$dir/download"
  (cd "$dir/download" &&
    source_apt "$dir/apt" source --download-only "rocksdb=$version") || return 1
  mv "$dir"/download/* "$dir"/
}

# unpack_rocksdb <dir> <tree>: makes <tree> out of the source package in <dir>
# unless it exists.
unpack_rocksdb() {
  [ ! -d "$2" ] || return 0
  rm -rf "$2.unpacking"
  # apt has checked the .dsc, which holds the archives' checksums.
  dpkg-source --no-check -x "$1"/rocksdb_*.dsc "$2.unpacking" &&
    mv "$2.unpacking" "$2"
}

# link_plugin_files <tree> <checkout>: plugin/fastskip as a directory of links,
# one for each file of the checkout, so that the objects which RocksDB's Makefile
# leaves beside the sources stay in <tree>. Made anew each time: dependencies
# recorded for a file that is gone would stop Make, and ccache has the objects.
link_plugin_files() {
  local plugin=$1/plugin/fastskip entry
  rm -rf "$plugin"
  mkdir -p "$plugin"
  for entry in CMakeLists.txt fastskip.mk rocksdb_plugin.mk memtablerep plugin; do
    cp -rsf "$2/$entry" "$plugin/"
  done
}

# make_rocksdb <tree> <make argument...>: for release.
make_rocksdb() {
  local tree=$1 launcher=
  shift
  ! command -v ccache >/dev/null || launcher="ccache "
  # DISABLE_JEMALLOC: the same allocator whatever else is installed.
  make -C "$tree" -j "$(job_count)" DEBUG_LEVEL=0 PORTABLE=1 \
    DISABLE_WARNING_AS_ERROR=1 DISABLE_JEMALLOC=1 \
    CC="${launcher}gcc" CXX="${launcher}g++" "$@"
}

# The tree that build_release_rocksdb builds.
ROCKSDB_RELEASE_TREE=$FASTSKIP_ROOT/build/rocksdb/make

# build_release_rocksdb <make target>...: Debian's RocksDB, for release, with
# fastskip as its plugin.
build_release_rocksdb() {
  local dir=$FASTSKIP_ROOT/build/rocksdb tree=$ROCKSDB_RELEASE_TREE
  fetch_rocksdb_source "$dir" || return 1
  unpack_rocksdb "$dir" "$tree" || return 1
  link_plugin_files "$tree" "$FASTSKIP_ROOT" || return 1
  make_rocksdb "$tree" ROCKSDB_PLUGINS=fastskip "$@"
}

# What build_memtable_bench builds by default.
# shellcheck disable=SC2034  # used by the scripts that source this file
MEMTABLE_BENCH=$FASTSKIP_ROOT/build/memtable_bench/tools/memtable_bench
# shellcheck disable=SC2034
MEMTABLE_BENCH_OUT_OF_TREE=${MEMTABLE_BENCH}_out_of_tree

# build_memtable_bench <tree> [<checkout> <build directory>]: against the
# librocksdb.a and the internal headers of a RocksDB tree that was built with its
# Makefile.
build_memtable_bench() {
  local checkout=${2:-$FASTSKIP_ROOT}
  local build=${3:-$FASTSKIP_ROOT/build/memtable_bench}
  # What CMake found out of another tree does not hold for this one.
  grep -qsxF "FASTSKIP_ROCKSDB_TREE:PATH=$1" "$build/CMakeCache.txt" ||
    rm -rf "$build"
  # shellcheck disable=SC2046  # a list of words
  cmake -S "$checkout" -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DFASTSKIP_BUILD_BENCH=ON -DFASTSKIP_ROCKSDB_TREE="$1" \
    $(cmake_launcher) || return 1
  cmake --build "$build" -j "$(job_count)" --target memtable_bench
}

# build_out_of_tree: memtable_bench_out_of_tree beside what build_memtable_bench
# has built by default.
build_out_of_tree() {
  cmake --build "$FASTSKIP_ROOT/build/memtable_bench" -j "$(job_count)" \
    --target memtable_bench_out_of_tree
}

# build_for_speed <make target>...: all three, quietly, with the packages that takes.
build_for_speed() {
  local log=$FASTSKIP_ROOT/build/logs/for-speed.log
  # shellcheck disable=SC2086  # a list of words
  install_packages $FASTSKIP_BUILD_PACKAGES $ROCKSDB_SOURCE_PACKAGES
  mkdir -p "$FASTSKIP_ROOT/build/logs"
  say "Building RocksDB for release with fastskip (the first time takes a" \
    "quarter of an hour; $log) ..."
  if ! { build_release_rocksdb "$@" &&
    build_memtable_bench "$ROCKSDB_RELEASE_TREE" && build_out_of_tree; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "the build failed (all of its output: $log)."
  fi
}
