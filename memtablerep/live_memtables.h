// SPDX-License-Identifier: Apache-2.0
//
// LiveMemtables: which memtables of one factory are alive, grouped by owner,
// for statistics and so that a memtable learns of its successor.
//
// Cost: making or dropping a memtable, and statistics of one column family,
// take O(log n) steps for n live memtables of the factory, and one for each
// memtable of the same owner: a factory may serve tens of thousands of column
// families.
//
// Thread safety: any number of threads. A writer of entries never comes here:
// the mutex is taken when a memtable is made or dropped and when statistics are
// requested, and is released while a memtable gathers its statistics.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
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

  // By column family ID first, so that the owners with one ID are neighbours.
  // Of these, the one without a logger is the first.
  bool operator<(const MemtableOwner& other) const {
    return column_family_id != other.column_family_id
               ? column_family_id < other.column_family_id
               : reinterpret_cast<uintptr_t>(logger) <
                     reinterpret_cast<uintptr_t>(other.logger);
  }
};

class LiveMemtables {
 public:
  class Member;

 private:
  // Members with the same owner stand in the order of their Add.
  using Members = std::multimap<MemtableOwner, Member*>;

 public:
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
    Members::const_iterator position_;
    uint64_t birth_ = 0;  // how many were added before
    int readers_ = 0;     // calls of GetStats under way
  };

  LiveMemtables() = default;
  LiveMemtables(const LiveMemtables&) = delete;
  LiveMemtables& operator=(const LiveMemtables&) = delete;

  // Calls OnSuccessor of the live members with the same owner. Throws
  // std::bad_alloc, and then has done nothing. REQUIRES: `member` is fully
  // constructed, and Remove is called before it is destroyed.
  void Add(Member* member);
  // Waits until no call of its GetStats is under way.
  void Remove(Member* member);

  // The statistics of live memtables, the oldest first: of all,
  std::vector<FastSkipStats> GetStats() const;
  // of those with this column family ID, of whatever database,
  std::vector<FastSkipStats> GetStats(uint32_t column_family_id) const;
  // and of one owner.
  std::vector<FastSkipStats> GetStats(const MemtableOwner& owner) const;

 private:
  // Of the members from `begin` on and before `end`. REQUIRES: `lock` holds
  // mutex_, and may release it meanwhile.
  std::vector<FastSkipStats> GetStatsOfRange(
      Members::const_iterator begin, Members::const_iterator end,
      std::unique_lock<std::mutex>* lock) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable read_;
  Members members_;
  uint64_t births_ = 0;
};

// Sets under_pressure of `stats`, which are of one memtable, from its sizes and
// limits.
void SetUnderPressure(FastSkipStats* stats);

}  // namespace fastskip
