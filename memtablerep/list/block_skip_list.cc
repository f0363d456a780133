// SPDX-License-Identifier: Apache-2.0
//
// Descend, insert, split, post. Reading is in block_skip_list_read.cc.
#include "block_skip_list.h"

#include <cassert>
#include <new>
#include <utility>

#include "sharded_arena.h"

namespace fastskip {

namespace {

// The sequence number under which `word` was inserted, or what it names was
// split off; the greatest for the leftmost block.
uint64_t Sequence(int level, uint64_t word) {
  const char* const low = LowOf(level, word);
  return low == nullptr ? UINT64_MAX : DecodeKey(low).sequence;
}

// What stands right above a key: a word of its block, or the neighbour.
struct Above {
  uint32_t disc;
  uint64_t sequence;
};

// Whether `key` goes on a run that ascends up to the word `last` of a full
// block: it is nearer to that than to what stands above, which is older, and
// the words up to `last` were written one after the other. (In random order by
// chance, in less than one of 120 blocks.)
bool Ascends(const Visit& visit, int level, const SortedWords& sorted, int last,
             const Above& above, const Key& key) {
  constexpr int kRun = std::min(5, Block::kSlots);
  if (last + 1 < kRun) return false;
  if (visit.digest &&
      visit.disc - DiscOf(sorted.word[last]) >= above.disc - visit.disc) {
    return false;
  }
  if (above.sequence >= Sequence(level, sorted.word[last])) return false;
  uint64_t newer = key.sequence;
  for (int i = last; i > last - kRun; --i) {
    const uint64_t sequence = Sequence(level, sorted.word[i]);
    if (sequence >= newer) return false;
    newer = sequence;
  }
  return true;
}

// The same of a key above everything in a block that has a neighbour.
bool AscendsBelowNext(const Visit& visit, int level, const Key& key) {
  SortedWords sorted;
  Scan().sort(visit.words, &sorted);
  const Key low = DecodeKey(BlockOf(visit.next)->anchor);
  return Ascends(visit, level, sorted, Block::kSlots - 1,
                 {DiscOf(visit.next), low.sequence}, key);
}

// Of a memtable up to this size, the entries are near enough: in the second
// cache, or the third.
constexpr size_t kNear = size_t{2} << 20;  // bytes

// From the insert into this slot on, the next block will soon be needed.
constexpr int kPrepareBlockAt = Block::kSlots * 3 / 4;

// Whether `right`, which goes on behind everything under `disc` of `left`,
// keeps the parameters of that block, and does so: where the keys from `early`
// on are spread well, and as many again find room twice.
bool InheritsAtEnd(const Ordering& ordering, const Block& left, uint32_t early,
                   uint32_t disc, Block* right) {
  constexpr uint32_t kPlenty = 4 * Block::kSlots;
  if (!ordering.GoesBy(left)) return false;
  const uint32_t span = disc - early;
  if (span < kPlenty || kMaxDisc - disc < 2 * span) return false;
  right->flags |= left.flags & Block::kVerifyPrefix;
  return InheritDigests(ordering, left, right);
}

// Whether the digests of a new block between `block`, which is full, and `next`
// are inverted: as those of these two are. Where the comparator is not known,
// the first block of the list, which goes by labels, tells by its least and
// greatest entries.
bool IsReverse(const Ordering& ordering, const Block& block, uint64_t next,
               const char* least, const char* greatest) {
  if (ordering.trust() != Trust::kAll) return false;
  if (ordering.checks() && IsEmpty(next) && block.is_head() &&
      block.level == 0 && block.kind == BlockKind::kLabels) {
    return CompareUserKeyBytes(DecodeKey(least), DecodeKey(greatest)) > 0;
  }
  return block.is_reverse() || (!IsEmpty(next) && BlockOf(next)->is_reverse());
}

// Gives `block` the right neighbour that `next` names, if any, under `disc`.
void SetNeighbour(Block* block, uint32_t disc, uint64_t next) {
  if (IsEmpty(next)) return;
  block->next.store(MakeWord(disc, BlockOf(next)),
                    std::memory_order_relaxed);  // not published yet
}

}  // namespace

BlockSkipList::BlockSkipList(ShardedArena* arena,
                             const EntryComparator* comparator, KeyOrder order)
    : arena_(arena),
      comparator_(comparator),
      order_(order),
      trust_(order == KeyOrder::kComparator ? Trust::kNone : Trust::kAll) {
  Block* head = NewBlock(0, order == KeyOrder::kReverse);
  head->flags |= Block::kHead;
  CountBlock(0);
  first_leaf_.store(head, std::memory_order_relaxed);  // not shared yet
  root_.store(head, std::memory_order_relaxed);
}

Ordering BlockSkipList::CurrentOrdering() const {
  FASTSKIP_STEP();
  return Ordering(comparator_, order_, trust_.load(std::memory_order_relaxed),
                  arena_->reserved() > kNear);
}

// What `ordering` went by has led to a place that the comparator does not bear
// out.
void BlockSkipList::TrustLess(const Ordering& ordering) const {
  assert(order_ == KeyOrder::kAuto);
  Trust trust = ordering.trust();
  FASTSKIP_STEP();
  trust_.compare_exchange_strong(
      trust, trust == Trust::kAll ? Trust::kForward : Trust::kNone,
      std::memory_order_relaxed);
}

// The block of `to_level` through which `key` is reached, or one left of it.
// Where the comparator contradicts the digests it may be any; the check of the
// place found there tells.
//
// Many blocks under one discriminator hold versions of one user key, newest
// first, and nearly every operation asks for the newest: so the first attempt
// goes down left of such a run, without comparing the key with each of it.
Block* BlockSkipList::Descend(const Ordering& ordering, const Key& key,
                              Bound bound, int to_level, Path* path) const {
  FASTSKIP_STEP();
  const Block* const root = root_.load(std::memory_order_acquire);
  if (to_level == 0 && root->level > 1) {
    // The front of the list, at hand for one comparison, takes many keys where
    // the newest sort first.
    Block* const first = FirstLeaf();
    if (NextIsAbove(ordering, first->NextAcquire(), key, bound)) return first;
  }
  Block* block = DescendBy(kGuess, ordering, key, bound, to_level, path);
  if (!path->guessed) return block;
  if (block != nullptr &&
      NextIsAbove(ordering, block->NextAcquire(), key, bound)) {
    return block;
  }
  return DescendBy(0, ordering, key, bound, to_level, path);
}

// Null when a guess of `need` turns out to be wrong.
Block* BlockSkipList::DescendBy(unsigned need, const Ordering& ordering,
                                const Key& key, Bound bound, int to_level,
                                Path* path) const {
  FASTSKIP_STEP();
  const Block* block = root_.load(std::memory_order_acquire);
  path->fence = kNoWord;
  path->guessed = false;
  Visit visit;
  while (block->level > to_level) {
    // Where a guess was right, the blocks below it own the key.
    if (path->guessed) need |= kStay;
    // Of children whose discriminators tie below the key's, any will do: the
    // search moves right from there.
    block = VisitOwner(ordering, block, key, bound, need, path->fence, &visit);
    if (block == nullptr) return nullptr;
    path->Pass(const_cast<Block*>(block));
    const Neighbours& near = visit.near;
    const bool take_equal = near.equal && bound == Bound::kNotAbove;
    uint64_t child = take_equal ? near.succ : near.pred;
    if (IsEmpty(child)) child = near.succ;  // by misleading digests
    path->fence = take_equal || visit.guessed ? kNoWord : near.succ;
    path->guessed = path->guessed || visit.guessed;
    block = BlockOf(child);
    block->Prefetch();
  }
  return const_cast<Block*>(block);
}

bool BlockSkipList::InsertAt(const char* entry, Finger* finger,
                             Writers writers) {
  const Key key = DecodeKey(entry);
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    if (finger != nullptr && InsertAtEnd(ordering, key, writers, finger)) {
      return true;
    }
    Path path(writers);
    Block* leaf = nullptr;
    if (finger != nullptr && finger->warm) {
      leaf = LeafFromFinger(ordering, key, *finger);
    }
    if (leaf == nullptr) {
      leaf = Descend(ordering, key, Bound::kNotAbove, 0, &path);
    }
    const Outcome outcome = InsertInto(ordering, &leaf, key, entry, &path);
    if (outcome != Outcome::kViolation) {
      if (finger != nullptr) {
        finger->warm = finger->leaf != nullptr &&
                       (finger->leaf == leaf ||
                        BlockOf(finger->leaf->NextRelaxed()) == leaf);
        finger->leaf = leaf;
        finger->parent = path.At(1);
        finger->end = path.end;
      }
      return outcome == Outcome::kInserted;
    }
    TrustLess(ordering);
  }
}

