// SPDX-License-Identifier: Apache-2.0
//
// Memory: one budget over many column families and databases, and what
// RocksDB tells about memory, storage and sizes of ranges.
#include <algorithm>

#include "rocksdb/cache.h"
#include "rocksdb/utilities/memory_util.h"
#include "rocksdb/write_buffer_manager.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

using rocksdb::WriteBufferManager;

class FeatureBudgetTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureBudgetTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// --------------------------------------------------------------------------
// One WriteBufferManager for three databases of four column families each.

constexpr size_t kBudget = 4 << 20;

void ConfigureForBudget(DbRun* run,
                        const std::shared_ptr<WriteBufferManager>& manager) {
  run->options.write_buffer_manager = manager;
  run->options.arena_block_size = 16 << 10;
  // Nothing but the manager asks for a flush.
  run->options.write_buffer_size = 1 << 30;
  run->more_families = {"one", "two", "three"};
  run->options.statistics = rocksdb::CreateDBStatistics();
  run->options.disable_auto_compactions = true;
}

TEST_P(FeatureBudgetTest, OneManagerOverFamiliesAndDatabases) {
  Compare([](DbRun& run) {
    auto manager = std::make_shared<WriteBufferManager>(
        kBudget, rocksdb::NewLRUCache(64 << 20));
    const MemtableConfig& config = run.tested() ? GetParam() : SkipListConfig();
    std::vector<std::unique_ptr<DbRun>> others;
    for (const char* suffix : {".b", ".c"}) {
      others.push_back(std::make_unique<DbRun>(
          run.dir() + suffix, config,
          run.tested() ? Role::kTested : Role::kReference));
      ConfigureForBudget(others.back().get(), manager);
      if (!others.back()->Open()) return;
    }
    ConfigureForBudget(&run, manager);
    if (!run.Open()) return;
    size_t most = 0;
    for (int i = 0; i < 40; ++i) {
      DbRun& one = i % 3 == 0 ? run : *others[static_cast<size_t>(i) % 2];
      MixedWrites(one, 2000, 3000, 300, static_cast<size_t>(i) / 2 % 4);
      most = std::max(most, manager->memory_usage());
      // A memtable that is being flushed takes its memory until that is done.
      const bool kept =
          WaitFor([&] { return manager->memory_usage() <= kBudget; });
      run.Expect(kept, "the budget is kept");
      if (!kept) return;
    }
    run.Expect(most > kBudget / 2, "the memtables are counted");
    for (const auto& other : others) {
      for (const std::string& line : other->lines()) run.Note(line);
      for (size_t f = 0; f < 4; ++f) {
        for (const std::string& line :
             other->Contents(other->read_options, f)) {
          run.Note(line);
        }
      }
      run.Expect(ReopenWithoutAndWith(*other), "reopened");
      other->Close();
      if (other->unexpected() > 0) {
        run.Unexpected(FirstUnexpected({other->lines(), other->unexpected()}));
      }
    }
    run.Expect(ReopenWithoutAndWith(run), "reopened");
    run.NoteContents();
    run.Expect(Ticker(run, rocksdb::FLUSH_WRITE_BYTES) > kBudget / 4,
               "the manager caused flushes");
    run.Finish();
    for (const auto& other : others) {
      other->options.write_buffer_manager.reset();
    }
    run.options.write_buffer_manager.reset();
    run.Note("memory in use at the end: ", manager->memory_usage());
    run.Expect(manager->memory_usage() == 0, "all memory is back");
  });
}

