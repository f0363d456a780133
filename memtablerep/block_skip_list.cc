// SPDX-License-Identifier: Apache-2.0
//
// Descend, insert, split, post. Reading is in block_skip_list_read.cc.
#include "block_skip_list.h"

#include <cassert>
#include <new>

#include "sharded_arena.h"

namespace fastskip {

BlockSkipList::BlockSkipList(ShardedArena* arena,
                             const EntryComparator* comparator, KeyOrder order)
    : arena_(arena),
      comparator_(comparator),
      order_(order),
      labels_(order == KeyOrder::kComparator) {
  first_leaf_ = NewBlock(0);
  first_leaf_->flags = Block::kHead;
  CountBlock(0);
  root_.store(first_leaf_, std::memory_order_relaxed);  // not shared yet
}

Ordering BlockSkipList::CurrentOrdering() const {
  FASTSKIP_STEP();
  return Ordering(comparator_, order_, labels_.load(std::memory_order_relaxed));
}

void BlockSkipList::SwitchToLabels() const {
  assert(order_ != KeyOrder::kBytewise);
  FASTSKIP_STEP();
  labels_.store(true, std::memory_order_relaxed);
}

// The block of `to_level` through which `key` is reached, or one left of it;
// null when the comparator contradicts the digests.
//
// Many blocks under one discriminator hold versions of one user key, newest
// first, and nearly every operation asks for the newest: so the first attempt
// goes down left of such a run, without comparing the key with each of it.
Block* BlockSkipList::Descend(const Ordering& ordering, const Key& key,
                              Bound bound, int to_level, Path* path) const {
  Block* block = DescendBy(kGuess, ordering, key, bound, to_level, path);
  if (!path->guessed || block == nullptr) return block;
  const uint64_t next = block->NextAcquire();
  if (IsEmpty(next)) return block;
  const int c = ordering.Compare(BlockOf(next)->anchor, key);
  if (bound == Bound::kBelow ? c >= 0 : c > 0) return block;
  return DescendBy(0, ordering, key, bound, to_level, path);
}

Block* BlockSkipList::DescendBy(unsigned need, const Ordering& ordering,
                                const Key& key, Bound bound, int to_level,
                                Path* path) const {
  FASTSKIP_STEP();
  const Block* block = root_.load(std::memory_order_acquire);
  path->fence = kNoWord;
  path->guessed = false;
  Visit visit;
  while (block->level > to_level) {
    // Of children whose discriminators tie below the key's, any will do: the
    // search moves right from there.
    block = VisitOwner(ordering, block, key, bound, need, path->fence, &visit);
    path->at[block->level] = const_cast<Block*>(block);
    const Neighbours& near = visit.near;
    const bool take_equal = near.equal && bound == Bound::kNotAbove;
    uint64_t child = take_equal ? near.succ : near.pred;
    if (IsEmpty(child)) {
      if (ordering.checks()) return nullptr;
      child = near.succ;  // only where memory was damaged: go on somewhere
    }
    path->fence = take_equal || visit.guessed ? kNoWord : near.succ;
    path->guessed = path->guessed || visit.guessed;
    block = BlockOf(child);
    block->Prefetch();
  }
  return const_cast<Block*>(block);
}

bool BlockSkipList::InsertAt(const char* entry, Finger* finger) {
  const Key key = DecodeKey(entry);
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    Path path;
    Block* leaf = nullptr;
    if (finger != nullptr && finger->warm) {
      leaf = LeafFromFinger(ordering, key, *finger);
    }
    if (leaf == nullptr) {
      leaf = Descend(ordering, key, Bound::kNotAbove, 0, &path);
    }
    if (leaf != nullptr) {
      const Outcome outcome = InsertInto(ordering, &leaf, key, entry, &path);
      if (outcome != Outcome::kViolation) {
        if (finger != nullptr) {
          finger->warm = finger->leaf != nullptr &&
                         (finger->leaf == leaf ||
                          BlockOf(finger->leaf->NextRelaxed()) == leaf);
          finger->leaf = leaf;
        }
        return outcome == Outcome::kInserted;
      }
    }
    SwitchToLabels();
  }
}