bool BlockSkipList::InsertWithHint(const char* entry, void** hint) {
  Finger finger;
  finger.leaf = static_cast<Block*>(*hint);
  finger.warm = finger.leaf != nullptr;
  const bool inserted = InsertAt(entry, &finger, Writers::kMany);
  *hint = finger.leaf;
  return inserted;
}

// Inserts `key` right behind the last one, when that was the greatest of the
// list and still is: a load in key order needs no more than this.
//
// Inserts take the first empty slot, and the next slot here holds its word of
// birth. So no insert has come into the leaf since, which was never full and
// has no neighbour. Replacing that very word finds out all of that.
bool BlockSkipList::InsertAtEnd(const Ordering& ordering, const Key& key,
                                Writers writers, Finger* finger) {
  Block* const leaf = finger->leaf;
  const End end = finger->end;
  if (end.slot < 0) return false;
  const bool digest = ordering.GoesBy(*leaf);
  const uint32_t disc =
      digest ? DiscOfKey(*leaf, key, false) : LabelBetween(end.word, kNoWord);
  if (disc < DiscOf(end.word)) return false;
  const bool known = digest && !ordering.checks() && disc > DiscOf(end.word);
  if (!known && ordering.Compare(EntryOf(end.word), key) >= 0) return false;
  const int slot = end.slot + 1;
  if (slot == Block::kSlots) {
    return AppendAtEnd(ordering, key, disc, writers, finger);
  }
  if (slot == kPrepareBlockAt) arena_->PrefetchBlock();
  const uint64_t word = MakeWord(disc, key.entry);
  if (!leaf->ReplaceSlotRelease(slot, kNoNext, word, writers)) {
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
  Path path(writers);
  if (finger->parent != nullptr && IsEmpty(finger->parent->NextAcquire())) {
    path.Pass(finger->parent);
  }
  // In this order: whoever sees an emptied slot sees the neighbour too.
  const uint64_t early = finger->leaf->SlotAcquire(0);
  if (finger->leaf->NextAcquire() != kNoNext) {
    finger->end = End();
    return false;
  }
  Block* const right =
      Append(ordering, finger->leaf, Edge{kNoNext, disc, early}, key, key.entry,
             &path);
  finger->end = path.end;
  if (right == nullptr) return false;
  finger->parent = path.At(1);
  finger->leaf = right;
  return true;
}

// The finger's leaf or its neighbour, when it owns `key`; else null.
Block* BlockSkipList::LeafFromFinger(const Ordering& ordering, const Key& key,
                                     const Finger& finger) const {
  Block* leaf = finger.leaf;
  if (!leaf->is_head() && ordering.Compare(leaf->anchor, key) > 0) {
    return nullptr;
  }
  for (int step = 0; step < 2; ++step) {
    const uint64_t next = leaf->NextAcquire();
    if (NextIsAbove(ordering, next, key, Bound::kNotAbove)) return leaf;
    leaf = BlockOf(next);
  }
  return nullptr;
}

// Inserts `address` under `key` into the owner of `key`, which is `*block` or
// lies to its right; `*block` becomes that owner.
BlockSkipList::Outcome BlockSkipList::InsertInto(const Ordering& ordering,
                                                 Block** block, const Key& key,
                                                 const void* address,
                                                 Path* path) {
  const unsigned need = ordering.checks() ? kNeedPred | kNeedSucc : 0u;
  uint64_t fence = path->fence;
  Visit visit;
  for (;;) {
    Block* owner = *block;
    visit.next = owner->NextAcquire();
    Prepare(ordering, *owner, key, fence, &visit);
    if (visit.digest && visit.disc > DiscOf(visit.next)) {
      *block = BlockOf(visit.next);
      fence = kNoWord;
      continue;
    }
    LoadWords(*owner, &visit);
    if (owner->NextAcquire() != visit.next) continue;
    const int slot = FirstEmptySlot(visit.words);
    // A word goes to its slot wherever it stands among ties. Only splits and
    // the end of the list ask where that is.
    const bool any_place = IsKnown(order_) && slot >= 0 && !IsEmpty(visit.next);
    Locate(ordering, *owner, key, any_place ? kOnlyEqual : need, &visit);
    if (BelongsRight(ordering, visit, key, Bound::kNotAbove)) {
      *block = BlockOf(visit.next);
      fence = kNoWord;
      continue;
    }
    if (AnyMoved(ordering, owner->level, visit)) {
      ClearMoved(ordering, owner, visit.words, visit.next, path->writers);
      continue;
    }
    if (ordering.checks() && !PlaceHolds(ordering, *owner, key, &visit)) {
      return Outcome::kViolation;
    }
    if (visit.near.equal) {
      duplicates_.fetch_add(1, std::memory_order_relaxed);
      return Outcome::kDuplicate;
    }
    const Neighbours& near = visit.near;
    const uint64_t above = IsEmpty(near.succ) ? visit.next : near.succ;
    const uint32_t disc =
        visit.digest ? visit.disc : LabelBetween(near.pred, above);
    if (slot < 0) {
      if (IsEmpty(near.succ) &&
          (IsEmpty(visit.next) || AscendsBelowNext(visit, owner->level, key))) {
        const uint64_t early = IsEmpty(visit.next)
                                   ? Scan().nearest(visit.words, 0).not_below
                                   : visit.words.slot[Block::kSlots / 2];
        const Edge edge{visit.next, disc, early};
        Block* const right = Append(ordering, owner, edge, key, address, path);
        if (right != nullptr) {
          *block = right;
          return Outcome::kInserted;
        }
      } else {
        Split(ordering, owner, visit, key, path);
      }
      continue;
    }
    const uint64_t word = MakeWord(disc, address);
    if (owner->ReplaceSlotRelease(slot, visit.words.slot[slot], word,
                                  path->writers)) {
      if (owner->level == 0 && IsEmpty(above)) path->end = End{slot, word};
      return Outcome::kInserted;
    }
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Puts `address`, above everything in `left`, which is full, into a block of
// its own, and returns that: loads in key order fill every block. Null when
// another thread was quicker.
Block* BlockSkipList::Append(const Ordering& ordering, Block* left,
                             const Edge& edge, const Key& key,
                             const void* address, Path* path) {
  const int level = left->level;
  const bool last = IsEmpty(edge.next);
  // The first head has no anchor. The bound of a block that is not the last one
  // may have little in common with what ascends there.
  const char* const first =
      last && left->anchor != nullptr ? left->anchor : LowOf(level, edge.early);
  Key fence;
  BirthPlan plan{&key, 1, nullptr, DecodeKey(first), key, true};
  if (!last) {
    fence = DecodeKey(BlockOf(edge.next)->anchor);
    plan.fence = &fence;
  }
  const bool reverse = IsReverse(ordering, *left, edge.next, first, key.entry);
  Block* right = NewBlock(level, reverse);
  right->flags |= Block::kLowStoodAlone;
  right->anchor = key.entry;
  uint32_t disc = edge.disc;
  uint32_t fence_disc = 0;
  const bool inherits =
      last && InheritsAtEnd(ordering, *left, DiscOf(edge.early), disc, right);
  if (!inherits &&
      (!ordering.digests() ||
       !PlanDigests(plan, TieCost::kPoor, right, &disc, &fence_disc))) {
    PlanLabels(plan, &disc, &fence_disc);
  }
  right->slots[0].store(MakeWord(disc, address),
                        std::memory_order_relaxed);  // not published yet
  SetNeighbour(right, fence_disc, edge.next);
  if (!left->ReplaceNextRelease(edge.next, MakeWord(edge.disc, right))) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(right);
    return nullptr;
  }
  CountBlock(level);
  splits_.fetch_add(1, std::memory_order_relaxed);
  Block* const parent = Post(right, Scale{first, key.entry}, path);
  // Where a split posts, its insert is still to come, and may go below.
  if (level == 0 && parent != nullptr) path->Pass(parent);
  if (level == 0 && last) path->end = End{0, MakeWord(disc, address)};
  return right;
}

namespace {

// As PlanDigests for a block between two bounds; where these are so far apart
// that its keys tie, as at the end of a table whose keys ascend, by the scale
// of the lower half of the keys: the upper ones may be another table's.
bool PlanBetween(const BirthPlan& bounded, int most_ties, Block* block,
                 uint32_t* discs, uint32_t* fence_disc) {
  BirthPlan open = bounded;
  open.scale_high = open.keys[open.count / 2];
  open.open = true;
  return PlanDigests(bounded, TieCost::kGood, block, discs, fence_disc) ||
         PlanDigests(open, std::min(most_ties, TieCost::kPoor), block, discs,
                     fence_disc) ||
         (most_ties > TieCost::kGood &&
          PlanDigests(bounded, most_ties, block, discs, fence_disc));
}

}  // namespace

// The words of a full block, sorted by discriminator, and on demand in true
// order, with their keys: each is a cache line that nothing else may have
// touched.
class FullBlock {
 public:
  FullBlock(const Ordering& ordering, const Block& block, const Words& words)
      : block_(block), level_(block.level), digests_(ordering.GoesBy(block)) {
    Scan().sort(words, &sorted);
    for (const uint64_t w : sorted.word) ties_.Add(DiscOf(w));
  }

  // Whether the discriminators tell too little, or nothing, of the keys.
  bool poor() const {
    return block_.kind == BlockKind::kLabels || ties_.Above(TieCost::kPoor);
  }

  // Whether the discriminators from `from` on are good for some more splits:
  // they are digests of keys that have the prefix, the middle half of the words
  // has plenty of them, and none is shared but by versions of one key.
  bool TellsApart(int from) const {
    constexpr uint8_t kOpen = Block::kHead | Block::kVerifyPrefix;
    if (!digests_ || (block_.flags & kOpen) != 0) return false;
    constexpr uint32_t kPlenty = 32 * Block::kSlots;
    const int quarter = (Block::kSlots - 1 - from) / 4;
    if (DiscOf(sorted.word[Block::kSlots - 1 - quarter]) <
        DiscOf(sorted.word[from + quarter]) + kPlenty) {
      return false;
    }
    for (int i = from + 1; i < Block::kSlots; ++i) {
      if (!IsBoundary(i) && !IsVersionOf(sorted.word[i - 1], sorted.word[i])) {
        return false;
      }
    }
    return true;
  }

  bool IsBoundary(int i) const { return i > 0 && (sorted.ties >> i & 1) == 0; }

  // Puts the least of the words that tie with that at `i`, the first of them,
  // there.
  void PutLeastAt(const Ordering& ordering, int i) {
    uint64_t* const least = &sorted.word[i];
    for (++i; i < Block::kSlots && !IsBoundary(i); ++i) {
      if (CompareWords(ordering, level_, sorted.word[i], *least) < 0) {
        std::swap(sorted.word[i], *least);
      }
    }
  }

  void Order(const Ordering& ordering) { OrderTies(ordering, level_, &sorted); }

  // The keys of the words from `from` on, of which the first is not the
  // leftmost child of its level.
  // REQUIRES: Order
  const Key* KeysFrom(int from) {
    for (int i = from; i < decoded_; ++i) {
      __builtin_prefetch(level_ == 0 ? EntryOf(sorted.word[i])
                                     : LowOf(level_, sorted.word[i]));
    }
    while (decoded_ > from) {
      --decoded_;
      keys_[decoded_] = DecodeKey(LowOf(level_, sorted.word[decoded_]));
    }
    return &keys_[from];
  }

  // Whether the digests of a new block between this one and `next` are
  // inverted. REQUIRES: Order, where poor()
  bool IsNextReverse(const Ordering& ordering, uint64_t next) const {
    return IsReverse(ordering, block_, next, EntryOf(sorted.word[0]),
                     EntryOf(sorted.word[Block::kSlots - 1]));
  }

  // Where to cut into halves: not within a run of ties, if it can be helped,
  // since every key of the run would have to be compared with the new bound. A
  // long run under one digest is of versions of one key, mostly, and has a
  // block of its own coming; one under one label means nothing. Far above the
  // middle there is no cut: keys that come in right above the run would fill
  // the block again at once, and be cut off one by one.
  int Middle() const {
    constexpr int kHalf = Block::kSlots / 2;
    constexpr int kQuarter = Block::kSlots / 4;
    const int most_off = digests_ ? kHalf - 1 : kQuarter;
    for (int off = 0; off <= most_off; ++off) {
      if (off <= kQuarter && IsBoundary(kHalf + off)) return kHalf + off;
      if (IsBoundary(kHalf - off)) return kHalf - off;
    }
    return kHalf;
  }

  // Where to cut when `key` goes on a run that ascends below a few other words:
  // the run is to have the block for itself. kSlots when that is not so.
  int EndOfAscent(const Visit& visit, const Key& key) const {
    constexpr int kFew = Block::kSlots / 4;
    const Neighbours& near = visit.near;
    if (IsEmpty(near.pred) || IsEmpty(near.succ) ||
        DiscOf(near.pred) == DiscOf(near.succ)) {
      return Block::kSlots;
    }
    int end = Block::kSlots - 1;  // the first word above the key
    while (DiscOf(sorted.word[end - 1]) >= DiscOf(near.succ)) --end;
    if (end <= Block::kSlots - kFew) return Block::kSlots;
    const uint64_t above = sorted.word[end];
    return Ascends(visit, level_, sorted, end - 1,
                   {DiscOf(above), Sequence(level_, above)}, key)
               ? end
               : Block::kSlots;
  }

  bool IsLastOfTies(int i) const {
    return i + 1 == Block::kSlots || IsBoundary(i + 1);
  }

  SortedWords sorted;

 private:
  bool IsVersionOf(uint64_t a, uint64_t b) const {
    return CompareUserKeyBytes(DecodeKey(LowOf(level_, a)),
                               DecodeKey(LowOf(level_, b))) == 0;
  }

  const Block& block_;
  const int level_;
  const bool digests_;
  int decoded_ = Block::kSlots;  // keys_ is set from here on
  Key keys_[Block::kSlots];
  TieCost ties_;
};

namespace {

// Fills the slots of a new block with `words`, which are in order: backwards,
// as BlockScan::sort expects of ties.
void FillSlots(const uint64_t* words, int count, Block* block) {
  for (int i = 0; i < count; ++i) {
    block->slots[count - 1 - i].store(
        words[i], std::memory_order_relaxed);  // not published yet
  }
}

}  // namespace

// Fills `right` with the words of `full` from `from` on as they stand in
// `left`, which reads hardly any key. False when that will not do, and
// FillRight is to begin anew.
bool BlockSkipList::CopyRight(const Ordering& ordering, const Block& left,
                              FullBlock* full, int from, uint64_t next,
                              Block* right) {
  if (!full->IsBoundary(from) || !full->TellsApart(from)) return false;
  full->PutLeastAt(ordering, from);
  const uint64_t* const words = &full->sorted.word[from];
  right->anchor = LowOf(left.level, words[0]);
  if (!InheritDigests(ordering, left, right)) return false;
  FillSlots(words, Block::kSlots - from, right);
  right->next.store(next, std::memory_order_relaxed);  // not published yet
  return true;
}

// Fills `right` with the words of `full`, which are in order, from `from` on,
// under discriminators of its own. False, and nothing done, when it would have
// to be a label block and `labels` does not permit.
bool BlockSkipList::FillRight(const Ordering& ordering, FullBlock* full,
                              int from, uint64_t next, Labels labels,
                              Block* right) const {
  const Key* keys = full->KeysFrom(from);
  const int count = Block::kSlots - from;
  Key fence;
  BirthPlan plan{keys, count, nullptr, keys[0], keys[count - 1], true};
  if (!IsEmpty(next)) {
    fence = DecodeKey(BlockOf(next)->anchor);
    plan.fence = &fence;
    plan.scale_high = fence;
    plan.open = false;
  }
  right->anchor = keys[0].entry;
  uint32_t discs[Block::kSlots];
  uint32_t fence_disc = 0;
  const int most_ties =
      labels == Labels::kNo ? TieCost::kGood : TieCost::kWorseThanLabels;
  const auto plan_digests = plan.open ? PlanDigests : PlanBetween;
  if (!ordering.digests() ||
      !plan_digests(plan, most_ties, right, discs, &fence_disc)) {
    if (labels == Labels::kNo) return false;
    PlanLabels(plan, discs, &fence_disc);
  }
  uint64_t words[Block::kSlots];
  for (int i = 0; i < count; ++i) {
    words[i] = MakeWord(discs[i], EntryOf(full->sorted.word[from + i]));
  }
  FillSlots(words, count, right);
  SetNeighbour(right, fence_disc, next);
  return true;
}

// Fills `right` with the upper part of `full`, the words of `left`, and returns
// where that part begins.
int BlockSkipList::FillUpperPart(const Ordering& ordering, const Block& left,
                                 const Visit& visit, const Key& key,
                                 FullBlock* full, Block* right) const {
  const int end = full->EndOfAscent(visit, key);
  if (end < Block::kSlots) {
    if (!full->poor()) full->Order(ordering);
    FillRight(ordering, full, end, visit.next, Labels::kYes, right);
    return end;
  }
  const int middle = full->Middle();
  if (full->poor()) {
    // Where discriminators have become useless, a new block that tells the keys
    // apart takes all it can. (For a head, ReplaceHead has tried.)
    if (!left.is_head() &&
        FillRight(ordering, full, 1, visit.next, Labels::kNo, right)) {
      return 1;
    }
  } else {
    if (CopyRight(ordering, left, full, middle, visit.next, right)) {
      return middle;
    }
    full->Order(ordering);
  }
  int from = middle;
  // What comes in below everything in a head tells of a load in descending
  // order, which is to leave full blocks behind. On level 0 a head has no `low`
  // to keep.
  const uint64_t below = left.level == 0 ? kNoWord : full->sorted.word[0];
  if (left.is_head() && visit.near.pred == below)
    from = left.level == 0 ? 0 : 1;
  FillRight(ordering, full, from, visit.next, Labels::kYes, right);
  return from;
}

// Moves the upper part of `left`, which is full, into a new right neighbour.
// Whoever loses the race for `next` looks again.
void BlockSkipList::Split(const Ordering& ordering, Block* left,
                          const Visit& visit, const Key& key, Path* path) {
  FullBlock full(ordering, *left, visit.words);
  if (full.poor()) {
    full.Order(ordering);
    if (left->is_head() && ReplaceHead(ordering, left, &full, visit, path)) {
      return;
    }
  }
  Block* right =
      NewBlock(left->level, full.IsNextReverse(ordering, visit.next));
  const int from = FillUpperPart(ordering, *left, visit, key, &full, right);
  if (full.IsLastOfTies(from)) right->flags |= Block::kLowStoodAlone;
  const uint64_t next = MakeWord(DiscOf(full.sorted.word[from]), right);
  if (!left->ReplaceNextRelease(visit.next, next)) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(right);
    return;
  }
  CountBlock(left->level);
  splits_.fetch_add(1, std::memory_order_relaxed);
  ClearMoved(ordering, left, visit.words, next, path->writers);
  const char* low = LowOf(left->level, full.sorted.word[0]);
  if (low == nullptr) low = LowOf(left->level, full.sorted.word[1]);
  const char* high = LowOf(left->level, full.sorted.word[Block::kSlots - 1]);
  Post(right, Scale{low, high}, path);
}

// Puts a new head, with discriminators of its own, in the place of `head`,
// which is full, and moves what that holds into a new right neighbour of the
// new one: the room that a head's discriminators leave below gets used up. One
// CAS of `next` publishes both. The old head stays full, hence frozen, and
// everything passes through it. False, and nothing done, when that would not
// help.
bool BlockSkipList::ReplaceHead(const Ordering& ordering, Block* head,
                                FullBlock* full, const Visit& visit,
                                Path* path) {
  const int level = head->level;
  // Above level 0 the leftmost child stays in the head.
  const int from = level == 0 ? 0 : 1;
  const bool used_up = DiscOf(full->sorted.word[from]) < Block::kSlots;
  Block* right = NewBlock(level, full->IsNextReverse(ordering, visit.next));
  if (!FillRight(ordering, full, from, visit.next,
                 used_up ? Labels::kYes : Labels::kNo, right)) {
    KeepSpare(right);
    return false;
  }
  const Key* keys = full->KeysFrom(from);
  const Key& last = keys[Block::kSlots - 1 - from];
  const BirthPlan plan{nullptr, 0, &keys[0], keys[0], last, false};
  Block* fresh = NewBlock(level, right->is_reverse());
  fresh->flags |= Block::kHead;
  fresh->anchor = right->anchor;
  uint32_t fence_disc = kMaxDisc;
  if (ordering.digests()) {
    PlanDigests(plan, TieCost::kPoor, fresh, nullptr, &fence_disc);
  }
  if (level > 0) {
    fresh->slots[0].store(MakeWord(0, BlockOf(full->sorted.word[0])),
                          std::memory_order_relaxed);  // not published yet
  }
  fresh->next.store(MakeWord(fence_disc, right),
                    std::memory_order_relaxed);  // not published yet
  if (!head->ReplaceNextRelease(visit.next, MakeWord(0, fresh))) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(fresh);  // `right` is forgotten
    return true;
  }
  CountBlock(level);
  splits_.fetch_add(1, std::memory_order_relaxed);
  RelinkHead(level);
  Post(right, Scale{keys[0].entry, last.entry}, path);
  return true;
}

