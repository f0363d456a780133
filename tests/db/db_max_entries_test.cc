// SPDX-License-Identifier: Apache-2.0
//
// Option max_entries: a real database flushes a memtable for its entries, at
// once, losing nothing, and RocksDB's books of memory stay right.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/listener.h"
#include "rocksdb/table_properties.h"
#include "rocksdb/write_buffer_manager.h"
#include "tests/db/db_fixture.h"

namespace fastskip {
namespace dbtest {
namespace {

// What was in memtables when they were sealed, by column family.
class SealWatcher : public rocksdb::EventListener {
 public:
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    sealed_[info.cf_name].push_back(info.num_entries);
  }
  std::vector<uint64_t> sealed(const std::string& family = "default") const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sealed_.find(family);
    return found == sealed_.end() ? std::vector<uint64_t>() : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<uint64_t>> sealed_;
};

class DbMaxEntriesTest : public OneDbTest {
 protected:
  void SetUp() override {
    OneDbTest::SetUp();
    options_.write_buffer_size = 64 * kMegabyte;
    options_.max_write_buffer_number = 4;
    options_.disable_auto_compactions = true;
    options_.level0_slowdown_writes_trigger = 1 << 20;
    options_.level0_stop_writes_trigger = 1 << 20;
    options_.listeners.push_back(watcher_);
  }

  static std::shared_ptr<MemTableRepFactory> Limit(uint64_t max_entries) {
    FastSkipListOptions options;
    options.max_entries = max_entries;
    return ForThreadSanitizer(std::shared_ptr<MemTableRepFactory>(
        NewFastSkipListRepFactory(options)));
  }

  uint64_t Property(const std::string& name) {
    uint64_t value = 0;
    EXPECT_TRUE(db_->GetIntProperty(name, &value)) << name;
    return value;
  }

  void Put(uint64_t n, size_t family = 0) {
    const Status status =
        db_->Put(write_options_, handles_[family], Key(n), Concat("value", n));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // Keys 0 to n - 1, with the values that Put gives them, and nothing else.
  void ExpectKeys(uint64_t n, size_t family = 0) {
    std::unique_ptr<Iterator> it(
        db_->NewIterator(ReadOptions(), handles_[family]));
    uint64_t i = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next(), ++i) {
      ASSERT_EQ(it->key().ToString(), Key(i));
      ASSERT_EQ(it->value().ToString(), Concat("value", i));
    }
    EXPECT_TRUE(it->status().ok());
    EXPECT_EQ(i, n);
  }

