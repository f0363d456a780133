// SPDX-License-Identifier: Apache-2.0
//
// One round of the crash test: which options, which writes. All of it follows
// from the seed and the round's number, so that a round can be repeated.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/utilities/transaction_db.h"
#include "tools/crash_test/expected_state.h"

namespace fastskip {
namespace crash_test {

using Random = std::mt19937_64;

enum class Wal { kSynced, kUnsynced, kNone };
enum class Memtable { kFastSkip, kSkipList };

struct Round {
  Round(uint64_t seed, uint64_t number);

  // What a program that opens the database passes. `memtable` is the one to
  // use; everything else is as in this round.
  ROCKSDB_NAMESPACE::Options OptionsFor(Memtable memtable) const;
  std::string Describe() const;
  ExpectedState::Rules Rules() const;

  uint64_t seed;  // of the round's own random numbers
  Memtable memtable;
  uint32_t threads;
  Wal wal;
  bool transactions;
  bool two_phase;  // prepare, then commit
  ROCKSDB_NAMESPACE::TxnDBWritePolicy policy;
  bool merge, delete_range, batches, batch_hints, prefix_hints, reads;
  bool stalls = false;        // by the WriteBufferManager
  uint32_t protection_bytes;  // of WriteOptions
  ROCKSDB_NAMESPACE::Options options;

 private:
  void ChooseWrites(Random* random);
  void ChooseMemtableOptions(Random* random);
};

// An open database with its column families.
class OpenDb {
 public:
  OpenDb() = default;
  OpenDb(const OpenDb&) = delete;
  OpenDb& operator=(const OpenDb&) = delete;
  ~OpenDb();

  ROCKSDB_NAMESPACE::Status Open(const Round& round, Memtable memtable,
                                 const std::string& dir);
  ROCKSDB_NAMESPACE::DB* operator->() const { return db_.get(); }
  ROCKSDB_NAMESPACE::DB* get() const { return db_.get(); }
  // Null unless the round has transactions.
  ROCKSDB_NAMESPACE::TransactionDB* transactions() const { return txn_db_; }
  ROCKSDB_NAMESPACE::ColumnFamilyHandle* family(uint32_t i) const {
    return handles_[i];
  }
  const std::vector<ROCKSDB_NAMESPACE::ColumnFamilyHandle*>& families() const {
    return handles_;
  }

 private:
  std::unique_ptr<ROCKSDB_NAMESPACE::DB> db_;
  ROCKSDB_NAMESPACE::TransactionDB* txn_db_ = nullptr;
  std::vector<ROCKSDB_NAMESPACE::ColumnFamilyHandle*> handles_;
};

// --- Keys and values as the database has them.

std::string FamilyName(uint32_t family);
std::string KeyName(uint32_t key);
// The number of a key of `family`, or kKeys for none.
uint32_t ParseKey(uint32_t family, const ROCKSDB_NAMESPACE::Slice& name);
// Bounds of DeleteRange over `count` keys from `key` on.
void RangeBounds(uint32_t key, uint32_t count, std::string* begin,
                 std::string* end);
std::string MakeValue(uint32_t key, uint32_t version);
// The version, or kAbsent when it is no value of this key.
uint32_t ParseValue(uint32_t key, const ROCKSDB_NAMESPACE::Slice& value);

}  // namespace crash_test
}  // namespace fastskip
