// SPDX-License-Identifier: Apache-2.0
//
// Statistics of live memtables. Public: an application gets them
//
//   of one column family  GetFastSkipStats(db, column_family, &stats)
//   of a factory          FastSkipListRepFactory::GetStats(), GetStats(ID) and
//                         GetMemtableStats() (fast_skip_list_factory.h)
//   from RocksDB's LOG    one line for each memtable that is sealed
//
// Thread safety: any thread may call these at any time, while memtables are
// written, sealed and dropped.
//
// Cost: none for writers, which count on rare paths only, or count what they
// need themselves. The caller computes the rest: microseconds for a live
// memtable of 64 KB, some hundred microseconds for one of 64 MB. A memtable
// that is dropped meanwhile waits for the call.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace ROCKSDB_NAMESPACE {
class ColumnFamilyHandle;
class DB;
}  // namespace ROCKSDB_NAMESPACE

namespace fastskip {

// Statistics of one memtable, or the sum of several. A plain value, without
// synchronisation of its own.
//
// Counts of a memtable at rest are exact. While it is written, each field is a
// value from some moment of the call, and not all from the same moment.
struct FastSkipStats {
  static constexpr uint32_t kNoColumnFamily = UINT32_MAX;

  // The column family's ID. kNoColumnFamily for a sum over several column
  // families, and for a memtable that was made without an ID.
  uint32_t column_family_id = kNoColumnFamily;

  // --- Memtables. For one memtable the first is 1, the others are 0 or 1.

  // Number of memtables in this sum.
  uint64_t memtables = 0;
  // Of these, sealed: read-only, waiting for a flush or being flushed.
  uint64_t sealed = 0;
  // Of these, not sealed and at backpressure_percent or more of max_entries, or
  // of write_buffer_size in memory_reserved.
  uint64_t under_pressure = 0;

  // --- Memory, in bytes. Not what RocksDB keeps beside the entries: range
  // deletions, the memtable's Bloom filter.

  // Taken from RocksDB's allocator, and so known to the WriteBufferManager.
  uint64_t memory_reserved = 0;
  // The part of memory_reserved that is free for entries, in the chunks that
  // are being filled.
  uint64_t memory_idle = 0;
  // The rest of memory_reserved: entries, blocks, unusable ends of full chunks.
  uint64_t memory_used = 0;
  // memory_used / memory_reserved, 0 to 1; 1 when nothing is reserved.
  double Utilisation() const;

  // --- Entries: puts, deletes, merges and whatever else RocksDB inserts. It
  // keeps range deletions in a table of its own.

  // Entries in the memtable, those whose insert is under way included.
  uint64_t entries = 0;
  // `entries` and the duplicates that were refused (same user key and sequence
  // number as an entry in the memtable).
  uint64_t insert_attempts = 0;
  // Mean size of a user key in bytes, its timestamp included. An estimate, from
  // up to 64 random entries of each memtable.
  double average_key_size = 0;
  // Mean size of a value in bytes: the mean size of all entries less that of
  // the encoded keys, so an estimate too. Includes the checksum that
  // memtable_protection_bytes_per_key adds.
  double average_value_size = 0;

  // --- The list.

  // Blocks that hold entries, and blocks of the levels above.
  uint64_t leaf_blocks = 0;
  uint64_t index_blocks = 0;
  // Entries that fit in leaf_blocks.
  uint64_t leaf_slots = 0;
  // Levels, the leaves included; in a sum, the largest of any memtable.
  uint64_t levels = 0;
  // Blocks that were split, on all levels.
  uint64_t splits = 0;
  // How often a writer retried because another writer changed the same word.
  uint64_t cas_retries = 0;
  // Blocks that are not posted in the level above, because there was no memory
  // for it. Searches still find them, one step later.
  uint64_t unposted_blocks = 0;
  // Memtables that order by labels: the comparator contradicted the digests, or
  // key_order is "comparator".
  uint64_t label_ordered = 0;
  // Calls of RocksDB's comparator, by writes and reads. Always 0 unless
  // CountsComparisons(): a shared counter slows writers down.
  uint64_t comparator_calls = 0;
  // entries / leaf_slots, 0 to 1; 0 without leaves.
  double Fill() const;

  // --- The limits behind under_pressure. In a sum: the value that all its
  // memtables share, 0 when they differ.

  // Bytes. From GetFastSkipStats, the database's value at the call; from a
  // factory, the value of the options that DB::Open validated. 0 when there was
  // no such value (CreateColumnFamily validates nothing) or when column
  // families that share the factory differ: under_pressure then disregards
  // memory.
  uint64_t write_buffer_size = 0;
  // FastSkipListOptions::max_entries; 0: no limit.
  uint64_t max_entries = 0;
  // FastSkipListOptions::backpressure_percent.
  uint64_t backpressure_percent = 0;

  // Whether this build counts comparator_calls: fastskip was built with CMake's
  // -DFASTSKIP_COUNT_COMPARISONS=ON, as the program fastskip_stats always is.
  static bool CountsComparisons();

  // Adds the memtables of `other`. Means are weighted by insert_attempts.
  FastSkipStats& operator+=(const FastSkipStats& other);

  // Every field and ratio by name, in the order above; values are numbers.
  // Without column_family_id for kNoColumnFamily, and without comparator_calls
  // unless CountsComparisons().
  std::vector<std::pair<std::string, std::string>> Fields() const;
  // Fields() in one line: "memtables=1 sealed=0 …".
  std::string ToString() const;
  // Fields() as one JSON object, in one line: {"memtables":1,"sealed":0,…}.
  std::string ToJson() const;
};

// Sets `*stats` to the sum over the live memtables of one column family: the
// active one, those that wait for a flush, and flushed ones that are still
// read. Other databases that share the factory are not included, unless they
// share the info_log as well: RocksDB tells a memtable nothing else of its
// database, so the column families of both with one ID are then added up. Give
// each database a factory, or an info_log, of its own. NotSupported, and
// `*stats` as it was, when the column family has another memtable.
ROCKSDB_NAMESPACE::Status GetFastSkipStats(
    ROCKSDB_NAMESPACE::DB* db,
    ROCKSDB_NAMESPACE::ColumnFamilyHandle* column_family, FastSkipStats* stats);

}  // namespace fastskip
