// SPDX-License-Identifier: Apache-2.0
//
// One random log of operations on two databases, of skip_list and of fastskip,
// each with random options of its own: whatever the options, the answers are
// the same.
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice_transform.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbMetamorphicTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbMetamorphicTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

class JoinOperator : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const Slice&, const Slice* existing, const Slice& operand,
             std::string* result, rocksdb::Logger*) const override {
    *result = existing == nullptr ? "" : existing->ToString();
    // Bounded: a long chain of operands must not grow the value for ever.
    if (result->size() > 200) result->erase(0, 100);
    result->append(operand.data(), operand.size());
    return true;
  }
  const char* Name() const override { return "fastskip.test.Join"; }
};

// Of options that no answer may depend on.
void ChooseOptions(Random& random, Options* options) {
  const auto coin = [&random] { return Below(random, 2) == 0; };
  options->write_buffer_size = size_t{64 << 10} << (2 * Below(random, 4));
  options->max_write_buffer_number = 2 + static_cast<int>(Below(random, 3));
  options->memtable_protection_bytes_per_key = coin() ? 8 : 0;
  options->memtable_whole_key_filtering = coin();
  options->memtable_prefix_bloom_size_ratio = coin() ? 0.05 : 0;
  if (coin()) {
    options->prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(2));
  }
  options->max_write_buffer_size_to_maintain = coin() ? 1 << 20 : 0;
  options->avoid_flush_during_recovery = coin();
  options->avoid_flush_during_shutdown = coin();
  options->allow_concurrent_memtable_write = coin();
  options->two_write_queues = coin();
  switch (Below(random, 3)) {
    case 0:
      options->enable_pipelined_write = !options->two_write_queues;
      break;
    case 1:
      options->unordered_write = options->allow_concurrent_memtable_write;
      break;
    default:
      options->atomic_flush = true;
  }
}

class Log {
 public:
  explicit Log(DbRun* run) : run_(*run) {}
  ~Log() { DropSnapshots(); }

  bool Operation(size_t i) {
    const size_t f = Below(run_.random, 2);
    const std::string key = AnyKey();
    switch (Below(run_.random, 40)) {
      case 0:
        run_.DeleteRange(key, key + "5", f);
        break;
      case 1:
      case 2:
      case 3:
        run_.Delete(key, f);
        break;
      case 4:
      case 5:
      case 6:
        run_.Merge(key, Concat(i, ","), f);
        break;
      case 7:
      case 8:
        Batch(i);
        break;
      case 9:
      case 10:
        Scan(key, f);
        break;
      case 11:
        if (snapshots_.size() < 4) {
          snapshots_.push_back(run_.db()->GetSnapshot());
        }
        break;
      case 12:
        ReadSnapshot(key, f);
        break;
      case 13:
        return Seldom(i);
      case 14:
      case 15:
      case 16:
      case 17:
      case 18:
        run_.NoteGet(key, f);
        break;
      default:
        run_.Put(key, Concat(i, ".") + RandomValue(run_.random, 80), f);
    }
    return true;
  }

  void DropSnapshots() {
    for (const Snapshot* snapshot : snapshots_) {
      run_.db()->ReleaseSnapshot(snapshot);
    }
    snapshots_.clear();
  }

 private:
  // Few keys under few prefixes, many digits: versions, ties, splits.
  std::string AnyKey() {
    return Key(Below(run_.random, 4), "p", 1) +
           Key(Below(run_.random, 900), "", 3);
  }

  void Batch(size_t i) {
    WriteBatch batch;
    for (uint64_t n = 1 + Below(run_.random, 12); n > 0; --n) {
      const size_t f = Below(run_.random, 2);
      const std::string key = AnyKey();
      run_.Expect(Below(run_.random, 5) == 0
                      ? batch.Delete(run_.family(f), key)
                      : batch.Put(run_.family(f), key, Concat(i, "/", n)),
                  "batch");
    }
    run_.Write(&batch);
  }

  void Scan(const std::string& from, size_t f) {
    ReadOptions read;
    read.total_order_seek = true;
    const std::unique_ptr<Iterator> it(
        run_.db()->NewIterator(read, run_.family(f)));
    const bool forwards = Below(run_.random, 2) == 0;
    if (forwards) {
      it->Seek(from);
    } else {
      it->SeekForPrev(from);
    }
    for (uint64_t n = Below(run_.random, 30); n > 0 && it->Valid(); --n) {
      run_.NoteAt(it.get(), "scan");
      // Back and forth, and with a write that the iterator must not see.
      if (n % 7 == 0) run_.Put(AnyKey(), "beside a scan", f);
      if (forwards == (n % 5 != 0)) {
        it->Next();
      } else {
        it->Prev();
      }
    }
    run_.NoteAt(it.get(), "scan ends");
  }

  void ReadSnapshot(const std::string& key, size_t f) {
    if (snapshots_.empty()) return;
    ReadOptions read;
    read.snapshot = snapshots_[Below(run_.random, snapshots_.size())];
    run_.NoteGet(key, read, f);
  }

  bool Seldom(size_t i) {
    switch (Below(run_.random, 12)) {
      case 0:
        run_.Flush();
        break;
      case 1:
        run_.NoteContents();
        break;
      case 2:
        DropSnapshots();
        return run_.Reopen();
      case 3:
        DropSnapshots();
        break;
      default:
        run_.Note("at ", i);
    }
    return true;
  }

  DbRun& run_;
  std::vector<const Snapshot*> snapshots_;
};

TEST_P(DbMetamorphicTest, AnyOptionsSameAnswers) {
  // 201 logs in the long run, over the three configurations.
  const size_t logs = Scaled(100) > 100 ? 67 : Scaled(3);
  for (size_t log = 0; log < logs; ++log) {
    Compare([log](DbRun& run) {
      Random choices(TestSeed() * 31 + log * 2 + (run.tested() ? 1 : 0));
      ChooseOptions(choices, &run.options);
      run.options.merge_operator = std::make_shared<JoinOperator>();
      run.more_families = {"one"};
      run.random.seed(TestSeed() + 1000 * log);
      if (!run.Open()) return;
      Log operations(&run);
      for (size_t i = 0; i < 10000 && operations.Operation(i); ++i) {
      }
    });
    if (HasFailure()) {
      FAIL() << "log " << log << " of seed " << TestSeed();
    }
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
