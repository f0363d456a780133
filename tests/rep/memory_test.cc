// SPDX-License-Identifier: Apache-2.0
// Memory as RocksDB counts it. Everything here counts entries, bytes or calls;
// nothing measures time.

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/fast_skip_list_rep.h"
#include "rocksdb/db.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/write_buffer_manager.h"
#include "tests/db/db_test_reps.h"
#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

#ifdef FASTSKIP_TEST_SANITIZED
#include <sanitizer/allocator_interface.h>
#endif

namespace {
// Heap allocations of this thread, RocksDB's included.
thread_local uint64_t heap_calls = 0;
}  // namespace

#ifdef FASTSKIP_TEST_SANITIZED
// A sanitizer keeps its own operator new, and tells of each allocation.
[[maybe_unused]] static const int heap_hooks_installed =
    __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, size_t) { ++heap_calls; },
        [](const volatile void*) {});
#else
// Never inlined: the compiler would see malloc's memory given to delete.
[[gnu::noinline]] void* operator new(size_t bytes) {
  ++heap_calls;
  void* const p = std::malloc(bytes > 0 ? bytes : 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept {
  std::free(p);
}
#endif

namespace fastskip {
namespace test {
namespace {

using Factory = std::shared_ptr<rdb::MemTableRepFactory>;

Factory SkipList() { return std::make_shared<rdb::SkipListFactory>(); }
Factory FastSkip() {
  return dbtest::ForThreadSanitizer(Factory(NewFastSkipListRepFactory()));
}

// Collects how many entries each memtable held when it was sealed.
class SealCounter : public rdb::EventListener {
 public:
  void OnMemTableSealed(const rdb::MemTableInfo& info) override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++sealed_;
    entries_ += info.num_entries;
  }
  uint64_t sealed() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return sealed_;
  }
  double mean() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<double>(entries_) / static_cast<double>(sealed_);
  }

 private:
  mutable std::mutex mutex_;
  uint64_t sealed_ = 0;
  uint64_t entries_ = 0;
};

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ =
        ::testing::TempDir() + "fastskip_memory_" + std::to_string(::getpid());
    ASSERT_TRUE(rdb::DestroyDB(path_, rdb::Options()).ok());
  }
  void TearDown() override {
    EXPECT_TRUE(rdb::DestroyDB(path_, rdb::Options()).ok());
  }

  static rdb::Options MakeOptions(const Factory& factory, size_t buffer) {
    rdb::Options options;
    options.create_if_missing = true;
    options.memtable_factory = factory;
    options.write_buffer_size = buffer;
    options.compression = rdb::kNoCompression;
    options.disable_auto_compactions = true;
    options.level0_slowdown_writes_trigger = 1 << 20;
    options.level0_stop_writes_trigger = 1 << 20;
    return options;
  }

  void Open(const rdb::Options& options, std::unique_ptr<rdb::DB>* db) {
    const rdb::Status status = rdb::DB::Open(options, path_, OpenInto(db));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // The mean number of entries of the first `memtables` memtables sealed.
  double EntriesWhenSealed(const Factory& factory, size_t buffer, int writers,
                           uint64_t memtables) {
    auto counter = std::make_shared<SealCounter>();
    rdb::Options options = MakeOptions(factory, buffer);
    options.listeners.push_back(counter);
    std::unique_ptr<rdb::DB> db;
    Open(options, &db);
    if (db == nullptr) return 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < writers; ++t) {
      threads.emplace_back([&, t] {
        Random random(Scatter(ProcessSeed() + static_cast<uint64_t>(t)));
        rdb::WriteOptions write;
        write.disableWAL = true;
        const std::string value(100, 'v');
        while (counter->sealed() < memtables) {
          const std::string key =
              BigEndian(random(), 8) + BigEndian(random(), 8);
          ASSERT_TRUE(db->Put(write, key, value).ok());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const double mean = counter->mean();
    db.reset();
    EXPECT_TRUE(rdb::DestroyDB(path_, options).ok());
    return mean;
  }

  // What part of skip_list's entries a memtable holds.
  double Share(size_t buffer, int writers, uint64_t memtables) {
    const double stock =
        EntriesWhenSealed(SkipList(), buffer, writers, memtables);
    const double ours =
        EntriesWhenSealed(FastSkip(), buffer, writers, memtables);
    std::printf(
        "buffer %zu KB, %d writer(s): skip_list %.0f, fastskip %.0f, "
        "share %.3f\n",
        buffer >> 10, writers, stock, ours, ours / stock);
    return ours / stock;
  }

  std::string path_;
};

constexpr size_t kKilobyte = 1024;
constexpr size_t kMegabyte = 1024 * 1024;

TEST_F(MemoryTest, EntriesOfASealed64KbMemtable) {
  EXPECT_GE(Share(64 * kKilobyte, 1, 200), 0.95);
}
TEST_F(MemoryTest, EntriesOfASealed64KbMemtableTwoWriters) {
  EXPECT_GE(Share(64 * kKilobyte, 2, 200), 0.92);
}
TEST_F(MemoryTest, EntriesOfASealed1MbMemtable) {
  EXPECT_GE(Share(kMegabyte, 1, 20), 0.97);
}
TEST_F(MemoryTest, EntriesOfASealed1MbMemtableTwoWriters) {
  EXPECT_GE(Share(kMegabyte, 2, 20), 0.92);
}
// A million inserts; ThreadSanitizer has seen the like in a smaller memtable.
#if !FASTSKIP_UNDER_TSAN
TEST_F(MemoryTest, EntriesOfASealed64MbMemtable) {
  EXPECT_GE(Share(64 * kMegabyte, 1, 1), 0.99);
}
TEST_F(MemoryTest, EntriesOfASealed64MbMemtableTwoWriters) {
  EXPECT_GE(Share(64 * kMegabyte, 2, 1), 0.92);
}
#endif

// --- The WriteBufferManager ------------------------------------------------

class WriteBufferTest : public MemoryTest {
 protected:
  struct Usage {
    size_t empty, filled, after_flush, closed;
  };

  Usage Fill(const Factory& factory, size_t buffer, uint64_t entries) {
    Usage usage{};
    auto manager = std::make_shared<rdb::WriteBufferManager>(size_t{16} << 30);
    rdb::Options options = MakeOptions(factory, buffer);
    options.write_buffer_manager = manager;
    std::unique_ptr<rdb::DB> db;
    Open(options, &db);
    if (db == nullptr) return usage;
    usage.empty = manager->memory_usage();
    Random random(Scatter(ProcessSeed()));
    const std::string value(100, 'v');
    rdb::WriteOptions write;
    write.disableWAL = true;
    for (uint64_t i = 0; i < entries; ++i) {
      const std::string key = BigEndian(random(), 8) + BigEndian(random(), 8);
      EXPECT_TRUE(db->Put(write, key, value).ok());
    }
    usage.filled = manager->memory_usage();
    EXPECT_TRUE(db->Flush(rdb::FlushOptions()).ok());
    usage.after_flush = manager->memory_usage();
    db.reset();
    usage.closed = manager->memory_usage();
    EXPECT_TRUE(rdb::DestroyDB(path_, options).ok());
    return usage;
  }
};

TEST_F(WriteBufferTest, SeesEveryByteAndGetsItBack) {
  constexpr uint64_t kEntries = 100000 / kSlowdown;
  // 1 + 16 + 8 bytes of key, 1 + 100 of value.
  constexpr size_t kData = kEntries * 126;
  const Usage stock = Fill(SkipList(), 256 * kMegabyte, kEntries);
  const Usage ours = Fill(FastSkip(), 256 * kMegabyte, kEntries);
  EXPECT_LE(ours.empty, stock.empty);
  EXPECT_GE(ours.filled, kData);
  // RocksDB reserves by the megabyte.
  EXPECT_LE(ours.filled, stock.filled + stock.filled / 50 + kMegabyte);
  EXPECT_EQ(ours.after_flush, ours.empty);
  EXPECT_EQ(ours.closed, 0u);
}

TEST_F(WriteBufferTest, EmptyMemtablesCostNoMore) {
  for (const size_t buffer : {64 * kKilobyte, kMegabyte, 64 * kMegabyte}) {
    const Usage stock = Fill(SkipList(), buffer, 0);
    const Usage ours = Fill(FastSkip(), buffer, 0);
    EXPECT_LE(ours.empty, stock.empty) << buffer;
  }
}

// --- Many column families --------------------------------------------------

// Heap bytes in use.
size_t HeapInUse() {
#ifdef FASTSKIP_TEST_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
}

class ColumnFamiliesTest : public MemoryTest {
 protected:
  // RocksDB waits for the disk for each column family it makes or drops.
  void SetUp() override {
    MemoryTest::SetUp();
    if (::access("/dev/shm", W_OK) == 0) {
      path_ = "/dev/shm/fastskip_memory_" + std::to_string(::getpid());
    }
  }

  struct Cost {
    size_t buffers, heap;
  };

  // Of `count` column families with one entry each.
  Cost Measure(const Factory& factory, size_t count) {
    auto manager = std::make_shared<rdb::WriteBufferManager>(size_t{16} << 30);
    rdb::Options options = MakeOptions(factory, 4 * kMegabyte);
    options.write_buffer_manager = manager;
    std::unique_ptr<rdb::DB> db;
    Open(options, &db);
    if (db == nullptr) return {};
    const size_t heap_before = HeapInUse();
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
    std::vector<rdb::ColumnFamilyHandle*> handles;
    EXPECT_TRUE(db->CreateColumnFamilies(options, names, &handles).ok());
    for (rdb::ColumnFamilyHandle* handle : handles) {
      EXPECT_TRUE(db->Put(rdb::WriteOptions(), handle, "0123456789abcdef",
                          std::string(100, 'v'))
                      .ok());
    }
    const Cost cost{manager->memory_usage(), HeapInUse() - heap_before};
    for (rdb::ColumnFamilyHandle* handle : handles) {
      EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
    db.reset();
    EXPECT_TRUE(rdb::DestroyDB(path_, options).ok());
    return cost;
  }
};

TEST_F(ColumnFamiliesTest, AThousandWithOneEntryEachCostNoMore) {
  constexpr size_t kFamilies = 1000;
  Measure(SkipList(), 10);  // what is allocated once
  const Cost stock = Measure(SkipList(), kFamilies);
  const Cost ours = Measure(FastSkip(), kFamilies);
  std::printf("write buffers: skip_list %zu, fastskip %zu; heap: %zu, %zu\n",
              stock.buffers, ours.buffers, stock.heap, ours.heap);
  EXPECT_LE(ours.buffers, stock.buffers);
  // 0.1 % for what RocksDB itself varies by.
  EXPECT_LE(ours.heap, stock.heap + stock.heap / 1000);
}

// --- The rep alone ---------------------------------------------------------

using Order = FastSkipListOptions::KeyOrder;

class RepMemory : public ::testing::TestWithParam<Order> {};

INSTANTIATE_TEST_SUITE_P(Rep, RepMemory,
                         ::testing::Values(Order::kAuto, Order::kBytewise,
                                           Order::kComparator),
                         [](const auto& info) {
                           return OrderName(info.param);
                         });

// The inline block of RocksDB's arena has 2,048 bytes; what its own members and
// the range-deletion table take leaves about 1.5 KB.
TEST_P(RepMemory, ANewMemtableTakesAtMost1500Bytes) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  EXPECT_LE(rep.allocator().bytes(), 1500u);
  ASSERT_TRUE(rep.Insert("0123456789abcdef", 1, 1, std::string(100, 'v')));
  EXPECT_LE(rep.allocator().bytes(), 1500u) << "with its first entry";
}

uint64_t Ignore(uint64_t sum, bool found) { return sum + (found ? 1 : 0); }

bool CountThree(void* arg, const char*) {
  return ++*static_cast<uint64_t*>(arg) % 3 != 0;
}

// Reads of every kind; returns something that depends on them all.
uint64_t ReadEverything(rdb::MemTableRep* rep, uint64_t entries) {
  uint64_t sum = 0;
  Random random = MakeRandom(1);
  std::unique_ptr<rdb::MemTableRep::Iterator> iter(rep->GetIterator(nullptr));
  for (int i = 0; i < 2000; ++i) {
    const std::string key = BigEndian(random.Uniform(entries), 4);
    const std::string entry = EncodeEntry(key, 9, 1);
    const std::string internal = entry.substr(1);
    sum = Ignore(sum, rep->Contains(entry.data()));
    const rdb::LookupKey lookup(rdb::Slice(key), 9, nullptr);
    rep->Get(lookup, &sum, CountThree);
    iter->Seek(internal, nullptr);
    if (iter->Valid()) iter->Next();
    iter->SeekForPrev(internal, entry.data());
    if (iter->Valid()) iter->Prev();
    iter->RandomSeek();
    sum = Ignore(sum, iter->Valid());
    sum += rep->ApproximateNumEntries(internal, std::string(12, '\xff'));
  }
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) ++sum;
  for (iter->SeekToLast(); iter->Valid(); iter->Prev()) ++sum;
  std::unordered_set<const char*> sample;
  rep->UniqueRandomSample(entries, entries / 2, &sample);
  return sum + sample.size() + rep->ApproximateMemoryUsage();
}

TEST_P(RepMemory, ReadersTakeNothing) {
  for (const auto* comparator :
       {rdb::BytewiseComparator(), rdb::ReverseBytewiseComparator()}) {
    if (GetParam() == Order::kBytewise &&
        comparator != rdb::BytewiseComparator()) {
      continue;
    }
    TestRep rep(FastSkipFactory(GetParam()).get(), comparator);
    constexpr uint64_t kEntries = 20000 / kSlowdown;
    for (uint64_t i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(rep.Insert(BigEndian(Scatter(i) % kEntries, 4), i, 1, ";"));
    }
    const uint64_t calls = rep.allocator().calls();
    const uint64_t bytes = rep.allocator().bytes();
    EXPECT_GT(ReadEverything(rep.get(), kEntries), kEntries);
    EXPECT_EQ(rep.allocator().calls(), calls) << "before the seal";
    rep->MarkReadOnly();
    EXPECT_GT(ReadEverything(rep.get(), kEntries), kEntries);
    rep->MarkReadOnly();
    rep->MarkFlushed();
    EXPECT_GT(ReadEverything(rep.get(), kEntries), kEntries);
    EXPECT_EQ(rep.allocator().calls(), calls);
    EXPECT_EQ(rep.allocator().bytes(), bytes);
  }
}

// The base class's Get leaks an iterator at each call; this one must not even
// use the heap.
TEST_P(RepMemory, GetsAndIteratorMovesUseNoHeap) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  for (uint64_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i, 4), i, 1, ";"));
  }
  const std::string key = BigEndian(77, 4);
  const std::string entry = EncodeEntry(key, 9000, 1);
  const rdb::LookupKey lookup(rdb::Slice(key), 9000, nullptr);
  std::unique_ptr<rdb::MemTableRep::Iterator> iter(rep->GetIterator(nullptr));
  uint64_t count = 0;
  const std::vector<const char*> keys(20, entry.data());
  std::vector<void*> args(keys.size(), &count);
  const compat::EntryCheck no_check;
  // Not in RocksDB's interface before 11.1.
  auto* const with_multi_get = static_cast<FastSkipListRep*>(rep.get());
  const uint64_t before = heap_calls;
  for (int i = 0; i < 1000; ++i) {
    rep->Get(lookup, &count, CountThree);
    iter->Seek(rdb::Slice(), entry.data());
    iter->Next();
    iter->Prev();
    count += rep->Contains(iter->key()) ? 1 : 0;
    with_multi_get->MultiGet(keys.size(), keys.data(), args.data(), CountThree,
                             false, false, no_check);
  }
  EXPECT_EQ(heap_calls, before);
  EXPECT_GT(count, 1000u);
  // The counter counts.
  std::unique_ptr<rdb::MemTableRep::Iterator> another(
      rep->GetIterator(nullptr));
  EXPECT_GT(heap_calls, before);
}

