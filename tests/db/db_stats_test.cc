// SPDX-License-Identifier: Apache-2.0
//
// FastSkipStats of real databases: by column family, through seals and drops,
// the pressure before a flush, the lines in LOG.
//
// The statistics are asked of the database's own factory, which can therefore
// not be wrapped for ThreadSanitizer; stats_test has the races.
// Sanitizers: address
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "memtablerep/fast_skip_list_stats.h"
#include "rocksdb/listener.h"
#include "rocksdb/utilities/transaction_db.h"
#include "tests/db/db_fixture.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbStatsTest : public OneDbTest {
 protected:
  void SetUp() override {
    OneDbTest::SetUp();
    options_.write_buffer_size = 4 * kMegabyte;
    options_.memtable_factory = Factory(FastSkipListOptions());
  }

  static std::shared_ptr<FastSkipListRepFactory> Factory(
      const FastSkipListOptions& options) {
    return std::make_shared<FastSkipListRepFactory>(options);
  }

  FastSkipStats Stats(size_t family = 0) {
    FastSkipStats stats;
    const Status status = GetFastSkipStats(db_.get(), handles_[family], &stats);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return stats;
  }

  // Once so many memtables are left: RocksDB frees a flushed one a little after
  // the flush.
  FastSkipStats StatsOf(uint64_t memtables, size_t family = 0) {
    FastSkipStats stats = Stats(family);
    for (int i = 0; i < 6000 && stats.memtables != memtables; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      stats = Stats(family);
    }
    EXPECT_EQ(stats.memtables, memtables);
    return stats;
  }

  void Put(uint64_t from, uint64_t to, size_t family = 0,
           const std::string& value = std::string(100, 'v')) {
    for (uint64_t i = from; i < to; ++i) {
      ASSERT_TRUE(
          db_->Put(WriteOptions(), handles_[family], Key(i), value).ok());
    }
  }
  void Flush(size_t family = 0) {
    ASSERT_TRUE(db_->Flush(FlushOptions(), handles_[family]).ok());
  }

  // Lines of LOG that tell of a seal.
  std::vector<std::string> SealsInLog() {
    std::vector<std::string> lines;
    std::ifstream log(dir_.Sub("db") + "/LOG");
    for (std::string line; std::getline(log, line);) {
      if (line.find("fastskip: memtable sealed: ") != std::string::npos) {
        lines.push_back(line);
      }
    }
    return lines;
  }
};

TEST_F(DbStatsTest, EachColumnFamilyForItself) {
  Open({"one", "two"});
  Put(0, 1000, 0);
  Put(0, 30, 1, "short");
  const FastSkipStats first = Stats(0);
  EXPECT_EQ(first.column_family_id, 0u);
  EXPECT_EQ(first.memtables, 1u);
  EXPECT_EQ(first.entries, 1000u);
  EXPECT_EQ(first.insert_attempts, 1000u);
  EXPECT_EQ(first.average_key_size, 9.0);
  EXPECT_NEAR(first.average_value_size, 100.0, 1e-6);
  EXPECT_EQ(first.write_buffer_size, 4 * kMegabyte);
  EXPECT_GT(first.memory_reserved, 1000 * 119u);
  EXPECT_LT(first.memory_reserved, 1000 * 200u);
  EXPECT_EQ(Stats(1).entries, 30u);
  EXPECT_NEAR(Stats(1).average_value_size, 5.0, 1e-6);
  EXPECT_EQ(Stats(1).column_family_id, handles_[1]->GetID());
  EXPECT_EQ(Stats(2).entries, 0u);
  EXPECT_EQ(Stats(2).memtables, 1u);
  const auto* const factory =
      options_.memtable_factory->CheckedCast<FastSkipListRepFactory>();
  EXPECT_EQ(factory->GetStats().entries, 1030u);
  EXPECT_EQ(factory->GetStats(0).entries, 1000u);
}

// An iterator keeps the old memtable, sealed and flushed, alive.
TEST_F(DbStatsTest, SealedMemtablesUntilTheyGo) {
  Open();
  Put(0, 500);
  std::unique_ptr<Iterator> it(db_->NewIterator(ReadOptions(), handles_[0]));
  Flush();
  Put(500, 520);
  FastSkipStats stats = StatsOf(2);
  EXPECT_EQ(stats.sealed, 1u);
  EXPECT_EQ(stats.entries, 520u);
  it.reset();
  stats = StatsOf(1);
  EXPECT_EQ(stats.sealed, 0u);
  EXPECT_EQ(stats.entries, 20u);
  const auto factory = options_.memtable_factory;
  Close();
  EXPECT_EQ(
      factory->CheckedCast<FastSkipListRepFactory>()->GetStats().memtables, 0u);
}

