// SPDX-License-Identifier: Apache-2.0
//
// The seal: a full memtable is frozen and flushed while writers go on in the
// next one. Nothing is lost between them, nothing is in both.
#include <algorithm>

#include "rocksdb/listener.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

// What RocksDB reports of memtables and of the files that they become.
class SealListener : public rocksdb::EventListener {
 public:
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override {
    std::lock_guard<std::mutex> guard(mutex_);
    sealed_.push_back(info);
  }
  void OnFlushCompleted(DB*, const rocksdb::FlushJobInfo& info) override {
    std::lock_guard<std::mutex> guard(mutex_);
    flushed_entries_ += info.table_properties.num_entries;
    flushed_deletions_ += info.table_properties.num_deletions;
  }
  std::vector<rocksdb::MemTableInfo> sealed() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return sealed_;
  }
  uint64_t flushed_entries() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return flushed_entries_;
  }
  uint64_t flushed_deletions() const {
    std::lock_guard<std::mutex> guard(mutex_);
    return flushed_deletions_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<rocksdb::MemTableInfo> sealed_;
  uint64_t flushed_entries_ = 0;
  uint64_t flushed_deletions_ = 0;
};

std::shared_ptr<SealListener> Prepare(DbRun& run) {
  auto listener = std::make_shared<SealListener>();
  run.options.listeners.push_back(listener);
  run.options.disable_auto_compactions = true;
  run.options.level0_slowdown_writes_trigger = 1 << 20;
  run.options.level0_stop_writes_trigger = 1 << 20;
  run.options.max_write_buffer_number = 4;
  return listener;
}

// Every memtable begins where the one before it ended: each write takes one
// sequence number, and one entry.
void ExpectNoGaps(DbRun& run, std::vector<rocksdb::MemTableInfo> sealed) {
  std::sort(sealed.begin(), sealed.end(), [](const auto& a, const auto& b) {
    return a.first_seqno < b.first_seqno;
  });
  uint64_t next = 1;
  for (const rocksdb::MemTableInfo& info : sealed) {
    run.Expect(info.first_seqno == next, "memtables follow on each other");
    next = info.first_seqno + info.num_entries;
  }
}

uint64_t EntriesOf(const std::vector<rocksdb::MemTableInfo>& sealed) {
  uint64_t entries = 0;
  for (const rocksdb::MemTableInfo& info : sealed) entries += info.num_entries;
  return entries;
}

// How many keys each of `threads` writes, of `n` in all; a multiple of ten.
size_t Share(size_t n, int threads) {
  return (Scaled(n) / static_cast<size_t>(threads) / 10 + 1) * 10;
}

// Every key is written once, every tenth one as a deletion, so that a flush
// cannot drop anything.
uint64_t WriteUniqueKeys(DbRun& run, int threads, size_t each) {
  OnThreads(threads, [&run, threads, each](int t) {
    for (size_t i = 0; i < each; ++i) {
      const std::string key =
          Key(i * static_cast<size_t>(threads) + static_cast<size_t>(t));
      if (i % 10 == 9) {
        run.Delete(key);
      } else {
        run.Put(key, Concat("value ", t, ".", i));
      }
    }
  });
  return each * static_cast<uint64_t>(threads);
}

class FeatureSealTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Writers, FeatureSealTest,
                         ::testing::Values(2, 3, 4, 8, 16),
                         ::testing::PrintToStringParamName());

void SealByWriteBufferSize(DbRun& run, int threads) {
  const auto listener = Prepare(run);
  run.options.write_buffer_size = 64 << 10;
  if (!run.Open()) return;
  const size_t each = Share(10000, threads);
  const uint64_t written = WriteUniqueKeys(run, threads, each);
  const size_t by_size = listener->sealed().size();
  run.Expect(by_size >= written / 2000, "memtables are sealed by their size");
  const uint64_t active =
      IntProperty(run, DB::Properties::kNumEntriesActiveMemTable);
  run.Expect(EntriesOf(listener->sealed()) + active == written,
             "each write is in one memtable, sealed or active");
  run.Flush();
  run.Expect(EntriesOf(listener->sealed()) == written, "all is sealed");
  run.Expect(listener->flushed_entries() == written, "all is in files");
  run.Expect(listener->flushed_deletions() == written / 10, "deletions too");
  run.Expect(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) == 0,
             "the fresh memtable is empty");
  ExpectNoGaps(run, listener->sealed());
  run.Expect(run.Contents(run.read_options).size() == written - written / 10,
             "all is found");
  run.NoteContents();
  ReopenWithoutAndWith(run);
}

TEST_P(FeatureSealTest, ByWriteBufferSize) {
  const int threads = GetParam();
  for (const MemtableConfig& config : FeatureConfigs()) {
    EXPECT_EQ("", Difference(config, [threads](DbRun& run) {
                SealByWriteBufferSize(run, threads);
              }));
  }
}

// Sequence numbers reach the memtable out of order.
TEST_P(FeatureSealTest, ByWriteBufferSizeUnorderedWrites) {
  const int threads = GetParam();
  EXPECT_EQ("", Difference(FeatureConfigs()[0], [threads](DbRun& run) {
              run.options.unordered_write = true;
              SealByWriteBufferSize(run, threads);
            }));
}

// By hand, again and again, in the middle of the writes.
void SealByFlush(DbRun& run, int threads) {
  const auto listener = Prepare(run);
  if (!run.Open()) return;
  std::atomic<bool> writing{true};
  std::thread flusher([&] {
    do {
      run.Flush();
    } while (writing);
  });
  const size_t each = Share(4000, threads);
  const uint64_t written = WriteUniqueKeys(run, threads, each);
  writing = false;
  flusher.join();
  run.Flush();
  run.Expect(!listener->sealed().empty(), "memtables are sealed by hand");
  run.Expect(EntriesOf(listener->sealed()) == written, "all is sealed");
  run.Expect(listener->flushed_entries() == written, "all is in files");
  ExpectNoGaps(run, listener->sealed());
  run.NoteContents();
  ReopenWithoutAndWith(run);
}

TEST_P(FeatureSealTest, ByFlush) {
  const int threads = GetParam();
  for (const MemtableConfig& config : FeatureConfigs()) {
    EXPECT_EQ("", Difference(config, [threads](DbRun& run) {
                SealByFlush(run, threads);
              }));
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
