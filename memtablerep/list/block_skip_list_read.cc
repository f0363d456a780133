// SPDX-License-Identifier: Apache-2.0
//
// Lookups. Nothing here writes to the list, but for the fall back to labels and
// the orders that are saved for later readers.
#include <cassert>
#include <optional>

#include "block_skip_list.h"

namespace fastskip {

bool BlockSkipList::Contains(const char* key) const {
  const char* entry = FindGreaterOrEqual(key);
  return entry != nullptr && comparator_->Compare(entry, key) == 0;
}

BlockSkipList::Found BlockSkipList::FindLeaf(const Key& key,
                                             Exact exact) const {
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    Probe probe(ordering, key, CurrentFootprint());
    Route route;
    Found found;
    if (FindInLeaf(&probe, Descend(&probe, 0, &route), exact, &found)) {
      return found;
    }
    FallBack(ordering);
  }
}

// From a leaf that owns the key, or one left of that. False where the
// comparator contradicts the digests.
inline bool BlockSkipList::FindInLeaf(Probe* probe, Block* at, Exact exact,
                                      Found* found) {
  Probe::Outcome outcome;
  while ((outcome = probe->VisitForRead(*at, exact)) ==
         Probe::Outcome::kMoveRight) {
    at = BlockOf(probe->next());
  }
  if (outcome != Probe::Outcome::kHere) return false;
  *found = {at, probe->next(), probe->neighbours()};
  uint64_t& successor = found->neighbours.successor;
  if (IsMoved(probe->ordering(), 0, successor, found->next)) {
    successor = kNoWord;
  }
  return true;
}

// The first entry not below the key that `found` was found for, or null.
inline const char* BlockSkipList::FirstEntry(const Found& found) {
  const uint64_t successor = found.neighbours.successor;
  if (!IsEmpty(successor)) return EntryOf(successor);
  // A block holds its lower bound for ever: it is the neighbour's first entry.
  return IsEmpty(found.next) ? nullptr : BlockOf(found.next)->lower_bound();
}

const char* BlockSkipList::FindGreaterOrEqual(const char* target) const {
  return FirstEntry(FindLeaf(DecodeKey(target), Exact::kSuccessor));
}

void BlockSkipList::FindGreaterOrEqual(const char* const* targets, int count,
                                       const char** entries) const {
  assert(count <= kLookupsAtOnce);
  const Ordering ordering = CurrentOrdering();
  const Footprint footprint = CurrentFootprint();
  struct Lookup {
    Lookup(const Ordering& o, const char* target, Footprint f)
        : key(DecodeKey(target)), probe(o, key, f) {}
    const Key key;
    Probe probe;
  };
  std::optional<Lookup> lookups[kLookupsAtOnce];
  Probe* probes[kLookupsAtOnce];
  Block* leaves[kLookupsAtOnce];
  for (int i = 0; i < count; ++i) {
    lookups[i].emplace(ordering, targets[i], footprint);
    probes[i] = &lookups[i]->probe;
  }
  DescendTogether(probes, count, leaves);
  for (int i = 0; i < count; ++i) {
    if (leaves[i] != nullptr) probes[i]->PrefetchForRead(*leaves[i]);
  }
  for (int i = 0; i < count; ++i) {
    Found found;
    if (leaves[i] != nullptr &&
        FindInLeaf(probes[i], leaves[i], Exact::kSuccessor, &found)) {
      entries[i] = FirstEntry(found);
    } else {
      entries[i] = FindGreaterOrEqual(targets[i]);
    }
  }
}

// The rightmost leaf.
Block* BlockSkipList::LastLeaf() const {
  const Block* block = root_.LoadAcquire();
  const Ordering ordering = CurrentOrdering();
  for (;;) {
    for (;;) {
      const uint64_t next = block->next.LoadAcquire();
      if (IsEmpty(next)) break;
      block = BlockOf(next);
    }
    if (block->level() == 0) return const_cast<Block*>(block);
    Words words;
    LoadWords(*block, &words);
    // Words of keys beyond a neighbour that came meanwhile do no harm: the
    // greatest is right of nothing, and the walk goes on from there.
    uint64_t last = kNoWord;
    for (uint64_t w : words.slot) {
      if (IsEmpty(w)) continue;
      if (IsEmpty(last) || DiscOf(w) > DiscOf(last) ||
          (DiscOf(w) == DiscOf(last) &&
           CompareWords(ordering, block->level(), w, last) > 0)) {
        last = w;
      }
    }
    // Every block but an emptied leaf holds something, and while a split is
    // being cleared its words move to a neighbour that is now visible.
    if (!IsEmpty(last)) block = BlockOf(last);
  }
}

}  // namespace fastskip
