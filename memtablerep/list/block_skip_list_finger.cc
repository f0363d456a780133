// SPDX-License-Identifier: Apache-2.0
//
// The finger: inserts that need no descent, since the last one of the same
// writer went to the same place.
#include "block_skip_list.h"
#include "sharded_arena.h"

namespace fastskip {

namespace {

// From the insert into this slot on, the next block will soon be needed.
constexpr int kPrefetchBlockAt = Block::kSlots * 3 / 4;

}  // namespace

bool BlockSkipList::InsertWithHint(const char* entry, void** hint) {
  Finger finger;
  finger.leaf = static_cast<Block*>(*hint);
  finger.warm = finger.leaf != nullptr;
  const bool inserted = InsertAt(DecodeKey(entry), &finger, Writers::kMany);
  *hint = finger.leaf;
  return inserted;
}

// Inserts `key` right behind the last one, when that was the greatest of the
// list and still is: a load in key order needs no more than this.
//
// Inserts take the first empty slot, and the next slot here holds its initial
// value. So no insert has come into the leaf since, which was never full and
// has no neighbour. Replacing that very word finds out all of that.
bool BlockSkipList::InsertAtEnd(const Ordering& ordering, const Key& key,
                                Writers writers, Finger* finger) {
  Block* const leaf = finger->leaf;
  const End end = finger->end;
  if (end.slot < 0) return false;
  const bool digest = ordering.UsesDigestsOf(*leaf);
  const uint32_t disc = digest ? DiscOfKey(*leaf, key)
                               : LabelBetween(DiscOf(end.word), kEmptyDisc);
  if (disc < DiscOf(end.word)) return false;
  const bool known = digest && !ordering.checks() && disc > DiscOf(end.word);
  if (!known && ordering.Compare(EntryOf(end.word), key) >= 0) return false;
  const int slot = end.slot + 1;
  if (slot == Block::kSlots) {
    return AppendAtEnd(ordering, key, disc, writers, finger);
  }
  if (slot == kPrefetchBlockAt) arena_->PrefetchBlock();
  const uint64_t word = MakeWord(disc, key.entry);
  if (!leaf->ReplaceSlot(slot, kNoNext, word, writers)) {
    finger->end = End();
    return false;
  }
  finger->end = End{slot, word};
  return true;
}

// The same where the last one filled the leaf: what an append needs to have
// seen of it is known.
bool BlockSkipList::AppendAtEnd(const Ordering& ordering, const Key& key,
                                uint32_t disc, Writers writers,
                                Finger* finger) {
  Route route;
  if (finger->parent != nullptr &&
      IsEmpty(finger->parent->next.LoadAcquire())) {
    route.Pass(finger->parent);
  }
  // In this order: whoever sees an emptied slot sees the neighbour too.
  Words words;
  LoadWords(*finger->leaf, &words);
  if (finger->leaf->next.LoadAcquire() != kNoNext) {
    finger->end = End();
    return false;
  }
  End end;
  Block* const right =
      Append(ordering, {key, key.entry, writers, &route}, finger->leaf,
             AppendPoint{kNoNext, disc, words}, &end);
  finger->end = end;
  if (right == nullptr) return false;
  finger->parent = route.At(1);
  finger->leaf = right;
  return true;
}

// The finger's leaf or its neighbour, when it owns `key`; else null.
Block* BlockSkipList::LeafFromFinger(const Ordering& ordering, const Key& key,
                                     const Finger& finger) const {
  Block* leaf = finger.leaf;
  if (!leaf->is_head() && ordering.Compare(leaf->lower_bound(), key) > 0) {
    return nullptr;
  }
  for (int step = 0; step < 2; ++step) {
    const uint64_t next = leaf->next.LoadAcquire();
    if (NextIsAbove(ordering, next, key, Bound::kNotAbove)) return leaf;
    leaf = BlockOf(next);
  }
  return nullptr;
}

}  // namespace fastskip
