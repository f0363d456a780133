// SPDX-License-Identifier: Apache-2.0
//
// DropInMemtables: the memtables that SkipListFactory gives out under the
// drop-in. FastSkipListRepFactory is made for the column families that name it;
// here nobody does, and RocksDB says which database and column family a
// memtable is for only when it asks for one.
//
// Thread safety: any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../memtablerep/factory_state.h"
#include "../../memtablerep/fast_skip_list_options.h"
#include "../../memtablerep/fast_skip_list_stats.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

class DropInMemtables {
 public:
  explicit DropInMemtables(const FastSkipListOptions& options)
      : options_(options) {}
  DropInMemtables(const DropInMemtables&) = delete;
  DropInMemtables& operator=(const DropInMemtables&) = delete;

  // The parameters are those of MemTableRepFactory::CreateMemTableRep. Null
  // where this process's addresses do not fit (address_width.h): LOG says so.
  // The first memtable of a database tells in its LOG that it is fastskip's.
  ROCKSDB_NAMESPACE::MemTableRep* Make(
      const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator,
      ROCKSDB_NAMESPACE::Allocator* allocator,
      ROCKSDB_NAMESPACE::Logger* logger, uint32_t column_family_id);

  // Those of one database's live memtables, the oldest first.
  std::vector<FastSkipStats> GetStats(ROCKSDB_NAMESPACE::Logger* logger);

 private:
  // What the live memtables of one database share. A database is known by its
  // logger, and has a memtable as long as it is open. (But for a moment when a
  // flush of its recovery drops its only one. Its LOG is told again then.)
  // Sets `*is_new` where it is made now. Null, with the reason in `*status`,
  // where addresses do not fit.
  std::shared_ptr<FactoryState> StateOf(ROCKSDB_NAMESPACE::Logger* logger,
                                        bool* is_new,
                                        ROCKSDB_NAMESPACE::Status* status);

  const FastSkipListOptions options_;
  std::mutex mutex_;
  // Under the mutex. The memtables own the states, so one is gone when its
  // database is closed, and a later database may have a logger at that address.
  std::unordered_map<ROCKSDB_NAMESPACE::Logger*, std::weak_ptr<FactoryState>>
      states_;
};

// Reads "shards=8;…". Besides the errors of these options as such,
// InvalidArgument for those that a memtable can only have with a factory that
// RocksDB validates (ValidateOptions).
ROCKSDB_NAMESPACE::Status ParseDropInOptions(const std::string& text,
                                             FastSkipListOptions* options);

}  // namespace fastskip
