// SPDX-License-Identifier: Apache-2.0
//
// Loaded in front of librocksdb.so, it counts the skip lists that RocksDB makes
// for databases, and prints their number on stderr when the program ends.
// (Where librocksdb binds its own calls, it sees none.)

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "rocksdb/memtablerep.h"

namespace {

struct Count {
  std::atomic<int> skip_lists{0};
  ~Count() { std::fprintf(stderr, "%d skip lists\n", skip_lists.load()); }
} count;

constexpr char kSymbol[] =
    "_ZN7rocksdb15SkipListFactory17CreateMemTableRepERKNS_11MemTableRep13"
    "KeyComparatorEPNS_9AllocatorEPKNS_14SliceTransformEPNS_6LoggerE";

}  // namespace

rocksdb::MemTableRep* rocksdb::SkipListFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform* prefix_extractor, Logger* logger) {
  using Function =
      MemTableRep*(SkipListFactory*, const MemTableRep::KeyComparator&,
                   Allocator*, const SliceTransform*, Logger*);
  static auto* const function =
      reinterpret_cast<Function*>(dlsym(RTLD_NEXT, kSymbol));
  if (function == nullptr) std::abort();
  // The probe of the drop-in has no database.
  if (logger != nullptr) count.skip_lists.fetch_add(1);
  return function(this, comparator, allocator, prefix_extractor, logger);
}
