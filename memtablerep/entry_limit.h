// SPDX-License-Identifier: Apache-2.0
//
// EntryLimit: how a memtable of max_entries entries asks for its flush.
//
// RocksDB asks a memtable for its memory (ApproximateMemoryUsage) after each
// insert of a single writer, and after each batch of one of many, and flushes
// it when that and what its arena holds exceed write_buffer_size. So a memtable
// that has its entries answers with what is missing to a full write buffer.
// This goes no further than that answer: nothing is allocated for it, and the
// WriteBufferManager, which counts allocations, never hears of it.
//
// What is missing is not known for sure: CreateColumnFamily and SetOptions tell
// no factory about write_buffer_size. An answer that has had no effect for 1/64
// of max_entries further entries is doubled.
//
// The answer is taken back before RocksDB would enter it in its books. Up to
// 9.11 it adds a memtable's memory to that of the sealed ones just before it
// seals it, and subtracts what it hears when it drops it. But on the way to
// that it has made the successor, in the same thread, with no write under way:
// so the answer ends with OnSuccessor, until the next insert (which there is
// only when the successor was not the active memtable's: mempurge makes such).
//
// Thread safety: any number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace fastskip {

class EntryLimit {
 public:
  // `max_entries` 0 is no limit.
  explicit EntryLimit(uint64_t max_entries)
      : max_(max_entries), step_(std::max<uint64_t>(1, max_entries / 64)) {}
  EntryLimit(const EntryLimit&) = delete;
  EntryLimit& operator=(const EntryLimit&) = delete;

  uint64_t max() const { return max_; }
  bool IsReachedBy(uint64_t entries) const {
    return max_ > 0 && entries >= max_;
  }

  // The bytes to report beyond those reserved, with so many entries in the
  // memtable. A write buffer of `full` bytes is thought to be flushed.
  // REQUIRES: IsReachedBy(entries)
  uint64_t Ask(uint64_t entries, uint64_t reserved, uint64_t full) {
    if (entries <= quiet_until_.load(kRelaxed)) return 0;
    uint64_t last = last_asked_.load(kRelaxed);
    if (entries >= last + step_ &&
        last_asked_.compare_exchange_strong(last, entries, kRelaxed)) {
      asked_.fetch_add(1, kRelaxed);
    }
    const int doublings =
        std::min<int>(kMaxDoublings, std::max(0, asked_.load(kRelaxed) - 1));
    const uint64_t claim = full << doublings;
    return claim > reserved ? claim - reserved : 0;
  }

  // No more asking before the next insert.
  void KeepQuiet(uint64_t entries) { quiet_until_.store(entries, kRelaxed); }

 private:
  static constexpr int kMaxDoublings = 16;  // from 64 MB to 4 TB
  // Each of these is a number by itself: nothing else is read because of it.
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  const uint64_t max_;
  const uint64_t step_;
  std::atomic<uint64_t> quiet_until_{0};
  std::atomic<uint64_t> last_asked_{0};
  std::atomic<int> asked_{0};
};

}  // namespace fastskip
