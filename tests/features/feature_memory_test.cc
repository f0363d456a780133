// SPDX-License-Identifier: Apache-2.0
//
// Memory comes from RocksDB's allocator in few large pieces however many
// threads write, and all of it goes back when the memtable goes.
#include "rocksdb/write_buffer_manager.h"
#include "tests/features/feature_test_util.h"
#include "tools/lib/rocksdb_internals.h"

namespace fastskip {
namespace dbtest {
namespace {

// --------------------------------------------------------------------------
// Calls of RocksDB's allocator.

struct Calls {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> bytes{0};
};

class CountingAllocator : public rocksdb::Allocator {
 public:
  CountingAllocator(rocksdb::Allocator* inner, Calls* calls)
      : inner_(inner), calls_(calls) {}
  char* Allocate(size_t bytes) override {
    Count(bytes);
    return inner_->Allocate(bytes);
  }
  char* AllocateAligned(size_t bytes, size_t huge_page_size,
                        rocksdb::Logger* logger) override {
    Count(bytes);
    return inner_->AllocateAligned(bytes, huge_page_size, logger);
  }
  size_t BlockSize() const override { return inner_->BlockSize(); }

 private:
  void Count(size_t bytes) {
    calls_->calls.fetch_add(1);
    calls_->bytes.fetch_add(bytes);
  }
  rocksdb::Allocator* const inner_;
  Calls* const calls_;
};

// Puts a CountingAllocator between RocksDB and the memtables of `inner`.
class CountingFactory : public WrappingFactory<ForwardingRep> {
 public:
  CountingFactory(std::shared_ptr<MemTableRepFactory> inner, Calls* calls)
      : WrappingFactory(std::move(inner)), calls_(calls) {}
  using WrappingFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(
      const rocksdb::MemTableRep::KeyComparator& comparator,
      rocksdb::Allocator* allocator, const rocksdb::SliceTransform* transform,
      rocksdb::Logger* logger) override {
    std::lock_guard<std::mutex> guard(mutex_);
    allocators_.push_back(
        std::make_unique<CountingAllocator>(allocator, calls_));
    return WrappingFactory::CreateMemTableRep(
        comparator, allocators_.back().get(), transform, logger);
  }

 private:
  Calls* const calls_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CountingAllocator>> allocators_;
};

constexpr uint64_t kEntries = 40000;
// Key, sequence number and value, with their lengths.
constexpr uint64_t kDataBytes = kEntries * (1 + 16 + 8 + 1 + 100);

// The allocator's calls for kEntries entries in one memtable.
void Fill(const std::shared_ptr<MemTableRepFactory>& factory, int threads,
          Calls* calls) {
  ExpectNothingUnexpected(
      {"Counted",
       [&] { return std::make_shared<CountingFactory>(factory, calls); }},
      [&](DbRun& run) {
        run.options.write_buffer_size = 256 << 20;
        if (!run.Open()) return;
        OnThreads(threads, [&](int t) {
          Random random(TestSeed() + static_cast<uint64_t>(t));
          for (uint64_t i = 0; i < kEntries / static_cast<uint64_t>(threads);
               ++i) {
            run.Put(Key(Below(random, 1u << 30), "k", 15),
                    std::string(100, 'v'));
          }
        });
        run.Note("filled");
        run.Close();
      });
}

TEST(FeatureMemoryTest, AllocatorIsCalledRarely) {
  Calls stock;
  Fill(std::make_shared<rocksdb::SkipListFactory>(), 1, &stock);
  EXPECT_GE(stock.calls, kEntries) << "what is counted";
  for (const int threads : {1, 4, 16}) {
    Calls ours;
    Fill(std::shared_ptr<MemTableRepFactory>(NewFastSkipListRepFactory()),
         threads, &ours);
    std::cout << threads << " threads: " << ours.calls << " calls for "
              << kEntries << " entries" << std::endl;
    EXPECT_LT(ours.calls, kEntries / 20);
    EXPECT_GT(ours.calls, 0u);
    EXPECT_GE(ours.bytes, kDataBytes);
  }
}

// --------------------------------------------------------------------------
// The WriteBufferManager sees it go and come back.

TEST(FeatureMemoryTest, AllMemoryComesBack) {
  auto manager = std::make_shared<rocksdb::WriteBufferManager>(1 << 30);
  const auto scenario = [&manager](DbRun& run) {
    run.options.write_buffer_manager = manager;
    run.options.write_buffer_size = 256 << 10;
    run.options.max_write_buffer_number = 4;
    run.more_families = {"one", "two", "three"};
    if (!run.Open()) return;
    const size_t start = manager->memory_usage();
    for (int round = 0; round < 3; ++round) {
      OnThreads(8, [&run, round](int t) {
        for (uint64_t i = 0; i < 4000; ++i) {
          run.Put(Key(i * 8 + static_cast<uint64_t>(t) + i * i % 977, "k", 15),
                  std::string(100, static_cast<char>('a' + round)),
                  i % run.families().size());
        }
      });
      run.Expect(manager->memory_usage() > start, "memtables are counted");
      // A reader keeps its memtables until it goes.
      std::unique_ptr<Iterator> reader(run.db()->NewIterator(run.read_options));
      run.Put("k", "in a memtable that the reader keeps");
      run.Flush();
      reader.reset();
      // RocksDB's flush thread frees memtables after it has reported.
      const bool back =
          WaitFor([&] { return manager->memory_usage() == start; });
      run.Expect(back, "all is back after the flush");
      if (!back) return;
    }
    // One large memtable, dropped at once.
    run.Expect(
        run.db()->SetOptions(run.family(1), {{"write_buffer_size", "67108864"},
                                             {"arena_block_size", "1048576"}}),
        "a larger buffer");
    run.Put("k", "v", 1);
    run.Flush();  // the memtable of the old size
    run.Expect(WaitFor([&] { return manager->memory_usage() == start; }),
               "it is back too");
    for (uint64_t i = 0; i < 4000; ++i) {
      run.Put(Key(i, "k", 15), std::string(100, 'v'), 1);
    }
    run.Expect(manager->memory_usage() >= start + 4000 * 126,
               "the large memtable is counted");
    run.Expect(run.db()->DropColumnFamily(run.family(1)), "drop");
    run.Note("done");
    run.Close();
    run.options.write_buffer_manager.reset();
    run.Expect(manager->memory_usage() == 0, "nothing is left at the end");
  };
  for (const MemtableConfig& config : BytewiseConfigs()) {
    ExpectNothingUnexpected(config, scenario);
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
