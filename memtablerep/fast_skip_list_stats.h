// SPDX-License-Identifier: Apache-2.0
//
// Statistics of live memtables. Public: an application gets them
//
//   of one column family  GetFastSkipStats(db, column_family, &stats)
//   of a factory          FastSkipListRepFactory::GetStats() and its relatives
//                         (fast_skip_list_factory.h)
//   from RocksDB's LOG    one line for each memtable that is sealed
//
// Thread safety: all of these may be called by any thread at any time, while
// memtables are written, sealed and dropped. Writers are not slowed down: what
// is counted is counted by them anyway or on rare paths, and the rest is found
// out by the caller. A call costs the caller some microseconds for a live
// memtable of 64 KB, some hundred for one of 64 MB; memtables that go away
// meanwhile wait for it.
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

// Of one memtable, or the sum of several. A plain value: not shared, it needs
// no synchronisation. Counts are exact for a memtable at rest; beside writers,
// each field is as of some moment of the call, not all of the same one.
struct FastSkipStats {
  static constexpr uint32_t kNoColumnFamily = UINT32_MAX;

  // The column family's ID; kNoColumnFamily for a sum over several, and for a
  // memtable that was made without one.
  uint32_t column_family_id = kNoColumnFamily;

  // --- What is summed: counts of memtables. For one memtable, 1 and 0 or 1.

  uint64_t memtables = 0;
  // Of these, sealed: full, read-only, on the way to a file.
  uint64_t sealed = 0;
  // Of these, under pressure: not sealed, and at backpressure_percent or more
  // of write_buffer_size (counted by memory_reserved) or of max_entries.
  uint64_t under_pressure = 0;

  // --- Memory, in bytes. What RocksDB keeps beside the entries (range
  // deletions, Bloom filter) is not in it.

  // Taken from RocksDB's allocator, which the WriteBufferManager knows of.
  uint64_t memory_reserved = 0;
  // Of that, still free for entries in the chunks that are being filled.
  uint64_t memory_idle = 0;
  // Of that, in use or unusable: entries, blocks, ends of filled chunks.
  uint64_t memory_used = 0;
  // The part of memory_reserved that is used, 0 to 1; 1 for no memory.
  double Utilisation() const;

  // --- Entries: puts, deletes, merges and the like. Range deletions are kept
  // by RocksDB itself.

  // Entries held. One whose insert is under way counts.
  uint64_t entries = 0;
  // `entries` and refused duplicates (same user key and sequence number).
  uint64_t insert_attempts = 0;
  // Bytes of a user key, with its timestamp where there are such: the mean of
  // up to 64 entries drawn at random from each memtable.
  double average_key_size = 0;
  // Bytes of a value: the mean of all entries, less average_key_size and what
  // RocksDB encodes with it. Takes in the checksum that
  // memtable_protection_bytes_per_key adds.
  double average_value_size = 0;

  // --- The list.

  uint64_t leaf_blocks = 0;   // blocks that hold entries
  uint64_t index_blocks = 0;  // blocks above them
  uint64_t leaf_slots = 0;    // entries that leaf_blocks have room for
  uint64_t levels = 0;        // of the highest list, its leaves included
  uint64_t splits = 0;        // blocks split, on every level
  // Times a writer had to look again because another one was faster.
  uint64_t cas_retries = 0;
  // Blocks that the levels above never learnt of, for want of memory: found all
  // the same, a step later each.
  uint64_t unposted_blocks = 0;
  // Memtables that order by the comparator alone (key_order).
  uint64_t label_ordered = 0;
  // Calls of RocksDB's comparator, by writes and reads. Always 0 unless
  // fastskip was built with CMake's -DFASTSKIP_COUNT_COMPARISONS=ON (see
  // CountsComparisons); tools/fastskip_stats is always built so.
  uint64_t comparator_calls = 0;
  // How full the leaves are, 0 to 1; 0 without any.
  double Fill() const;

  // --- The limits that under_pressure goes by. In a sum, those of the
  // memtables that share them, and 0 where they differ.

  // Bytes. From the database at the call (GetFastSkipStats), else as DB::Open
  // last told the factory; 0 when that is unknown (CreateColumnFamily tells
  // nothing), or was different for column families that share the factory:
  // then memory makes no pressure.
  uint64_t write_buffer_size = 0;
  uint64_t max_entries = 0;           // the option; 0 for no limit
  uint64_t backpressure_percent = 0;  // the option

  // Whether this build counts comparator_calls.
  static bool CountsComparisons();

  // Adds the memtables that `other` tells of.
  FastSkipStats& operator+=(const FastSkipStats& other);

  // Every field and ratio by name, in the order above; values are numbers. No
  // column_family_id where there is none, no comparator_calls where they are
  // not counted.
  std::vector<std::pair<std::string, std::string>> Fields() const;
  // "memtables=1 sealed=0 …", in one line.
  std::string ToString() const;
  // One JSON object in one line: {"memtables":1,"sealed":0,…}.
  std::string ToJson() const;
};

// Of the live memtables of one column family, the active one and those waiting
// for their flush or still read; with the write_buffer_size that it has now.
// Other databases that share the factory do not count, unless they also share
// the info_log. NotSupported when the column family has another memtable.
ROCKSDB_NAMESPACE::Status GetFastSkipStats(
    ROCKSDB_NAMESPACE::DB* db,
    ROCKSDB_NAMESPACE::ColumnFamilyHandle* column_family, FastSkipStats* stats);

}  // namespace fastskip
