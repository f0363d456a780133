// SPDX-License-Identifier: Apache-2.0
//
// Descents: from the root to the block of a level that owns a key.
#include "block_skip_list.h"

namespace fastskip {

// To the block of `to_level` that owns the key, or one left of it. Where the
// comparator contradicts the digests it may be any; the check of the place
// found there shows it.
Block* BlockSkipList::Descend(Probe* probe, int to_level, Route* route) const {
  if (to_level == 0) {
    Block* const first = FirstLeafIfOwner(*probe);
    if (first != nullptr) return first;
  }
  Block* const at = DescendLeftOfTies(probe, to_level, route);
  return at != nullptr ? at : DescendByComparing(probe, to_level, route);
}

// The front of the list, at hand for one comparison, takes many keys where the
// newest sort first. Null where it does not own the key, or is hardly nearer
// than the root.
Block* BlockSkipList::FirstLeafIfOwner(const Probe& probe) const {
  if (root_.LoadAcquire()->level() <= 1) return nullptr;
  Block* const first = FirstLeaf();
  return NextIsAbove(probe.ordering(), first->next.LoadAcquire(), probe.key(),
                     probe.bound())
             ? first
             : nullptr;
}

// The optimistic descent. Many blocks under one discriminator hold versions of
// one user key, newest first, and nearly every operation asks for the newest:
// so this goes down left of such a run, without comparing the key with each of
// it. No block is returned where that turns out to be wrong.
Block* BlockSkipList::DescendLeftOfTies(Probe* probe, int to_level,
                                        Route* route) const {
  Block* at = root_.LoadAcquire();
  bool skipped = false;
  while (at->level() > to_level) {
    Block* const next = StepLeftOfTies(probe, at, &skipped);
    if (next == nullptr) return nullptr;
    if (next->level() < at->level()) route->Pass(at);
    at = next;
  }
  return OwnsLeftOfTies(*probe, at, skipped) ? at : nullptr;
}

// One step of the optimistic descent: down, or right. Null where it is wrong:
// the blocks below would own the key.
inline Block* BlockSkipList::StepLeftOfTies(Probe* probe, Block* at,
                                            bool* skipped) {
  if (probe->VisitLeftOfTies(*at) == Probe::Outcome::kMoveRight) {
    return *skipped ? nullptr : BlockOf(probe->next());
  }
  *skipped = *skipped || probe->skipped_ties();
  Block* const child = ChildOf(*probe);
  child->Prefetch();
  return child;
}

// Whether `at`, where an optimistic descent has ended, is not left of a block
// that owns the key, if it `skipped` ties.
inline bool BlockSkipList::OwnsLeftOfTies(const Probe& probe, const Block* at,
                                          bool skipped) {
  return !skipped || NextIsAbove(probe.ordering(), at->next.LoadAcquire(),
                                 probe.key(), probe.bound());
}

// Optimistic descents to the leaves, one step of each in turn: what one waits
// for arrives while the others are at work. `at[i]` becomes null where that of
// `probes[i]` turns out to be wrong.
void BlockSkipList::DescendTogether(Probe* const* probes, int count,
                                    Block** at) const {
  Block* const root = root_.LoadAcquire();
  bool skipped[kLookupsAtOnce] = {};
  for (int i = 0; i < count; ++i) at[i] = root;
  for (bool going = root->level() > 0; going;) {
    going = false;
    for (int i = 0; i < count; ++i) {
      if (at[i] == nullptr || at[i]->level() == 0) continue;
      at[i] = StepLeftOfTies(probes[i], at[i], &skipped[i]);
      going = true;
    }
  }
  for (int i = 0; i < count; ++i) {
    if (at[i] != nullptr && !OwnsLeftOfTies(*probes[i], at[i], skipped[i])) {
      at[i] = nullptr;
    }
  }
}

Block* BlockSkipList::DescendByComparing(Probe* probe, int to_level,
                                         Route* route) const {
  Block* at = root_.LoadAcquire();
  while (at->level() > to_level) {
    // Of children whose discriminators tie below the key's, any will do: the
    // search moves right from there.
    if (probe->VisitForDescent(*at, Exact::kNeither) ==
        Probe::Outcome::kMoveRight) {
      at = BlockOf(probe->next());
      continue;
    }
    route->Pass(at);
    at = ChildOf(*probe);
    at->Prefetch();
  }
  return at;
}

// Where a descent goes on from the block that `probe` has visited.
Block* BlockSkipList::ChildOf(const Probe& probe) {
  const Neighbours& neighbours = probe.neighbours();
  const bool exact = neighbours.equal && probe.bound() == Bound::kNotAbove;
  // Misleading codes may have shown no predecessor.
  return BlockOf(exact || IsEmpty(neighbours.predecessor)
                     ? neighbours.successor
                     : neighbours.predecessor);
}

}  // namespace fastskip
