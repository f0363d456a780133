// SPDX-License-Identifier: Apache-2.0
//
// Leveled, universal and FIFO compaction of what the memtables flush, options
// changed while the database runs, and writes that wait for it.
#include "rocksdb/listener.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureCompactionTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureCompactionTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// Counts what RocksDB reports. Its calls come from RocksDB's threads.
class Events : public rocksdb::EventListener {
 public:
  void OnMemTableSealed(const rocksdb::MemTableInfo&) override { ++sealed; }
  void OnFlushCompleted(DB*, const rocksdb::FlushJobInfo&) override {
    ++flushed;
  }
  void OnCompactionCompleted(DB*,
                             const rocksdb::CompactionJobInfo& info) override {
    if (info.output_files.empty()) {
      ++dropped;
    } else {
      ++merged;
    }
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur == rocksdb::WriteStallCondition::kStopped) ++stopped;
  }

  std::atomic<uint64_t> sealed{0}, flushed{0}, merged{0}, dropped{0};
  std::atomic<uint64_t> stopped{0};
};

std::shared_ptr<Events> Listen(DbRun& run) {
  auto events = std::make_shared<Events>();
  run.options.listeners.push_back(events);
  return events;
}

// --------------------------------------------------------------------------
// Compaction styles.

void ManyFlushes(DbRun& run) {
  run.options.write_buffer_size = 64 << 10;
  run.options.target_file_size_base = 64 << 10;
  run.options.max_bytes_for_level_base = 256 << 10;
  run.options.level0_file_num_compaction_trigger = 3;
  const auto events = Listen(run);
  if (!run.Open()) return;
  for (int part = 0; part < 4; ++part) {
    MixedWrites(run, 4000, 6000);
    run.NoteContents();
  }
  run.Expect(events->flushed > 5, "memtables were flushed");
  run.Expect(WaitFor([&] { return events->merged > 0; }),
             "files were compacted");
  ReopenWithoutAndWith(run);
}

TEST_P(FeatureCompactionTest, Leveled) {
  Compare([](DbRun& run) {
    run.options.compaction_style = rocksdb::kCompactionStyleLevel;
    ManyFlushes(run);
    uint64_t below = 0;
    for (const char* level : {"1", "2", "3", "4", "5", "6"}) {
      std::string files;
      run.Expect(run.db()->GetProperty(
                     DB::Properties::kNumFilesAtLevelPrefix + level, &files),
                 "number of files");
      below += std::stoull("0" + files);
    }
    run.Expect(below > 0, "there are files below level 0");
  });
}

TEST_P(FeatureCompactionTest, Universal) {
  Compare([](DbRun& run) {
    run.options.compaction_style = rocksdb::kCompactionStyleUniversal;
    run.options.compaction_options_universal.max_size_amplification_percent =
        50;
    ManyFlushes(run);
  });
}

// The oldest files are dropped when all take too much: what is left must be
// the newest, and the same with both memtables.
TEST_P(FeatureCompactionTest, Fifo) {
  Compare([](DbRun& run) {
    run.options.compaction_style = rocksdb::kCompactionStyleFIFO;
    constexpr uint64_t kMost = 550 << 10;
    run.options.compaction_options_fifo.max_table_files_size = kMost;
    run.options.max_open_files = -1;
    const auto events = Listen(run);
    if (!run.Open()) return;
    // Each file takes about 100 KB, so five of them stay.
    for (uint64_t file = 0; file < 12; ++file) {
      for (uint64_t i = 0; i < 100; ++i) {
        run.Put(Key(file * 100 + i), std::string(1000, 'v'));
      }
      run.Flush();
      const bool kept = WaitFor([&run] {
        return IntProperty(run, DB::Properties::kLiveSstFilesSize) <= kMost;
      });
      run.Expect(kept, "no more is kept than was said");
      if (!kept) return;
    }
    run.Expect(events->dropped > 0, "old files were dropped");
    run.Put(Key(1199), "newest, in the memtable");
    const auto left = run.Contents(run.read_options);
    run.Note(left.size(), " keys are left");
    run.Expect(left.size() == 500, "those of five files");
    run.NoteGet(Key(0));
    run.NoteGet(Key(699));
    run.NoteGet(Key(700));
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Options that change at run time.

TEST_P(FeatureCompactionTest, SetOptionsWhileRunning) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    run.options.level0_stop_writes_trigger = 1000;
    run.options.level0_slowdown_writes_trigger = 1000;
    const auto events = Listen(run);
    if (!run.Open()) return;
    const auto set = [&run](const char* name, const char* value) {
      run.Expect(run.db()->SetOptions(run.family(), {{name, value}}), name);
    };
    // Arena blocks are an eighth of the write buffer, which RocksDB sees to at
    // DB::Open alone.
    const auto set_buffer = [&run](const char* size, const char* block) {
      run.Expect(
          run.db()->SetOptions(run.family(), {{"write_buffer_size", size},
                                              {"arena_block_size", block}}),
          "write_buffer_size");
    };
    MixedWrites(run, 6000, 5000);
    run.Expect(events->sealed == 0, "one memtable holds it all");
    set_buffer("65536", "8192");
    MixedWrites(run, 6000, 5000);
    run.Expect(events->sealed > 4, "smaller memtables are sealed sooner");
    set_buffer("67108864", "1048576");
    MixedWrites(run, 500, 5000);
    const uint64_t sealed = events->sealed;
    MixedWrites(run, 6000, 5000);
    run.Expect(events->sealed <= sealed + 1, "larger ones are not");
    set("max_write_buffer_number", "6");
    set("memtable_huge_page_size", "0");
    set("compression", "kLZ4Compression");
    run.Flush();
    run.NoteContents();
    set("disable_auto_compactions", "false");
    set("level0_file_num_compaction_trigger", "2");
    MixedWrites(run, 500, 5000);
    run.Flush();
    run.Expect(WaitFor([&] { return events->merged > 0; }),
               "compactions are at work again");
    run.Expect(run.db()->SetDBOptions({{"max_background_jobs", "4"}}), "jobs");
    run.Expect(!run.db()->SetOptions({{"no_such_option", "1"}}).ok(),
               "an unknown option is refused");
    MixedWrites(run, 500, 5000);
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Write stalls: RocksDB's own backpressure.

// Puts until RocksDB would let the writer wait; false if it never would.
bool FillUntilStopped(DbRun& run) {
  WriteOptions impatient;
  impatient.no_slowdown = true;
  for (uint64_t i = 0; i < 100000; ++i) {
    const Status status =
        run.db()->Put(impatient, Key(i % 2000), std::string(100, 'f'));
    if (status.IsIncomplete()) return true;
    run.Expect(status, "put");
  }
  return false;
}

TEST_P(FeatureCompactionTest, WritesStallAndGoOn) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 64 << 10;
    run.options.max_write_buffer_number = 2;
    const auto events = Listen(run);
    if (!run.Open()) return;
    // No memtable can be flushed now.
    run.Expect(run.db()->PauseBackgroundWork(), "pause");
    run.Expect(FillUntilStopped(run), "a write is refused at last");
    run.Expect(events->stopped > 0, "RocksDB reports the stall");
    run.Expect(run.Get(Key(1), run.read_options) != "(none)",
               "reads go on meanwhile");
    std::atomic<bool> written{false};
    std::thread writer([&] {
      for (uint64_t i = 0; i < 3000; ++i) run.Put(Key(i), Concat("value ", i));
      written = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    run.Expect(!written, "a patient write waits");
    run.Expect(run.db()->ContinueBackgroundWork(), "continue");
    writer.join();
    run.NoteContents();
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
