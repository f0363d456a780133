// SPDX-License-Identifier: Apache-2.0
//
// RocksDB's order of entries, as the list asks for it. Thread safety: any
// number of threads, as RocksDB's comparator.
#pragma once

#include <atomic>
#include <cstdint>

#include "fast_skip_list_factory.h"
#include "list/block_search.h"
#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb_compat.h"

namespace fastskip {

// A counter that all threads share slows them down: only builds that ask for it
// count.
#ifdef FASTSKIP_COUNT_COMPARISONS
constexpr bool kCountComparisons = true;
#else
constexpr bool kCountComparisons = false;
#endif

class RepComparator final : public EntryComparator {
 public:
  explicit RepComparator(
      const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator)
      : comparator_(comparator) {}

  int Compare(const char* a, const char* b) const override {
    CountCall();
    return comparator_(a, b);
  }

#ifdef FASTSKIP_COUNT_COMPARISONS
  uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  void CountCall() const { calls_.fetch_add(1, std::memory_order_relaxed); }
  mutable std::atomic<uint64_t> calls_{0};
#else
  uint64_t calls() const { return 0; }

 private:
  static void CountCall() {}
#endif
  const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator_;
};

// What the list may assume of `comparator`.
inline KeyOrder KeyOrderFor(
    FastSkipListOptions::KeyOrder order,
    const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator) {
  switch (order) {
    case FastSkipListOptions::KeyOrder::kBytewise:
      return KeyOrder::kBytewise;
    case FastSkipListOptions::KeyOrder::kComparator:
      return KeyOrder::kComparator;
    case FastSkipListOptions::KeyOrder::kAuto:
      break;
  }
  if (compat::IsKnownToGoBy(ROCKSDB_NAMESPACE::BytewiseComparator(),
                            comparator)) {
    return KeyOrder::kBytewise;
  }
  if (compat::IsKnownToGoBy(ROCKSDB_NAMESPACE::ReverseBytewiseComparator(),
                            comparator)) {
    return KeyOrder::kReverse;
  }
  return KeyOrder::kAuto;
}

}  // namespace fastskip
