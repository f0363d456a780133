// SPDX-License-Identifier: Apache-2.0
//
// What the memtables of one factory know of each other: which of them are
// alive, and how large write buffers are.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "fast_skip_list_stats.h"
#include "rocksdb/options.h"
#include "rocksdb/rocksdb_namespace.h"

namespace fastskip {

// Whose memtable it is. Memtables are made for a column family by number, which
// is no more than a number; the logger tells databases apart.
struct MemtableOwner {
  uint32_t column_family_id = FastSkipStats::kNoColumnFamily;
  ROCKSDB_NAMESPACE::Logger* logger = nullptr;

  bool operator==(const MemtableOwner& other) const {
    return column_family_id == other.column_family_id && logger == other.logger;
  }
};

// The sizes of write buffers, as far as a factory learns them: from the options
// that DB::Open has it validate. Any thread.
class WriteBufferSizes {
 public:
  void Note(const ROCKSDB_NAMESPACE::ColumnFamilyOptions& options);

  // write_buffer_size of all column families noted; 0 when there is none, or
  // when they differ.
  uint64_t common() const;
  // A memtable of so many bytes is full in each column family noted; for none,
  // in one with RocksDB's default write_buffer_size.
  uint64_t surely_full() const;

 private:
  mutable std::mutex mutex_;
  bool noted_ = false;
  uint64_t common_ = 0;
  uint64_t surely_full_ = 0;
};

// The live memtables of one factory.
//
// Thread safety: any number of threads. A writer of entries never comes here:
// the mutex is taken when a memtable is made, dropped or asked for statistics,
// and never while statistics are gathered.
class LiveMemtables {
 public:
  // One of them. Lives in the memtable's own memory, so that it costs nothing
  // on the heap.
  class Member {
   public:
    explicit Member(const MemtableOwner& owner) : owner_(owner) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    const MemtableOwner& owner() const { return owner_; }

    virtual FastSkipStats GetStats() const = 0;
    // RocksDB has made a memtable for the same owner.
    virtual void OnSuccessor() = 0;

   protected:
    ~Member() = default;

   private:
    friend class LiveMemtables;
    const MemtableOwner owner_;
    Member* next_ = nullptr;
    Member* previous_ = nullptr;
    int readers_ = 0;  // under the mutex
  };

  LiveMemtables() = default;
  LiveMemtables(const LiveMemtables&) = delete;
  LiveMemtables& operator=(const LiveMemtables&) = delete;

  // Tells the others of the same owner of their successor. REQUIRES: `member`
  // is complete; its owner calls Remove before it destroys it.
  void Add(Member* member);
  // Waits until nobody asks it for statistics.
  void Remove(Member* member);

  // The statistics of those that `wanted` is true for, the oldest first.
  std::vector<FastSkipStats> GetStats(
      const std::function<bool(const MemtableOwner&)>& wanted) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable read_;
  Member* first_ = nullptr;
  Member* last_ = nullptr;
};

// Sets under_pressure by what the other fields say of one memtable.
void JudgePressure(FastSkipStats* stats);

// Outlives the factory, for the sake of memtables that do.
struct FactoryState {
  WriteBufferSizes write_buffer_sizes;
  LiveMemtables memtables;
};

}  // namespace fastskip
