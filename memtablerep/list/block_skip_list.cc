// SPDX-License-Identifier: Apache-2.0
//
// The protocol: descend, probe, publish, split, post. Where a block is cut and
// how its keys are encoded is in block_split.h and block_encoding.h; lookups
// are in block_skip_list_read.cc.
#include "block_skip_list.h"

#include <cassert>
#include <new>

#include "sharded_arena.h"

namespace fastskip {

namespace {

// A memtable up to this size is likely to be in the processor's caches.
constexpr size_t kCachedBytes = size_t{2} << 20;

// From the insert into this slot on, the next block will soon be needed.
constexpr int kPrefetchBlockAt = Block::kSlots * 3 / 4;

}  // namespace

BlockSkipList::BlockSkipList(ShardedArena* arena,
                             const EntryComparator* comparator,
                             KnownOrder order)
    : arena_(arena),
      comparator_(comparator),
      order_(order),
      digest_mode_(order == KnownOrder::kNeither
                       ? DigestMode::kNone
                       : DigestMode::kBothDirections) {
  Block* const head = NewBlock(0, order == KnownOrder::kReverse);
  head->flags |= Block::kHead;
  blocks_[0].Add(1);
  first_leaf_.Init(head);
  root_.Init(head);
}

Ordering BlockSkipList::CurrentOrdering() const {
  return Ordering(comparator_, order_, digest_mode_.LoadRelaxed());
}

Footprint BlockSkipList::CurrentFootprint() const {
  return arena_->reserved() > kCachedBytes ? Footprint::kExceedsCache
                                           : Footprint::kFitsCache;
}

// Digests of the kind that `ordering` used have led to a place that the
// comparator contradicts.
void BlockSkipList::FallBack(const Ordering& ordering) const {
  assert(order_ == KnownOrder::kUnknown);
  digest_mode_.ReplaceRelaxed(ordering.mode(),
                              ordering.mode() == DigestMode::kBothDirections
                                  ? DigestMode::kForwardOnly
                                  : DigestMode::kNone);
}

// --- Descending -------------------------------------------------------------

// To the block of `to_level` that owns the key, or one left of it. Where the
// comparator contradicts the digests it may be any; the check of the place
// found there shows it.
BlockSkipList::Position BlockSkipList::Descend(Probe* probe, int to_level,
                                               Route* route) const {
  if (to_level == 0) {
    Block* const first = FirstLeafIfOwner(*probe);
    if (first != nullptr) return {first, kNoWord};
  }
  const Position at = DescendLeftOfTies(probe, to_level, route);
  return at.block != nullptr ? at : DescendByComparing(probe, to_level, route);
}

// The front of the list, at hand for one comparison, takes many keys where the
// newest sort first. Null where it does not own the key, or is hardly nearer
// than the root.
Block* BlockSkipList::FirstLeafIfOwner(const Probe& probe) const {
  if (root_.LoadAcquire()->level <= 1) return nullptr;
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
BlockSkipList::Position BlockSkipList::DescendLeftOfTies(Probe* probe,
                                                         int to_level,
                                                         Route* route) const {
  Position at{root_.LoadAcquire(), kNoWord};
  bool skipped = false;
  while (at.block->level > to_level) {
    if (probe->VisitLeftOfTies(*at.block, at.fence) ==
        Probe::Outcome::kMoveRight) {
      if (skipped) return {};  // else the blocks below would own the key
      at.MoveRight(probe->next());
      continue;
    }
    route->Pass(at.block);
    skipped = skipped || probe->skipped_ties();
    at = ChildOf(*probe);
    at.block->Prefetch();
  }
  if (skipped && !NextIsAbove(probe->ordering(), at.block->next.LoadAcquire(),
                              probe->key(), probe->bound())) {
    return {};
  }
  return at;
}

BlockSkipList::Position BlockSkipList::DescendByComparing(Probe* probe,
                                                          int to_level,
                                                          Route* route) const {
  Position at{root_.LoadAcquire(), kNoWord};
  while (at.block->level > to_level) {
    // Of children whose discriminators tie below the key's, any will do: the
    // search moves right from there.
    if (probe->VisitForDescent(*at.block, at.fence, Exact::kNeither) ==
        Probe::Outcome::kMoveRight) {
      at.MoveRight(probe->next());
      continue;
    }
    route->Pass(at.block);
    at = ChildOf(*probe);
    at.block->Prefetch();
  }
  return at;
}

// Where a descent goes on from the block that `probe` has visited.
BlockSkipList::Position BlockSkipList::ChildOf(const Probe& probe) {
  const Neighbours& near = probe.neighbours();
  if (near.equal && probe.bound() == Bound::kNotAbove) {
    return {BlockOf(near.successor), kNoWord};
  }
  if (IsEmpty(near.predecessor)) {  // by misleading digests
    return {BlockOf(near.successor), near.successor};
  }
  return {BlockOf(near.predecessor), near.successor};
}

// --- Inserting --------------------------------------------------------------

bool BlockSkipList::InsertAt(const char* entry, Finger* finger,
                             Writers writers) {
  const Key key = DecodeKey(entry);
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    if (finger != nullptr && InsertAtEnd(ordering, key, writers, finger)) {
      return true;
    }
    Probe probe(ordering, key, CurrentFootprint());
    Route route;
    Position at;
    if (finger != nullptr && finger->warm) {
      at.block = LeafFromFinger(ordering, key, *finger);
    }
    if (at.block == nullptr) at = Descend(&probe, 0, &route);
    End end;
    const Outcome outcome =
        InsertInto({key, entry, writers, &route}, &probe, &at, &end);
    if (outcome != Outcome::kViolation) {
      if (finger != nullptr) {
        finger->warm = finger->leaf != nullptr &&
                       (finger->leaf == at.block ||
                        BlockOf(finger->leaf->next.LoadRelaxed()) == at.block);
        finger->leaf = at.block;
        finger->parent = route.At(1);
        finger->end = end;
      }
      return outcome == Outcome::kInserted;
    }
    FallBack(ordering);
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
// Inserts take the first empty slot, and the next slot here holds its initial
// value. So no insert has come into the leaf since, which was never full and
// has no neighbour. Replacing that very word finds out all of that.
bool BlockSkipList::InsertAtEnd(const Ordering& ordering, const Key& key,
                                Writers writers, Finger* finger) {
  Block* const leaf = finger->leaf;
  const End end = finger->end;
  if (end.slot < 0) return false;
  const bool digest = ordering.UsesDigestsOf(*leaf);
  const uint32_t disc = digest ? DiscOfKey(*leaf, key, false)
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
  const uint64_t early = finger->leaf->slots[0].LoadAcquire();
  if (finger->leaf->next.LoadAcquire() != kNoNext) {
    finger->end = End();
    return false;
  }
  End end;
  Block* const right =
      Append(ordering, {key, key.entry, writers, &route}, finger->leaf,
             AppendPoint{kNoNext, disc, early}, &end);
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
  if (!leaf->is_head() && ordering.Compare(leaf->lower_bound, key) > 0) {
    return nullptr;
  }
  for (int step = 0; step < 2; ++step) {
    const uint64_t next = leaf->next.LoadAcquire();
    if (NextIsAbove(ordering, next, key, Bound::kNotAbove)) return leaf;
    leaf = BlockOf(next);
  }
  return nullptr;
}

// Inserts into the owner of the key, which is the block of `*at` or lies to its
// right; `*at` becomes that owner. Sets `*end` when the word is the last one of
// level 0.
BlockSkipList::Outcome BlockSkipList::InsertInto(const Insertion& insertion,
                                                 Probe* probe, Position* at,
                                                 End* end) {
  for (;;) {
    Block* const block = at->block;
    switch (probe->VisitForInsert(*block, at->fence)) {
      case Probe::Outcome::kRetry:
        continue;
      case Probe::Outcome::kMoveRight:
        at->MoveRight(probe->next());
        continue;
      case Probe::Outcome::kMovedEntries:
        ClearMoved(probe->ordering(), block, probe->visit().words,
                   probe->next(), insertion.writers);
        continue;
      case Probe::Outcome::kViolation:
        return Outcome::kViolation;
      case Probe::Outcome::kDuplicate:
        duplicates_.Add(1);
        return Outcome::kDuplicate;
      case Probe::Outcome::kHere:
        break;
    }
    const int slot = probe->slot();
    if (slot < 0) {
      Block* const right = AddToFull(insertion, *probe, block, end);
      if (right == nullptr) continue;
      at->block = right;
      return Outcome::kInserted;
    }
    const uint64_t word = MakeWord(probe->DiscForInsert(), insertion.address);
    if (block->ReplaceSlot(slot, probe->visit().words.slot[slot], word,
                           insertion.writers)) {
      if (block->level == 0 && IsEmpty(probe->next()) &&
          IsEmpty(probe->neighbours().successor)) {
        *end = End{slot, word};
      }
      return Outcome::kInserted;
    }
    cas_retries_.Add(1);
  }
}

// What happens to a full block: it is appended to, or split. Returns the block
// that holds the new word then; null when the insert has to look again.
Block* BlockSkipList::AddToFull(const Insertion& insertion, const Probe& probe,
                                Block* full, End* end) {
  const Visit& visit = probe.visit();
  if (IsEmpty(visit.neighbours.successor) &&
      (IsEmpty(visit.next) ||
       AscendsBelowNext(visit, full->level, insertion.key))) {
    return Append(probe.ordering(), insertion, full,
                  AppendPointOf(visit, probe.DiscForInsert()), end);
  }
  Split(insertion, probe, full);
  return nullptr;
}

// Puts what is inserted, above everything in `left`, which is full, into a
// block of its own, and returns that: loads in key order fill every block. Null
// when another thread was quicker.
Block* BlockSkipList::Append(const Ordering& ordering,
                             const Insertion& insertion, Block* left,
                             const AppendPoint& point, End* end) {
  const int level = left->level;
  const Key& key = insertion.key;
  const char* const low = ScaleOfAppend(*left, point);
  Block* const right =
      NewBlock(level, IsReverse(ordering, *left, point.next, low, key.entry));
  const uint64_t word =
      FillAppended(ordering, *left, point, key, insertion.address, right);
  if (!left->next.ReplaceRelease(point.next, MakeWord(point.disc, right))) {
    cas_retries_.Add(1);
    KeepSpare(right);
    return nullptr;
  }
  blocks_[level].Add(1);
  splits_.Add(1);
  Block* const parent = Post(right, Scale{low, key.entry}, insertion);
  // Where a split posts, its insert is still to come, and may go below.
  if (level == 0 && parent != nullptr) insertion.route->Pass(parent);
  if (level == 0 && IsEmpty(point.next)) *end = End{0, word};
  return right;
}

// --- Splitting --------------------------------------------------------------

// Moves the upper part of `left`, which is full, into a new right neighbour.
// Whoever loses the race for `next` retries.
void BlockSkipList::Split(const Insertion& insertion, const Probe& probe,
                          Block* left) {
  const Ordering& ordering = probe.ordering();
  const Visit& visit = probe.visit();
  FullBlock full(ordering, *left, visit.words);
  if (full.collision_heavy()) {
    full.Order(ordering);
    if (left->is_head() && ReplaceHead(insertion, probe, left, &full)) return;
  }
  Block* const right =
      NewBlock(left->level, full.IsNextReverse(ordering, visit.next));
  const int from =
      FillRightHalf(ordering, *left, visit, insertion.key, &full, right);
  if (full.IsLastOfTies(from)) right->flags |= Block::kLowerBoundUntied;
  const uint64_t next = MakeWord(DiscOf(full.sorted.word[from]), right);
  if (!left->next.ReplaceRelease(visit.next, next)) {
    cas_retries_.Add(1);
    KeepSpare(right);
    return;
  }
  blocks_[left->level].Add(1);
  splits_.Add(1);
  ClearMoved(ordering, left, visit.words, next, insertion.writers);
  Post(right, Scale{full.Least(), full.Greatest()}, insertion);
}

// Puts a new head, with discriminators of its own, in the place of `head`,
// which is full, and moves what that holds into a new right neighbour of the
// new one: the room that a head's discriminators leave below gets used up. One
// CAS of `next` publishes both. The old head stays full, hence frozen, and
// everything passes through it. False, and nothing done, when that would not
// help.
bool BlockSkipList::ReplaceHead(const Insertion& insertion, const Probe& probe,
                                Block* head, FullBlock* full) {
  const Ordering& ordering = probe.ordering();
  const uint64_t next = probe.next();
  const int level = head->level;
  Block* const right = NewBlock(level, full->IsNextReverse(ordering, next));
  if (!FillRightOfNewHead(ordering, *head, next, full, right)) {
    KeepSpare(right);
    return false;
  }
  Block* const fresh = NewBlock(level, right->is_reverse());
  FillNewHead(ordering, full, right, fresh);
  if (!head->next.ReplaceRelease(next, MakeWord(0, fresh))) {
    cas_retries_.Add(1);
    KeepSpare(fresh);  // `right` is forgotten
    return true;
  }
  blocks_[level].Add(1);
  splits_.Add(1);
  RelinkHead(level);
  Post(right, Scale{right->lower_bound, full->Greatest()}, insertion);
  return true;
}

// The head that has taken the place of `head`, or `head`.
Block* BlockSkipList::CurrentHead(const Block* head) {
  for (;;) {
    const uint64_t next = head->next.LoadAcquire();
    if (!IsReplaced(next)) return const_cast<Block*>(head);
    head = BlockOf(next);
  }
}

// Spares searches the way through heads of `level` that were replaced. Each
// word only moves on to a later head, from the very one seen: to come late, or
// not at all, costs steps, no more.
void BlockSkipList::RelinkHead(int level) {
  Block* seen = root_.LoadAcquire();
  Block* block = CurrentHead(seen);
  if (block != seen) root_.ReplaceRelease(seen, block);
  if (level == 0) {
    seen = first_leaf_.LoadAcquire();
    first_leaf_.ReplaceRelease(seen, CurrentHead(seen));
  }
  while (block->level > level) block = RelinkLeftmostChild(block);
}

// Returns that child, which is in the first slot of its parent from the
// parent's birth on: it never moves right.
Block* BlockSkipList::RelinkLeftmostChild(Block* parent) {
  const uint64_t word = parent->slots[0].LoadAcquire();
  Block* const child = CurrentHead(BlockOf(word));
  if (child != BlockOf(word)) {
    parent->ReplaceSlot(0, word, MakeWord(0, child), Writers::kMany);
  }
  return child;
}

// Empties the slots of `block` whose entries, of `words`, have moved to its
// neighbour, which `next` names. Any thread may do it for any other: each slot
// is cleared once, from the very word seen.
void BlockSkipList::ClearMoved(const Ordering& ordering, Block* block,
                               const Words& words, uint64_t next,
                               Writers writers) {
  const uint64_t empty = MakeWord(kEmptyDisc, BlockOf(next));
  for (int i = 0; i < Block::kSlots; ++i) {
    const uint64_t word = words.slot[i];
    if (IsMoved(ordering, block->level, word, next)) {
      block->ReplaceSlot(i, word, empty, writers);
    }
  }
}

// --- Posting ----------------------------------------------------------------

// Puts `child`, which `cause` has split off, into the level above. It may come
// late and is never given up, but for want of memory: then searches reach the
// child from its left neighbour. Returns the parent; null where that is new, or
// there is none.
Block* BlockSkipList::Post(Block* child, const Scale& scale,
                           const Insertion& cause) {
  const Key key = DecodeKey(child->lower_bound);
  const int level = child->level + 1;
  if (level == kMaxLevels) {  // out of reach of real blocks and memories
    unposted_.Add(1);
    return nullptr;
  }
  const Insertion post{key, child, cause.writers, cause.route};
  End unused;  // there is none above the leaves
  try {
    for (;;) {
      const Ordering ordering = CurrentOrdering();
      Probe probe(ordering, key, CurrentFootprint());
      Position parent{post.route->At(level), kNoWord};
      if (parent.block == nullptr) {
        Block* const root = root_.LoadAcquire();
        if (root->level < level) {
          if (GrowRoot(ordering, root, child, scale)) return nullptr;
          continue;
        }
        parent.block = Descend(&probe, level, post.route).block;
      }
      if (InsertInto(post, &probe, &parent, &unused) != Outcome::kViolation) {
        return parent.block;
      }
      FallBack(ordering);
      post.route->Forget();
    }
  } catch (const std::bad_alloc&) {
    unposted_.Add(1);
  }
  return nullptr;
}

// Puts a new root above `root`, which `child` was split from.
bool BlockSkipList::GrowRoot(const Ordering& ordering, Block* root,
                             Block* child, const Scale& scale) {
  assert(root->level == child->level && root->is_head());
  Block* const grown = NewBlock(root->level + 1, child->is_reverse());
  FillRoot(ordering, root, child, scale.low, scale.high, grown);
  if (!root_.ReplaceRelease(root, grown)) {
    cas_retries_.Add(1);
    KeepSpare(grown);
    return false;
  }
  blocks_[grown->level].Add(1);
  return true;
}

// --- Blocks -----------------------------------------------------------------

Block* BlockSkipList::NewBlock(int level, bool reverse) {
  void* memory = spare_.TakeAcquire(nullptr);
  if (memory == nullptr) memory = arena_->AllocateBlock();
  Block* const block = new (memory) Block;
  block->level = static_cast<uint8_t>(level);
  if (reverse) block->flags = Block::kReverse;
  return block;
}

// A block that lost its race serves the next split. Of two kept at once one is
// forgotten until the arena goes.
void BlockSkipList::KeepSpare(Block* block) { spare_.PutRelease(block); }

BlockSkipList::Stats BlockSkipList::GetStats() const {
  Stats stats;
  for (int level = 0; level < kMaxLevels; ++level) {
    const uint64_t blocks = blocks_[level].Load();
    if (blocks == 0) break;
    ++stats.levels;
    (level == 0 ? stats.leaf_blocks : stats.index_blocks) += blocks;
  }
  stats.duplicates = duplicates_.Load();
  stats.splits = splits_.Load();
  stats.cas_retries = cas_retries_.Load();
  stats.unposted = unposted_.Load();
  stats.uses_labels = digest_mode_.LoadRelaxed() == DigestMode::kNone;
  return stats;
}

}  // namespace fastskip
