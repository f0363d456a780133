// SPDX-License-Identifier: Apache-2.0
//
// FastSkipStats of memtables without a database: every field, sums, pressure,
// the line in LOG, and readers beside everything that happens to a memtable.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/fast_skip_list_stats.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

// Keeps what is logged.
class LineLogger : public rdb::Logger {
 public:
  LineLogger() : Logger(rdb::InfoLogLevel::INFO_LEVEL) {}
  using rdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[4096];
    std::vsnprintf(line, sizeof(line), format, arguments);
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

// A value as RocksDB puts it into an entry, its length before it.
std::string WithLength(const std::string& value) {
  std::string encoded;
  size_t length = value.size();
  for (; length >= 0x80; length >>= 7) {
    encoded.push_back(static_cast<char>(length | 0x80));
  }
  encoded.push_back(static_cast<char>(length));
  return encoded + value;
}

// A memtable of one column family of one database.
class FamilyRep {
 public:
  FamilyRep(rdb::MemTableRepFactory* factory, uint32_t family,
            rdb::Logger* logger = nullptr)
      : order_(rdb::BytewiseComparator()),
        rep_(factory->CreateMemTableRep(order_, &allocator_, nullptr, logger,
                                        family)) {}

  bool Insert(uint64_t n, const std::string& value = ";") {
    const std::string entry =
        EncodeEntry(BigEndian(n, 8) + BigEndian(n, 8), 1, 1, WithLength(value));
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep_->Allocate(entry.size(), &buffer);
    std::memcpy(buffer, entry.data(), entry.size());
    return rep_->InsertKeyConcurrently(handle);
  }
  void Fill(uint64_t from, uint64_t to, const std::string& value = ";") {
    for (uint64_t i = from; i < to; ++i) ASSERT_TRUE(Insert(i, value));
  }
  rdb::MemTableRep* operator->() const { return rep_.get(); }
  const CountingAllocator& allocator() const { return allocator_; }

 private:
  EntryOrder order_;
  CountingAllocator allocator_;
  std::unique_ptr<rdb::MemTableRep> rep_;
};

FastSkipListOptions Limits(uint64_t max_entries, uint32_t percent) {
  FastSkipListOptions options;
  options.max_entries = max_entries;
  options.backpressure_percent = percent;
  return options;
}

// As DB::Open does.
void Announce(const FastSkipListRepFactory& factory, uint64_t buffer) {
  rdb::ColumnFamilyOptions family;
  family.write_buffer_size = buffer;
  ASSERT_TRUE(factory.ValidateOptions(rdb::DBOptions(), family).ok());
}

TEST(StatsTest, NoMemtables) {
  const FastSkipListRepFactory factory;
  const FastSkipStats stats = factory.GetStats();
  EXPECT_EQ(stats.memtables, 0u);
  EXPECT_EQ(stats.memory_reserved, 0u);
  EXPECT_EQ(stats.Utilisation(), 1.0);
  EXPECT_EQ(stats.Fill(), 0.0);
  EXPECT_TRUE(factory.GetMemtableStats().empty());
}

TEST(StatsTest, AnEmptyMemtable) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 5);
  const FastSkipStats stats = factory.GetStats();
  EXPECT_EQ(stats.column_family_id, 5u);
  EXPECT_EQ(stats.memtables, 1u);
  EXPECT_EQ(stats.sealed, 0u);
  EXPECT_EQ(stats.under_pressure, 0u);
  EXPECT_EQ(stats.entries, 0u);
  EXPECT_EQ(stats.insert_attempts, 0u);
  EXPECT_EQ(stats.average_key_size, 0.0);
  EXPECT_EQ(stats.average_value_size, 0.0);
  EXPECT_EQ(stats.leaf_blocks, 1u);
  EXPECT_EQ(stats.index_blocks, 0u);
  EXPECT_EQ(stats.levels, 1u);
  EXPECT_EQ(stats.backpressure_percent, 90u);
  EXPECT_EQ(stats.memory_reserved, rep.allocator().bytes());
}

