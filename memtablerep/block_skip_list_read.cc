// SPDX-License-Identifier: Apache-2.0
//
// Lookups, the iterator, estimates. Nothing here writes to the list, but for
// the switch to labels.
#include <algorithm>

#include "block_skip_list.h"

namespace fastskip {

bool BlockSkipList::Contains(const char* key) const {
  const char* entry = FindGreaterOrEqual(key);
  return entry != nullptr && comparator_->Compare(entry, key) == 0;
}

const char* BlockSkipList::FindGreaterOrEqual(const char* target) const {
  const Key key = DecodeKey(target);
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    Path path;
    const Block* leaf = Descend(ordering, key, Bound::kNotAbove, 0, &path);
    if (leaf != nullptr) {
      const unsigned need =
          ordering.checks() ? kNeedPred | kNeedSucc : kNeedSucc;
      Visit visit;
      leaf = VisitOwner(ordering, leaf, key, Bound::kNotAbove, need, path.fence,
                        &visit);
      const Neighbours& near = visit.near;
      if (near.equal) return EntryOf(near.succ);
      if (!ordering.checks() || PlaceHolds(ordering, *leaf, key, &visit)) {
        if (!IsEmpty(near.succ) &&
            !IsMoved(ordering, 0, near.succ, visit.next)) {
          return EntryOf(near.succ);
        }
        // A block holds its low for ever: it is the neighbour's first entry.
        return IsEmpty(visit.next) ? nullptr : BlockOf(visit.next)->anchor;
      }
    }
    SwitchToLabels();
  }
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
    words.LoadAcquire(*block);
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

// ---------------------------------------------------------------- iterator

// Takes a view of `block`: its live words in order, the state of `next` they
// belong to, and the word that the next insert into the block will replace.
void BlockSkipList::Iterator::Load(const Ordering& ordering,
                                   const Block* block) {
  Words words;
  uint64_t next = block->NextAcquire();
  for (;;) {
    words.LoadAcquire(*block);
    const uint64_t again = block->NextAcquire();
    if (again == next) break;
    next = again;
  }
  block_ = block;
  next_ = next;
  watch_ = -1;
  watched_ = kNoWord;
  for (int i = 0; i < Block::kSlots; ++i) {
    const uint64_t word = words.slot[i];
    const bool moved = IsMoved(ordering, 0, word, next);
    if (watch_ < 0 && (moved || IsEmpty(word))) {
      watch_ = i;
      watched_ = word;
    }
    if (moved) {
      words.slot[i] = kNoWord;
    } else if (!IsEmpty(word)) {
      __builtin_prefetch(EntryOf(word));
    }
  }
  if (!IsEmpty(next)) BlockOf(next)->Prefetch();
  Sort(ordering, 0, words, &view_);
}

// Whether an insert or a split has touched the block since the view was taken.
// An insert goes to the lowest slot that is empty or moved, and nowhere else:
// while that slot and `next` are as they were, nothing was added.
bool BlockSkipList::Iterator::Changed() const {
  return block_->NextRelaxed() != next_ ||
         (watch_ >= 0 && block_->SlotRelaxed(watch_) != watched_);
}

// Loads the owner of `key`, `block` or a neighbour to its right, and stands at
// the first entry not below `key` (position_ == count: none in this block).
// False when the comparator contradicts the digests.
bool BlockSkipList::Iterator::FindIn(const Ordering& ordering,
                                     const Block* block, const Key& key,
                                     Bound bound, uint64_t fence) {
  for (;;) {
    Load(ordering, block);
    Visit visit;
    visit.next = next_;
    Prepare(ordering, *block, key, fence, &visit);
    int low = 0;
    int high = view_.count;
    if (visit.digest) {
      // Narrow to the ties of the key's discriminator.
      const auto* begin = view_.word;
      const auto* end = view_.word + view_.count;
      const uint64_t tie = uint64_t{visit.disc} << kDiscShift;
      low = static_cast<int>(std::lower_bound(begin, end, tie) - begin);
      high = static_cast<int>(
          std::lower_bound(begin + low, end,
                           tie + (uint64_t{1} << kDiscShift)) -
          begin);
    }
    while (low < high) {
      const int middle = (low + high) / 2;
      const int c = CompareWord(ordering, 0, view_.word[middle], key);
      if (c < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    position_ = low;
    if (low < view_.count) visit.near.succ = view_.word[low];
    if (!BelongsRight(ordering, visit, key, bound)) break;
    block = BlockOf(next_);
    fence = kNoWord;
  }
  if (!ordering.checks()) return true;
  if (position_ > 0) {
    if (CompareWord(ordering, 0, view_.word[position_ - 1], key) >= 0) {
      return false;
    }
  } else if (!block_->is_head() &&
             (bound == Bound::kBelow ||
              ordering.Compare(block_->anchor, key) != 0)) {
    return false;
  }
  if (position_ < view_.count) {
    return CompareWord(ordering, 0, view_.word[position_], key) >= 0;
  }
  if (IsEmpty(next_)) return true;
  const int c = ordering.Compare(BlockOf(next_)->anchor, key);
  return bound == Bound::kBelow ? c >= 0 : c > 0;
}

void BlockSkipList::Iterator::Seek(const char* target) {
  const Key key = DecodeKey(target);
  for (;;) {
    const Ordering ordering = list_->CurrentOrdering();
    Path path;
    const Block* leaf =
        list_->Descend(ordering, key, Bound::kNotAbove, 0, &path);
    if (leaf != nullptr &&
        FindIn(ordering, leaf, key, Bound::kNotAbove, path.fence)) {
      if (position_ == view_.count) EnterNext();
      return;
    }
    list_->SwitchToLabels();
  }
}

// Goes on at the first entry right of the view; not Valid() when there is none.
void BlockSkipList::Iterator::EnterNext() {
  position_ = -1;
  if (IsEmpty(next_)) return;
  Load(list_->CurrentOrdering(), BlockOf(next_));
  position_ = 0;  // its low
}

// Takes a new view and stands at the same entry in it. The entry is where it
// was, or was moved right by splits.
void BlockSkipList::Iterator::Refresh() {
  const char* here = key();
  const Ordering ordering = list_->CurrentOrdering();
  for (const Block* block = block_;; block = BlockOf(next_)) {
    Load(ordering, block);
    for (position_ = 0; position_ < view_.count; ++position_) {
      if (key() == here) return;
    }
  }
}

void BlockSkipList::Iterator::Next() {
  if (Changed()) Refresh();
  if (++position_ == view_.count) EnterNext();
}

void BlockSkipList::Iterator::Prev() {
  if (Changed()) Refresh();
  if (position_ > 0) {
    --position_;
  } else {
    SeekBelow(key());
  }
}

// To the last entry below `target`.
void BlockSkipList::Iterator::SeekBelow(const char* target) {
  const Key key = DecodeKey(target);
  for (;;) {
    const Ordering ordering = list_->CurrentOrdering();
    Path path;
    const Block* leaf = list_->Descend(ordering, key, Bound::kBelow, 0, &path);
    if (leaf != nullptr &&
        FindIn(ordering, leaf, key, Bound::kBelow, path.fence)) {
      --position_;  // -1 in the head: nothing below
      return;
    }
    list_->SwitchToLabels();
  }
}

void BlockSkipList::Iterator::SeekForPrev(const char* target) {
  Seek(target);
  if (!Valid()) {
    SeekToLast();
  }
  // An insert may have come in between: step back until it holds.
  while (Valid() && list_->comparator_->Compare(key(), target) > 0) {
    SeekBelow(key());
  }
}

void BlockSkipList::Iterator::SeekToFirst() {
  Load(list_->CurrentOrdering(), list_->first_leaf_);
  position_ = 0;
  if (view_.count == 0) EnterNext();
}

void BlockSkipList::Iterator::SeekToLast() {
  const Ordering ordering = list_->CurrentOrdering();
  Load(ordering, list_->LastLeaf());
  while (!IsEmpty(next_)) Load(ordering, BlockOf(next_));
  position_ = view_.count - 1;
}

// --------------------------------------------------------------- estimates

// The words of `level` whose keys lie in [from, to).
uint64_t BlockSkipList::CountChildren(const Ordering& ordering, int level,
                                      const Key& from, const Key& to) const {
  Path path;
  const Block* block =
      Descend(ordering, from, Bound::kNotAbove, level, &path);
  uint64_t count = 0;
  bool inside = false;  // everything in this block is at or above `from`
  while (block != nullptr) {
    Words words;
    words.LoadAcquire(*block);
    const uint64_t next = block->NextAcquire();
    const bool last = IsEmpty(next) ||
                      ordering.Compare(BlockOf(next)->anchor, to) >= 0;
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
  const Ordering ordering(comparator_, order_,
                          order_ != KeyOrder::kBytewise);
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
    words.LoadAcquire(*block);
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
  words.LoadAcquire(from);
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
