#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Where the drop-in cannot work, fastskip-run says why, and a program that was
# started with it all the same runs with skip_list.
# shellcheck source=tests/dropin/dropin.sh
. "$(dirname "$0")/dropin.sh"
cd "$SCRATCH"

build() {
  local output=$1
  shift
  expect "build $output" "${CXX:-c++}" -std=c++17 -o "$output" "$@"
}
# starts <what> <text> <command...>: it succeeds with the drop-in, on a database
# "db" that is empty before, and says the text.
starts() {
  local what=$1 text=$2 output
  shift 2
  rm -rf db
  output=$(dropped_in "$@" 2>&1) || die "FAILED: $what: $output"
  [[ $output == *"$text"* ]] || die "FAILED: $what: '$output' lacks '$text'"
  EXPECTED=$((EXPECTED + 1))
  say "ok: $what"
}
untouched() { same "skip_list stays" "$(lines_of_fastskip db)" 0; }

# --- Programs ----------------------------------------------------------------

says "no program" 'which program?' "$RUN"
says "an unknown option" "unknown option '--shards=3'" "$RUN" --shards=3 ldb
says "a program that is not there" "no program './none'" "$RUN" ./none
says "no RocksDB" "'/bin/true' is not linked with RocksDB" "$RUN" /bin/true
printf '#!/bin/sh\nexit 0\n' >script
chmod +x script
says "no RocksDB in the interpreter of a script" \
  "'/bin/sh', which runs './script', is not linked with RocksDB" "$RUN" ./script
status=0
"$RUN" /bin/true 2>/dev/null || status=$?
same "exit status of a refusal" "$status" 125
status=0
"$RUN" --check /bin/true 2>/dev/null || status=$?
same "exit status of --check" "$status" 1

for bit in u:user g:group; do
  rm -f privileged
  cp "$(type -P ldb)" privileged
  chmod "${bit%:*}+s" privileged
  says "set-${bit#*:}-ID" "'./privileged' is set-${bit#*:}-ID" \
    "$RUN" --force ./privileged
done

printf 'int main() { return 0; }\n' >main.cc
build static -static main.cc
says "a static program" "'./static' is not dynamically linked" "$RUN" ./static
cat >open.cc <<'END'
#include <rocksdb/db.h>
int main() {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  if (!rocksdb::DB::Open(options, "db", &db).ok()) return 1;
  delete db;
  return 0;
}
END
build static_rocksdb -s open.cc -Wl,-Bstatic -lrocksdb -Wl,-Bdynamic -lgflags \
  -lsnappy -lz -lbz2 -llz4 -lzstd -lpthread -ldl
says "RocksDB linked in statically" \
  "'./static_rocksdb' has RocksDB linked in statically" "$RUN" ./static_rocksdb
starts "it starts with the drop-in" '' ./static_rocksdb
untouched

# As a language's binding does it.
build open.so -shared -fPIC -Dmain=open_database open.cc -lrocksdb
cat >later.cc <<'END'
#include <dlfcn.h>
int main() {
  void* const library = dlopen("./open.so", RTLD_NOW | RTLD_LOCAL);
  void* const open = library ? dlsym(library, "_Z13open_databasev") : nullptr;
  return open ? reinterpret_cast<int (*)()>(open)() : 1;
}
END
build later later.cc -ldl
says "a program that loads RocksDB later" \
  "'./later' is not linked with RocksDB. If it loads" "$RUN" ./later
starts "it starts with the drop-in" '' ./later
untouched
rm -rf db
expect "--force" "$RUN" --force ./later
same "the drop-in is at work" "$(told db)" yes

# --- Other librocksdb's ------------------------------------------------------

# As the next release of a distribution has it: another name.
printf 'extern "C" void rocksdb_open() {}\n' >stub.cc
build librocksdb.so.99.1 -shared -fPIC -Wl,-soname,librocksdb.so.99.1 stub.cc
printf 'extern "C" void rocksdb_open();\nint main() { rocksdb_open(); }\n' >main.cc
build newer main.cc ./librocksdb.so.99.1 -Wl,-rpath,"$SCRATCH"
says "a librocksdb of another name" "RocksDB is in $SCRATCH/librocksdb.so.99.1, \
and fastskip was built against librocksdb.so." "$RUN" ./newer
starts "it starts with the drop-in, which says the same" \
  "skip_list stays: RocksDB is in $SCRATCH/librocksdb.so.99.1" ./newer
FASTSKIP_FORCE=1 starts "FASTSKIP_FORCE brings no second one in" \
  "skip_list stays: RocksDB is in $SCRATCH/librocksdb.so.99.1" ./newer

