// SPDX-License-Identifier: Apache-2.0
//
// What one memtable consists of: arena and list, what its writer remembers, and
// what it tells of itself.
//
// Thread safety: arena, list and every method here take any number of threads;
// the finger belongs to the one writer of a memtable that is not written
// concurrently. Construction and destruction need the memtable alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "entry_limit.h"
#include "fast_skip_list_factory.h"
#include "fast_skip_list_stats.h"
#include "list/block_skip_list.h"
#include "list/sharded_arena.h"
#include "live_memtables.h"
#include "rep_comparator.h"

namespace fastskip {

class MemtableContents final : private LiveMemtables::Member {
 public:
  // In memory of `source`: a memtable then takes no more of the heap than one
  // of skip_list, and the WriteBufferManager sees all of it. The source frees
  // it; whoever made it calls the destructor. `comparator` outlives it.
  static MemtableContents* Make(ChunkSource* source,
                                const RepComparator* comparator,
                                const FastSkipListOptions& options,
                                KeyOrder order, const MemtableOwner& owner,
                                const std::shared_ptr<FactoryState>& factory);
  ~MemtableContents() { factory_->memtables.Remove(this); }

  // Bytes to report to RocksDB beyond what its arena has handed out: none, but
  // for a memtable that asks for its flush (entry_limit.h).
  size_t UnaccountedBytes() { return limit_.max() == 0 ? 0 : AskForFlush(); }

  // No insert begins any more. The first call writes a line to LOG.
  void Seal();

  ShardedArena arena;
  BlockSkipList list;
  BlockSkipList::Finger finger;

 private:
  MemtableContents(ChunkSource* source, const RepComparator* comparator,
                   const FastSkipListOptions& options, KeyOrder order,
                   const MemtableOwner& owner,
                   const std::shared_ptr<FactoryState>& factory);

  FastSkipStats GetStats() const override;
  void OnSuccessor() override { limit_.KeepQuiet(arena.ApproximateEntries()); }

  size_t AskForFlush();
  void AddSizes(uint64_t entry_bytes, FastSkipStats* stats) const;

  const RepComparator* const comparator_;
  const std::shared_ptr<FactoryState> factory_;
  EntryLimit limit_;
  const uint32_t backpressure_percent_;
  const bool log_on_seal_;
  std::atomic<bool> sealed_{false};
};

}  // namespace fastskip
