// SPDX-License-Identifier: Apache-2.0

#include "memtable_contents.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "list/block_skip_list_iterator.h"
#include "list/random_bits.h"
#include "list/varint.h"
#include "rocksdb/env.h"

namespace fastskip {

namespace {

constexpr uint64_t kSampledKeys = 64;
constexpr uint32_t kTagBytes = 8;  // sequence number and type

// The size of a value that takes `bytes` together with its length.
double ValueSize(double bytes) {
  double size = bytes;
  for (int i = 0; i < 2; ++i) {
    size = bytes - static_cast<double>(VarintLength(
                       size > 0 ? static_cast<uint32_t>(size) : 0));
  }
  return size > 0 ? size : 0;
}

// The object, and the padding before it where its memory is not aligned.
constexpr size_t kOwnBytes =
    sizeof(MemtableContents) + alignof(MemtableContents) - 1;

}  // namespace

MemtableContents* MemtableContents::Make(
    ChunkSource* source, const RepComparator* comparator,
    const FastSkipListOptions& options, KnownOrder order,
    const MemtableOwner& owner, const std::shared_ptr<FactoryState>& factory) {
  size_t bytes = kOwnBytes;
  void* place = source->AllocateChunk(bytes);
  std::align(alignof(MemtableContents), sizeof(MemtableContents), place, bytes);
  return new (place)
      MemtableContents(source, comparator, options, order, owner, factory);
}

MemtableContents::MemtableContents(ChunkSource* source,
                                   const RepComparator* comparator,
                                   const FastSkipListOptions& options,
                                   KnownOrder order, const MemtableOwner& owner,
                                   const std::shared_ptr<FactoryState>& factory)
    : Member(owner),
      arena(source, options.shards),
      list(&arena, comparator, order),
      comparator_(comparator),
      factory_(factory),
      limit_(options.max_entries),
      backpressure_percent_(options.backpressure_percent),
      log_on_seal_(options.log_on_seal) {
  factory_->memtables.Add(this);
}

void MemtableContents::Seal() {
  // RocksDB may call MarkReadOnly twice.
  if (sealed_.Exchange(true) || !log_on_seal_ || owner().logger == nullptr) {
    return;
  }
  ROCKSDB_NAMESPACE::Info(owner().logger, "fastskip: memtable sealed: %s",
                          GetStats().ToString().c_str());
}

size_t MemtableContents::RequestFlush() {
  const uint64_t attempts = arena.ApproximateEntries();
  if (!limit_.IsReachedBy(attempts)) return 0;
  if (sealed_.Load()) return 0;
  const uint64_t duplicates = list.GetStats().duplicates;
  if (!limit_.IsReachedBy(attempts - duplicates)) return 0;
  return limit_.Request(attempts, kOwnBytes + arena.reserved(),
                        factory_->write_buffer_sizes.surely_full());
}

FastSkipStats MemtableContents::GetStats() const {
  FastSkipStats stats;
  stats.column_family_id = owner().column_family_id;
  stats.memtables = 1;
  stats.sealed = sealed_.Load() ? 1 : 0;

  const BlockSkipList::Stats of_list = list.GetStats();
  stats.leaf_blocks = of_list.leaf_blocks;
  stats.index_blocks = of_list.index_blocks;
  stats.leaf_slots = of_list.leaf_blocks * Block::kSlots;
  stats.levels = of_list.levels;
  stats.splits = of_list.splits;
  stats.cas_retries = of_list.cas_retries;
  stats.unposted_blocks = of_list.unposted;
  stats.label_ordered = of_list.uses_labels ? 1 : 0;
  stats.comparator_calls = comparator_->calls();

  const ShardedArena::Stats of_arena = arena.GetStats();
  stats.memory_reserved = kOwnBytes + of_arena.reserved;
  stats.memory_idle = std::min(of_arena.idle, of_arena.reserved);
  stats.memory_used = stats.memory_reserved - stats.memory_idle;
  stats.insert_attempts = of_arena.entries;
  stats.entries =
      of_arena.entries - std::min(of_arena.entries, of_list.duplicates);
  AddMeanSizes(of_arena.entry_bytes, &stats);

  stats.write_buffer_size = factory_->write_buffer_sizes.common();
  stats.max_entries = limit_.max();
  stats.backpressure_percent = backpressure_percent_;
  SetUnderPressure(&stats);
  return stats;
}

// The bytes of all entries are known, and a sample gives those of the keys: the
// rest are values. Reads nothing of an entry but its key: RocksDB changes
// values in place under inplace_update_support.
void MemtableContents::AddMeanSizes(uint64_t entry_bytes,
                                    FastSkipStats* stats) const {
  uint64_t sampled = 0, key_bytes = 0, encoded_bytes = 0;
  const auto take = [&](const char* entry) {
    // The length alone: nothing behind it is read, should it be damaged.
    uint32_t size;
    DecodeVarint32(entry, &size);
    key_bytes += size - std::min(size, kTagBytes);
    encoded_bytes += VarintLength(size) + size;
    return ++sampled < kSampledKeys;
  };
  if (stats->entries <= kSampledKeys) {
    BlockSkipList::Iterator iter(&list);
    for (iter.SeekToFirst(); iter.Valid() && take(iter.key()); iter.Next()) {
    }
  } else {
    const char* entry;
    do {
      entry = list.RandomEntry(RandomBits());
    } while (entry != nullptr && take(entry));
  }
  if (sampled == 0) return;
  const auto mean = [](uint64_t sum, uint64_t count) {
    return static_cast<double>(sum) / static_cast<double>(count);
  };
  stats->average_key_size = mean(key_bytes, sampled);
  if (stats->insert_attempts == 0) return;
  stats->average_value_size = ValueSize(
      mean(entry_bytes, stats->insert_attempts) - mean(encoded_bytes, sampled));
}

}  // namespace fastskip