TEST(StatsTest, RefusedDuplicatesAreAttempts) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 0);
  rep.Fill(0, 5000);
  for (uint64_t i = 0; i < 70; ++i) ASSERT_FALSE(rep.Insert(i * 3));
  const FastSkipStats stats = factory.GetStats();
  EXPECT_EQ(stats.entries, 5000u);
  EXPECT_EQ(stats.insert_attempts, 5070u);
}

TEST(StatsTest, MemoryIsWhatTheAllocatorGave) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 0);
  uint64_t before = 0;
  for (uint64_t n = 1; n <= 40000; n *= 3) {
    rep.Fill(before, n, std::string(50, 'v'));
    before = n;
    const FastSkipStats stats = factory.GetStats();
    EXPECT_EQ(stats.memory_reserved, rep.allocator().bytes());
    EXPECT_EQ(stats.memory_used + stats.memory_idle, stats.memory_reserved);
    EXPECT_GT(stats.memory_used, n * 76);
    EXPECT_LE(stats.memory_idle, stats.memory_reserved / 8);
    EXPECT_DOUBLE_EQ(stats.Utilisation(),
                     static_cast<double>(stats.memory_used) /
                         static_cast<double>(stats.memory_reserved));
  }
}

// Of few entries the means are exact, and so they are when all keys have one
// length.
TEST(StatsTest, MeanSizes) {
  const struct {
    uint64_t entries;
    size_t value;
  } cases[] = {{1, 0},     {1, 127},   {3, 128},    {64, 16383},
               {64, 7000}, {5000, 10}, {5000, 130}, {20, 300000}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.value);
    FastSkipListRepFactory factory;
    FamilyRep rep(&factory, 0);
    rep.Fill(0, c.entries, std::string(c.value, 'v'));
    const FastSkipStats stats = factory.GetStats();
    EXPECT_EQ(stats.average_key_size, 16.0);
    EXPECT_NEAR(stats.average_value_size, static_cast<double>(c.value), 1e-6);
  }
}

TEST(StatsTest, MeanSizesOfMixedEntries) {
  FastSkipListRepFactory factory;
  TestRep rep(&factory, rdb::BytewiseComparator());
  // User keys of 8 and of 24 bytes, values of 0 to 200.
  constexpr uint64_t kEntries = 20000;
  uint64_t value_bytes = 0;
  for (uint64_t i = 0; i < kEntries; ++i) {
    const uint64_t value = Scatter(i) % 201;
    value_bytes += value;
    ASSERT_TRUE(
        rep.Insert(BigEndian(Scatter(i), 8) + std::string(i % 2 * 16, 'k'), 1,
                   1, WithLength(std::string(value, 'v'))));
  }
  const FastSkipStats stats = factory.GetStats();
  EXPECT_EQ(stats.column_family_id, FastSkipStats::kNoColumnFamily);
  // The mean of 64 draws strays by 1 (standard deviation).
  EXPECT_NEAR(stats.average_key_size, 16.0, 6.0);
  const double value =
      static_cast<double>(value_bytes) / static_cast<double>(kEntries);
  // What the keys' mean is off by, and the second byte of a value's length.
  EXPECT_NEAR(stats.average_value_size + stats.average_key_size, value + 16.0,
              1.0);
}

