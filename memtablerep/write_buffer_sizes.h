// SPDX-License-Identifier: Apache-2.0
//
// WriteBufferSizes: the write_buffer_size of the column families that share a
// factory, as far as the factory knows it. DB::Open has the factory validate
// their options; CreateColumnFamily and SetOptions do not.
//
// Thread safety: any number of threads.
#pragma once

#include <cstdint>
#include <mutex>

#include "rocksdb/options.h"
#include "rocksdb/rocksdb_namespace.h"

namespace fastskip {

class WriteBufferSizes {
 public:
  void Note(const ROCKSDB_NAMESPACE::ColumnFamilyOptions& options);

  // The write_buffer_size that all column families noted have in common, in
  // bytes; 0 when none was noted, or when they differ.
  uint64_t common() const;

  // Bytes at which RocksDB flushes a memtable in every column family noted;
  // when none was noted, in one with RocksDB's default options.
  uint64_t surely_full() const;

 private:
  mutable std::mutex mutex_;
  bool noted_ = false;
  uint64_t common_ = 0;
  uint64_t surely_full_ = 0;
};

}  // namespace fastskip