// The head that has taken the place of `head`, or `head`.
Block* BlockSkipList::CurrentHead(const Block* head) {
  for (;;) {
    const uint64_t next = head->NextAcquire();
    if (!IsReplaced(next)) return const_cast<Block*>(head);
    head = BlockOf(next);
  }
}

// Spares searches the way through heads of `level` that were replaced. Each
// word only moves on to a later head, from the very one seen: to come late, or
// not at all, costs steps, no more.
void BlockSkipList::RelinkHead(int level) {
  FASTSKIP_STEP();
  Block* seen = root_.load(std::memory_order_acquire);
  Block* block = CurrentHead(seen);
  if (block != seen) {
    FASTSKIP_STEP();
    root_.compare_exchange_strong(seen, block, std::memory_order_release,
                                  std::memory_order_relaxed);
  }
  if (level == 0) {
    FASTSKIP_STEP();
    seen = first_leaf_.load(std::memory_order_acquire);
    Block* const leaf = CurrentHead(seen);
    FASTSKIP_STEP();
    first_leaf_.compare_exchange_strong(seen, leaf, std::memory_order_release,
                                        std::memory_order_relaxed);
  }
  while (block->level > level) block = RelinkLeftmostChild(block);
}

// Returns that child, which is in the first slot of its parent from the
// parent's birth on: it never moves right.
Block* BlockSkipList::RelinkLeftmostChild(Block* parent) {
  const uint64_t word = parent->SlotAcquire(0);
  Block* const child = CurrentHead(BlockOf(word));
  if (child != BlockOf(word)) {
    parent->ReplaceSlotRelease(0, word, MakeWord(0, child), Writers::kMany);
  }
  return child;
}