bool BlockSkipList::InsertWithHint(const char* entry, void** hint) {
  Finger finger;
  finger.leaf = static_cast<Block*>(*hint);
  finger.warm = finger.leaf != nullptr;
  const bool inserted = InsertAt(entry, &finger);
  *hint = finger.leaf;
  return inserted;
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
    if (IsEmpty(next) || ordering.Compare(BlockOf(next)->anchor, key) > 0) {
      return leaf;
    }
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
    Locate(ordering, *owner, key, need, &visit);
    if (BelongsRight(ordering, visit, key, Bound::kNotAbove)) {
      *block = BlockOf(visit.next);
      fence = kNoWord;
      continue;
    }
    if (AnyMoved(ordering, owner->level, visit)) {
      ClearMoved(ordering, owner, visit);
      continue;
    }
    if (ordering.checks() && !PlaceHolds(ordering, *owner, key, &visit)) {
      return Outcome::kViolation;
    }
    if (visit.near.equal) {
      duplicates_.fetch_add(1, std::memory_order_relaxed);
      return Outcome::kDuplicate;
    }
    if (slot < 0) {
      if (IsEmpty(visit.next) && IsEmpty(visit.near.succ)) {
        if (Append(ordering, owner, visit, key, address, path)) {
          return Outcome::kInserted;
        }
      } else {
        Split(ordering, owner, visit, path);
      }
      continue;
    }
    const uint32_t disc = visit.digest ? visit.disc : LabelBetween(visit);
    if (owner->ReplaceSlotRelease(slot, visit.words.slot[slot],
                                  MakeWord(disc, address))) {
      return Outcome::kInserted;
    }
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Puts `address`, above everything in `left`, which is full and the last of its
// level, into a block of its own: loads in key order fill every block.
bool BlockSkipList::Append(const Ordering& ordering, Block* left,
                           const Visit& visit, const Key& key,
                           const void* address, Path* path) {
  SortedWords sorted;
  Sort(ordering, left->level, visit.words, &sorted);
  const char* first = LowOf(left->level, sorted.word[0]);
  if (first == nullptr && sorted.count > 1) {
    first = LowOf(left->level, sorted.word[1]);
  }
  BirthPlan plan{&key, 1, nullptr, first == nullptr ? key : DecodeKey(first),
                 key};
  Block* right = NewBlock(left->level);
  right->anchor = key.entry;
  uint32_t disc = 0;
  uint32_t unused = 0;
  if (!ordering.digests() ||
      !PlanDigests(plan, TieCost::kPoor, right, &disc, &unused)) {
    PlanLabels(plan, &disc, &unused);
  }
  right->slots[0].store(MakeWord(disc, address),
                        std::memory_order_relaxed);  // not published yet
  const uint32_t in_left = visit.digest ? visit.disc : LabelBetween(visit);
  if (!left->ReplaceNextRelease(visit.next, MakeWord(in_left, right))) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(right);
    return false;
  }
  CountBlock(left->level);
  splits_.fetch_add(1, std::memory_order_relaxed);
  Post(right, Scale{plan.scale_low, key}, path);
  return true;
}

// The words of a full block, in order, and their keys, decoded on demand: each
// is a cache line that nothing else may have touched.
class FullBlock {
 public:
  FullBlock(const Ordering& ordering, const Block& block, const Words& words)
      : level_(block.level),
        digests_(ordering.digests() && block.kind != BlockKind::kLabels) {
    Sort(ordering, level_, words, &sorted);
    for (const uint64_t w : sorted.word) ties_.Add(DiscOf(w));
  }

  bool poor() const { return ties_.Above(TieCost::kPoor); }

  // The keys of the words from `from` on, of which the first is not the
  // leftmost child of its level.
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

  // Where to cut into halves: not within a run of ties, if it can be helped,
  // since every key of the run would have to be compared with the new bound. A
  // long run under one digest is of versions of one key, mostly, and has a
  // block of its own coming; one under one label means nothing.
  int Middle() const {
    constexpr int kHalf = Block::kSlots / 2;
    const int most_off = digests_ ? kHalf - 1 : Block::kSlots / 4;
    for (int off = 0; off <= most_off; ++off) {
      if (IsBoundary(kHalf + off)) return kHalf + off;
      if (IsBoundary(kHalf - off)) return kHalf - off;
    }
    return kHalf;
  }

  SortedWords sorted;

 private:
  bool IsBoundary(int i) const {
    return i > 0 && DiscOf(sorted.word[i - 1]) != DiscOf(sorted.word[i]);
  }

  const int level_;
  const bool digests_;
  int decoded_ = Block::kSlots;  // keys_ is set from here on
  Key keys_[Block::kSlots];
  TieCost ties_;
};

// Fills `right` with the words of `full` from `from` on. False, and nothing
// done, when it would have to be a label block and `labels` does not permit.
bool BlockSkipList::FillRight(const Ordering& ordering, FullBlock* full,
                              int from, uint64_t next, Labels labels,
                              Block* right) const {
  const Key* keys = full->KeysFrom(from);
  const int count = Block::kSlots - from;
  Key fence;
  BirthPlan plan{keys, count, nullptr, keys[0], keys[count - 1]};
  if (!IsEmpty(next)) {
    fence = DecodeKey(BlockOf(next)->anchor);
    plan.fence = &fence;
    plan.scale_high = fence;
  }
  right->anchor = keys[0].entry;
  uint32_t discs[Block::kSlots];
  uint32_t fence_disc = 0;
  const int most_ties =
      labels == Labels::kNo ? TieCost::kPoor : TieCost::kWorseThanLabels;
  if (!ordering.digests() ||
      !PlanDigests(plan, most_ties, right, discs, &fence_disc)) {
    if (labels == Labels::kNo) return false;
    PlanLabels(plan, discs, &fence_disc);
  }
  for (int i = 0; i < count; ++i) {
    right->slots[i].store(
        MakeWord(discs[i], EntryOf(full->sorted.word[from + i])),
        std::memory_order_relaxed);  // not published yet
  }
  if (!IsEmpty(next)) {
    right->next.store(MakeWord(fence_disc, BlockOf(next)),
                      std::memory_order_relaxed);  // not published yet
  }
  return true;
}

