// SPDX-License-Identifier: Apache-2.0
//
// Where DB::Open and its like put the database, in one form for all versions of
// RocksDB: up to 9.10 they take a DB**, from 11 on a std::unique_ptr<DB>*, and
// between these either.
//
//   std::unique_ptr<rocksdb::DB> db;
//   status = rocksdb::DB::Open(options, path, fastskip::OpenInto(&db));
#pragma once

#include <memory>

#include "rocksdb/db.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/version.h"

namespace fastskip {

#if ROCKSDB_MAJOR >= 10

inline std::unique_ptr<ROCKSDB_NAMESPACE::DB>* OpenInto(
    std::unique_ptr<ROCKSDB_NAMESPACE::DB>* db) {
  return db;
}

#else

// A temporary in the call: its end, behind the call, sets the pointer.
class OpenInto {
 public:
  explicit OpenInto(std::unique_ptr<ROCKSDB_NAMESPACE::DB>* db) : db_(db) {}
  OpenInto(const OpenInto&) = delete;
  OpenInto& operator=(const OpenInto&) = delete;
  ~OpenInto() { db_->reset(raw_); }
  // NOLINTNEXTLINE(google-explicit-constructor): an argument of DB::Open
  operator ROCKSDB_NAMESPACE::DB**() { return &raw_; }

 private:
  std::unique_ptr<ROCKSDB_NAMESPACE::DB>* const db_;
  ROCKSDB_NAMESPACE::DB* raw_ = nullptr;
};

#endif

}  // namespace fastskip
