// SPDX-License-Identifier: Apache-2.0
//
// For the tests of what users of a memtable library or of an LSM engine expect
// of RocksDB with fastskip as the memtable: one test for each feature, on the
// harness of db_test_util.h, which plays it with skip_list too, compares, and
// opens the database without the plugin at the end. A test also shows that the
// feature was at work: that a filter was asked, a blob file written, a write
// stalled.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rocksdb/statistics.h"
#include "rocksdb/table_properties.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {

// As RocksDB's users have them: the default one, and the one for bytewise keys.
inline std::vector<MemtableConfig> FeatureConfigs() {
  return {FastSkipConfig("Auto", KeyOrder::kAuto, 16),
          FastSkipConfig("Bytewise", KeyOrder::kBytewise, 16)};
}

// Random puts with a few deletions, and lookups of keys there and not there.
inline void MixedWrites(DbRun& run, size_t operations, uint64_t keys,
                        size_t max_value = 100, size_t f = 0) {
  for (size_t i = 0; i < operations; ++i) {
    const std::string key = Key(Below(run.random, keys));
    if (Below(run.random, 8) == 0) {
      run.Delete(key, f);
    } else {
      run.Put(key, RandomValue(run.random, max_value), f);
    }
    if (i % 5 == 0) run.NoteGet(Key(Below(run.random, keys + keys / 4)), f);
  }
}

inline std::vector<std::vector<std::string>> AllContents(DbRun& run) {
  std::vector<std::vector<std::string>> all;
  for (size_t f = 0; f < run.families().size(); ++f) {
    all.push_back(run.Contents(run.read_options, f));
    run.Expect(!all.back().empty(), "there is something to compare");
  }
  return all;
}

// Reopened without the plugin (with RocksDB's default memtable) and with it
// again, the database holds the same, and something. Open again afterwards.
inline bool ReopenWithoutAndWith(DbRun& run) {
  const auto before = AllContents(run);
  const auto ours = run.options.memtable_factory;
  run.Close();
  run.options.memtable_factory = ColumnFamilyOptions().memtable_factory;
  if (!run.Open()) return false;
  run.Expect(AllContents(run) == before, "the same without the plugin");
  run.Close();
  run.options.memtable_factory = ours;
  if (!run.Open()) return false;
  run.Expect(AllContents(run) == before, "the same with the plugin again");
  return true;
}

inline uint64_t Ticker(const DbRun& run, rocksdb::Tickers ticker) {
  return run.options.statistics->getTickerCount(ticker);
}

inline uint64_t IntProperty(DbRun& run, const std::string& name, size_t f = 0) {
  uint64_t value = 0;
  run.Expect(run.db()->GetIntProperty(run.family(f), name, &value),
             name.c_str());
  return value;
}

using Tables = std::vector<std::shared_ptr<const rocksdb::TableProperties>>;

inline Tables TablesOf(DbRun& run, size_t f = 0) {
  rocksdb::TablePropertiesCollection all;
  run.Expect(run.db()->GetPropertiesOfAllTables(run.family(f), &all),
             "properties of all tables");
  Tables tables;
  for (auto& [name, properties] : all) tables.push_back(properties);
  run.Expect(!tables.empty(), "there are SST files");
  return tables;
}

// Everything to the last level, also where nothing is to be merged.
inline void CompactAll(DbRun& run, size_t f = 0) {
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  run.Expect(run.db()->CompactRange(compact, run.family(f), nullptr, nullptr),
             "compact");
}

// Waits for `done`, for a minute at most.
template <typename Condition>
bool WaitFor(Condition done) {
  for (int i = 0; i < 12000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// Runs body(0), body(1), … on a thread each.
inline void OnThreads(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) all.emplace_back(body, t);
  for (std::thread& thread : all) thread.join();
}

// Plays `scenario` with fastskip alone, for what depends on how threads run,
// and expects that nothing unexpected happened.
inline void ExpectNothingUnexpected(const MemtableConfig& config,
                                    const Scenario& scenario) {
  TestSeed();
  const Transcript seen = Play(config, Role::kTested, scenario);
  EXPECT_EQ("", FirstUnexpected(seen));
  EXPECT_FALSE(seen.lines.empty());
}

}  // namespace dbtest
}  // namespace fastskip
