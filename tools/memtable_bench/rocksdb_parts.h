// SPDX-License-Identifier: Apache-2.0
//
// What driving a memtable takes of RocksDB beyond its installed headers: the
// arena, the lookup key, the order of entries. With RocksDB's source tree these
// are RocksDB's own; against an installed RocksDB others stand in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "memtablerep/list/varint.h"
#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/slice.h"
#include "tools/lib/rocksdb_internals.h"

// Whether RocksDB's own objects can be had: in tree, or (where CMake defines
// it) by rocksdb_objects.h.
#ifndef FASTSKIP_BENCH_HAS_TREE
#define FASTSKIP_BENCH_HAS_TREE FASTSKIP_IN_TREE
#endif

#if FASTSKIP_IN_TREE
#include "memory/concurrent_arena.h"
#elif FASTSKIP_BENCH_HAS_TREE
#include "tools/memtable_bench/rocksdb_objects.h"
#endif

namespace fastskip {
namespace bench {

namespace rdb = ROCKSDB_NAMESPACE;

// Whether this program or librocksdb checks assertions, which costs some
// memtables more than others.
inline bool HasAssertions() {
#ifndef NDEBUG
  return true;
#elif FASTSKIP_BENCH_HAS_TREE
  return false;  // one tree, one set of flags
#else
  return &rdb::SyncPoint::GetInstance != nullptr;
#endif
}

// What RocksDB makes of a write buffer of 8 MB or more.
constexpr size_t kArenaBlock = 1 << 20;

#if FASTSKIP_IN_TREE

class BenchArena final : public rdb::ConcurrentArena {
 public:
  BenchArena() : ConcurrentArena(kArenaBlock) {}
  rdb::Allocator* allocator() { return this; }
  size_t UsedBytes() const { return ApproximateMemoryUsage(); }
};

#elif FASTSKIP_BENCH_HAS_TREE

class BenchArena final : public RocksDBArena {
 public:
  BenchArena() : RocksDBArena(kArenaBlock) {}
};

#else

// Blocks as RocksDB's, behind one lock.
class BenchArena final : public rdb::Allocator {
 public:
  BenchArena() = default;
  char* Allocate(size_t bytes) override { return Take(bytes, 1); }
  char* AllocateAligned(size_t bytes, size_t, rdb::Logger*) override {
    return Take(bytes, alignof(std::max_align_t));
  }
  size_t BlockSize() const override { return kArenaBlock; }
  rdb::Allocator* allocator() { return this; }
  size_t UsedBytes() const { return used_; }

 private:
  char* Take(size_t bytes, size_t alignment) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (bytes > kArenaBlock / 4) {
      used_ += bytes;
      blocks_.emplace_back(new char[bytes]);
      return blocks_.back().get();
    }
    size_t skip = (alignment - offset_ % alignment) % alignment;
    if (offset_ + skip + bytes > kArenaBlock) {
      blocks_.emplace_back(new char[kArenaBlock]);
      current_ = blocks_.back().get();
      used_ += kArenaBlock - offset_;
      offset_ = skip = 0;
    }
    char* const place = current_ + offset_ + skip;
    offset_ += skip + bytes;
    used_ += skip + bytes;
    return place;
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* current_ = nullptr;
  size_t offset_ = kArenaBlock;
  size_t used_ = 0;
};

#endif  // FASTSKIP_IN_TREE

// --- Entries: varint32 length of the internal key | user key | tag |
// varint32 length of the value | value

// x86-64 and 64-bit ARM are little-endian, as the tag is.
inline uint64_t GetTag(const char* from) {
  uint64_t tag;
  std::memcpy(&tag, from, sizeof(tag));
  return tag;
}

constexpr uint64_t kMaxSequence = (uint64_t{1} << 56) - 1;
constexpr uint64_t kTypeValue = 1;

inline rdb::Slice InternalKeyOf(const char* entry) {
  uint32_t size;
  const char* const key = DecodeVarint32(entry, &size);
  return rdb::Slice(key, size);
}

// --- Comparators -----------------------------------------------------------

// Orders keys by their last bytes first: no digest of the first bytes helps.
class SuffixComparator final : public rdb::Comparator {
 public:
  const char* Name() const override { return "fastskip.bench.Suffix"; }
  int Compare(const rdb::Slice& a, const rdb::Slice& b) const override {
    const char* p = a.data() + a.size();
    const char* q = b.data() + b.size();
    size_t left = a.size() < b.size() ? a.size() : b.size();
    for (; left >= 8; left -= 8) {
      const uint64_t x = GetTag(p -= 8), y = GetTag(q -= 8);
      if (x != y) return x < y ? -1 : 1;
    }
    for (; left > 0; --left) {
      const unsigned char x = static_cast<unsigned char>(*--p);
      const unsigned char y = static_cast<unsigned char>(*--q);
      if (x != y) return x < y ? -1 : 1;
    }
    return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
  }
  void FindShortestSeparator(std::string*, const rdb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

// The order that a MemTable hands to its rep: user keys, then newest first.
// Bytewise order is compared inline, any other one through the comparator.
class EntryOrder final : public rdb::MemTableRep::KeyComparator {
 public:
  explicit EntryOrder(const rdb::Comparator* user)
      : user_(user), bytewise_(user == rdb::BytewiseComparator()) {}

  // The inherited one calls a function that librocksdb need not export:
  // Debian's for arm64 does not.
  DecodedType decode_key(const char* entry) const override {
    return InternalKeyOf(entry);
  }
  int operator()(const char* a, const char* b) const override {
    return Compare(InternalKeyOf(a), InternalKeyOf(b));
  }
  int operator()(const char* a, const rdb::Slice& b) const override {
    return Compare(InternalKeyOf(a), b);
  }

 private:
  int Compare(const rdb::Slice& a, const rdb::Slice& b) const {
    const rdb::Slice x(a.data(), a.size() - 8), y(b.data(), b.size() - 8);
    const int order = bytewise_ ? x.compare(y) : user_->Compare(x, y);
    if (order != 0) return order;
    const uint64_t s = GetTag(x.data() + x.size()) >> 8;
    const uint64_t t = GetTag(y.data() + y.size()) >> 8;
    return s == t ? 0 : (s > t ? -1 : 1);
  }

  const rdb::Comparator* const user_;
  const bool bytewise_;
};

enum class OrderBy {
  kRocksDB,  // the very comparator of a MemTable: in tree, fastskip knows it
  kOwn,      // EntryOrder, which fastskip cannot see through
};

inline std::unique_ptr<rdb::MemTableRep::KeyComparator> MakeOrder(
    OrderBy by, const rdb::Comparator* user) {
#if FASTSKIP_IN_TREE
  if (by == OrderBy::kRocksDB) {
    return std::make_unique<rdb::MemTable::KeyComparator>(
        rdb::InternalKeyComparator(user));
  }
#elif FASTSKIP_BENCH_HAS_TREE
  if (by == OrderBy::kRocksDB) return NewMemTableComparator(user);
#endif
  (void)by;
  return std::make_unique<EntryOrder>(user);
}

}  // namespace bench
}  // namespace fastskip
