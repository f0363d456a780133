// SPDX-License-Identifier: Apache-2.0
//
// First value wins, get-or-insert, batches and get-many: what RocksDB offers
// for them, under threads that want the same keys.
#include "rocksdb/merge_operator.h"
#include "rocksdb/utilities/transaction.h"
#include "tests/db/db_transactions.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureValuesTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureValuesTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

constexpr int kThreads = 8;
constexpr uint64_t kKeys = 400;

// --------------------------------------------------------------------------
// A merge operator that keeps what is there.

class FirstValueWins : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const Slice&, const Slice* existing, const Slice& value,
             std::string* result, rocksdb::Logger*) const override {
    *result = (existing != nullptr ? *existing : value).ToString();
    return true;
  }
  const char* Name() const override { return "fastskip.test.FirstValueWins"; }
};

TEST_P(FeatureValuesTest, FirstValueWinsByMerge) {
  ExpectNothingUnexpected(GetParam(), [](DbRun& run) {
    run.options.merge_operator = std::make_shared<FirstValueWins>();
    run.options.write_buffer_size = 64 << 10;
    if (!run.Open()) return;
    // What each thread saw first under each key; it must stay so.
    std::vector<std::vector<std::string>> seen(kThreads,
                                               std::vector<std::string>(kKeys));
    OnThreads(kThreads, [&](int t) {
      Random random(TestSeed() + static_cast<uint64_t>(t));
      for (size_t i = 0; i < Scaled(3000); ++i) {
        const uint64_t k = Below(random, kKeys);
        run.Merge(Key(k), Concat(t, ".", i));
        const std::string value = run.Get(Key(k), ReadOptions());
        std::string& first = seen[static_cast<size_t>(t)][k];
        if (first.empty()) first = value;
        run.Expect(value == first, "the first value stays");
      }
    });
    for (uint64_t k = 0; k < kKeys; ++k) {
      const std::string value = run.Get(Key(k), ReadOptions());
      for (const auto& of_thread : seen) {
        run.Expect(of_thread[k].empty() || of_thread[k] == value,
                   "all threads saw the same first value");
      }
    }
    run.Note("compared");
  });
}

// --------------------------------------------------------------------------
// Get-or-insert: a transaction locks the key, looks, and puts.

// The key's value, and whether it is the one given here.
bool GetOrInsert(DbRun& run, const std::string& key, const std::string& value,
                 std::string* found) {
  rocksdb::TransactionOptions patient;
  patient.lock_timeout = 60000;
  const std::unique_ptr<rocksdb::Transaction> txn(
      static_cast<rocksdb::TransactionDB*>(run.db())->BeginTransaction(
          run.write_options, patient));
  const Status status = txn->GetForUpdate(run.read_options, key, found);
  if (!status.IsNotFound()) {
    run.Expect(status, "get for update");
    return false;
  }
  *found = value;
  run.Expect(txn->Put(key, value), "put");
  run.Expect(txn->Commit(), "commit");
  return true;
}

TEST_P(FeatureValuesTest, GetOrInsertByTransaction) {
  ExpectNothingUnexpected(GetParam(), [](DbRun& run) {
    run.opener = OpenTransactionDB;
    run.options.write_buffer_size = 64 << 10;
    if (!run.Open()) return;
    std::vector<std::atomic<int>> winners(kKeys);
    std::vector<std::vector<std::string>> seen(kThreads,
                                               std::vector<std::string>(kKeys));
    OnThreads(kThreads, [&](int t) {
      for (uint64_t k = 0; k < kKeys; ++k) {
        std::string& found = seen[static_cast<size_t>(t)][k];
        if (GetOrInsert(run, Key(k), Concat("of ", t), &found)) ++winners[k];
      }
    });
    for (uint64_t k = 0; k < kKeys; ++k) {
      run.Expect(winners[k] == 1, "one thread inserts");
      for (const auto& of_thread : seen) {
        run.Expect(of_thread[k] == seen[0][k], "all get the same value");
      }
    }
    run.Note("compared");
  });
}

// --------------------------------------------------------------------------
// Batches are whole, and MultiGet sees them whole.

// The values of all keys, in one call.
std::vector<std::string> GetAll(DbRun& run, const ReadOptions& read) {
  std::vector<std::string> keys;
  for (uint64_t k = 0; k < kKeys; ++k) keys.push_back(Key(k));
  const std::vector<Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(kKeys);
  std::vector<Status> statuses(kKeys);
  run.db()->MultiGet(read, run.family(), kKeys, slices.data(), values.data(),
                     statuses.data());
  std::vector<std::string> all;
  for (uint64_t k = 0; k < kKeys; ++k) {
    run.Expect(statuses[k], "multi-get");
    all.push_back(values[k].ToString());
  }
  return all;
}

void PutAll(DbRun& run, const std::string& value) {
  WriteBatch batch;
  for (uint64_t k = 0; k < kKeys; ++k) {
    run.Expect(batch.Put(Key(k), value), "batch");
  }
  run.Write(&batch);
}

TEST_P(FeatureValuesTest, BatchesAreWholeForMultiGet) {
  ExpectNothingUnexpected(GetParam(), [](DbRun& run) {
    run.options.write_buffer_size = 256 << 10;
    if (!run.Open()) return;
    PutAll(run, "0");
    std::atomic<int> writing{4};
    std::atomic<size_t> looks{0};
    std::thread reader([&] {
      while (writing > 0) {
        ReadOptions read;
        read.snapshot = run.db()->GetSnapshot();
        const auto values = GetAll(run, read);
        for (uint64_t k = 0; k < kKeys; ++k) {
          run.Expect(values[k] == values[0], "all are of one batch");
          if (k % 16 == 0) {
            run.Expect(run.Get(Key(k), read) == values[k],
                       "Get has the same as MultiGet");
          }
        }
        run.db()->ReleaseSnapshot(read.snapshot);
        ++looks;
      }
    });
    OnThreads(4, [&](int t) {
      for (size_t i = 0; i < Scaled(40); ++i) PutAll(run, Concat(t, ".", i));
      --writing;
    });
    reader.join();
    run.Expect(looks > 0, "the reader has looked");
    run.Note("compared");
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