TEST_F(DbStatsTest, TheWriteBufferSizeOfNow) {
  FastSkipListOptions fastskip;
  fastskip.backpressure_percent = 50;
  options_.memtable_factory = Factory(fastskip);
  Open();
  Put(0, 5000);
  EXPECT_EQ(Stats().under_pressure, 0u) << Stats().ToString();
  ASSERT_TRUE(db_->SetOptions({{"write_buffer_size", "1048576"}}).ok());
  EXPECT_EQ(Stats().write_buffer_size, kMegabyte);
  EXPECT_EQ(Stats().under_pressure, 1u) << Stats().ToString();
  ASSERT_TRUE(db_->SetOptions({{"write_buffer_size", "67108864"}}).ok());
  EXPECT_EQ(Stats().under_pressure, 0u);
}

TEST_F(DbStatsTest, AnotherMemtableIsRefused) {
  Open();
  ColumnFamilyOptions stock = options_;
  stock.memtable_factory = std::make_shared<rocksdb::SkipListFactory>();
  ColumnFamilyHandle* handle = nullptr;
  ASSERT_TRUE(db_->CreateColumnFamily(stock, "stock", &handle).ok());
  handles_.push_back(handle);
  FastSkipStats stats;
  const Status status = GetFastSkipStats(db_.get(), handle, &stats);
  EXPECT_TRUE(status.IsNotSupported());
  EXPECT_NE(status.ToString().find("stock"), std::string::npos);
  EXPECT_NE(status.ToString().find("SkipListFactory"), std::string::npos);
}

TEST_F(DbStatsTest, OneFactoryForTwoDatabases) {
  Open();
  Handles others;
  const std::unique_ptr<DB> other = OpenAt("other", {}, &others);
  Put(0, 100);
  ASSERT_TRUE(other->Put(WriteOptions(), "key", "value").ok());
  EXPECT_EQ(Stats().entries, 100u);
  FastSkipStats stats;
  ASSERT_TRUE(GetFastSkipStats(other.get(), others[0], &stats).ok());
  EXPECT_EQ(stats.entries, 1u);
  const auto* const factory =
      options_.memtable_factory->CheckedCast<FastSkipListRepFactory>();
  EXPECT_EQ(factory->GetStats().entries, 101u);
  EXPECT_TRUE(other->DestroyColumnFamilyHandle(others[0]).ok());
}

TEST_F(DbStatsTest, ThroughATransactionDb) {
  rocksdb::TransactionDB* raw = nullptr;
  ASSERT_TRUE(rocksdb::TransactionDB::Open(options_,
                                           rocksdb::TransactionDBOptions(),
                                           dir_.Sub("db"), &raw)
                  .ok());
  const std::unique_ptr<rocksdb::TransactionDB> db(raw);
  ASSERT_TRUE(db->Put(WriteOptions(), "key", "value").ok());
  FastSkipStats stats;
  ASSERT_TRUE(
      GetFastSkipStats(db.get(), db->DefaultColumnFamily(), &stats).ok());
  EXPECT_EQ(stats.entries, 1u);
}

// --- Backpressure -----------------------------------------------------------

// A producer that looks after each write sees pressure before RocksDB seals.
TEST_F(DbStatsTest, PressureBeforeTheFlushForMemory) {
  options_.write_buffer_size = kMegabyte;
  Open();
  int seals = 0;
  bool pressed = false;
  uint64_t entries = 0;
  for (uint64_t i = 0; seals < 5; ++i) {
    Put(i, i + 1);
    FastSkipStats now;
    for (const FastSkipStats& each :
         options_.memtable_factory->CheckedCast<FastSkipListRepFactory>()
             ->GetMemtableStats()) {
      if (each.sealed == 0) now = each;
    }
    if (now.entries < entries) {
      EXPECT_TRUE(pressed) << "sealed after " << entries;
      ++seals;
      pressed = false;
    }
    entries = now.entries;
    if (now.under_pressure > 0) {
      pressed = true;
      EXPECT_GE(now.memory_reserved, kMegabyte * 9 / 10);
    }
  }
}

