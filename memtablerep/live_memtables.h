// SPDX-License-Identifier: Apache-2.0
//
// LiveMemtables: which memtables of one factory are alive, for statistics.
//
// Thread safety: any number of threads. A writer of entries never comes here:
// the mutex is taken when a memtable is made or dropped and when statistics are
// requested, and is released while a memtable gathers its statistics.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "fast_skip_list_stats.h"
#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class Logger;
}  // namespace ROCKSDB_NAMESPACE

namespace fastskip {

// Whose memtable it is. RocksDB makes a memtable for a column family ID, which
// several databases may use; the logger distinguishes the databases.
struct MemtableOwner {
  uint32_t column_family_id = FastSkipStats::kNoColumnFamily;
  ROCKSDB_NAMESPACE::Logger* logger = nullptr;

  bool operator==(const MemtableOwner& other) const {
    return column_family_id == other.column_family_id && logger == other.logger;
  }
};

class LiveMemtables {
 public:
  // A memtable on the list, linked through the memtable's own memory: it costs
  // nothing on the heap.
  class Member {
   public:
    explicit Member(const MemtableOwner& owner) : owner_(owner) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    const MemtableOwner& owner() const { return owner_; }

    virtual FastSkipStats GetStats() const = 0;
    // RocksDB has made another memtable for the same owner. Called under the
    // mutex.
    virtual void OnSuccessor() = 0;

   protected:
    ~Member() = default;

   private:
    friend class LiveMemtables;
    const MemtableOwner owner_;
    // Under the mutex:
    Member* next_ = nullptr;
    Member* previous_ = nullptr;
    int readers_ = 0;  // calls of GetStats under way
  };

  LiveMemtables() = default;
  LiveMemtables(const LiveMemtables&) = delete;
  LiveMemtables& operator=(const LiveMemtables&) = delete;

  // Calls OnSuccessor of the live members with the same owner. REQUIRES:
  // `member` is fully constructed, and Remove is called before it is destroyed.
  void Add(Member* member);
  // Waits until no call of its GetStats is under way.
  void Remove(Member* member);

  // The statistics of the memtables for whose owner `is_wanted` is true, the
  // oldest first. `is_wanted` is called under the mutex.
  std::vector<FastSkipStats> GetStats(
      const std::function<bool(const MemtableOwner&)>& is_wanted) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable read_;
  Member* first_ = nullptr;
  Member* last_ = nullptr;
};

// Sets under_pressure of `stats`, which are of one memtable, from its sizes and
// limits.
void SetUnderPressure(FastSkipStats* stats);

}  // namespace fastskip