# env -i would take LD_PRELOAD away.
printf '#!/usr/bin/env -S -i ldb\n' >script
chmod +x script
says "an option of env" "fastskip-run does not know env's option '-i'" \
  "$RUN" ./script

# Another version under the same name.
build other_version.so -shared -fPIC \
  "$FASTSKIP_ROOT/tests/dropin/other_version.cc"
build shared open.cc -lrocksdb
says "a librocksdb of another version" \
  'librocksdb is 6.5.4, and fastskip was built against ' \
  env LD_PRELOAD="$PWD/other_version.so" "$RUN" ./shared
starts "it starts with the drop-in, which says the same" \
  'skip_list stays: librocksdb is 6.5.4' \
  env LD_PRELOAD="$PWD/other_version.so:$DROPIN" ./shared
untouched

# One that lacks what fastskip needs.
soname=$(ldd shared | awk '/librocksdb/ { print $1 }')
mkdir lacking
build "lacking/$soname" -shared -fPIC -Wl,-soname,"$soname" stub.cc
build lacks main.cc "lacking/$soname" -Wl,-rpath,"$SCRATCH/lacking"
says "a librocksdb that lacks a symbol" 'undefined symbol' "$RUN" ./lacks
starts "it starts with the drop-in, which says the same" 'undefined symbol' \
  ./lacks

# --- The drop-in itself ------------------------------------------------------

mkdir copy
cp "$FASTSKIP_BINARY_DIR"/libfastskip_dropin{,_rocksdb}.so copy/
starts "of two drop-ins" 'another drop-in has replaced it' \
  env LD_PRELOAD="$PWD/copy/libfastskip_dropin.so:$DROPIN" ./shared
same "one is at work" "$(grep -c 'fastskip drop-in' db/LOG)" 1
rm copy/libfastskip_dropin_rocksdb.so
starts "without its second library" 'libfastskip_dropin_rocksdb.so' \
  env LD_PRELOAD="$PWD/copy/libfastskip_dropin.so" ./shared
untouched
cp "$RUN" copy/
rm copy/libfastskip_dropin.so
says "fastskip-run without the library" 'there is no libfastskip_dropin.so' \
  copy/fastskip-run ./shared
mkdir 'a space'
cp "$FASTSKIP_BINARY_DIR"/libfastskip_dropin{,_rocksdb}.so "$RUN" 'a space/'
says "a path that LD_PRELOAD cannot name" 'has a space or a colon' \
  'a space/fastskip-run' ./shared
says "--check with FASTSKIP_DISABLE=1" 'FASTSKIP_DISABLE is set' \
  env FASTSKIP_DISABLE=1 "$RUN" --check ./shared

# --- Options -----------------------------------------------------------------

# refuses <option> <text>
refuses() {
  says "fastskip-run --options='$1'" "$2" "$RUN" --options="$1" ./shared
  starts "it starts with FASTSKIP_OPTIONS='$1'" "skip_list stays: \
FASTSKIP_OPTIONS: Invalid argument: $2" env FASTSKIP_OPTIONS="$1" ./shared
  untouched
}
refuses 'max_entries=1000' \
  'max_entries=1000 is not possible under the drop-in'
refuses 'shards=4;key_order=bytewise' \
  'key_order=bytewise is not possible under the drop-in'
refuses 'shards=0' \
  'FastSkipListRepFactory: shards=0 is not a whole number from 1 to 1024'
refuses 'shard=2' 'FastSkipListRepFactory: Could not find option: : shard'
refuses '8' "Mismatched key value pair, '=' expected"
refuses 'id=vector;shards=2' 'id=vector is not fastskip'
expect "max_entries=0 and key_order=auto are no options that need a factory" \
  "$RUN" --options='{id=fastskip;max_entries=0;key_order=auto}' --check ./shared

# --- Addresses ---------------------------------------------------------------

says "addresses above 48 bits" 'does not fit in 48 bits' \
  env TAGGED_HEAP=1 "$RUN" --check "$FAMILIES"
starts "it starts with the drop-in" 'does not fit in 48 bits' \
  env TAGGED_HEAP=1 "$FAMILIES" db default vector lookahead
same "skip_list stays, and LOG tells why" \
  "$(sed -nE 's/.*(fastskip drop-in: skip_list stays).* (does not fit in 48).*/\1: \2/p' \
    db/LOG | sort -u)" 'fastskip drop-in: skip_list stays: does not fit in 48'
same "no memtable is fastskip's" "$(sealed db | wc -l)" 0
