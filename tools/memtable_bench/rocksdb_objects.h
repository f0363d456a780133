// SPDX-License-Identifier: Apache-2.0
//
// Objects of RocksDB's internal classes, for a memtable_bench that is compiled
// without RocksDB's internal headers, and linked with a librocksdb.a whose
// source tree is there. So fastskip is as it is outside of RocksDB's tree, and
// all around it as RocksDB has it. rocksdb_objects.cc alone includes those
// headers, and no header of fastskip that depends on them.
#pragma once

#include <cstddef>
#include <memory>

#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"

namespace ROCKSDB_NAMESPACE {
class ConcurrentArena;
}  // namespace ROCKSDB_NAMESPACE

namespace fastskip {
namespace bench {

// A ConcurrentArena.
class RocksDBArena {
 public:
  explicit RocksDBArena(size_t block_size);
  ~RocksDBArena();
  RocksDBArena(const RocksDBArena&) = delete;
  RocksDBArena& operator=(const RocksDBArena&) = delete;

  ROCKSDB_NAMESPACE::Allocator* allocator() const;
  size_t UsedBytes() const;

 private:
  const std::unique_ptr<ROCKSDB_NAMESPACE::ConcurrentArena> arena_;
};

// The comparator that a MemTable hands to its rep.
std::unique_ptr<ROCKSDB_NAMESPACE::MemTableRep::KeyComparator>
NewMemTableComparator(const ROCKSDB_NAMESPACE::Comparator* user);

}  // namespace bench
}  // namespace fastskip