TEST_F(DbStatsTest, PressureBeforeTheFlushForEntries) {
  FastSkipListOptions fastskip;
  fastskip.max_entries = 1000;
  fastskip.backpressure_percent = 80;
  options_.memtable_factory = Factory(fastskip);
  Open();
  for (uint64_t i = 0; i < 1000; ++i) {
    Put(i, i + 1);
    ASSERT_EQ(Stats().under_pressure, i + 1 >= 800 ? 1u : 0u) << i;
  }
  Put(1000, 1001);  // into the next memtable
  Flush();
  EXPECT_EQ(Stats().under_pressure, 0u);
}

// --- LOG --------------------------------------------------------------------

TEST_F(DbStatsTest, OneLineInLogForEachSeal) {
  Open({"one"});
  const uint32_t one = handles_[1]->GetID();
  for (uint64_t n = 1; n <= 3; ++n) {
    Put(0, 100 * n, 0);
    Flush(0);
    Put(0, 7 * n, 1);
    Flush(1);
  }
  Close();
  const std::vector<std::string> lines = SealsInLog();
  ASSERT_EQ(lines.size(), 6u);
  for (uint64_t n = 1; n <= 3; ++n) {
    for (const std::string& part :
         {Concat("column_family_id=0 memtables=1 sealed=1 "),
          Concat(" entries=", 100 * n, " insert_attempts=", 100 * n, " "),
          Concat(" average_value_size=100.000 ")}) {
      EXPECT_NE(lines[2 * n - 2].find(part), std::string::npos)
          << lines[2 * n - 2];
    }
    for (const std::string& part :
         {Concat("column_family_id=", one, " "), Concat(" entries=", 7 * n)}) {
      EXPECT_NE(lines[2 * n - 1].find(part), std::string::npos)
          << lines[2 * n - 1];
    }
  }
}

TEST_F(DbStatsTest, NoLineInLogWhenTurnedOff) {
  RegisterFastSkip();
  rocksdb::ConfigOptions strict;
  strict.ignore_unsupported_options = false;
  ASSERT_TRUE(
      MemTableRepFactory::CreateFromString(
          strict, "id=fastskip;log_on_seal=false", &options_.memtable_factory)
          .ok());
  Open();
  Put(0, 100);
  Flush();
  StatsOf(1);
  Close();
  EXPECT_TRUE(SealsInLog().empty());
}

// --- Beside everything ------------------------------------------------------

TEST_F(DbStatsTest, WhileMemtablesComeAndGo) {
  options_.write_buffer_size = 128 << 10;
  options_.max_write_buffer_number = 4;
  Open({"one"});
  const uint64_t n = Scaled(20000);
  std::atomic<bool> done{false};
  std::atomic<uint64_t> asked{0}, seals_seen{0};
  std::vector<std::thread> readers;
  for (size_t family = 0; family < 2; ++family) {
    readers.emplace_back([&, family] {
      while (!done.load()) {
        const FastSkipStats stats = Stats(family);
        ASSERT_GE(stats.memtables, 1u);
        ASSERT_LE(stats.sealed, stats.memtables);
        ASSERT_EQ(stats.memory_used + stats.memory_idle, stats.memory_reserved);
        if (stats.sealed > 0) seals_seen.fetch_add(1);
        asked.fetch_add(1);
        std::this_thread::yield();
      }
    });
  }
  std::vector<std::thread> writers;
  for (size_t w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      const uint64_t from = w / 2 * n;
      Put(from, from + n, w % 2);
    });
  }
  for (int i = 0; i < 20; ++i) {
    ColumnFamilyHandle* handle = nullptr;
    ASSERT_TRUE(db_->CreateColumnFamily(options_, Key(static_cast<uint64_t>(i)),
                                        &handle)
                    .ok());
    ASSERT_TRUE(db_->Put(WriteOptions(), handle, "key", "value").ok());
    FastSkipStats stats;
    ASSERT_TRUE(GetFastSkipStats(db_.get(), handle, &stats).ok());
    EXPECT_EQ(stats.entries, 1u);
    ASSERT_TRUE(db_->DropColumnFamily(handle).ok());
    ASSERT_TRUE(db_->DestroyColumnFamilyHandle(handle).ok());
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(asked.load(), 10u);
  for (size_t family = 0; family < 2; ++family) {
    Flush(family);
    EXPECT_EQ(StatsOf(1, family).entries, 0u);
    std::unique_ptr<Iterator> it(
        db_->NewIterator(ReadOptions(), handles_[family]));
    uint64_t found = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++found;
    EXPECT_EQ(found, 2 * n);
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
