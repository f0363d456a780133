// SPDX-License-Identifier: Apache-2.0
//
// libfastskip_dropin.so: what LD_PRELOAD names. It needs nothing but the C
// library, since LD_PRELOAD is inherited by every child of the program: where
// no librocksdb.so is loaded, it does nothing. Where there is the one that
// fastskip was built against, it loads libfastskip_dropin_rocksdb.so, which
// lies beside it. A program never fails to start because of it: what goes wrong
// is told on stderr, and skip_list stays.
//
// Environment:
//   FASTSKIP_DISABLE       1: does nothing
//   FASTSKIP_OPTIONS       options of the memtables: "shards=8;…"
//   FASTSKIP_FORCE         1: loads librocksdb.so where no RocksDB is loaded
//                          yet, for programs that load that very library later
//   FASTSKIP_DROPIN_CHECK  1: tells on stdout whether it took and ends the
//                          process before its main function (fastskip-run)

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dropin.h"

namespace {

constexpr char kModule[] = "libfastskip_dropin_rocksdb.so";

enum class Outcome { kTook, kRefused, kNoRocksDB, kDisabled };

bool IsSet(const char* variable) {
  const char* const value = getenv(variable);
  return value != nullptr && value[0] != '\0' && strcmp(value, "0") != 0;
}

// The file that the function or object at `address` comes from.
const char* FileOf(const void* address) {
  Dl_info info;
  const bool known = dladdr(address, &info) != 0 && info.dli_fname != nullptr;
  return known ? info.dli_fname : "an unknown file";
}

// Whether the librocksdb.so that fastskip was built against is loaded already.
bool IsRocksDBLoaded() {
  void* const library =
      dlopen(FASTSKIP_ROCKSDB_SONAME, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return false;
  dlclose(library);
  return true;
}

// Where the module lies: in this library's directory.
void ModulePath(char* path, size_t size) {
  const char* const own = FileOf(reinterpret_cast<const void*>(&ModulePath));
  const char* const slash = strrchr(own, '/');
  const int length = slash == nullptr ? 0 : static_cast<int>(slash - own) + 1;
  snprintf(path, size, "%.*s%s", length, own, kModule);
}

Outcome StartModule(char* text, size_t size) {
  char path[4096];
  ModulePath(path, sizeof(path));
  void* const module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  void* const start =
      module == nullptr ? nullptr : dlsym(module, FASTSKIP_DROPIN_START);
  if (start == nullptr) {
    const char* const error = dlerror();
    snprintf(text, size, "%s", error != nullptr ? error : path);
    return Outcome::kRefused;
  }
  const bool took = reinterpret_cast<FastSkipDropInStart*>(start)(
      getenv("FASTSKIP_OPTIONS"), text, size);
  return took ? Outcome::kTook : Outcome::kRefused;
}

Outcome Start(char* text, size_t size) {
  if (IsSet("FASTSKIP_DISABLE")) {
    snprintf(text, size, "FASTSKIP_DISABLE is set");
    return Outcome::kDisabled;
  }
  if (IsRocksDBLoaded()) return StartModule(text, size);
  // Two versions in one process would share symbols. A function of RocksDB's C
  // interface, which every librocksdb.so has.
  const void* const other = dlsym(RTLD_DEFAULT, "rocksdb_open");
  if (other != nullptr) {
    snprintf(text, size, "RocksDB is in %s, and fastskip was built against %s",
             FileOf(other), FASTSKIP_ROCKSDB_SONAME);
    return Outcome::kRefused;
  }
  if (IsSet("FASTSKIP_FORCE")) return StartModule(text, size);
  snprintf(text, size, "%s is not loaded", FASTSKIP_ROCKSDB_SONAME);
  return Outcome::kNoRocksDB;
}

__attribute__((constructor)) void OnLoad() {
  char text[8192] = "";
  const Outcome outcome = Start(text, sizeof(text));
  if (IsSet("FASTSKIP_DROPIN_CHECK")) {
    printf("%s\n", text);
    fflush(stdout);
    _exit(outcome == Outcome::kTook ? 0 : 1);
  }
  if (outcome == Outcome::kRefused) {
    fprintf(stderr, "fastskip drop-in: skip_list stays: %s\n", text);
  }
}

}  // namespace
