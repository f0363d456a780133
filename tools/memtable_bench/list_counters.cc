// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/list_counters.h"

#include <atomic>
#include <memory>
#include <thread>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/list/block_skip_list.h"
#include "memtablerep/list/sharded_arena.h"
#include "memtablerep/rep_comparator.h"

namespace fastskip {
namespace bench {
namespace {

// Each thread has a counter of its own and adds it to the total when it ends,
// so that counting adds no contention.
std::atomic<uint64_t> handed_over{0};
struct ThreadCount {
  uint64_t calls = 0;
  ~ThreadCount() { handed_over.fetch_add(calls); }
};
thread_local ThreadCount thread_count;

const FastSkipListOptions* OptionsOf(const rdb::MemTableRepFactory& factory) {
  return std::string(factory.Name()) == FastSkipListRepFactory::kClassName()
             ? factory.GetOptions<FastSkipListOptions>()
             : nullptr;
}

// Cache lines that other threads may hold and that are written: by an insert
// that splits nothing its slot's and the arena's cursor; by a split those of
// the full block (`next` and the slots given up), the parent's slot, the
// arena's cursor and two of counters.
constexpr double kLinesOfInsert = 2;
constexpr double kLinesOfSplit = sizeof(Block) / 64.0 + 4;

class ListOrder final : public EntryComparator {
 public:
  explicit ListOrder(const rdb::MemTableRep::KeyComparator& order)
      : order_(order) {}
  int Compare(const char* a, const char* b) const override {
    return order_(a, b);
  }

 private:
  const rdb::MemTableRep::KeyComparator& order_;
};

class ArenaSource final : public ChunkSource {
 public:
  char* AllocateChunk(size_t bytes) override { return arena_.Allocate(bytes); }

 private:
  BenchArena arena_;
};

}  // namespace

int CountingOrder::operator()(const char* a, const char* b) const {
  ++thread_count.calls;
  return order_(a, b);
}

int CountingOrder::operator()(const char* a, const rdb::Slice& b) const {
  ++thread_count.calls;
  return order_(a, b);
}

uint64_t CountingOrder::Take() {
  const uint64_t calls = thread_count.calls;
  thread_count.calls = 0;
  return calls + handed_over.exchange(0);
}

rdb::MemTableRepFactory* FactoryForCounting(
    rdb::MemTableRepFactory* factory,
    const rdb::MemTableRep::KeyComparator& order,
    std::unique_ptr<rdb::MemTableRepFactory>* own) {
  const FastSkipListOptions* const options = OptionsOf(*factory);
  if (options == nullptr ||
      KnownOrderOf(options->key_order, order) != KnownOrder::kBytewise) {
    return factory;
  }
  FastSkipListOptions told = *options;
  told.key_order = FastSkipListOptions::KeyOrder::kBytewise;
  own->reset(NewFastSkipListRepFactory(told));
  return own->get();
}

std::vector<std::pair<std::string, double>> ListCounters(
    const rdb::MemTableRepFactory& factory,
    const rdb::MemTableRep::KeyComparator& order, const Work& work) {
  const FastSkipListOptions* const options = OptionsOf(factory);
  if (options == nullptr) return {};
  const ListOrder comparator(order);
  ArenaSource source;
  ShardedArena arena(&source, options->shards);
  BlockSkipList list(&arena, &comparator,
                     KnownOrderOf(options->key_order, order));
  BlockSkipList::Finger finger;
  const uint32_t writers = work.writers;
  const auto insert = [&](uint64_t first) {
    for (uint64_t i = first; i < work.keys.size(); i += writers) {
      const rdb::Slice key = work.keys[i];
      const auto size = static_cast<uint32_t>(key.size() + 8);
      char* const entry =
          arena.AllocateEntry(VarintLength(size) + size +
                              VarintLength(work.value_size) + work.value_size);
      char* const to = EncodeVarint32(entry, size);
      std::memcpy(to, key.data(), key.size());
      const uint64_t tag = (i + 1) << 8 | kTypeValue;
      std::memcpy(to + key.size(), &tag, sizeof(tag));
      std::memset(EncodeVarint32(to + size, work.value_size), 'v',
                  work.value_size);
      if (writers == 1 && !work.insert_concurrently) {
        list.InsertAlone(entry, &finger);
      } else {
        list.Insert(entry);
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < writers; ++i) threads.emplace_back(insert, i);
  insert(0);
  for (std::thread& thread : threads) thread.join();

  const BlockSkipList::Stats stats = list.GetStats();
  const ShardedArena::Stats memory = arena.GetStats();
  const auto entries = static_cast<double>(work.keys.size());
  const auto splits = static_cast<double>(stats.splits);
  const auto leaves = static_cast<double>(stats.leaf_blocks);
  return {{"leaf_blocks", leaves},
          {"index_blocks", static_cast<double>(stats.index_blocks)},
          {"levels", stats.levels},
          {"entries_per_leaf", entries / leaves},
          {"splits", splits},
          {"cas_retries", static_cast<double>(stats.cas_retries)},
          {"shared_lines_written_per_insert",
           kLinesOfInsert + kLinesOfSplit * splits / entries},
          {"unposted", static_cast<double>(stats.unposted)},
          {"uses_labels", stats.uses_labels ? 1 : 0},
          {"arena_reserved", static_cast<double>(memory.reserved)},
          {"arena_idle", static_cast<double>(memory.idle)},
          {"shards_used", memory.shards_used}};
}

}  // namespace bench
}  // namespace fastskip
