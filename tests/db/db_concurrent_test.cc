// SPDX-License-Identifier: Apache-2.0
//
// Many writers and readers on one database, under every write mode of RocksDB.
//
// Where writers keep to keys of their own, the end is a function of the seed
// and is compared with skip_list. Where they share keys, the end is checked
// against what they wrote.
#include <thread>

#include "rocksdb/merge_operator.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

struct WriteMode {
  std::string name;
  std::function<void(Options*)> configure;
};

std::vector<WriteMode> WriteModes() {
  return {{"Plain", [](Options*) {}},
          {"Pipelined", [](Options* o) { o->enable_pipelined_write = true; }},
          {"Unordered", [](Options* o) { o->unordered_write = true; }},
          {"TwoQueues", [](Options* o) { o->two_write_queues = true; }},
          {"OneByOne",
           [](Options* o) { o->allow_concurrent_memtable_write = false; }}};
}

void PrintTo(const WriteMode& mode, std::ostream* out) { *out << mode.name; }

using ModeParam = std::tuple<MemtableConfig, WriteMode, int>;  // threads

std::vector<ModeParam> Combinations() {
  std::vector<ModeParam> all;
  const MemtableConfig by_default = AnyOrderConfigs()[0];
  for (const WriteMode& mode : WriteModes()) {
    for (int threads : {2, 4, 16}) all.emplace_back(by_default, mode, threads);
  }
  for (const WriteMode& mode : {WriteModes()[0], WriteModes()[2]}) {
    all.emplace_back(FastSkipConfig("OneShard", KeyOrder::kAuto, 1), mode, 8);
    all.emplace_back(AnyOrderConfigs()[1], mode, 8);
    all.emplace_back(BytewiseConfigs()[2], mode, 8);
  }
  return all;
}

class DbConcurrentTest : public ::testing::TestWithParam<ModeParam> {
 protected:
  using ThreadedScenario = std::function<void(DbRun&, int threads)>;

  Scenario WithMode(const ThreadedScenario& scenario) const {
    const WriteMode mode = std::get<1>(GetParam());
    const int threads = std::get<2>(GetParam());
    return [mode, threads, scenario](DbRun& run) {
      mode.configure(&run.options);
      scenario(run, threads);
    };
  }
  void Compare(const ThreadedScenario& scenario) {
    TestSeed();
    EXPECT_EQ("", Difference(std::get<0>(GetParam()), WithMode(scenario)));
  }
  // For scenarios whose end is not a function of the seed.
  void ExpectNothingUnexpected(const ThreadedScenario& scenario) {
    TestSeed();
    const Transcript seen =
        Play(std::get<0>(GetParam()), Role::kTested, WithMode(scenario));
    EXPECT_EQ("", FirstUnexpected(seen));
    EXPECT_FALSE(seen.lines.empty());
  }
};

INSTANTIATE_TEST_SUITE_P(Memtables, DbConcurrentTest,
                         ::testing::ValuesIn(Combinations()),
                         [](const ::testing::TestParamInfo<ModeParam>& info) {
                           return std::get<1>(info.param).name +
                                  std::get<0>(info.param).name +
                                  std::to_string(std::get<2>(info.param));
                         });

void OnThreads(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) all.emplace_back(body, t);
  for (std::thread& thread : all) thread.join();
}

// Each thread's share of `n` operations in all.
size_t Share(size_t n, int threads) {
  return std::max<size_t>(20, Scaled(n) / static_cast<size_t>(threads));
}

// A random operation on keys that only `thread` writes. They interleave with
// those of the others: neighbours in the memtable have different writers.
void OwnOperation(DbRun& run, int thread, int threads, Random& random) {
  const auto own = [&] { return Key(Below(random, 2000) * threads + thread); };
  const std::string key = own();
  switch (Below(random, 10)) {
    case 0:
      run.Delete(key);
      break;
    case 1: {
      WriteBatch batch;
      for (int i = 0; i < 10; ++i) {
        run.Expect(batch.Put(own(), RandomValue(random, 20)), "batch");
      }
      run.Write(&batch);
      break;
    }
    case 2: {
      // The writer sees its own write.
      const std::string value = RandomValue(random, 40);
      run.Put(key, value);
      run.Expect(run.Get(key, ReadOptions()) == Show(value),
                 "a write is seen by its writer");
      break;
    }
    default:
      run.Put(key, RandomValue(random, 40));
  }
}

