// SPDX-License-Identifier: Apache-2.0
//
// The public header of fastskip: a memtable for RocksDB.
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
// fast_skip_list_stats.h tells what the memtables hold.
//
// When not to use it: nothing has to be given up for it, but a memtable that
// is never read before its flush is filled faster by RocksDB's "vector".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "fast_skip_list_stats.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

// The options of one factory, and so of every memtable that it makes. They are
// fixed once the factory is made; a name that was once valid stays valid.
struct FastSkipListOptions {
  static const char* kName() { return "FastSkipListOptions"; }

  static constexpr uint32_t kMinShards = 1;
  static constexpr uint32_t kMaxShards = 1024;

  enum class KeyOrder : uint8_t {
    // "auto". Right under every comparator: short digests of the keys are used
    // for as long as they agree with the comparator, and whatever is placed by
    // them is checked with the comparator first.
    kAuto,
    // "bytewise". User keys order as BytewiseComparator() orders them; the
    // checks are left out. DB::Open refuses any other comparator.
    // DB::CreateColumnFamily does not ask the factory: there the caller
    // vouches for the comparator.
    kBytewise,
    // "comparator". Digests are not even tried: for comparators that are known
    // to order otherwise than by bytes, forward or backward.
    kComparator,
  };

  // "shards": at most so many threads allocate at once from one memtable
  // without contention, kMinShards to kMaxShards. A shard costs nothing before
  // contention brings it into use.
  uint32_t shards = 16;

  // "key_order".
  KeyOrder key_order = KeyOrder::kAuto;

  // "max_entries": a memtable asks RocksDB for its flush once it holds so many
  // entries, or write_buffer_size is reached, whichever comes first. 0 for no
  // limit. RocksDB asks after each insert of a single writer. With concurrent
  // ones it asks after each batch, acts on the answer in the next insert, and
  // switches memtables before the next group of writes: up to four batches of
  // each writer may be in it beyond the limit. A memtable that has reached the
  // limit reports itself as full: until it is sealed, the property
  // "rocksdb.cur-size-active-mem-table" and the others that it goes into show a
  // full write buffer; so does a read-only database, which seals none. The
  // WriteBufferManager, the sizes of sealed memtables and FastSkipStats show
  // what there is.
  uint64_t max_entries = 0;

  // "backpressure_percent", 1 to 100: a memtable is under pressure
  // (FastSkipStats) from this part of write_buffer_size or max_entries on. At
  // more than 90 RocksDB may seal it for its memory before that.
  uint32_t backpressure_percent = 90;

  // "log_on_seal": each memtable that is sealed writes its statistics to
  // RocksDB's LOG, one line of level INFO. (What WAL recovery flushes is not
  // sealed before.)
  bool log_on_seal = true;
};

// OK, or InvalidArgument that names the option and its value, or NotSupported
// where this process uses addresses of more than 48 bits (a tagging allocator,
// for example), which the list cannot hold.
ROCKSDB_NAMESPACE::Status CheckFastSkipListOptions(
    const FastSkipListOptions& options);

struct FactoryState;

// Makes FastSkipListRep, a lock-free block skip list, for each memtable.
//
// Thread safety: every const method and CreateMemTableRep may be called by any
// number of threads at once.
class FastSkipListRepFactory : public ROCKSDB_NAMESPACE::MemTableRepFactory {
 public:
  // The name that RocksDB writes to OPTIONS files: it never changes.
  static const char* kClassName() { return "FastSkipListRepFactory"; }
  static const char* kNickName() { return "fastskip"; }

  // Impossible options are replaced by the nearest possible ones (a constructor
  // cannot refuse, and DB::CreateColumnFamily does not ask), and the factory
  // stays refused by PrepareOptions and ValidateOptions.
  explicit FastSkipListRepFactory(
      const FastSkipListOptions& options = FastSkipListOptions());

  const char* Name() const override { return kClassName(); }
  const char* NickName() const override { return kNickName(); }
  std::string GetPrintableOptions() const override;

  // Both refuse what CheckFastSkipListOptions refuses. ValidateOptions, which
  // DB::Open calls for each column family, also refuses key_order=bytewise
  // beside a comparator that is not RocksDB's bytewise one, naming both.
  ROCKSDB_NAMESPACE::Status PrepareOptions(
      const ROCKSDB_NAMESPACE::ConfigOptions& config_options) override;
  ROCKSDB_NAMESPACE::Status ValidateOptions(
      const ROCKSDB_NAMESPACE::DBOptions& db_options,
      const ROCKSDB_NAMESPACE::ColumnFamilyOptions& cf_options) const override;

  // `comparator` and `allocator` outlive the memtable; `logger`, which may be
  // null, is written to when it is sealed.
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

  bool IsInsertConcurrentlySupported() const override { return true; }
  bool CanHandleDuplicatedKey() const override { return true; }

  // Statistics of the live memtables of this factory: all, those of one column
  // family (of every database that uses the factory), and each one for itself,
  // the oldest first. GetFastSkipStats() tells databases apart.
  FastSkipStats GetStats() const;
  FastSkipStats GetStats(uint32_t column_family_id) const;
  std::vector<FastSkipStats> GetMemtableStats() const;

 protected:
  // Names an unknown option; RocksDB alone would name "memtable_factory".
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

  const ROCKSDB_NAMESPACE::Status refusal_;  // of what the constructor got
  FastSkipListOptions options_;
  const std::shared_ptr<FactoryState> state_;
};

// A new factory that the caller owns, as RocksDB's own New…RepFactory functions
// return it: for memtable_factory.reset(). Never null; options that
// CheckFastSkipListOptions refuses make DB::Open fail with its message.
ROCKSDB_NAMESPACE::MemTableRepFactory* NewFastSkipListRepFactory(
    const FastSkipListOptions& options = FastSkipListOptions());

// Makes the names "fastskip" and "FastSkipListRepFactory" known to RocksDB, for
// programs that link fastskip statically. Any thread, any number of times. The
// shared library does this when it is loaded.
void RegisterFastSkip();

}  // namespace fastskip
