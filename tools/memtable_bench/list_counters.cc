// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/list_counters.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/list/block_skip_list.h"
#include "memtablerep/list/sharded_arena.h"
#include "memtablerep/rep_comparator.h"
#include "tools/memtable_bench/tie_count.h"

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
  char* AllocateChunk(size_t bytes) override {
    return arena_.allocator()->Allocate(bytes);
  }

 private:
  BenchArena arena_;
};

// A list that is filled as `work` says. All arguments outlive it.
class CountedList {
 public:
  CountedList(const FastSkipListOptions& options,
              const rdb::MemTableRep::KeyComparator& order, const Work& work)
      : work_(work),
        comparator_(order),
        arena_(&source_, options.shards),
        list_(&arena_, &comparator_, KnownOrderOf(options.key_order, order)) {}

  void Fill() {
    std::vector<std::thread> threads;
    for (uint32_t i = 1; i < work_.writers; ++i) {
      threads.emplace_back([this, i] { Insert(i); });
    }
    Insert(0);
    for (std::thread& thread : threads) thread.join();
  }
  // REQUIRES: Fill returned
  TieCount CountLookups() const {
    TieCount ties;
    std::string target;
    for (uint64_t i = 0; i < work_.keys.size(); i += kTieSample) {
      const rdb::Slice key = work_.keys[i];
      target.resize(key.size() + 16);
      WriteKey(key, kMaxSequence, &target[0]);
      ties.Add(list_, comparator_, target.data(), SearchFor::kLookup);
    }
    return ties;
  }

  const TieCount& inserts() const { return inserts_; }
  const BlockSkipList& list() const { return list_; }
  const ShardedArena& arena() const { return arena_; }

 private:
  // Ties are counted of every so many operations.
  static constexpr uint64_t kTieSample = 16;

  // Returns where the value goes.
  static char* WriteKey(const rdb::Slice& key, uint64_t sequence, char* to) {
    const auto size = static_cast<uint32_t>(key.size() + 8);
    to = EncodeVarint32(to, size);
    std::memcpy(to, key.data(), key.size());
    const uint64_t tag = sequence << 8 | kTypeValue;
    std::memcpy(to + key.size(), &tag, sizeof(tag));
    return to + size;
  }

  // The entries of one writer.
  void Insert(uint64_t first) {
    const uint32_t value_size = work_.value_size;
    BlockSkipList::Finger finger;
    TieCount ties;
    for (uint64_t i = first; i < work_.keys.size(); i += work_.writers) {
      const rdb::Slice key = work_.keys[i];
      const auto size = static_cast<uint32_t>(key.size() + 8);
      char* const entry = arena_.AllocateEntry(
          VarintLength(size) + size + VarintLength(value_size) + value_size);
      char* const value = WriteKey(key, i + 1, entry);
      std::memset(EncodeVarint32(value, value_size), 'v', value_size);
      if (i % kTieSample == 0) {
        ties.Add(list_, comparator_, entry, SearchFor::kInsert);
      }
      if (work_.writers == 1 && !work_.insert_concurrently) {
        list_.InsertAlone(entry, &finger);
      } else {
        list_.Insert(entry);
      }
    }
    std::lock_guard<std::mutex> lock(mutex_);
    inserts_.Add(ties);
  }

  const Work& work_;
  const ListOrder comparator_;
  ArenaSource source_;
  ShardedArena arena_;
  BlockSkipList list_;
  std::mutex mutex_;
  TieCount inserts_;  // under mutex_
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
  CountedList counted(*options, order, work);
  counted.Fill();
  const BlockSkipList::Stats stats = counted.list().GetStats();
  // A list that uses labels in the end has discriminators that it passes by.
  const TieCount none;
  const TieCount inserts = stats.uses_labels ? none : counted.inserts();
  const TieCount lookups = stats.uses_labels ? none : counted.CountLookups();
  const ShardedArena::Stats memory = counted.arena().GetStats();
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
          {"ties_per_insert", inserts.InAllBlocks()},
          {"ties_per_insert_in_leaf", inserts.InLeaf()},
          {"ties_per_get", lookups.InAllBlocks()},
          {"ties_per_get_in_leaf", lookups.InLeaf()},
          {"unposted", static_cast<double>(stats.unposted)},
          {"uses_labels", stats.uses_labels ? 1 : 0},
          {"arena_reserved", static_cast<double>(memory.reserved)},
          {"arena_idle", static_cast<double>(memory.idle)},
          {"shards_used", memory.shards_used}};
}

}  // namespace bench
}  // namespace fastskip
