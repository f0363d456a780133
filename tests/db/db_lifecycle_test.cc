// SPDX-License-Identifier: Apache-2.0
//
// The life of memtables: what makes them end (write buffers, a
// WriteBufferManager, atomic flushes), what comes after (kept history,
// mempurge), and what RocksDB tells about them while they live.
#include <algorithm>
#include <fstream>

#include "rocksdb/cache.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_buffer_manager.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

using rocksdb::WriteBufferManager;

class DbLifecycleTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbLifecycleTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

void RandomPuts(DbRun& run, size_t n, uint64_t keys) {
  for (size_t i = 0; i < n; ++i) {
    const size_t family = Below(run.random, run.families().size());
    run.Put(Key(Below(run.random, keys)), RandomValue(run.random, 100), family);
    if (i % 5 == 0) run.NoteGet(Key(Below(run.random, keys)), family);
  }
}

TEST_P(DbLifecycleTest, WriteBufferManagerOverSeveralFamilies) {
  Compare([](DbRun& run) {
    auto manager = std::make_shared<WriteBufferManager>(1 << 20);
    run.options.write_buffer_manager = manager;
    run.more_families = {"one", "two"};
    if (!run.Open()) return;
    RandomPuts(run, Scaled(30000), 8000);
    run.Expect(manager->memory_usage() > 0, "the manager sees the memtables");
    run.Flush();
    run.NoteContents();
    run.Finish();
    run.options.write_buffer_manager.reset();
    run.Note("memory after closing: ", manager->memory_usage());
  });
}

TEST_P(DbLifecycleTest, WriteBufferManagerChargesACache) {
  Compare([](DbRun& run) {
    run.options.write_buffer_manager = std::make_shared<WriteBufferManager>(
        512 << 10, rocksdb::NewLRUCache(64 << 20));
    run.options.arena_block_size = 16 << 10;
    if (!run.Open()) return;
    RandomPuts(run, Scaled(15000), 3000);
  });
}

TEST_P(DbLifecycleTest, AtomicFlushOfSeveralFamilies) {
  Compare([](DbRun& run) {
    run.options.atomic_flush = true;
    run.options.write_buffer_size = 128 << 10;
    run.more_families = {"one", "two", "three"};
    if (!run.Open()) return;
    RandomPuts(run, Scaled(15000), 2000);
    run.Flush();
    RandomPuts(run, Scaled(3000), 2000);
  });
}

// Without a WAL the flush at closing is all that keeps the data.
TEST_P(DbLifecycleTest, FlushAtCloseWithoutWal) {
  Compare([](DbRun& run) {
    run.write_options.disableWAL = true;
    if (!run.Open()) return;
    RandomPuts(run, Scaled(20000), 10000);
    if (!run.Reopen()) return;
    run.NoteContents();
    RandomPuts(run, Scaled(5000), 10000);
  });
}

// Flushed memtables stay to be read: nothing may be freed by the flush.
TEST_P(DbLifecycleTest, KeptHistory) {
  Compare([](DbRun& run) {
    run.options.max_write_buffer_size_to_maintain = 4 << 20;
    run.options.write_buffer_size = 64 << 10;
    if (!run.Open()) return;
    std::vector<std::unique_ptr<Iterator>> old;
    for (int part = 0; part < 10; ++part) {
      RandomPuts(run, Scaled(1500), 1000);
      old.emplace_back(run.db()->NewIterator(run.read_options));
      if (part % 3 == 2) run.Flush();
    }
    for (auto& it : old) {
      uint64_t hash = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        hash = hash * 31 + HashOf(it->key()) + HashOf(it->value());
      }
      run.Note("old iterator ", hash, " ", it->status().ToString());
    }
  });
}

// Whether some log of the database has the text. Only once it is closed:
// RocksDB buffers what it logs.
bool Logged(const std::string& dir, const std::string& text) {
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    if (file.path().filename().string().rfind("LOG", 0) != 0) continue;
    std::ifstream log(file.path());
    std::ostringstream all;
    all << log.rdbuf();
    if (all.str().find(text) != std::string::npos) return true;
  }
  return false;
}

// RocksDB decides by a random sample of the memtable whether to replace it by
// a smaller one in place of a flush.
TEST_P(DbLifecycleTest, Mempurge) {
  if (kMempurgeAsserts) GTEST_SKIP() << kWhyMempurgeAsserts;
  Compare([](DbRun& run) {
    run.options.experimental_mempurge_threshold = 1.0;
    run.options.write_buffer_size = 256 << 10;
    run.options.max_write_buffer_number = 8;
    if (!run.Open()) return;
    // Mostly garbage: few keys, written again and again.
    for (size_t i = 0; i < Scaled(40000); ++i) {
      const std::string key = Key(Below(run.random, 50));
      if (Below(run.random, 20) == 0) {
        run.Delete(key);
      } else {
        run.Put(key, RandomValue(run.random, 100));
      }
      if (i % 7 == 0) run.NoteGet(Key(Below(run.random, 50)));
    }
    run.NoteContents();
    // No flush by hand here: in RocksDB 7.8 it may wait for ever for the
    // memtable that a purge made.
    run.Finish();
    run.Expect(Logged(run.dir(), "Mempurge lasted"), "a memtable was purged");
  });
}