  // How many entries each file of the database has, sorted.
  std::vector<uint64_t> EntriesOfFiles(size_t family = 0) {
    rocksdb::TablePropertiesCollection tables;
    EXPECT_TRUE(db_->GetPropertiesOfAllTables(handles_[family], &tables).ok());
    std::vector<uint64_t> entries;
    for (const auto& [name, table] : tables) {
      entries.push_back(table->num_entries);
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  WriteOptions write_options_;
  std::shared_ptr<SealWatcher> watcher_ = std::make_shared<SealWatcher>();
};

void ExpectEach(const std::vector<uint64_t>& sizes, size_t at_least,
                uint64_t least, uint64_t most) {
  EXPECT_GE(sizes.size(), at_least);
  for (const uint64_t size : sizes) {
    EXPECT_GE(size, least);
    EXPECT_LE(size, most);
  }
}

TEST_F(DbMaxEntriesTest, OneWriterIsExact) {
  for (const uint64_t limit : {1u, 2u, 100u, 1000u, 5000u}) {
    for (const bool concurrent : {false, true}) {
      SCOPED_TRACE(Concat("limit ", limit, ", concurrent ", concurrent));
      watcher_ = std::make_shared<SealWatcher>();
      options_.listeners = {watcher_};
      options_.allow_concurrent_memtable_write = concurrent;
      options_.memtable_factory = Limit(limit);
      Open();
      const uint64_t n = std::min<uint64_t>(limit * 5, 20000) + 1;
      for (uint64_t i = 0; i < n; ++i) Put(i);
      ExpectEach(watcher_->sealed(), (n - 1) / limit, limit, limit);
      ExpectKeys(n);
      Close();
      ASSERT_TRUE(rocksdb::DestroyDB(dir_.Sub("db"), options_).ok());
    }
  }
}

TEST_F(DbMaxEntriesTest, NoLimitIsNone) {
  options_.memtable_factory = Limit(0);
  Open();
  for (uint64_t i = 0; i < 20000; ++i) Put(i);
  EXPECT_TRUE(watcher_->sealed().empty());
}

// The other limit still holds.
TEST_F(DbMaxEntriesTest, MemoryMayComeFirst) {
  options_.write_buffer_size = 256 << 10;
  options_.memtable_factory = Limit(1000000);
  Open();
  for (uint64_t i = 0; i < 20000; ++i) Put(i);
  ExpectEach(watcher_->sealed(), 2, 1000, 10000);
  ExpectKeys(20000);
}

TEST_F(DbMaxEntriesTest, BatchesOfOneWriter) {
  options_.memtable_factory = Limit(1000);
  Open();
  constexpr uint64_t kBatch = 70, kBatches = 100;
  for (uint64_t b = 0; b < kBatches; ++b) {
    WriteBatch batch;
    for (uint64_t i = b * kBatch; i < (b + 1) * kBatch; ++i) {
      ASSERT_TRUE(batch.Put(Key(i), Concat("value", i)).ok());
    }
    ASSERT_TRUE(db_->Write(write_options_, &batch).ok());
  }
  // The batch that reaches the limit ends in its memtable.
  ExpectEach(watcher_->sealed(), 6, 1000, 1000 + kBatch - 1);
  ExpectKeys(kBatch * kBatches);
}

// Runs `writers` threads that put keys 0 to n - 1 in batches of `batch`.
void WriteConcurrently(DB* db, const WriteOptions& write, int writers,
                       uint64_t n, uint64_t batch_size) {
  std::atomic<uint64_t> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < writers; ++t) {
    threads.emplace_back([&] {
      for (;;) {
        const uint64_t from = next.fetch_add(batch_size);
        if (from >= n) return;
        WriteBatch batch;
        for (uint64_t i = from; i < std::min(n, from + batch_size); ++i) {
          ASSERT_TRUE(batch.Put(Key(i), Concat("value", i)).ok());
        }
        ASSERT_TRUE(db->Write(write, &batch).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

struct WriteMode {
  const char* name;
  bool unordered, pipelined;
};

// How many entries concurrent writers, each with one batch under way at a time,
// may add beyond the limit: RocksDB asks for the memory after a batch,
// schedules the flush in the insert after that, and switches memtables when the
// leader of a later group looks. So there may be a batch of each writer from
// the limit to the first answer, from there to the scheduling, on its way into
// the memtable by then, and in the group whose leader had just looked.
//
// Unordered writes have no bound: no group waits for another, so a writer that
// is suspended before it schedules the flush holds up nobody.
uint64_t MostBeyond(const WriteMode& mode, uint64_t writers, uint64_t batch) {
  if (mode.unordered) return std::numeric_limits<uint32_t>::max();
  return 4 * writers * batch;
}

class DbMaxEntriesWritersTest
    : public DbMaxEntriesTest,
      public ::testing::WithParamInterface<WriteMode> {};

INSTANTIATE_TEST_SUITE_P(Modes, DbMaxEntriesWritersTest,
                         ::testing::Values(WriteMode{"Plain", false, false},
                                           WriteMode{"Unordered", true, false},
                                           WriteMode{"Pipelined", false, true}),
                         [](const auto& info) { return info.param.name; });

TEST_P(DbMaxEntriesWritersTest, ConcurrentWriters) {
  options_.unordered_write = GetParam().unordered;
  options_.enable_pipelined_write = GetParam().pipelined;
  const uint64_t n = Scaled(60000);
  constexpr uint64_t kWriters = 8;
  for (const uint64_t batch : {1u, 25u}) {
    SCOPED_TRACE(Concat("batches of ", batch));
    watcher_ = std::make_shared<SealWatcher>();
    options_.listeners = {watcher_};
    options_.memtable_factory = Limit(2000);
    Open();
    WriteConcurrently(db_.get(), write_options_, kWriters, n, batch);
    Put(n);  // if a flush is scheduled, this write switches the memtable
    const uint64_t most = 2000 + MostBeyond(GetParam(), kWriters, batch);
    ExpectEach(watcher_->sealed(), std::max<uint64_t>(1, n / most), 2000, most);
    ExpectKeys(n + 1);
    // No memtable has left its claim in RocksDB's sum.
    ASSERT_TRUE(db_->Flush(FlushOptions()).ok());
    EXPECT_LE(Property("rocksdb.size-all-mem-tables"), 32 * kMegabyte);
    Close();
    ASSERT_TRUE(rocksdb::DestroyDB(dir_.Sub("db"), options_).ok());
  }
}

// With history to keep, RocksDB asks for the memory at other times as well.
TEST_P(DbMaxEntriesWritersTest, HistoryIsKept) {
  options_.unordered_write = GetParam().unordered;
  options_.enable_pipelined_write = GetParam().pipelined;
  options_.max_write_buffer_size_to_maintain =
      static_cast<int64_t>(256 * kMegabyte);
  options_.memtable_factory = Limit(1000);
  Open();
  const uint64_t n = Scaled(20000);
  WriteConcurrently(db_.get(), write_options_, 4, n, 1);
  Put(n);  // if a flush is scheduled, this write switches the memtable
  const uint64_t most = 1000 + MostBeyond(GetParam(), 4, 1);
  ExpectEach(watcher_->sealed(), std::max<uint64_t>(1, n / most), 1000, most);
  ASSERT_TRUE(db_->Flush(FlushOptions()).ok());
  // Everything ever written fits in the history: nothing was trimmed.
  const uint64_t kept = Property("rocksdb.size-all-mem-tables");
  EXPECT_GE(kept, n * 30) << "history";
  EXPECT_LE(kept, 64 * kMegabyte);
  ExpectKeys(n + 1);
}

TEST_F(DbMaxEntriesTest, WalReplay) {
  options_.memtable_factory = Limit(0);
  options_.avoid_flush_during_shutdown = true;
  Open();
  for (uint64_t i = 0; i < 10500; ++i) Put(i);
  Close();
  options_.memtable_factory = Limit(1000);
  options_.avoid_flush_during_recovery = false;
  Open();
  const std::vector<uint64_t> files = EntriesOfFiles();
  ASSERT_EQ(files.size(), 11u);
  EXPECT_EQ(files.front(), 500u);
  ExpectEach({files.begin() + 1, files.end()}, 10, 1000, 1000);
  ExpectKeys(10500);
  // And the database goes on as usual.
  for (uint64_t i = 10500; i < 13000; ++i) Put(i);
  ExpectEach(watcher_->sealed(), 2, 1000, 1000);
  ExpectKeys(13000);
}

TEST_F(DbMaxEntriesTest, ColumnFamiliesCountForThemselves) {
  options_.memtable_factory = Limit(1000);
  Open({"one", "two"});
  for (uint64_t i = 0; i < 3001; ++i) {
    Put(i, 0);
    if (i % 3 == 0) Put(i / 3, 1);
  }
  Put(0, 2);
  ExpectEach(watcher_->sealed("default"), 3, 1000, 1000);
  ExpectEach(watcher_->sealed("one"), 1, 1000, 1000);
  EXPECT_TRUE(watcher_->sealed("two").empty());
  ExpectKeys(3001, 0);
  ExpectKeys(1001, 1);
}

// Of sizes that the factory was never told.
TEST_F(DbMaxEntriesTest, LargerWriteBuffersThanKnown) {
  options_.write_buffer_size = kMegabyte;
  options_.memtable_factory = Limit(1000);
  write_options_.disableWAL = true;
  Open();
  ColumnFamilyOptions larger = options_;
  larger.write_buffer_size = 1024 * kMegabyte;
  ColumnFamilyHandle* made = nullptr;
  ASSERT_TRUE(db_->CreateColumnFamily(larger, "made", &made).ok());
  handles_.push_back(made);
  ASSERT_TRUE(
      db_->SetOptions({{"write_buffer_size", std::to_string(64 * kMegabyte)}})
          .ok());
  for (uint64_t i = 0; i < 10000; ++i) {
    Put(i, 0);
    Put(i, 1);
  }
  // Doublings from 1 MB, one at each 1/64 of the limit.
  ExpectEach(watcher_->sealed("default"), 5, 1000, 1000 + 7 * 1000 / 64 + 1);
  ExpectEach(watcher_->sealed("made"), 5, 1000, 1000 + 11 * 1000 / 64 + 1);
  ExpectKeys(10000, 0);
  ExpectKeys(10000, 1);
}

TEST_F(DbMaxEntriesTest, LargeArenaBlocks) {
  options_.write_buffer_size = kMegabyte;
  options_.arena_block_size = 2 * kMegabyte;
  options_.memtable_factory = Limit(1000);
  Open();
  for (uint64_t i = 0; i < 5001; ++i) Put(i);
  ExpectEach(watcher_->sealed(), 5, 1000, 1000);
}

// Until the seal the active memtable looks full, no more; from then on every
// figure is true. The WriteBufferManager never sees anything else.
TEST_F(DbMaxEntriesTest, MemoryIsToldTruly) {
  auto manager =
      std::make_shared<rocksdb::WriteBufferManager>(1024 * kMegabyte);
  options_.write_buffer_manager = manager;
  options_.memtable_factory = Limit(1000);
  options_.max_background_jobs = 2;
  Open();
  for (size_t round = 0; round < 5; ++round) {
    for (uint64_t i = 0; i < 999; ++i) Put(i);
    EXPECT_LE(Property("rocksdb.cur-size-active-mem-table"), 4 * kMegabyte);
    Put(999);
    EXPECT_GE(Property("rocksdb.cur-size-active-mem-table"),
              options_.write_buffer_size);
    EXPECT_LE(Property("rocksdb.cur-size-active-mem-table"),
              options_.write_buffer_size * 5 / 4);
    EXPECT_LE(manager->memory_usage(), 8 * kMegabyte);
    // Sealed, and perhaps flushed: neither may show more than there was.
    Put(0);
    EXPECT_EQ(watcher_->sealed().size(), 2 * round + 1);
    EXPECT_LE(Property("rocksdb.cur-size-all-mem-tables"), 8 * kMegabyte);
    EXPECT_LE(Property("rocksdb.size-all-mem-tables"), 8 * kMegabyte);
    EXPECT_LE(manager->memory_usage(), 12 * kMegabyte);
    ASSERT_TRUE(db_->Flush(FlushOptions()).ok());
    // RocksDB frees the flushed memtable a little later.
    EXPECT_LE(Property("rocksdb.size-all-mem-tables"), 4 * kMegabyte);
    EXPECT_LE(manager->memory_usage(), 8 * kMegabyte);
  }
}

TEST_F(DbMaxEntriesTest, DeletesAreEntries) {
  options_.memtable_factory = Limit(90);
  Open();
  for (uint64_t i = 0; i < 100; ++i) {
    const std::string once = Key(i, "once"), more = Key(i, "more");
    ASSERT_TRUE(db_->Put(write_options_, once, "value").ok());
    ASSERT_TRUE(db_->SingleDelete(write_options_, once).ok());
    ASSERT_TRUE(db_->Delete(write_options_, more).ok());
  }
  ExpectEach(watcher_->sealed(), 3, 90, 90);
  ExpectKeys(0);
}

TEST_F(DbMaxEntriesTest, AtomicFlush) {
  options_.atomic_flush = true;
  options_.memtable_factory = Limit(1000);
  Open({"one"});
  for (uint64_t i = 0; i < 3001; ++i) {
    Put(i, 0);
    if (i % 10 == 0) Put(i / 10, 1);
  }
  // One at its limit takes the other with it.
  ExpectEach(watcher_->sealed("default"), 3, 1000, 1000);
  ExpectEach(watcher_->sealed("one"), 3, 99, 101);
  ExpectKeys(3001, 0);
  ExpectKeys(301, 1);
}

// Nothing is sealed there, and nothing needs to be.
TEST_F(DbMaxEntriesTest, ReadOnlyDatabases) {
  options_.avoid_flush_during_shutdown = true;
  options_.memtable_factory = Limit(0);
  Open();
  for (uint64_t i = 0; i < 3000; ++i) Put(i);
  Close();
  options_.memtable_factory = Limit(1000);
  const std::vector<ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, options_}};
  ASSERT_TRUE(DB::OpenForReadOnly(options_, dir_.Sub("db"), families, &handles_,
                                  OpenInto(&db_))
                  .ok());
  ExpectKeys(3000);
  EXPECT_TRUE(watcher_->sealed().empty());
  Close();
  Open();
  ExpectKeys(3000);
}

// A purge fills a memtable of the same column family beside the active one; it
// must not keep that from being flushed.
TEST_F(DbMaxEntriesTest, Mempurge) {
  if (kMempurgeAsserts) GTEST_SKIP() << kWhyMempurgeAsserts;
  options_.experimental_mempurge_threshold = 100.0;
  options_.allow_concurrent_memtable_write = false;
  options_.memtable_factory = Limit(1000);
  Open();
  constexpr uint64_t kRounds = 30;
  for (uint64_t round = 0; round < kRounds; ++round) {
    for (uint64_t i = 0; i < 1000; ++i) Put(i % 300);
  }
  ExpectEach(watcher_->sealed(), kRounds - 1, 1000, 1000);
  ExpectKeys(300);
  ASSERT_TRUE(db_->Flush(FlushOptions()).ok());
  EXPECT_LE(Property("rocksdb.size-all-mem-tables"), 32 * kMegabyte);
  ExpectKeys(300);
  std::ostringstream log;
  log << std::ifstream(dir_.Sub("db") + "/LOG").rdbuf();
  EXPECT_NE(log.str().find("Mempurge lasted"), std::string::npos);
}

// Several databases with one factory and one log.
TEST_F(DbMaxEntriesTest, OneFactoryForTwoDatabases) {
  options_.memtable_factory = Limit(1000);
  std::shared_ptr<rocksdb::Logger> log;
  ASSERT_TRUE(options_.env->NewLogger(dir_.Sub("shared.log"), &log).ok());
  options_.info_log = log;
  Open();
  std::unique_ptr<DB> other;
  ASSERT_TRUE(DB::Open(options_, dir_.Sub("other"), OpenInto(&other)).ok());
  for (uint64_t i = 0; i < 5001; ++i) {
    Put(i);
    ASSERT_TRUE(other->Put(write_options_, Key(i), Concat("value", i)).ok());
  }
  ExpectEach(watcher_->sealed(), 10, 1000, 1001);
  ExpectKeys(5001);
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
