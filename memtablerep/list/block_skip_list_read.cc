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
    leaf = VisitOwner(ordering, leaf, key, Bound::kNotAbove, need, path.fence,
                      visit);
    if (!ordering.checks() || PlaceHolds(ordering, *leaf, key, visit)) {
      if (IsMoved(ordering, 0, visit->near.succ, visit->next)) {
        visit->near.succ = kNoWord;
      }
      return leaf;
    }
    TrustLess(ordering);
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

// Some of the blocks that a walk passes, evenly spaced.
class BlockSkipList::Sample {
 public:
  void Add(const Block* block) {
    if (passed_++ % spacing_ != 0) return;
    if (count_ == kMost) {
      for (int i = 0; i < kMost / 2; ++i) blocks_[i] = blocks_[2 * i];
      count_ = kMost / 2;
      spacing_ *= 2;
      if ((passed_ - 1) % spacing_ != 0) return;
    }
    blocks_[count_++] = block;
  }
  int count() const { return count_; }
  const Block* operator[](int i) const { return blocks_[i]; }

 private:
  static constexpr int kMost = 128;
  uint64_t passed_ = 0;
  uint64_t spacing_ = 1;
  int count_ = 0;
  const Block* blocks_[kMost];
};

// The words of `level` whose keys lie in [from, to).
uint64_t BlockSkipList::CountChildren(const Ordering& ordering, int level,
                                      const Key& from, const Key& to,
                                      Sample* sample) const {
  Path path;
  const Block* block =
      CurrentHead(Descend(ordering, from, Bound::kNotAbove, level, &path));
  uint64_t count = 0;
  bool inside = false;  // everything in this block is at or above `from`
  while (block != nullptr) {
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->NextAcquire();
    const bool last =
        IsEmpty(next) ||
        (!IsReplaced(next) && ordering.Compare(BlockOf(next)->anchor, to) >= 0);
    for (uint64_t w : words.slot) {
      if (IsEmpty(w) || IsMoved(ordering, level, w, next)) continue;
      if ((inside || CompareWord(ordering, level, w, from) >= 0) &&
          (!last || CompareWord(ordering, level, w, to) < 0)) {
        ++count;
        if (level > 0) sample->Add(BlockOf(w));
      }
    }
    if (last) break;
    block = BlockOf(next);
    inside = !block->is_head() && ordering.Compare(block->anchor, from) >= 0;
  }
  return count;
}

// Counts on the highest level that has enough blocks in the range to be told
// from noise, and multiplies by the mean of what some of them hold.
uint64_t BlockSkipList::ApproximateCount(const char* from,
                                         const char* to) const {
  constexpr uint64_t kEnough = 256;
  const Key first = DecodeKey(from);
  const Key end = DecodeKey(to);
  if (comparator_->Compare(from, to) >= 0) return 0;
  // Labels: an estimate is not worth a check of every place.
  const Ordering ordering(comparator_, order_,
                          IsKnown(order_) ? Trust::kAll : Trust::kNone);
  FASTSKIP_STEP();
  int level = root_.load(std::memory_order_acquire)->level;
  for (; level > 0; --level) {
    Sample sample;
    const uint64_t count = CountChildren(ordering, level, first, end, &sample);
    if (count < kEnough) continue;
    double entries = 0;
    for (int i = 0; i < sample.count(); ++i) {
      entries += EstimateEntries(ordering, sample[i], i);
    }
    return static_cast<uint64_t>(static_cast<double>(count) * entries /
                                 sample.count());
  }
  return CountChildren(ordering, 0, first, end, nullptr);
}

// The entries under `block`, from one way down that is picked with `seed`: the
// product of the words passed on each level, whose expectation is the number of
// entries (Knuth, 1975, on the size of search trees).
double BlockSkipList::EstimateEntries(const Ordering& ordering,
                                      const Block* block, uint64_t seed) {
  double entries = 1;
  for (;;) {
    block = CurrentHead(block);
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->NextAcquire();
    uint64_t* const end =
        std::remove_if(words.slot, words.slot + Block::kSlots, [&](uint64_t w) {
          return IsEmpty(w) || IsMoved(ordering, block->level, w, next);
        });
    const auto count = static_cast<uint64_t>(end - words.slot);
    entries *= static_cast<double>(count);
    if (block->level == 0 || count == 0) return entries;
    seed = (seed + 1) * 0x9e3779b97f4a7c15u;  // spread over the high bits
    block = BlockOf(words.slot[(seed >> 32) % count]);
  }
}

// Goes down by one word picked with `bits`; at a leaf, returns its entry. Null
// and a null block when the slot picked is empty.
const char* BlockSkipList::RandomStep(const Block** block, uint64_t bits,
                                      Draw draw) const {
  const Block& from = *CurrentHead(*block);
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