// Moves the upper part of `left`, which is full, into a new right neighbour.
// Whoever loses the race for `next` looks again.
void BlockSkipList::Split(const Ordering& ordering, Block* left,
                          const Visit& visit, Path* path) {
  FullBlock full(ordering, *left, visit.words);
  Block* right = NewBlock(left->level);
  // Where discriminators have become useless, a new block that tells the keys
  // apart takes all it can. On level 0 a head has no `low` to keep.
  const bool poor = left->kind == BlockKind::kLabels || full.poor();
  int from = left->is_head() && left->level == 0 ? 0 : 1;
  if (!poor ||
      !FillRight(ordering, &full, from, visit.next, Labels::kNo, right)) {
    from = full.Middle();
    FillRight(ordering, &full, from, visit.next, Labels::kYes, right);
  }

  Visit after;
  after.words = visit.words;
  after.next = MakeWord(DiscOf(full.sorted.word[from]), right);
  if (!left->ReplaceNextRelease(visit.next, after.next)) {
    cas_retries_.fetch_add(1, std::memory_order_relaxed);
    KeepSpare(right);
    return;
  }
  CountBlock(left->level);
  splits_.fetch_add(1, std::memory_order_relaxed);
  ClearMoved(ordering, left, after);
  const char* low = LowOf(left->level, full.sorted.word[0]);
  if (low == nullptr) low = LowOf(left->level, full.sorted.word[1]);
  const Key* keys = full.KeysFrom(from);
  Post(right, Scale{DecodeKey(low), keys[Block::kSlots - 1 - from]}, path);
}

// Empties the slots of `block` that `visit` saw moved. Any thread may do it for
// any other: each slot goes once, from the very word seen.
void BlockSkipList::ClearMoved(const Ordering& ordering, Block* block,
                               const Visit& visit) {
  const uint64_t empty = MakeWord(kEmptyDisc, BlockOf(visit.next));
  for (int i = 0; i < Block::kSlots; ++i) {
    const uint64_t word = visit.words.slot[i];
    if (IsMoved(ordering, block->level, word, visit.next)) {
      block->ReplaceSlotRelease(i, word, empty);
    }
  }
}

// Tells the level above of `child`. It may come late and is never given up, but
// for want of memory: then searches reach the child from its left neighbour.
void BlockSkipList::Post(Block* child, const Scale& scale, Path* path) {
  const Key key = DecodeKey(child->anchor);
  const int level = child->level + 1;
  if (level == kMaxLevels) {  // out of reach of real blocks and memories
    unposted_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  path->fence = kNoWord;
  try {
    for (;;) {
      const Ordering ordering = CurrentOrdering();
      Block* parent = path->at[level];
      if (parent == nullptr) {
        FASTSKIP_STEP();
        Block* root = root_.load(std::memory_order_acquire);
        if (root->level < level) {
          if (GrowRoot(ordering, root, child, scale)) return;
          continue;
        }
        parent = Descend(ordering, key, Bound::kNotAbove, level, path);
        path->fence = kNoWord;
      }
      if (parent != nullptr && InsertInto(ordering, &parent, key, child,
                                          path) != Outcome::kViolation) {
        return;
      }
      SwitchToLabels();
      *path = Path();
    }
  } catch (const std::bad_alloc&) {
    unposted_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Puts a new root above `root`, which `child` was split from.
bool BlockSkipList::GrowRoot(const Ordering& ordering, Block* root,
                             Block* child, const Scale& scale) {
  assert(root->level == child->level && root->is_head());
  const Key key = DecodeKey(child->anchor);
  const BirthPlan plan{&key, 1, nullptr, scale.low, scale.high};
  Block* grown = NewBlock(root->level + 1);
  grown->flags = Block::kHead;
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

Block* BlockSkipList::NewBlock(int level) {
  FASTSKIP_STEP();
  void* memory = spare_.exchange(nullptr, std::memory_order_acquire);
  if (memory == nullptr) memory = arena_->AllocateBlock();
  Block* block = new (memory) Block;
  block->level = static_cast<uint8_t>(level);
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
  stats.uses_labels = labels_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace fastskip