// Empties the slots of `block` whose `words` have moved to its neighbour, which
// `next` names. Any thread may do it for any other: each slot goes once, from
// the very word seen.
void BlockSkipList::ClearMoved(const Ordering& ordering, Block* block,
                               const Words& words, uint64_t next,
                               Writers writers) {
  const uint64_t empty = MakeWord(kEmptyDisc, BlockOf(next));
  for (int i = 0; i < Block::kSlots; ++i) {
    const uint64_t word = words.slot[i];
    if (IsMoved(ordering, block->level, word, next)) {
      block->ReplaceSlotRelease(i, word, empty, writers);
    }
  }
}

// Tells the level above of `child`. It may come late and is never given up, but
// for want of memory: then searches reach the child from its left neighbour.
// Returns the parent; null where that is new, or was not told.
Block* BlockSkipList::Post(Block* child, const Scale& scale, Path* path) {
  const Key key = DecodeKey(child->anchor);
  const int level = child->level + 1;
  if (level == kMaxLevels) {  // out of reach of real blocks and memories
    unposted_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  path->fence = kNoWord;
  try {
    for (;;) {
      const Ordering ordering = CurrentOrdering();
      Block* parent = path->At(level);
      if (parent == nullptr) {
        FASTSKIP_STEP();
        Block* root = root_.load(std::memory_order_acquire);
        if (root->level < level) {
          if (GrowRoot(ordering, root, child, scale)) return nullptr;
          continue;
        }
        parent = Descend(ordering, key, Bound::kNotAbove, level, path);
        path->fence = kNoWord;
      }
      if (InsertInto(ordering, &parent, key, child, path) !=
          Outcome::kViolation) {
        return parent;
      }
      TrustLess(ordering);
      path->Forget();
    }
  } catch (const std::bad_alloc&) {
    unposted_.fetch_add(1, std::memory_order_relaxed);
  }
  return nullptr;
}

// Puts a new root above `root`, which `child` was split from.
bool BlockSkipList::GrowRoot(const Ordering& ordering, Block* root,
                             Block* child, const Scale& scale) {
  assert(root->level == child->level && root->is_head());
  const Key key = DecodeKey(child->anchor);
  const BirthPlan plan{
      &key, 1, nullptr, DecodeKey(scale.low), DecodeKey(scale.high), true};
  Block* grown = NewBlock(root->level + 1, child->is_reverse());
  grown->flags |= Block::kHead;
  grown->anchor = child->anchor;
  uint32_t disc = 0;
  uint32_t unused = 0;
  if (!ordering.digests() ||
      !PlanDigests(plan, TieCost::kPoor, grown, &disc, &unused)) {
    disc = kMaxDisc / 2;
  }
  grown->slots[0].store(MakeWord(0, root),
                        std::memory_order_relaxed);  // not published yet
  if (Block::kSlots > 1) {
    grown->slots[1].store(MakeWord(disc, child),
                          std::memory_order_relaxed);  // not published yet
  }
  FASTSKIP_STEP();
  if (!root_.compare_exchange_strong(root, grown, std::memory_order_release,
                                     std::memory_order_relaxed)) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(grown);
    return false;
  }
  CountBlock(grown->level);
  return true;
}

