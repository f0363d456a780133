// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "block.h"
#include "block_scan.h"
#include "block_skip_list.h"

namespace fastskip {

// A cursor over the list. Live: each step shows what was inserted before it
// was taken, wherever the iterator stands. One thread at a time; `list`
// outlives it. Writes nothing that others see but the orders that it saves, and
// allocates nothing.
//
// A seek finds one entry; the first step takes a view of the block, in the
// order that was saved or in one that it saves.
class BlockSkipList::Iterator {
 public:
  explicit Iterator(const BlockSkipList* list) : list_(list) {}

  bool Valid() const { return entry_ != nullptr; }
  // REQUIRES of the next four: Valid()
  const char* key() const { return entry_; }
  // The leaf that the entry was in when the iterator last looked.
  const Block* block() const { return block_; }
  void Next() {
    // Whatever is not a step within the view is called last: so the step needs
    // no stack.
    if (Changed()) return NextInNewView();
    StepForward();
  }
  void Prev() {
    if (Changed()) Refresh();
    if (position_ <= 0) return EnterPrevious();
    StandAt(position_ - 1);
    if (ahead_ < Block::kSlots && sibling_ > 0) {
      PrefetchAhead(BlockOf(siblings_.word(sibling_ - 1)));
    }
  }
  // To the first entry not below `key`.
  void Seek(const char* key);
  // To the last entry not above `key`.
  void SeekForPrev(const char* key);
  void SeekToFirst();
  void SeekToLast();

 private:
  // A scan prefetches the entries of the next block while it walks the one
  // before: so many slots at each step, after so many steps. All at once would
  // be more than a processor has buffers for, and it would wait.
  static constexpr int kSlotsPerStep = 4;
  static constexpr int kFirstSteps = 4;
  // Where a scan forward begins, it prefetches so many entries in front of
  // itself, and those of the next block from so many steps in front of that on.
  static constexpr int kEntriesAhead = 6;
  static constexpr int kStepsToNext = Block::kSlots / kSlotsPerStep;

  // Stands for a watched word where there is no view. None is like that: the
  // address that goes with kEmptyDisc is null or that of a block, which is
  // aligned.
  static constexpr uint64_t kNoView = ~uint64_t{0};

  // Whether there is no view, or the block may have changed since it was taken.
  // An insert goes to the lowest slot that is empty or whose entry has moved,
  // and nowhere else. Nothing but a full block is split, appended to or
  // replaced (invariant 2), and each of these changes `next`. So one word
  // tells: that of this slot, or `next` where there is none.
  bool Changed() const { return watch_->LoadRelaxed() != watched_; }
  // In the view.
  void StandAt(int position) {
    position_ = position;
    entry_ = EntryOf(view_.word(position));
  }
  // Without a view: at the entry of `word`, under its discriminator in `block`
  // or a lesser one; nowhere, if there is none.
  void StandAt(const Block* block, uint64_t word);
  void Load(const Block* block);
  void SortView(const Ordering& ordering);
  int FindEntry(int from) const;
  void NextInNewView();
  // From its position in a view that holds.
  void StepForward() {
    if (position_ + 1 == view_.count()) return EnterNext();
    StandAt(position_ + 1);
    if (ahead_ < Block::kSlots) PrefetchForward();
  }
  void BeginPrefetch();
  void PrefetchView();
  void PrefetchForward();
  // Prefetches some more entries of the block that the scan goes to.
  void PrefetchAhead(const Block* block) {
    if (ahead_ >= 0) PrefetchSlots(block, ahead_ + kSlotsPerStep);
    ahead_ += kSlotsPerStep;
  }
  void PrefetchSlots(const Block* block, int to_slot);
  void EnterNext();
  void Refresh();
  void EnterPrevious();
  void FindSiblings();

  const BlockSkipList* list_;
  const char* entry_ = nullptr;
  const Block* block_ = nullptr;  // holds entry_, or a block left of that does
  // A scan that began with a seek: its orders are saved, since short ones come
  // again. A whole one may be that of a flush, and no other will come.
  bool sought_ = false;
  uint32_t sought_disc_ = 0;  // while there is no view: StandAt
  // What follows belongs to a view of block_, if there is one.
  int position_ = 0;  // of entry_ in view_
  // What the next insert into the block will change: a slot or, where it is
  // full, `next`; and the word there when the view was taken.
  const StepAtomic<uint64_t>* watch_ = nullptr;
  uint64_t watched_ = kNoView;
  uint64_t next_ = kNoNext;  // of block_, then
  // Slots of the next block whose entries were prefetched; below 0 there are
  // steps to go before that.
  int ahead_ = 0;
  SortedWords view_;
  int fetched_ = 0;  // entries of the view up to here were prefetched
  // Leaves under one parent for steps to the left: siblings_[sibling_] is
  // block_ or left of it. Set at the first such step; -1: none.
  int sibling_ = -1;
  SortedWords siblings_;
};

}  // namespace fastskip
