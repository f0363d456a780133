#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages in a bare Debian, uses them as a user would, and
# removes them again. Run by the step "debs" of tests/run.sh, there:
#   tests/debian.sh --bare SUITE tests/packages/installed.sh DIRECTORY
DEBS=${1:?the directory of the packages}
FASTSKIP_SO=/usr/lib/$(uname -m)-linux-gnu/libfastskip.so.0
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/../tools/expect.sh"
[ -n "${FASTSKIP_CHROOT-}" ] || die "this is for a chroot (tests/debian.sh)."

OURS="libfastskip0 libfastskip-dev fastskip-tools"

# deb <package>: its file, as apt knows one.
deb() { realpath -e "$DEBS/$1"_*.deb; }
# apt <argument...>: its output only where it fails.
apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -o APT::Sandbox::User=root "$@" \
    >"$SCRATCH/apt" 2>&1 || {
    cat "$SCRATCH/apt"
    return 1
  }
}
install() { apt install --no-install-recommends "$@"; }
depends_on() { dpkg-query -W -f '${Depends}' "$1" | grep -oE "$2"; }
factory() { memtable_in_log "$SCRATCH/$1"; }

# --- Libraries and tools --------------------------------------------------------

expect "apt-get update" apt update
expect "apt installs libraries and tools, with what they need" \
  install "$(deb libfastskip0)" "$(deb fastskip-tools)"
expect "and Debian's db_bench" install rocksdb-tools
rocksdb=$(ldd "$(command -v db_bench)" | grep -o 'librocksdb.so[.0-9]*' |
  head -n 1)
same "libfastskip0 depends on db_bench's librocksdb" \
  "$(depends_on libfastskip0 'librocksdb[0-9.]+')" \
  "librocksdb${rocksdb#librocksdb.so.}"
version=$(dpkg-query -W -f '${Version}' libfastskip0)
same "fastskip-tools depends on this libfastskip0" \
  "$(depends_on fastskip-tools 'libfastskip0 \([^)]*\)')" \
  "libfastskip0 (= $version)"
same "fastskip-run --version" "$(fastskip-run --version)" \
  "fastskip-run ${version%-*}, for $rocksdb"
same "fastskip_stats --version" "$(fastskip_stats --version)" \
  "fastskip_stats version ${version%-*}"

# man_page_has_all <program> <options, one a line>
man_page_has_all() {
  local page=/usr/share/man/man1/$1.1.gz option
  [ "$(wc -l <<<"$2")" -gt 3 ] || die "FAILED: options of $1: '$2'"
  while read -r option; do
    expect "$1.1 has --$option" grep -qE "^\.It Fl Fl $option( |\$)" \
      <(zcat "$page")
  done <<<"$2"
}
man_page_has_all fastskip-run \
  "$(fastskip-run --help | grep -oE -- '--[a-z]+' | tr -d - | sort -u)"
# gflags ends with 1 after it helped.
man_page_has_all fastskip_stats "$( (fastskip_stats --helpshort || true) |
  sed -nE 's/^ +-([a-z_]+) .*/\1/p')"

expect "db_bench with fastskip-run" fastskip-run db_bench \
  --db="$SCRATCH/dropin" --benchmarks=fillrandom,readrandom --num=20000
expect "its LOG tells of the drop-in" \
  grep -m 1 'fastskip drop-in: memtables of SkipListFactory are fastskip' \
  "$SCRATCH/dropin/LOG"
expect "db_bench with libfastskip.so" preloaded db_bench \
  --db="$SCRATCH/preloaded" --memtablerep=fastskip --benchmarks=fillrandom \
  --num=20000
same "its LOG names fastskip" "$(factory preloaded)" FastSkipListRepFactory
expect "fastskip_stats" fastskip_stats --num=20000

# --- Development ------------------------------------------------------------------

expect "apt installs libfastskip-dev beside a compiler" install g++ cmake make \
  pkg-config "$(deb libfastskip-dev)"
expect "configure" cmake -S "$FASTSKIP_ROOT/tests/install" -B "$SCRATCH/build" \
  -DEXAMPLES="$FASTSKIP_ROOT/tools/examples"
expect "build an example and a program of ours" cmake --build "$SCRATCH/build" \
  -j "$(job_count)" --target basic use_shared
same "the example prints what the guide shows" \
  "$("$SCRATCH/build/basic" "$SCRATCH/basic")" "$(guide_output basic)"
expect "the program with the shared library" "$SCRATCH/build/use_shared" \
  "$SCRATCH/shared"
same "its LOG names fastskip" "$(factory shared)" FastSkipListRepFactory
# shellcheck disable=SC2046  # a list of words
expect "pkg-config: build" c++ -std=c++17 -o "$SCRATCH/use" \
  "$FASTSKIP_ROOT/tests/install/use.cc" $(pkg-config --cflags --libs fastskip)
expect "pkg-config: run" "$SCRATCH/use" "$SCRATCH/pkg-config"

# --- Away with them -----------------------------------------------------------------

# shellcheck disable=SC2086  # lists of words, here and below
dpkg -L $OURS | sort -u >"$SCRATCH/files"
same "files of each kind were there" \
  "$(grep -cE '/(libfastskip.so.0|fastskip-run.1.gz|fastskip_c.h)$' \
    "$SCRATCH/files")" 3
# shellcheck disable=SC2086
expect "purge" apt purge $OURS
while read -r file; do
  [ ! -e "$file" ] || dpkg -S "$file" >/dev/null 2>&1 ||
    die "FAILED: '$file' is left"
done <"$SCRATCH/files"
left=$(find / -xdev -path "$SCRATCH" -prune -o -path /fastskip -prune -o \
  -name '*fastskip*' -print)
[ -z "$left" ] || die "FAILED: left: $left"
refuse "ldconfig knows no library of ours" \
  grep -q fastskip <(ldconfig -p)
say "ok: no file is left"

expect "the archive" tar -xf "$DEBS"/fastskip-*.tar.gz -C "$SCRATCH"
expect "runs where it is unpacked" "$SCRATCH"/fastskip-*/bin/fastskip-run \
  --check db_bench
say "$EXPECTED expectations held."