void OwnKeys(DbRun& run, int threads) {
  if (!run.Open()) return;
  const size_t share = Share(10000, threads);
  OnThreads(threads, [&](int t) {
    Random random(TestSeed() + t);
    for (size_t i = 0; i < share; ++i) OwnOperation(run, t, threads, random);
  });
  run.NoteContents();
}

TEST_P(DbConcurrentTest, OwnKeysInOneMemtable) { Compare(OwnKeys); }

TEST_P(DbConcurrentTest, OwnKeysThroughManyFlushes) {
  Compare([](DbRun& run, int threads) {
    run.options.write_buffer_size = 128 << 10;
    run.options.max_write_buffer_number = 4;
    OwnKeys(run, threads);
  });
}

TEST_P(DbConcurrentTest, OwnKeysWithHintsPerBatch) {
  Compare([](DbRun& run, int threads) {
    run.write_options.memtable_insert_hint_per_batch = true;
    run.options.memtable_protection_bytes_per_key = 8;
    OwnKeys(run, threads);
  });
}

// Ranges of its own for each thread. skip_list of RocksDB 7.8 aborts with
// per-batch hints beside DeleteRange: only the tested memtable gets them.
TEST_P(DbConcurrentTest, RangeDeletionsInBatches) {
  Compare([](DbRun& run, int threads) {
    run.write_options.memtable_insert_hint_per_batch = run.tested();
    if (!run.Open()) return;
    const size_t share = Share(2500, threads);
    OnThreads(threads, [&](int t) {
      Random random(TestSeed() + t);
      const std::string own = Key(t, "thread", 2) + "/";
      for (size_t i = 0; i < share; ++i) {
        WriteBatch batch;
        Status s;
        for (int j = 0; j < 6 && s.ok(); ++j) {
          const uint64_t k = Below(random, 500);
          s = j == 3 && i % 4 == 0
                  ? batch.DeleteRange(Key(k, own), Key(k + 30, own))
                  : batch.Put(Key(k, own), Concat(i, ".", j));
        }
        run.Expect(s, "batch");
        run.Write(&batch);
      }
    });
    run.NoteContents();
  });
}

class AddOperator : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const Slice&, const Slice* existing, const Slice& operand,
             std::string* result, rocksdb::Logger*) const override {
    const uint64_t before =
        existing == nullptr ? 0 : std::stoull(existing->ToString());
    *result = std::to_string(before + std::stoull(operand.ToString()));
    return true;
  }
  const char* Name() const override { return "fastskip.test.Add"; }
};

// All threads add to the same few keys: versions of one key by many writers.
TEST_P(DbConcurrentTest, SharedCountersAddUp) {
  Compare([](DbRun& run, int threads) {
    run.options.merge_operator = std::make_shared<AddOperator>();
    if (!run.Open()) return;
    const size_t share = Share(12000, threads);
    OnThreads(threads, [&](int t) {
      Random random(TestSeed() + t);
      for (size_t i = 0; i < share; ++i) {
        run.Merge(Key(Below(random, 8)), std::to_string(Below(random, 100)));
      }
    });
    run.NoteContents();
  });
}

// A key's value only grows, for its one writer counts up: no reader may see a
// smaller one after a larger one, by Get or by an iterator. Under
// unordered_write an iterator may be ahead of Get: RocksDB publishes a sequence
// number before its entry, and MemTable::Get takes a memtable for empty until
// the insert of its first entry has come to its end.
void ReadUntil(DbRun& run, const std::atomic<bool>& stop, uint64_t keys,
               uint64_t seed) {
  Random random(seed);
  std::vector<uint64_t> seen(keys, 0);
  std::vector<uint64_t> ahead(keys, 0);
  std::vector<uint64_t>* const seen_by_iterators =
      run.options.unordered_write ? &ahead : &seen;
  const auto observe = [&](uint64_t k, const std::string& value,
                           std::vector<uint64_t>* before) {
    const uint64_t now = std::stoull(value);
    uint64_t& then = (*before)[k];
    if (now < then) run.Unexpected(Key(k), " was ", then, " and is ", now);
    then = now;
  };
  while (!stop.load()) {
    for (int i = 0; i < 20; ++i) {
      const uint64_t k = Below(random, keys);
      std::string value;
      Status s = run.db()->Get(ReadOptions(), Key(k), &value);
      if (s.ok()) observe(k, value, &seen);
      if (s.IsNotFound() && seen[k] > 0) run.Unexpected(Key(k), " is gone");
    }
    std::unique_ptr<Iterator> it(run.db()->NewIterator(ReadOptions()));
    const uint64_t from = Below(random, keys);
    std::string last;
    it->Seek(Key(from));
    for (int i = 0; i < 60 && it->Valid(); ++i, it->Next()) {
      const std::string key = it->key().ToString();
      run.Expect(last < key, "keys ascend");
      last = key;
      observe(std::stoull(key.substr(3)), it->value().ToString(),
              seen_by_iterators);
    }
    if (it->Valid()) last = it->key().ToString();
    for (int i = 0; i < 60 && it->Valid(); ++i) {
      it->Prev();
      if (!it->Valid()) break;
      const std::string key = it->key().ToString();
      run.Expect(key < last, "keys descend");
      last = key;
    }
    run.Expect(it->status(), "iterator");
  }
}

