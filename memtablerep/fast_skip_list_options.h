// SPDX-License-Identifier: Apache-2.0
//
// The options of the memtable. Public; fast_skip_list_factory.h includes it.
//
// Each option is set in code by its field, or in text by its name, which is the
// name of the field:
//
//   memtable_factory={id=fastskip;shards=8;key_order=bytewise}
//
// RocksDB writes names and values to OPTIONS files and reads them back, so a
// name that was once valid stays valid.
//
// Thread safety: a plain value. A factory copies it and uses the copy for every
// memtable that it makes.
#pragma once

#include <cstdint>

#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

struct FastSkipListOptions {
  // The name under which RocksDB's Configurable::GetOptions finds this struct.
  static const char* kName() { return "FastSkipListOptions"; }

  static constexpr uint32_t kMinShards = 1;
  static constexpr uint32_t kMaxShards = 1024;

  // What fastskip may assume of the column family's comparator.
  enum class KeyOrder : uint8_t {
    // "auto". Right under every comparator: the list uses short digests of the
    // keys for as long as they agree with the comparator, and checks with the
    // comparator whatever it places by them. It recognises
    // BytewiseComparator() and ReverseBytewiseComparator() and leaves the
    // checks out: always inside RocksDB's source tree, elsewhere with a shared
    // librocksdb of the version that it was compiled for, 7.8 to 11.9.
    kAuto,
    // "bytewise". User keys order as BytewiseComparator() orders them; the
    // checks are left out. DB::Open refuses any other comparator.
    // DB::CreateColumnFamily does not validate the factory: there the caller
    // vouches for the comparator, and a wrong one means wrong answers.
    kBytewise,
    // "comparator". The list never tries digests: for comparators that order
    // neither by bytes nor by bytes in reverse.
    kComparator,
  };

  // "shards": how many threads can allocate from one memtable at once without
  // contention. kMinShards to kMaxShards. A shard takes memory only once
  // contention brings it into use.
  uint32_t shards = 16;

  // "key_order".
  KeyOrder key_order = KeyOrder::kAuto;

  // "max_entries": a memtable requests its flush once it holds this many
  // entries or write_buffer_size is reached, whichever comes first. 0: no
  // limit.
  //
  // The limit is not exact. RocksDB tests for a flush after each insert of a
  // single writer. Concurrent writers test after each batch, act on the result
  // in their next insert, and switch memtables before the next group of writes:
  // up to four batches of each writer can exceed the limit. unordered_write has
  // no such bound: a suspended writer delays the flush, but not the others.
  //
  // A memtable that has reached the limit reports itself as full: until it is
  // sealed, "rocksdb.cur-size-active-mem-table" and the properties that include
  // it show a full write buffer. A read-only database never seals its memtable
  // and keeps showing that. The WriteBufferManager, the sizes of sealed
  // memtables and FastSkipStats show the memory in use.
  uint64_t max_entries = 0;

  // "backpressure_percent", 1 to 100: FastSkipStats counts a memtable as under
  // pressure from this part of write_buffer_size or of max_entries on. RocksDB
  // may seal a memtable for its memory from about 90 on, so a larger value may
  // never be reached.
  uint32_t backpressure_percent = 90;

  // "log_on_seal": each memtable writes its statistics to RocksDB's LOG when it
  // is sealed, as one line of level INFO. Memtables that WAL recovery flushes
  // are not sealed first, and write none.
  bool log_on_seal = true;
};

// OK for options that a memtable can have. InvalidArgument, with the option's
// name and value, for one out of range. NotSupported where addresses of this
// process exceed 48 bits (address_width.h): no option helps there. Any thread.
ROCKSDB_NAMESPACE::Status CheckFastSkipListOptions(
    const FastSkipListOptions& options);

}  // namespace fastskip
