// SPDX-License-Identifier: Apache-2.0
//
// The iterator: walks a sorted view of one block at a time.
#include "block_skip_list_iterator.h"

#include <algorithm>

#include "saved_order.h"

namespace fastskip {

namespace {

// The key of a typical entry may lie across two cache lines. Where the slot is
// empty `instead` is prefetched: a branch would often be mispredicted.
void PrefetchEntry(uint64_t word, const Block& instead) {
  constexpr int kTypicalKey = 32;
  const char* const at =
      IsEmpty(word) ? reinterpret_cast<const char*>(&instead) : EntryOf(word);
  __builtin_prefetch(at);
  __builtin_prefetch(at + kTypicalKey);
}

}  // namespace

// Without a view: the next step takes one.
void BlockSkipList::Iterator::StandAt(const Block* block, uint64_t word) {
  block_ = block;
  entry_ = EntryOf(word);
  sought_ = true;
  sought_disc_ = DiscOf(word);
  __builtin_prefetch(SavedOrderOf(*block));
  watch_ = &block->next;
  watched_ = kNoView;
  sibling_ = -1;
}

// Takes a view of `block`: its live words in order, the state of `next` they
// belong to, and the word that the next insert into the block will replace.
void BlockSkipList::Iterator::Load(const Block* block) {
  const Words& words = view_.words;
  SavedOrder* const saved = SavedOrderOf(*block);
  PackedOrder order;
  bool has_order;
  uint64_t next = block->next.LoadAcquire();
  for (;;) {
    has_order = saved->Load(next, &order);
    LoadWords(*block, &view_.words);
    const uint64_t again = block->next.LoadAcquire();
    if (again == next) break;
    next = again;
  }
  if (!IsEmpty(next)) BlockOf(next)->Prefetch();
  block_ = block;
  next_ = next;
  ahead_ = list_->CurrentFootprint() == Footprint::kExceedsCache
               ? -kFirstSteps * kSlotsPerStep
               : Block::kSlots;
  BlockState state;
  if (has_order && order.IsTrueOf(words)) {
    order.Unpack(&view_.order);
    state = {next, order.open()};
  } else {
    const Ordering ordering = list_->CurrentOrdering();
    SortView(ordering);
    state = StateOf(ordering, words, next);
    if (sought_) saved->Save(words, state, view_.order);
  }
  const bool open = state.open < Block::kSlots;
  watch_ = open ? &block->slots[state.open] : &block->next;
  watched_ = open ? words.slot[state.open] : next;
  fetched_ = view_.count();
}

// Puts the words of the view in order. Entries that have moved come last, and
// are left out.
void BlockSkipList::Iterator::SortView(const Ordering& ordering) {
  Sort(ordering, 0, &view_);
  if (!IsEmpty(next_) && view_.count() > 0 &&
      DiscOf(view_.last()) >= DiscOf(next_)) {
    view_.order.count -=
        __builtin_popcount(MovedSlots(ordering, 0, view_.words, next_));
  }
}

// The position in the view, from `from` on, of the entry where the iterator
// stands; -1 when it is not there.
int BlockSkipList::Iterator::FindEntry(int from) const {
  for (int i = from; i < view_.count(); ++i) {
    if (EntryOf(view_.word(i)) == entry_) return i;
  }
  return -1;
}

// Takes a new view and stands at the same entry in it. The entry is where it
// was, or was moved right by splits.
void BlockSkipList::Iterator::Refresh() {
  uint32_t disc =
      watched_ == kNoView ? sought_disc_ : DiscOf(view_.word(position_));
  for (const Block* block = block_;; block = BlockOf(next_), disc = 0) {
    Load(block);
    // No more words of the order than these are below the discriminator. There
    // are fewer where the words hold one that the order lacks.
    position_ = FindEntry(__builtin_popcount(SlotsBelow(view_.words, disc)));
    if (position_ < 0 && disc > 0) position_ = FindEntry(0);
    if (position_ >= 0) return;
    if (IsEmpty(next_)) {  // only where memory was damaged: the end
      position_ = view_.count() - 1;
      return;
    }
  }
}

void BlockSkipList::Iterator::NextInNewView() {
  Refresh();
  BeginPrefetch();
  StepForward();
}

// Where a scan forward begins, in a memtable that exceeds the cache: prefetches
// what it meets next in the view, and nothing of the next block until it comes
// near that.
void BlockSkipList::Iterator::BeginPrefetch() {
  if (ahead_ >= 0) return;
  fetched_ = position_ + 1;
  PrefetchView();
  const int steps = view_.count() - position_ - kStepsToNext;
  ahead_ = std::min(ahead_, -steps * kSlotsPerStep);
}

// Prefetches the entries that come next in the view.
void BlockSkipList::Iterator::PrefetchView() {
  const int end = std::min(position_ + 1 + kEntriesAhead, view_.count());
  for (; fetched_ < end; ++fetched_) {
    PrefetchEntry(view_.word(fetched_), *block_);
  }
}

// At each step forward, in a memtable that exceeds the cache.
void BlockSkipList::Iterator::PrefetchForward() {
  if (fetched_ < view_.count()) PrefetchView();
  PrefetchAhead(BlockOf(next_));
}

// Prefetches the entries of `block` in slots that were not prefetched, up to
// `to_slot`. Any state of the block will do.
void BlockSkipList::Iterator::PrefetchSlots(const Block* block, int to_slot) {
  if (block == nullptr) return;
  if (ahead_ <= 0) __builtin_prefetch(SavedOrderOf(*block));
  const int end = std::min(to_slot, Block::kSlots);
  for (int i = std::max(ahead_, 0); i < end; ++i) {
    PrefetchEntry(block->slots[i].LoadRelaxed(), *block);
  }
}

// Goes on at the first entry right of the view; not Valid() when there is none.
void BlockSkipList::Iterator::EnterNext() {
  sibling_ = -1;
  do {
    if (IsEmpty(next_)) {
      entry_ = nullptr;
      return;
    }
    if (ahead_ < Block::kSlots) {
      PrefetchSlots(BlockOf(next_), Block::kSlots);
    }
    Load(BlockOf(next_));
  } while (view_.count() == 0);  // only a head can be empty, or be replaced
  StandAt(0);
}

// Goes on at the last entry of the block whose `next` is block_; not Valid()
// when block_ is the head. A leaf known to lie left of block_ leads there by
// its neighbours.
void BlockSkipList::Iterator::EnterPrevious() {
  const Block* const right = block_;
  if (right->is_head()) {
    entry_ = nullptr;
    return;
  }
  if (sibling_ >= 0 && BlockOf(siblings_.word(sibling_)) == right) --sibling_;
  if (sibling_ < 0) FindSiblings();
  if (sibling_ > 0) BlockOf(siblings_.word(sibling_ - 1))->Prefetch();
  const Block* block =
      sibling_ < 0 ? list_->FirstLeaf() : BlockOf(siblings_.word(sibling_));
  PrefetchSlots(block, Block::kSlots);
  for (;;) {
    for (;;) {
      const uint64_t next = block->next.LoadAcquire();
      if (BlockOf(next) == right) break;
      // Only where memory was damaged is the sibling none.
      block = IsEmpty(next) ? list_->FirstLeaf() : BlockOf(next);
    }
    Load(block);
    if (BlockOf(next_) == right) break;  // else it was split just now
  }
  if (view_.count() > 0) {
    StandAt(view_.count() - 1);
  } else {
    entry_ = nullptr;  // the head, emptied
  }
}

// The leaves left of block_ under the parent of the nearest of them.
void BlockSkipList::Iterator::FindSiblings() {
  const Key key = DecodeKey(block_->lower_bound());
  for (;;) {
    const Ordering ordering = list_->CurrentOrdering();
    Probe probe(ordering, key, list_->CurrentFootprint(), Bound::kBelow);
    Route route;
    Block* at = list_->Descend(&probe, 1, &route);
    if (at->level() == 0) return;  // there is no parent
    while (probe.VisitForDescent(*at, Exact::kPredecessor) ==
           Probe::Outcome::kMoveRight) {
      at = BlockOf(probe.next());
    }
    const uint64_t word = probe.neighbours().predecessor;
    if (!IsEmpty(word) &&
        (!ordering.checks() || CompareWord(ordering, 1, word, key) < 0)) {
      // The visit may have searched a saved order, without a copy of the words.
      LoadWords(*at, &siblings_.words);
      Sort(ordering, 1, &siblings_);
      sibling_ = siblings_.count() - 1;
      while (sibling_ >= 0 && siblings_.word(sibling_) != word) --sibling_;
      if (sibling_ >= 0) return;
      continue;  // it has moved right since
    }
    if (!ordering.checks()) return;  // only where memory was damaged
    list_->FallBack(ordering);
  }
}

void BlockSkipList::Iterator::Seek(const char* target) {
  const Found found = list_->FindLeaf(DecodeKey(target), Exact::kSuccessor);
  const uint64_t successor = found.neighbours.successor;
  if (!IsEmpty(successor)) {
    StandAt(found.leaf, successor);
  } else if (!IsEmpty(found.next)) {
    const Block* const right = BlockOf(found.next);
    StandAt(right, MakeWord(0, right->lower_bound()));
  } else {
    entry_ = nullptr;
  }
}

void BlockSkipList::Iterator::SeekForPrev(const char* target) {
  const Found found = list_->FindLeaf(DecodeKey(target), Exact::kBoth);
  StandAt(found.leaf, found.neighbours.equal ? found.neighbours.successor
                                             : found.neighbours.predecessor);
}

void BlockSkipList::Iterator::SeekToFirst() {
  sibling_ = -1;
  sought_ = false;
  Load(list_->FirstLeaf());
  if (view_.count() > 0) {
    StandAt(0);
  } else {
    EnterNext();
  }
}

void BlockSkipList::Iterator::SeekToLast() {
  sibling_ = -1;
  sought_ = false;
  Load(list_->LastLeaf());
  while (!IsEmpty(next_)) Load(BlockOf(next_));
  if (view_.count() > 0) {
    StandAt(view_.count() - 1);
  } else {
    entry_ = nullptr;
  }
}

}  // namespace fastskip
