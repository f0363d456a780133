// SPDX-License-Identifier: Apache-2.0
//
// Lookups. Nothing here writes to the list, but for the fall back to labels.
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
    Block* at = Descend(&probe, 0, &route);
    Probe::Outcome outcome;
    while ((outcome = probe.VisitForRead(*at, exact)) ==
           Probe::Outcome::kMoveRight) {
      at = BlockOf(probe.next());
    }
    if (outcome == Probe::Outcome::kHere) {
      Found found{at, probe.next(), probe.neighbours()};
      if (IsMoved(ordering, 0, found.neighbours.successor, found.next)) {
        found.neighbours.successor = kNoWord;
      }
      return found;
    }
    FallBack(ordering);
  }
}

const char* BlockSkipList::FindGreaterOrEqual(const char* target) const {
  const Found found = FindLeaf(DecodeKey(target), Exact::kSuccessor);
  const uint64_t successor = found.neighbours.successor;
  if (!IsEmpty(successor)) return EntryOf(successor);
  // A block holds its lower bound for ever: it is the neighbour's first entry.
  return IsEmpty(found.next) ? nullptr : BlockOf(found.next)->lower_bound();
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
