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
    say "Not every package source has source packages; trying all the same."
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
  # The archives' checksums stand in the .dsc, and apt has checked that.
  dpkg-source --no-check -x "$1"/rocksdb_*.dsc "$2.unpacking" &&
    mv "$2.unpacking" "$2"
}

# link_plugin_files <tree>: plugin/fastskip as a directory of links, one for
# each file, so that the objects which RocksDB's Makefile leaves beside the
# sources stay in <tree>. Made anew each time: dependencies recorded for a file
# that is gone would stop Make, and ccache has the objects.
link_plugin_files() {
  local plugin=$1/plugin/fastskip entry
  rm -rf "$plugin"
  mkdir -p "$plugin"
  for entry in CMakeLists.txt fastskip.mk rocksdb_plugin.mk memtablerep plugin; do
    cp -rsf "$FASTSKIP_ROOT/$entry" "$plugin/"
  done
}