// Where all entries are live the sample must say so: purging would be vain.
TEST_P(DbLifecycleTest, MempurgeLeavesLiveData) {
  Compare([](DbRun& run) {
    run.options.experimental_mempurge_threshold = 0.5;
    run.options.write_buffer_size = 256 << 10;
    if (!run.Open()) return;
    for (size_t i = 0; i < 12000; ++i) {
      run.Put(Key(i), RandomValue(run.random, 100));
    }
    run.Finish();
    run.Expect(Logged(run.dir(), "flush_finished"), "memtables were flushed");
    run.Expect(!Logged(run.dir(), "Mempurge lasted"), "none was purged");
  });
}

TEST_P(DbLifecycleTest, FamiliesComeAndGo) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (int round = 0; round < 20; ++round) {
      ColumnFamilyHandle* handle = nullptr;
      run.Expect(run.db()->CreateColumnFamily(run.options, Concat("f", round),
                                              &handle),
                 "create");
      if (handle == nullptr) return;
      for (size_t i = 0; i < Scaled(1500); ++i) {
        run.Expect(run.db()->Put(run.write_options, handle,
                                 Key(Below(run.random, 1000)), Concat(i)),
                   "put");
      }
      // Outlives the family, whose memtable must stay as long.
      std::unique_ptr<Iterator> it(
          run.db()->NewIterator(run.read_options, handle));
      run.Expect(run.db()->DropColumnFamily(handle), "drop");
      run.Expect(run.db()->DestroyColumnFamilyHandle(handle), "destroy");
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        run.NoteAt(it.get(), "dropped");
      }
      run.Put(Key(round), "default");
    }
  });
}

TEST_P(DbLifecycleTest, Checkpoint) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    RandomPuts(run, Scaled(10000), 5000);
    rocksdb::Checkpoint* raw = nullptr;
    run.Expect(rocksdb::Checkpoint::Create(run.db(), &raw), "create");
    std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    const std::string copy = run.dir() + ".copy";
    // Large enough not to flush: the memtable travels as a WAL.
    run.Expect(checkpoint->CreateCheckpoint(copy, 1 << 30), "checkpoint");
    run.NoteContents();
    RandomPuts(run, Scaled(1000), 5000);
    run.Close();
    std::filesystem::remove_all(run.dir());
    std::filesystem::rename(copy, run.dir());
    if (!run.Open()) return;
    run.NoteContents();
  });
}

// --------------------------------------------------------------------------
// Estimates: not equal to skip_list's, but near the truth.

class DbEstimateTest : public DbTest {
 protected:
  // Keys 0 .. kEntries - 1, each of kValue bytes, put in random order.
  static constexpr uint64_t kEntries = 30000;
  static constexpr uint64_t kValue = 100;

  void Fill(DbRun& run) {
    if (!run.Open()) return;
    std::vector<uint64_t> order(kEntries);
    for (uint64_t i = 0; i < kEntries; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), run.random);
    for (uint64_t i : order) run.Put(Key(i), std::string(kValue, 'v'));
  }
};
INSTANTIATE_TEST_SUITE_P(Memtables, DbEstimateTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

TEST_P(DbEstimateTest, CountsAndSizesOfRanges) {
  TestSeed();
  TempDir dir;
  DbRun run(dir.Sub("db"), GetParam(), Role::kTested);
  Fill(run);
  ASSERT_EQ(0u, run.unexpected()) << run.lines().back();
  for (int round = 0; round < 300; ++round) {
    const uint64_t entries = 1000 + Below(run.random, kEntries - 1000);
    const uint64_t first = Below(run.random, kEntries - entries + 1);
    const std::string from = Key(first), to = Key(first + entries);
    const rocksdb::Range range(from, to);
    uint64_t count = 0, bytes = 0;
    run.db()->GetApproximateMemTableStats(run.family(), range, &count, &bytes);
    EXPECT_GE(count, entries / 2) << from << " to " << to;
    EXPECT_LE(count, entries * 2) << from << " to " << to;
    rocksdb::SizeApproximationOptions what;
    what.include_memtables = true;
    what.include_files = false;
    uint64_t size = 0;
    ASSERT_TRUE(run.db()
                    ->GetApproximateSizes(what, run.family(), &range, 1, &size)
                    .ok());
    EXPECT_GE(size, entries * kValue / 2) << from << " to " << to;
    EXPECT_LE(size, entries * (kValue + 40) * 2) << from << " to " << to;
  }
}

TEST_P(DbEstimateTest, NothingInEmptyRanges) {
  TestSeed();
  TempDir dir;
  DbRun run(dir.Sub("db"), GetParam(), Role::kTested);
  Fill(run);
  ASSERT_EQ(0u, run.unexpected()) << run.lines().back();
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"l", "m"}, {Key(500), Key(500)}}) {
    uint64_t count = 1, bytes = 1;
    run.db()->GetApproximateMemTableStats(
        run.family(), rocksdb::Range(from, to), &count, &bytes);
    EXPECT_LE(count, 20u) << from << " to " << to;
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
