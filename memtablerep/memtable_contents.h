// SPDX-License-Identifier: Apache-2.0
//
// MemtableContents: what one memtable consists of. Arena and list, its writer's
// finger, its statistics, and the request for its flush.
//
// Thread safety: any number of threads may use the arena, the list and every
// method here. The finger belongs to the one writer of a memtable that is not
// written concurrently. Construction and destruction need the object alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "entry_limit.h"
#include "factory_state.h"
#include "fast_skip_list_options.h"
#include "fast_skip_list_stats.h"
#include "list/block_skip_list.h"
#include "list/sharded_arena.h"
#include "list/step_atomic.h"
#include "live_memtables.h"
#include "rep_comparator.h"

namespace fastskip {

class MemtableContents final : private LiveMemtables::Member {
 public:
  // Makes one in memory of `source`, which frees that memory, so the caller
  // calls the destructor alone. The memtable then takes of the heap what
  // RocksDB's skip_list does and one node of LiveMemtables, and the
  // WriteBufferManager sees all the rest. `source`, `comparator` and the
  // owner's logger outlive it. Throws what the source throws, and
  // std::bad_alloc.
  static MemtableContents* Make(ChunkSource* source,
                                const RepComparator* comparator,
                                const FastSkipListOptions& options,
                                KnownOrder order, const MemtableOwner& owner,
                                const std::shared_ptr<FactoryState>& factory);
  ~MemtableContents() { factory_->memtables.Remove(this); }

  // Bytes to report to RocksDB beyond those that its allocator knows: none,
  // unless the memtable requests its flush (entry_limit.h).
  size_t UnaccountedBytes() { return limit_.max() == 0 ? 0 : RequestFlush(); }

  // No insert begins any more. The first call writes the statistics to
  // RocksDB's LOG, if log_on_seal; further calls do nothing.
  void Seal();

  ShardedArena arena;
  BlockSkipList list;
  BlockSkipList::Finger finger;

 private:
  MemtableContents(ChunkSource* source, const RepComparator* comparator,
                   const FastSkipListOptions& options, KnownOrder order,
                   const MemtableOwner& owner,
                   const std::shared_ptr<FactoryState>& factory);

  FastSkipStats GetStats() const override;
  void OnSuccessor() override { limit_.Withdraw(arena.ApproximateEntries()); }

  size_t RequestFlush();
  void AddMeanSizes(uint64_t entry_bytes, FastSkipStats* stats) const;

  const RepComparator* const comparator_;
  const std::shared_ptr<FactoryState> factory_;
  EntryLimit limit_;
  const uint32_t backpressure_percent_;
  const bool log_on_seal_;
  RelaxedAtomic<bool> sealed_;
};

}  // namespace fastskip
