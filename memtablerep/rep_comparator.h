// SPDX-License-Identifier: Apache-2.0
//
// RepComparator: RocksDB's comparator behind the list's EntryComparator.
// Thread safety: any number of threads, as for RocksDB's comparator.
#pragma once

#include <cstdint>

#include "fast_skip_list_options.h"
#include "list/block_ordering.h"
#include "list/step_atomic.h"
#include "rocksdb/comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb_compat.h"

namespace fastskip {

// Whether calls are counted. All threads share the counter, which slows them
// down, so only builds with FASTSKIP_COUNT_COMPARISONS have one.
#ifdef FASTSKIP_COUNT_COMPARISONS
constexpr bool kCountComparisons = true;
#else
constexpr bool kCountComparisons = false;
#endif

// `comparator` outlives it.
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
  // Calls so far; 0 unless kCountComparisons.
  uint64_t calls() const { return calls_.Load(); }

 private:
  void CountCall() const { calls_.Add(1); }
  mutable RelaxedAtomic<uint64_t> calls_;
#else
  uint64_t calls() const { return 0; }

 private:
  static void CountCall() {}
#endif
  const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator_;
};

// What the list may assume of `comparator`: what the option says, and for kAuto
// what fastskip can find out (rocksdb_compat.h).
inline KnownOrder KnownOrderOf(
    FastSkipListOptions::KeyOrder option,
    const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator) {
  switch (option) {
    case FastSkipListOptions::KeyOrder::kBytewise:
      return KnownOrder::kBytewise;
    case FastSkipListOptions::KeyOrder::kComparator:
      return KnownOrder::kNeither;
    case FastSkipListOptions::KeyOrder::kAuto:
      break;
  }
  if (compat::IsKnownToWrap(ROCKSDB_NAMESPACE::BytewiseComparator(),
                            comparator)) {
    return KnownOrder::kBytewise;
  }
  if (compat::IsKnownToWrap(ROCKSDB_NAMESPACE::ReverseBytewiseComparator(),
                            comparator)) {
    return KnownOrder::kReverse;
  }
  return KnownOrder::kUnknown;
}

}  // namespace fastskip