// Chunk tails count as used when RocksDB decides to flush: they stay small
// beside what is in use, with any number of writers.
TEST_P(RepMemory, TakesLittleMoreThanItHands) {
  constexpr uint64_t kEntries = 100000 / kSlowdown;
  for (const int writers : {1, 2, 8}) {
    TestRep rep(FastSkipFactory(GetParam(), 1024).get(),
                rdb::BytewiseComparator());
    std::vector<std::thread> threads;
    for (int t = 0; t < writers; ++t) {
      threads.emplace_back([&, t] {
        Random random(Scatter(ProcessSeed() + static_cast<uint64_t>(t)));
        const std::string value(100, 'v');
        for (uint64_t i = 0; i < kEntries / static_cast<uint64_t>(writers);
             ++i) {
          const std::string entry = EncodeEntry(
              BigEndian(random(), 8) + BigEndian(random(), 8), i, 1, value);
          char* buffer = nullptr;
          const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
          std::memcpy(buffer, entry.data(), entry.size());
          ASSERT_TRUE(rep->InsertKeyConcurrently(handle));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const double each = static_cast<double>(rep.allocator().bytes()) /
                        static_cast<double>(kEntries);
    std::printf("%d writers: %.1f bytes for each entry of 125\n", writers,
                each);
    // The fewer entries, the more the tails count.
    EXPECT_LT(each, kSlowdown == 1 ? 165.0 : 200.0);
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