TEST(StatsTest, Blocks) {
  FastSkipListRepFactory factory;
  FamilyRep ascending(&factory, 1);
  FamilyRep random(&factory, 2);
  constexpr uint64_t kEntries = 20000;
  for (uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(ascending.Insert(i));
    ASSERT_TRUE(random.Insert(Scatter(i)));
  }
  const FastSkipStats full = factory.GetStats(1);
  const FastSkipStats loose = factory.GetStats(2);
  EXPECT_EQ(full.leaf_slots, full.leaf_blocks * 28);
  EXPECT_EQ(loose.leaf_slots, loose.leaf_blocks * 28);
  EXPECT_GT(full.Fill(), 0.95);
  EXPECT_LE(full.Fill(), 1.0);
  EXPECT_GT(loose.Fill(), 0.4);
  EXPECT_LT(loose.Fill(), 0.9);
  for (const FastSkipStats& stats : {full, loose}) {
    EXPECT_EQ(stats.entries, kEntries);
    EXPECT_GT(stats.index_blocks, stats.leaf_blocks / 28);
    EXPECT_LT(stats.index_blocks, stats.leaf_blocks / 5);
    // Every block but the first of its level came from a split, the first ones
    // above the leaves from a new root.
    EXPECT_GE(stats.splits + stats.levels,
              stats.leaf_blocks + stats.index_blocks);
    EXPECT_GE(stats.levels, 3u);
    EXPECT_LE(stats.levels, 6u);
    EXPECT_EQ(stats.unposted_blocks, 0u);
    EXPECT_EQ(stats.label_ordered, 0u);
  }
}

TEST(StatsTest, OrderedByTheComparatorAlone) {
  FastSkipListOptions options;
  options.key_order = FastSkipListOptions::KeyOrder::kComparator;
  FastSkipListRepFactory factory(options);
  FamilyRep rep(&factory, 0);
  EXPECT_EQ(factory.GetStats().label_ordered, 1u);
}

TEST(StatsTest, ComparisonsAreCountedInBuildsThatAskForIt) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 0);
  rep.Fill(0, 5000);
  const FastSkipStats stats = factory.GetStats();
  const bool shown =
      stats.ToString().find("comparator_calls") != std::string::npos;
#ifdef FASTSKIP_COUNT_COMPARISONS
  EXPECT_TRUE(FastSkipStats::CountsComparisons());
  EXPECT_GT(stats.comparator_calls, 1000u);
  EXPECT_TRUE(shown);
#else
  EXPECT_FALSE(FastSkipStats::CountsComparisons());
  EXPECT_EQ(stats.comparator_calls, 0u);
  EXPECT_FALSE(shown);
#endif
}

TEST(StatsTest, PressureOfEntries) {
  for (const uint32_t percent : {1u, 50u, 90u, 100u}) {
    SCOPED_TRACE(percent);
    FastSkipListRepFactory factory(Limits(200, percent));
    FamilyRep rep(&factory, 0);
    rep.Fill(0, 2 * percent - 1);
    EXPECT_EQ(factory.GetStats().under_pressure, 0u);
    rep.Fill(2 * percent - 1, 2 * percent);
    const FastSkipStats stats = factory.GetStats();
    EXPECT_EQ(stats.under_pressure, 1u);
    EXPECT_EQ(stats.max_entries, 200u);
    EXPECT_EQ(stats.backpressure_percent, percent);
    rep->MarkReadOnly();
    EXPECT_EQ(factory.GetStats().under_pressure, 0u) << "sealed";
    EXPECT_EQ(factory.GetStats().sealed, 1u);
  }
}

TEST(StatsTest, PressureOfMemory) {
  constexpr uint64_t kBuffer = 1 << 20;
  for (const uint32_t percent : {30u, 90u}) {
    SCOPED_TRACE(percent);
    FastSkipListRepFactory factory(Limits(0, percent));
    Announce(factory, kBuffer);
    FamilyRep rep(&factory, 0);
    const auto is_full = [&] {
      return rep.allocator().bytes() * 100 >= kBuffer * percent;
    };
    uint64_t n = 0;
    for (; !is_full(); ++n) {
      ASSERT_TRUE(rep.Insert(n, std::string(100, 'v')));
      ASSERT_EQ(factory.GetStats().under_pressure, is_full() ? 1u : 0u) << n;
    }
    EXPECT_GT(n, 1000u);
    EXPECT_EQ(factory.GetStats().write_buffer_size, kBuffer);
  }
}

