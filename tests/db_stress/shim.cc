// SPDX-License-Identifier: Apache-2.0
//
// For tests alone: loaded into a program before librocksdb.so (LD_PRELOAD), it
// makes every memtable that RocksDB believes to be of its skip_list one of
// fastskip's. db_stress chooses its options at random, from a fixed list of
// memtables; so they stay random. RocksDB's table of range deletions is always
// of skip_list, and so one of fastskip's here.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "memtablerep/fast_skip_list_factory.h"
#include "rocksdb/memtablerep.h"

namespace {

fastskip::FastSkipListRepFactory* Factory() {
  static auto* const factory = [] {
    // For the script, which looks whether the shim was at work.
    const char line[] = "fastskip serves as skip_list\n";
    if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0) std::abort();
    fastskip::FastSkipListOptions options;
    const char* const shards = std::getenv("FASTSKIP_SHIM_SHARDS");
    if (shards != nullptr) options.shards = std::strtoul(shards, nullptr, 10);
    return new fastskip::FastSkipListRepFactory(options);
  }();
  return factory;
}

}  // namespace

// Takes the place of RocksDB's own definition: its vtable finds this one first.
ROCKSDB_NAMESPACE::MemTableRep*
ROCKSDB_NAMESPACE::SkipListFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform* transform, Logger* logger) {
  return Factory()->CreateMemTableRep(comparator, allocator, transform, logger);
}