Block* BlockSkipList::NewBlock(int level, bool reverse) {
  FASTSKIP_STEP();
  void* memory = spare_.exchange(nullptr, std::memory_order_acquire);
  if (memory == nullptr) memory = arena_->AllocateBlock();
  Block* block = new (memory) Block;
  block->level = static_cast<uint8_t>(level);
  if (reverse) block->flags = Block::kReverse;
  return block;
}

// A block that lost its race serves the next split. Of two kept at once one is
// forgotten until the arena goes.
void BlockSkipList::KeepSpare(Block* block) {
  FASTSKIP_STEP();
  spare_.exchange(block, std::memory_order_release);
}

void BlockSkipList::CountBlock(int level) {
  blocks_[level].fetch_add(1, std::memory_order_relaxed);
}

BlockSkipList::Stats BlockSkipList::GetStats() const {
  Stats stats;
  for (int level = 0; level < kMaxLevels; ++level) {
    const uint64_t blocks = blocks_[level].load(std::memory_order_relaxed);
    if (blocks == 0) break;
    ++stats.levels;
    (level == 0 ? stats.leaf_blocks : stats.index_blocks) += blocks;
  }
  stats.duplicates = duplicates_.load(std::memory_order_relaxed);
  stats.splits = splits_.load(std::memory_order_relaxed);
  stats.cas_retries = cas_retries_.load(std::memory_order_relaxed);
  stats.unposted = unposted_.load(std::memory_order_relaxed);
  stats.uses_labels = trust_.load(std::memory_order_relaxed) == Trust::kNone;
  return stats;
}

}  // namespace fastskip