// Nothing is guessed about memory that is not known.
TEST(StatsTest, UnknownWriteBuffersMakeNoPressure) {
  FastSkipListRepFactory factory(Limits(0, 1));
  FamilyRep rep(&factory, 0);
  rep.Fill(0, 1000, std::string(1000, 'v'));
  EXPECT_EQ(factory.GetStats().write_buffer_size, 0u);
  EXPECT_EQ(factory.GetStats().under_pressure, 0u);
  Announce(factory, 1 << 20);
  EXPECT_EQ(factory.GetStats().under_pressure, 1u);
  Announce(factory, 1 << 21);
  EXPECT_EQ(factory.GetStats().write_buffer_size, 0u);
  EXPECT_EQ(factory.GetStats().under_pressure, 0u);
  Announce(factory, 1 << 21);
  EXPECT_EQ(factory.GetStats().write_buffer_size, 0u) << "still two sizes";
}

TEST(StatsTest, SumsAndFamilies) {
  FastSkipListRepFactory factory;
  auto first = std::make_unique<FamilyRep>(&factory, 1);
  first->Fill(0, 100, std::string(10, 'v'));
  FamilyRep second(&factory, 1);
  second.Fill(0, 300, std::string(50, 'v'));
  FamilyRep other(&factory, 2);
  other.Fill(0, 7);
  first->operator->()->MarkReadOnly();

  const FastSkipStats one = factory.GetStats(1);
  EXPECT_EQ(one.column_family_id, 1u);
  EXPECT_EQ(one.memtables, 2u);
  EXPECT_EQ(one.sealed, 1u);
  EXPECT_EQ(one.entries, 400u);
  EXPECT_EQ(one.average_key_size, 16.0);
  EXPECT_NEAR(one.average_value_size, 40.0, 1e-6);
  EXPECT_EQ(one.memory_reserved,
            first->allocator().bytes() + second.allocator().bytes());
  EXPECT_EQ(one.backpressure_percent, 90u);
  EXPECT_EQ(factory.GetStats(2).entries, 7u);
  EXPECT_EQ(factory.GetStats(3).memtables, 0u);

  const FastSkipStats all = factory.GetStats();
  EXPECT_EQ(all.column_family_id, FastSkipStats::kNoColumnFamily);
  EXPECT_EQ(all.memtables, 3u);
  EXPECT_EQ(all.entries, 407u);
  const std::vector<FastSkipStats> each = factory.GetMemtableStats();
  ASSERT_EQ(each.size(), 3u);
  EXPECT_EQ(each[0].entries, 100u);
  EXPECT_EQ(each[1].entries, 300u);
  EXPECT_EQ(each[2].entries, 7u);

  first.reset();
  EXPECT_EQ(factory.GetStats(1).entries, 300u);
  EXPECT_EQ(factory.GetStats().memtables, 2u);
  EXPECT_EQ(FastSkipListRepFactory().GetStats().memtables, 0u) << "a stranger";
}

TEST(StatsTest, LimitsOfASum) {
  FastSkipStats a, b, none;
  a.memtables = b.memtables = 1;
  a.max_entries = b.max_entries = 10;
  a.write_buffer_size = 4096;
  b.write_buffer_size = 8192;
  FastSkipStats sum;
  sum += none;
  sum += a;
  sum += none;
  EXPECT_EQ(sum.write_buffer_size, 4096u);
  sum += b;
  EXPECT_EQ(sum.write_buffer_size, 0u);
  EXPECT_EQ(sum.max_entries, 10u);
}

TEST(StatsTest, MemtablesMayOutliveTheirFactory) {
  auto factory = std::make_unique<FastSkipListRepFactory>();
  FamilyRep rep(factory.get(), 0);
  factory.reset();
  rep.Fill(0, 100);
  rep->MarkReadOnly();
}

TEST(StatsTest, TextAndJson) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 3);
  rep.Fill(0, 1000, std::string(33, 'v'));
  const FastSkipStats stats = factory.GetStats();
  std::set<std::string> names;
  std::string text, json;
  for (const auto& [name, value] : stats.Fields()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(value.find_first_not_of("0123456789."), std::string::npos)
        << value;
    text += (text.empty() ? "" : " ") + name + "=" + value;
    json += (json.empty() ? "" : ",") + ("\"" + name) + "\":" + value;
  }
  EXPECT_EQ(stats.ToString(), text);
  EXPECT_EQ(stats.ToJson(), "{" + json + "}");
  for (const char* part :
       {"column_family_id=3 memtables=1 sealed=0 under_pressure=0 ",
        " entries=1000 insert_attempts=1000 average_key_size=16.000 "
        "average_value_size=33.000 ",
        " max_entries=0 backpressure_percent=90"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text << " lacks " << part;
  }
  EXPECT_EQ(FastSkipStats().ToString().find("column_family_id"),
            std::string::npos);
}

