// SPDX-License-Identifier: Apache-2.0
//
// Classes of RocksDB that its installed headers only name, for tests and tools:
// they drive a memtable as RocksDB does, and so make the objects that RocksDB
// would hand to it. Inside RocksDB's source tree these are RocksDB's own;
// against an installed RocksDB this header declares what librocksdb's binary
// interface expects of them, which is the same from RocksDB 7.8 to 11.9.
//
// The memtable must not include this header: it never makes such an object
// (memtablerep/rocksdb_compat.h has what it needs to use one). Therefore it is
// here, beside what else tests and tools share. Of the product, only the probe
// of the drop-in drives a memtable itself.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../memtablerep/rocksdb_compat.h"
#include "rocksdb/slice.h"

#if FASTSKIP_IN_TREE

#include "memory/allocator.h"

#else

namespace ROCKSDB_NAMESPACE {

// Its virtual methods, in their order.
class Allocator {
 public:
  virtual ~Allocator() {}
  virtual char* Allocate(size_t bytes) = 0;
  virtual char* AllocateAligned(size_t bytes, size_t huge_page_size,
                                Logger* logger) = 0;
  virtual size_t BlockSize() const = 0;
};

// Keeps its pointers in front, and a short key in itself.
class LookupKey {
 public:
  // Defined by librocksdb.
  LookupKey(const Slice& user_key, uint64_t sequence, const Slice* timestamp);
  ~LookupKey() {
    const char* const inside = reinterpret_cast<const char*>(this);
    if (start_ < inside || start_ >= inside + sizeof(*this)) delete[] start_;
  }
  LookupKey(const LookupKey&) = delete;
  LookupKey& operator=(const LookupKey&) = delete;

 private:
  const char* start_;
  char rest_[512];
};

// Exists only in a librocksdb with assertions.
class SyncPoint {
 public:
  __attribute__((weak)) static SyncPoint* GetInstance();
};

}  // namespace ROCKSDB_NAMESPACE

#endif  // FASTSKIP_IN_TREE
