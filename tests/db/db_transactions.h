// SPDX-License-Identifier: Apache-2.0
//
// DbRun::opener for a database with pessimistic transactions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rocksdb/utilities/transaction_db.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {

inline Status OpenTransactionDB(
    const Options& options, const std::string& dir,
    const std::vector<ColumnFamilyDescriptor>& families, Handles* handles,
    std::unique_ptr<DB>* db) {
  rocksdb::TransactionDB* opened = nullptr;
  Status status =
      rocksdb::TransactionDB::Open(options, rocksdb::TransactionDBOptions(),
                                   dir, families, handles, &opened);
  db->reset(opened);
  return status;
}

}  // namespace dbtest
}  // namespace fastskip