TEST(StatsTest, OneLineInTheLogForASeal) {
  LineLogger log;
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 4, &log);
  rep.Fill(0, 123);
  EXPECT_TRUE(log.lines.empty());
  rep->MarkReadOnly();
  rep->MarkReadOnly();  // RocksDB 11 says it twice
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_NE(log.lines[0].find("fastskip: memtable sealed: column_family_id=4 "
                              "memtables=1 sealed=1 "),
            std::string::npos)
      << log.lines[0];
  EXPECT_NE(log.lines[0].find(" entries=123 "), std::string::npos);
  // It is for who reads at level INFO.
  LineLogger warnings;
  warnings.SetInfoLogLevel(rdb::InfoLogLevel::WARN_LEVEL);
  FamilyRep quiet(&factory, 4, &warnings);
  quiet->MarkReadOnly();
  EXPECT_TRUE(warnings.lines.empty());
  FamilyRep none(&factory, 4, nullptr);
  none->MarkReadOnly();
}

TEST(StatsTest, TheLineCanBeTurnedOff) {
  LineLogger log;
  FastSkipListOptions options;
  options.log_on_seal = false;
  FastSkipListRepFactory factory(options);
  FamilyRep rep(&factory, 4, &log);
  rep->MarkReadOnly();
  EXPECT_TRUE(log.lines.empty());
  EXPECT_EQ(factory.GetStats().sealed, 1u);
}

// Two memtables of each of some families: filled by several threads, sealed,
// dropped, while others ask.
TEST(StatsTest, ReadersBesideEverything) {
  const uint64_t rounds = 60 / kSlowdown + 5;
  constexpr uint64_t kWriters = 3, kEach = 400;
  FastSkipListRepFactory factory(Limits(kWriters * kEach, 90));
  Announce(factory, 1 << 20);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<uint64_t> seen{0};
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      while (!done.load()) {
        for (const FastSkipStats& stats : factory.GetMemtableStats()) {
          ASSERT_EQ(stats.memory_used + stats.memory_idle,
                    stats.memory_reserved);
          ASSERT_LE(stats.entries, kWriters * kEach);
          ASSERT_LE(stats.entries, stats.insert_attempts);
          ASSERT_GE(stats.leaf_blocks, 1u);
          if (stats.entries > 0) seen.fetch_add(1);
          if (stats.average_key_size > 0) {
            ASSERT_EQ(stats.average_key_size, 16.0);
          }
        }
        ASSERT_LE(factory.GetStats(static_cast<uint32_t>(r)).memtables, 2u);
        ASSERT_FALSE(factory.GetStats().ToJson().empty());
      }
    });
  }
  std::vector<std::thread> families;
  for (uint32_t family = 0; family < 2; ++family) {
    families.emplace_back([&, family] {
      std::unique_ptr<FamilyRep> sealed;
      for (uint64_t round = 0; round < rounds; ++round) {
        auto rep = std::make_unique<FamilyRep>(&factory, family);
        if (sealed != nullptr) (*sealed)->MarkReadOnly();
        std::vector<std::thread> writers;
        for (uint64_t w = 0; w < kWriters; ++w) {
          writers.emplace_back([&, w] {
            for (uint64_t i = 0; i < kEach; ++i) {
              ASSERT_TRUE(rep->Insert(Scatter(i * kWriters + w)));
              (*rep)->ApproximateMemoryUsage();
            }
          });
        }
        for (std::thread& writer : writers) writer.join();
        sealed = std::move(rep);
      }
    });
  }
  for (std::thread& family : families) family.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(seen.load(), 0u);
  EXPECT_EQ(factory.GetStats().memtables, 0u);
}

