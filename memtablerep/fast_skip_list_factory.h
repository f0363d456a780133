// SPDX-License-Identifier: Apache-2.0
//
// The public header of fastskip, a memtable for RocksDB. It includes the other
// public headers for C++: options, registration and statistics.
//
// In code:
//
//   rocksdb::Options options;
//   options.memtable_factory.reset(fastskip::NewFastSkipListRepFactory());
//
// By name, wherever RocksDB reads options from text (after RegisterFastSkip(),
// or with libfastskip.so loaded, or where RocksDB was built with the plugin):
//
//   memtable_factory=fastskip
//   memtable_factory=fastskip:8
//   memtable_factory={id=fastskip;shards=8;key_order=bytewise}
//
// When not to use it: it supports whatever RocksDB's skip_list supports, but
// skip_list is faster, for instance, with file paths and text that is written
// in its order, with scans of memtables of some thousand entries, and with
// sorted batches under WriteOptions::memtable_insert_hint_per_batch; README.md
// has the known cases, with figures. RocksDB's "vector" is faster to fill when
// no memtable is read before its flush.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "fast_skip_list_options.h"
#include "fast_skip_list_register.h"
#include "fast_skip_list_stats.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

struct FactoryState;

// Makes a lock-free block skip list for each memtable.
//
// Thread safety: any number of threads may call the const methods and
// CreateMemTableRep at once. The methods that change options (RocksDB's
// Configurable) and PrepareOptions need the factory alone; RocksDB calls them
// before it uses a factory.
//
// Lifetime: memtables may outlive their factory.
class FastSkipListRepFactory : public ROCKSDB_NAMESPACE::MemTableRepFactory {
 public:
  // RocksDB writes this name to OPTIONS files, so it never changes.
  static const char* kClassName() { return "FastSkipListRepFactory"; }
  static const char* kNickName() { return "fastskip"; }

  // A constructor cannot return a Status. Options out of range are replaced by
  // the nearest ones in range, since DB::CreateColumnFamily uses a factory
  // without validating it; PrepareOptions and ValidateOptions then return the
  // error of the options that were given, for good.
  explicit FastSkipListRepFactory(
      const FastSkipListOptions& options = FastSkipListOptions());

  const char* Name() const override { return kClassName(); }
  const char* NickName() const override { return kNickName(); }
  // One option a line. RocksDB writes it to its LOG.
  std::string GetPrintableOptions() const override;

  // The errors of CheckFastSkipListOptions. RocksDB calls it after it has
  // configured a factory from text.
  ROCKSDB_NAMESPACE::Status PrepareOptions(
      const ROCKSDB_NAMESPACE::ConfigOptions& config_options) override;
  // The errors of CheckFastSkipListOptions, and InvalidArgument that names both
  // for key_order=bytewise with a comparator other than RocksDB's bytewise one.
  // DB::Open calls it for each column family; DB::CreateColumnFamily does not.
  ROCKSDB_NAMESPACE::Status ValidateOptions(
      const ROCKSDB_NAMESPACE::DBOptions& db_options,
      const ROCKSDB_NAMESPACE::ColumnFamilyOptions& cf_options) const override;

  // A memtable, which the caller deletes. REQUIRES, as RocksDB does it:
  // `comparator` and `allocator` outlive the memtable. `logger` may be null;
  // else it outlives the memtable too, which writes to it when it is sealed.
  // `prefix_extractor` is not used. Without a `column_family_id`, statistics
  // have kNoColumnFamily.
  ROCKSDB_NAMESPACE::MemTableRep* CreateMemTableRep(
      const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator,
      ROCKSDB_NAMESPACE::Allocator* allocator,
      const ROCKSDB_NAMESPACE::SliceTransform* prefix_extractor,
      ROCKSDB_NAMESPACE::Logger* logger) override;
  ROCKSDB_NAMESPACE::MemTableRep* CreateMemTableRep(
      const ROCKSDB_NAMESPACE::MemTableRep::KeyComparator& comparator,
      ROCKSDB_NAMESPACE::Allocator* allocator,
      const ROCKSDB_NAMESPACE::SliceTransform* prefix_extractor,
      ROCKSDB_NAMESPACE::Logger* logger, uint32_t column_family_id) override;

  // allow_concurrent_memtable_write works.
  bool IsInsertConcurrentlySupported() const override { return true; }
  // The InsertKey methods return false for an entry whose user key and sequence
  // number are there already.
  bool CanHandleDuplicatedKey() const override { return true; }

  // Statistics of this factory's live memtables: the sum of all, the sum of
  // those with one column family ID (of every database that uses the factory),
  // and each one by itself, the oldest first. GetFastSkipStats() distinguishes
  // databases. Any thread, at any time; fast_skip_list_stats.h has the cost.
  FastSkipStats GetStats() const;
  FastSkipStats GetStats(uint32_t column_family_id) const;
  std::vector<FastSkipStats> GetMemtableStats() const;

 protected:
  // InvalidArgument that names an option which does not exist. RocksDB's own
  // error would name memtable_factory only.
  ROCKSDB_NAMESPACE::Status ConfigureOptions(
      const ROCKSDB_NAMESPACE::ConfigOptions& config_options,
      const std::unordered_map<std::string, std::string>& options,
      std::unordered_map<std::string, std::string>* unused) override;

 private:
  friend ROCKSDB_NAMESPACE::Status GetFastSkipStats(
      ROCKSDB_NAMESPACE::DB* db,
      ROCKSDB_NAMESPACE::ColumnFamilyHandle* column_family,
      FastSkipStats* stats);

  ROCKSDB_NAMESPACE::Status Check() const;

  // Of the options that the constructor was given.
  const ROCKSDB_NAMESPACE::Status constructor_status_;
  FastSkipListOptions options_;
  const std::shared_ptr<FactoryState> state_;
};

// A new factory, which the caller owns: for memtable_factory.reset(), as with
// RocksDB's own New…RepFactory functions. Never null; options that
// CheckFastSkipListOptions refuses make DB::Open fail with its error.
ROCKSDB_NAMESPACE::MemTableRepFactory* NewFastSkipListRepFactory(
    const FastSkipListOptions& options = FastSkipListOptions());

}  // namespace fastskip
