// SPDX-License-Identifier: Apache-2.0
//
// Lookups and estimates. Nothing here writes to the list, but for the switch to
// labels.
#include <algorithm>

#include "block_skip_list.h"

namespace fastskip {

bool BlockSkipList::Contains(const char* key) const {
  const char* entry = FindGreaterOrEqual(key);
  return entry != nullptr && comparator_->Compare(entry, key) == 0;
}

// The leaf that owns `key`, and what is found there.
const Block* BlockSkipList::FindLeaf(const Key& key, unsigned need,
                                     Visit* visit) const {
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    if (ordering.checks()) need = kNeedPred | kNeedSucc;
    Path path;
    const Block* leaf = Descend(ordering, key, Bound::kNotAbove, 0, &path);
    if (leaf != nullptr) {
      leaf = VisitOwner(ordering, leaf, key, Bound::kNotAbove, need, path.fence,
                        visit);
      if (!ordering.checks() || PlaceHolds(ordering, *leaf, key, visit)) {
        if (IsMoved(ordering, 0, visit->near.succ, visit->next)) {
          visit->near.succ = kNoWord;
        }
        return leaf;
      }
    }
    SwitchToLabels();
  }
}

const char* BlockSkipList::FindGreaterOrEqual(const char* target) const {
  Visit visit;
  FindLeaf(DecodeKey(target), kNeedSucc, &visit);
  if (!IsEmpty(visit.near.succ)) return EntryOf(visit.near.succ);
  // A block holds its low for ever: it is the neighbour's first entry.
  return IsEmpty(visit.next) ? nullptr : BlockOf(visit.next)->anchor;
}

// The rightmost leaf.
Block* BlockSkipList::LastLeaf() const {
  FASTSKIP_STEP();
  const Block* block = root_.load(std::memory_order_acquire);
  const Ordering ordering = CurrentOrdering();
  for (;;) {
    for (;;) {
      const uint64_t next = block->NextAcquire();
      if (IsEmpty(next)) break;
      block = BlockOf(next);
    }
    if (block->level == 0) return const_cast<Block*>(block);
    Words words;
    LoadWords(*block, &words);
    // Words of keys beyond a neighbour that came meanwhile do no harm: the
    // greatest is right of nothing, and the walk goes on from there.
    uint64_t last = kNoWord;
    for (uint64_t w : words.slot) {
      if (IsEmpty(w)) continue;
      if (IsEmpty(last) || DiscOf(w) > DiscOf(last) ||
          (DiscOf(w) == DiscOf(last) &&
           CompareWords(ordering, block->level, w, last) > 0)) {
        last = w;
      }
    }
    // Every block but an emptied leaf holds something, and while a split is
    // being cleared its words move to a neighbour that is now visible.
    if (!IsEmpty(last)) block = BlockOf(last);
  }
}

// The words of `level` whose keys lie in [from, to).
uint64_t BlockSkipList::CountChildren(const Ordering& ordering, int level,
                                      const Key& from, const Key& to) const {
  Path path;
  const Block* block = Descend(ordering, from, Bound::kNotAbove, level, &path);
  uint64_t count = 0;
  bool inside = false;  // everything in this block is at or above `from`
  while (block != nullptr) {
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->NextAcquire();
    const bool last =
        IsEmpty(next) || ordering.Compare(BlockOf(next)->anchor, to) >= 0;
    for (uint64_t w : words.slot) {
      if (IsEmpty(w) || IsMoved(ordering, level, w, next)) continue;
      count += (inside || CompareWord(ordering, level, w, from) >= 0) &&
               (!last || CompareWord(ordering, level, w, to) < 0);
    }
    if (last) break;
    block = BlockOf(next);
    inside = ordering.Compare(block->anchor, from) >= 0;
  }
  return count;
}

// Counts on the highest level that has enough blocks in the range to be told
// from noise, and multiplies by what such a block holds on average.
uint64_t BlockSkipList::ApproximateCount(const char* from,
                                         const char* to) const {
  constexpr uint64_t kEnough = 256;
  const Key first = DecodeKey(from);
  const Key end = DecodeKey(to);
  if (comparator_->Compare(from, to) >= 0) return 0;
  // Labels: an estimate is not worth a check of every place.
  const Ordering ordering(comparator_, order_, order_ != KeyOrder::kBytewise);
  FASTSKIP_STEP();
  int level = root_.load(std::memory_order_acquire)->level;
  uint64_t count = 0;
  for (; level >= 0; --level) {
    count = CountChildren(ordering, level, first, end);
    if (level == 0 || count >= kEnough) break;
  }
  if (level == 0) return count;
  double each = 1;
  for (int below = level - 1; below >= 0; --below) {
    each *= (Fill(below, first) + Fill(below, end)) / 2;
  }
  return static_cast<uint64_t>(static_cast<double>(count) * each);
}

// Words per block of `level`, of some blocks from `from` on.
double BlockSkipList::Fill(int level, const Key& from) const {
  constexpr int kBlocks = 16;
  const Ordering ordering(comparator_, order_, order_ != KeyOrder::kBytewise);
  Path path;
  const Block* block = Descend(ordering, from, Bound::kNotAbove, level, &path);
  int blocks = 0;
  int filled = 0;
  while (block != nullptr && blocks < kBlocks) {
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->NextAcquire();
    for (uint64_t w : words.slot) {
      filled += !IsEmpty(w) && !IsMoved(ordering, level, w, next);
    }
    ++blocks;
    block = IsEmpty(next) ? nullptr : BlockOf(next);
  }
  return blocks == 0 ? 1.0 : static_cast<double>(filled) / blocks;
}

// Goes down by one word picked with `bits`; at a leaf, returns its entry. Null
// and a null block when the slot picked is empty.
const char* BlockSkipList::RandomStep(const Block** block, uint64_t bits,
                                      Draw draw) const {
  const Block& from = **block;
  *block = nullptr;
  Words words;
  LoadWords(from, &words);
  if (draw == Draw::kFilledSlot) {
    uint64_t* const end = std::remove_if(words.slot, words.slot + Block::kSlots,
                                         [](uint64_t w) { return IsEmpty(w); });
    if (end == words.slot) return nullptr;
    bits %= static_cast<uint64_t>(end - words.slot);
  }
  const uint64_t word = words.slot[bits % Block::kSlots];
  if (IsEmpty(word)) return nullptr;
  if (from.level == 0) return EntryOf(word);
  *block = BlockOf(word);
  return nullptr;
}

}  // namespace fastskip
