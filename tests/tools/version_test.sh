#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every program tells the version that CMakeLists.txt and CHANGELOG.md name.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
BUILT=${FASTSKIP_BINARY_DIR:?to be set to the build}

version=$(sed -n 's/.*VERSION \([0-9.]*\) LANGUAGES.*/\1/p' \
  "$FASTSKIP_ROOT/CMakeLists.txt")
same "CHANGELOG.md" \
  "$(sed -n 's/^## \[\([0-9.]*\)\].*/\1/p' "$FASTSKIP_ROOT/CHANGELOG.md" |
    head -n 1)" "$version"
same "fastskip-run, and which RocksDB it is for" \
  "$("$BUILT/fastskip-run" --version)" \
  "fastskip-run $version, for $(ldd "$(command -v ldb)" |
    grep -o 'librocksdb.so[.0-9]*' | head -n 1)"
for program in fastskip_stats memtable_bench database_bench crash_test; do
  same "$program" "$("$BUILT/tools/$program" --version)" \
    "$program version $version"
done
same "the library's file" "$(basename "$(readlink -f "$FASTSKIP_SO")")" \
  "libfastskip.so.$version"