// allow_stall: writers of every database wait while the budget is exceeded.
TEST_P(FeatureBudgetTest, ManagerThatStallsWriters) {
  Compare([](DbRun& run) {
    auto manager = std::make_shared<WriteBufferManager>(
        1 << 20, std::shared_ptr<rocksdb::Cache>(), /*allow_stall=*/true);
    run.options.write_buffer_manager = manager;
    run.options.arena_block_size = 16 << 10;
    if (!run.Open()) return;
    run.Expect(run.db()->PauseBackgroundWork(), "pause");
    std::atomic<int> written{0};
    std::thread writer([&] {
      for (int i = 0; i < 30000; ++i) {
        run.Put(Key(static_cast<uint64_t>(i)), std::string(100, 'v'));
        written = i;
      }
    });
    const bool stalled = WaitFor([&] { return manager->IsStallActive(); });
    run.Expect(stalled, "the writer is stalled");
    run.Expect(written < 29000, "before it has written all");
    run.Expect(run.Get(Key(1), run.read_options) != "(none)",
               "reads go on meanwhile");
    run.Expect(run.db()->ContinueBackgroundWork(), "continue");
    writer.join();
    run.Expect(written == 29999, "it goes on when memtables were flushed");
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Statistics.

uint64_t SizeOf(DbRun& run, bool memtables, bool files) {
  const std::string from = Key(0), to = Key(2000);
  const rocksdb::Range range(from, to);
  rocksdb::SizeApproximationOptions what;
  what.include_memtables = memtables;
  what.include_files = files;
  uint64_t size = 0;
  run.Expect(
      run.db()->GetApproximateSizes(what, run.family(), &range, 1, &size),
      "approximate size");
  return size;
}

// "about": within a factor of two, which skip_list does not always keep.
void ExpectAbout(DbRun& run, uint64_t got, uint64_t want, const char* what) {
  if (run.tested() && (got < want / 2 || got > want * 2)) {
    run.Unexpected(what, ": ", got, " is not about ", want);
  }
}

TEST_P(FeatureBudgetTest, SizesOfRangesWithMemtables) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    // The first 2,000 of 6,000 keys are asked for.
    constexpr uint64_t kBytes = 2000 * 110;
    for (uint64_t i = 0; i < 6000; ++i) {
      run.Put(Key(i * 1237 % 6000), std::string(100, 'v'));
    }
    ExpectAbout(run, SizeOf(run, true, false), kBytes, "in the memtable");
    run.Expect(SizeOf(run, false, true) == 0, "nothing is in files");
    const std::string from = Key(0), to = Key(2000);
    uint64_t count = 0, bytes = 0;
    run.db()->GetApproximateMemTableStats(
        run.family(), rocksdb::Range(from, to), &count, &bytes);
    ExpectAbout(run, count, 2000, "entries of the memtable");
    ExpectAbout(run, bytes, kBytes, "bytes of the memtable");
    run.Flush();
    ExpectAbout(run, SizeOf(run, false, true), kBytes, "in files");
    run.Expect(SizeOf(run, true, false) == 0, "nothing is in the memtable");
    for (uint64_t i = 0; i < 6000; ++i) {
      run.Put(Key(i * 1237 % 6000), std::string(100, 'w'));
    }
    ExpectAbout(run, SizeOf(run, true, true), 2 * kBytes, "in both");
    ReopenWithoutAndWith(run);
  });
}

using Usage = std::map<rocksdb::MemoryUtil::UsageType, uint64_t>;

Usage UsageOf(DbRun& run) {
  Usage usage;
  const std::vector<DB*> dbs = {run.db()};
  run.Expect(
      rocksdb::MemoryUtil::GetApproximateMemoryUsageByType(dbs, {}, &usage),
      "usage");
  return usage;
}

TEST_P(FeatureBudgetTest, StorageStatistics) {
  Compare([](DbRun& run) {
    run.options.statistics = rocksdb::CreateDBStatistics();
    if (!run.Open()) return;
    for (int part = 0; part < 3; ++part) {
      MixedWrites(run, 3000, 2500);
      run.Note(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable),
               " entries, ",
               IntProperty(run, DB::Properties::kNumDeletesActiveMemTable),
               " deletions, ",
               IntProperty(run, DB::Properties::kEstimateNumKeys), " keys");
      run.Expect(
          IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) >= 3000,
          "every write is an entry");
      const uint64_t active =
          IntProperty(run, DB::Properties::kCurSizeActiveMemTable);
      run.Expect(active > 3000 * 50, "the memtable takes what it holds");
      run.Expect(
          active <= IntProperty(run, DB::Properties::kCurSizeAllMemTables),
          "and no more than all");
      run.Expect(UsageOf(run)[rocksdb::MemoryUtil::kMemTableTotal] >= active,
                 "MemoryUtil sees it too");
      if (part < 2) run.Flush();
      if (part < 2) {
        run.Expect(
            IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) == 0,
            "a new memtable is empty");
        run.Expect(
            IntProperty(run, DB::Properties::kCurSizeActiveMemTable) < 4096,
            "and small");
      }
    }
    run.Note("bytes written: ", Ticker(run, rocksdb::BYTES_WRITTEN));
    run.Note("keys written: ", Ticker(run, rocksdb::NUMBER_KEYS_WRITTEN));
    run.Note("found in memtables: ", Ticker(run, rocksdb::MEMTABLE_HIT));
    run.Expect(Ticker(run, rocksdb::MEMTABLE_HIT) > 100, "lookups are counted");
    run.Expect(IntProperty(run, DB::Properties::kTotalSstFilesSize) > 100000,
               "files are counted");
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
