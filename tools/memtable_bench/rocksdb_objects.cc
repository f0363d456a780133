// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/rocksdb_objects.h"

#include "db/memtable.h"
#include "memory/concurrent_arena.h"
#include "util/coding.h"

namespace fastskip {
namespace bench {

namespace rdb = ROCKSDB_NAMESPACE;

RocksDBArena::RocksDBArena(size_t block_size)
    : arena_(std::make_unique<rdb::ConcurrentArena>(block_size)) {}
RocksDBArena::~RocksDBArena() = default;

rdb::Allocator* RocksDBArena::allocator() const { return arena_.get(); }

size_t RocksDBArena::UsedBytes() const {
  return arena_->ApproximateMemoryUsage();
}

std::unique_ptr<rdb::MemTableRep::KeyComparator> NewMemTableComparator(
    const rdb::Comparator* user) {
  return std::make_unique<rdb::MemTable::KeyComparator>(
      rdb::InternalKeyComparator(user));
}

// RocksDB's public MemTableRep::KeyComparator calls this function, which is
// inline in an internal header: a release librocksdb.a has no copy of it for
// programs that see public headers alone.
__attribute__((used)) rdb::Slice (*const kLengthPrefixedSlice)(const char*) =
    &rdb::GetLengthPrefixedSlice;

}  // namespace bench
}  // namespace fastskip
