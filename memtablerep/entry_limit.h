// SPDX-License-Identifier: Apache-2.0
//
// EntryLimit: how a memtable with max_entries requests its flush.
//
// MemTableRep has no call for that. But RocksDB calls ApproximateMemoryUsage
// after each insert of a single writer, after each batch of concurrent ones,
// and from 11.8 on after a range tombstone of a reader, and flushes when the
// result and the memory of its arena together exceed write_buffer_size
// (MemTable::ShouldFlushNow). So a memtable that has its entries reports as
// many bytes as a full write buffer lacks. Nothing is allocated for them, and
// the WriteBufferManager, which counts allocations, does not see them.
//
// What a full write buffer lacks is an estimate: a factory is not told of
// write_buffer_size by CreateColumnFamily and SetOptions. So the report doubles
// whenever it has had no effect for another 1/64 of max_entries.
//
// The report ends before RocksDB would add it to its totals. Up to 9.11 RocksDB
// adds a memtable's memory to that of the sealed ones just before it seals it,
// and subtracts what the memtable reports when it drops it. Shortly before the
// first, in the same thread and with no write under way, it has made the
// memtable's successor: that is when Withdraw is called. A further insert
// starts the report again. One follows only when the successor did not replace
// the active memtable, since mempurge makes such memtables.
//
// Thread safety: any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "list/step_atomic.h"

namespace fastskip {

class EntryLimit {
 public:
  // In entries; 0: no limit.
  explicit EntryLimit(uint64_t max_entries)
      : max_(max_entries), step_(std::max<uint64_t>(1, max_entries / 64)) {}
  EntryLimit(const EntryLimit&) = delete;
  EntryLimit& operator=(const EntryLimit&) = delete;

  uint64_t max() const { return max_; }
  bool IsReachedBy(uint64_t entries) const {
    return max_ > 0 && entries >= max_;
  }

  // The bytes to report beyond the `reserved` ones of a memtable with `entries`
  // entries, where RocksDB is thought to flush at `full` bytes.
  // REQUIRES: IsReachedBy(entries)
  uint64_t Request(uint64_t entries, uint64_t reserved, uint64_t full) {
    if (entries <= withdrawn_until_.Load()) return 0;
    const uint64_t last = last_request_.Load();
    if (entries >= last + step_ && last_request_.Replace(last, entries)) {
      requests_.Add(1);
    }
    const int doublings =
        std::min<int>(kMaxDoublings, std::max(0, requests_.Load() - 1));
    const uint64_t claim = full << doublings;
    return claim > reserved ? claim - reserved : 0;
  }

  // Request returns 0 until the memtable has more than `entries` entries.
  void Withdraw(uint64_t entries) { withdrawn_until_.Store(entries); }

 private:
  static constexpr int kMaxDoublings = 16;  // from 64 MB to 4 TB

  const uint64_t max_;
  const uint64_t step_;  // in entries
  // A stale value makes a request one call later, or once more.
  RelaxedAtomic<uint64_t> withdrawn_until_;
  RelaxedAtomic<uint64_t> last_request_;  // in entries
  RelaxedAtomic<int> requests_;
};

}  // namespace fastskip