TEST_P(DbConcurrentTest, ReadersSeeValuesGrow) {
  Compare([](DbRun& run, int threads) {
    run.options.write_buffer_size = 512 << 10;
    if (!run.Open()) return;
    constexpr uint64_t kKeysEach = 100;
    const uint64_t keys = kKeysEach * threads;
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r) {
      readers.emplace_back([&, r] { ReadUntil(run, stop, keys, r); });
    }
    const size_t share = Share(16000, threads);
    OnThreads(threads, [&](int t) {
      Random random(TestSeed() + t);
      for (size_t i = 1; i <= share; ++i) {
        run.Put(Key(Below(random, kKeysEach) * threads + t), std::to_string(i));
      }
    });
    stop.store(true);
    for (std::thread& reader : readers) reader.join();
    run.NoteContents();
  });
}

// Every batch writes one number under two keys far apart: a snapshot shows
// either both or neither.
void ExpectPairs(DbRun& run, uint64_t pairs) {
  ReadOptions read;
  read.snapshot = run.db()->GetSnapshot();
  std::vector<std::string> left(pairs), right(pairs);
  std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    auto& side = it->key()[0] == 'a' ? left : right;
    side[std::stoull(it->key().ToString().substr(1))] = it->value().ToString();
  }
  run.Expect(it->status(), "scan");
  run.Expect(left == right, "a snapshot shows whole batches only");
  it.reset();
  run.db()->ReleaseSnapshot(read.snapshot);
}

TEST_P(DbConcurrentTest, SnapshotsShowWholeBatches) {
  // unordered_write gives this up by design.
  if (std::get<1>(GetParam()).name == "Unordered") return;
  ExpectNothingUnexpected([](DbRun& run, int threads) {
    run.options.write_buffer_size = 512 << 10;
    if (!run.Open()) return;
    constexpr uint64_t kPairs = 200;
    std::atomic<int> writing{threads};
    std::thread reader([&] {
      do {
        ExpectPairs(run, kPairs);
      } while (writing.load() > 0);
    });
    const size_t share = Share(8000, threads);
    OnThreads(threads, [&](int t) {
      Random random(TestSeed() + t);
      for (size_t i = 0; i < share; ++i) {
        const uint64_t pair = Below(random, kPairs);
        const std::string value = Concat(t, ".", i);
        WriteBatch batch;
        run.Expect(batch.Put(Key(pair, "a"), value), "batch");
        run.Expect(batch.Put(Key(pair, "z"), value), "batch");
        run.Write(&batch);
      }
      writing.fetch_sub(1);
    });
    reader.join();
    ExpectPairs(run, kPairs);
  });
}

// All threads put to the same keys; at the end each key holds what some thread
// put there last.
TEST_P(DbConcurrentTest, SharedKeysEndWithSomeLastWrite) {
  ExpectNothingUnexpected([](DbRun& run, int threads) {
    if (!run.Open()) return;
    constexpr uint64_t kKeys = 50;
    const size_t share = Share(16000, threads);
    std::vector<std::vector<std::string>> last(threads,
                                               std::vector<std::string>(kKeys));
    OnThreads(threads, [&](int t) {
      Random random(TestSeed() + t);
      for (size_t i = 0; i < share; ++i) {
        const uint64_t k = Below(random, kKeys);
        last[t][k] = Concat(t, ".", i);
        run.Put(Key(k), last[t][k]);
      }
    });
    for (uint64_t k = 0; k < kKeys; ++k) {
      const std::string value = run.Get(Key(k), ReadOptions());
      bool known = false, written = false;
      for (int t = 0; t < threads; ++t) {
        written = written || !last[t][k].empty();
        known = known || value == last[t][k];
      }
      run.Expect(known == written, "the last write of some thread is there");
    }
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