// The same one memtable, watched from its first entry to its last.
TEST(StatsTest, CountsOnlyGrow) {
  FastSkipListRepFactory factory;
  FamilyRep rep(&factory, 0);
  const uint64_t n = 40000 / kSlowdown;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    FastSkipStats last;
    while (!done.load()) {
      const FastSkipStats now = factory.GetStats();
      ASSERT_GE(now.entries, last.entries);
      ASSERT_GE(now.memory_reserved, last.memory_reserved);
      ASSERT_GE(now.leaf_blocks, last.leaf_blocks);
      ASSERT_GE(now.splits, last.splits);
      last = now;
    }
  });
  std::vector<std::thread> writers;
  for (uint64_t w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (uint64_t i = w; i < n; i += 4) ASSERT_TRUE(rep.Insert(Scatter(i)));
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(factory.GetStats().entries, n);
}

// --- What RocksDB is told ---------------------------------------------------

TEST(StatsTest, AMemtableAsksForItsFlushAndStops) {
  FastSkipListRepFactory factory(Limits(100, 90));
  constexpr uint64_t kBuffer = 1 << 20;
  Announce(factory, kBuffer);
  LineLogger database;
  FamilyRep rep(&factory, 1, &database);
  rep.Fill(0, 99);
  EXPECT_EQ(rep->ApproximateMemoryUsage(), 0u);
  rep.Fill(99, 100);
  const uint64_t full = rep->ApproximateMemoryUsage() + rep.allocator().bytes();
  EXPECT_GT(full, kBuffer + kBuffer / 8);
  EXPECT_LT(full, kBuffer + kBuffer / 4);
  // Memtables of others change nothing.
  LineLogger another;
  FamilyRep neighbour(&factory, 2, &database);
  FamilyRep stranger(&factory, 1, &another);
  EXPECT_GT(rep->ApproximateMemoryUsage(), 0u);
  // Its successor is made: RocksDB is about to seal it.
  auto successor = std::make_unique<FamilyRep>(&factory, 1, &database);
  EXPECT_EQ(rep->ApproximateMemoryUsage(), 0u);
  // It was not the successor after all.
  successor.reset();
  rep.Fill(100, 101);
  EXPECT_GT(rep->ApproximateMemoryUsage(), 0u);
  rep->MarkReadOnly();
  EXPECT_EQ(rep->ApproximateMemoryUsage(), 0u);
}

TEST(StatsTest, DuplicatesAreNoReasonToFlush) {
  FastSkipListRepFactory factory(Limits(100, 90));
  FamilyRep rep(&factory, 1);
  rep.Fill(0, 60);
  for (uint64_t i = 0; i < 60; ++i) ASSERT_FALSE(rep.Insert(i));
  EXPECT_EQ(rep->ApproximateMemoryUsage(), 0u);
  rep.Fill(60, 100);
  EXPECT_GT(rep->ApproximateMemoryUsage(), 0u);
}

// A claim that has no effect is doubled, though not for being heard often.
TEST(StatsTest, AskingInVainAsksForMore) {
  FastSkipListRepFactory factory(Limits(640, 90));
  Announce(factory, 1 << 20);
  FamilyRep rep(&factory, 1);
  rep.Fill(0, 640);
  uint64_t claim = rep->ApproximateMemoryUsage() + rep.allocator().bytes();
  for (uint64_t n = 640; n < 700; n += 10) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(rep->ApproximateMemoryUsage() + rep.allocator().bytes(), claim);
    }
    rep.Fill(n, n + 10);
    EXPECT_EQ(rep->ApproximateMemoryUsage() + rep.allocator().bytes(),
              2 * claim);
    claim *= 2;
  }
  // Not without end.
  rep.Fill(700, 5000);
  for (int i = 0; i < 100; ++i) rep->ApproximateMemoryUsage();
  EXPECT_LT(rep->ApproximateMemoryUsage(), uint64_t{1} << 50);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
