// SPDX-License-Identifier: Apache-2.0
//
// What happens to full blocks: append, split, replace a head; clear the slots
// of entries that moved; post the new block to the level above. Where a block
// is cut and how its keys are encoded is in block_split.h and block_encoding.h.
#include <cassert>
#include <new>
#include <optional>

#include "block_skip_list.h"
#include "saved_order.h"
#include "sharded_arena.h"

namespace fastskip {

// What happens to a full block: it is appended to, or split. Returns the block
// that holds the new word then; null when the insert must retry.
Block* BlockSkipList::AddToFull(const Insertion& insertion, const Probe& probe,
                                Block* full, End* end) {
  const Visit& visit = probe.visit();
  if (IsEmpty(visit.neighbours.successor) &&
      (IsEmpty(visit.next) ||
       AscendsBelowNext(visit, full->level(), insertion.key))) {
    return Append(probe.ordering(), insertion, full,
                  {visit.next, probe.DiscForInsert(), visit.words}, end);
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
  const int level = left->level();
  const Key& key = insertion.key;
  const char* const low = ScaleOfAppend(*left, point);
  std::optional<FullBlock> full;
  if (ordering.digests() &&
      IsWorthTesting(*left, point.words, encodings_.blocks())) {
    full.emplace(ordering, *left, point.words);
    full->Order(ordering);
  }
  FullBlock* const left_words = full ? &*full : nullptr;
  Block* const right =
      NewBlock(level, IsReverse(ordering, *left, point.next, low, key.entry));
  const uint64_t word =
      FillAppended(ordering, *left, point, key, insertion.address, left_words,
                   &encodings_, right);
  if (!left->next.ReplaceRelease(point.next, MakeWord(point.disc, right))) {
    cas_retries_.Add(1);
    KeepSpare(right);
    return nullptr;
  }
  CountBlock(level);
  splits_.Add(1);
  Block* const parent =
      Post(right, Scale{left_words, low, key.entry}, insertion);
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
      NewBlock(left->level(), full.IsNextReverse(ordering, visit.next));
  const int from = FillRightHalf(ordering, *left, visit, insertion.key, &full,
                                 &encodings_, right);
  if (full.IsLastOfTies(from)) right->SetFlag(Block::kLowerBoundUntied);
  const uint64_t next = MakeWord(DiscOf(full.sorted.word(from)), right);
  if (!left->next.ReplaceRelease(visit.next, next)) {
    cas_retries_.Add(1);
    KeepSpare(right);
    return;
  }
  CountBlock(left->level());
  splits_.Add(1);
  ClearMoved(ordering, left, visit.words, next, insertion.writers);
  Post(right, Scale{&full, nullptr, nullptr}, insertion);
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
  const int level = head->level();
  Block* const right = NewBlock(level, full->IsNextReverse(ordering, next));
  if (!FillRightOfNewHead(ordering, *head, next, full, &encodings_, right)) {
    KeepSpare(right);
    return false;
  }
  Block* const fresh = NewBlock(level, right->is_reverse());
  FillNewHead(ordering, full, &encodings_, right, fresh);
  if (!head->next.ReplaceRelease(next, MakeWord(0, fresh))) {
    cas_retries_.Add(1);
    KeepSpare(fresh);  // `right` is forgotten
    return true;
  }
  CountBlock(level);
  splits_.Add(1);
  RelinkHead(level);
  Post(right, Scale{full, nullptr, nullptr}, insertion);
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
  while (block->level() > level) block = RelinkLeftmostChild(block);
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
// neighbour, where `next` leads. Any thread may do it for any other: each slot
// is cleared once, from the very word seen.
void BlockSkipList::ClearMoved(const Ordering& ordering, Block* block,
                               const Words& words, uint64_t next,
                               Writers writers) {
  const uint64_t empty = MakeWord(kEmptyDisc, BlockOf(next));
  uint32_t moved = MovedSlots(ordering, block->level(), words, next);
  for (; moved != 0; moved &= moved - 1) {
    const int i = __builtin_ctz(moved);
    block->ReplaceSlot(i, words.slot[i], empty, writers);
  }
}

// --- Posting ----------------------------------------------------------------

// Puts `child`, which `cause` has split off, into the level above. It may come
// late and is never given up, but for want of memory: then searches reach the
// child from its left neighbour. Returns the parent; null where that is new, or
// there is none.
Block* BlockSkipList::Post(Block* child, const Scale& scale,
                           const Insertion& cause) {
  const Key key = DecodeKey(child->lower_bound());
  const int level = child->level() + 1;
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
      probe.SetUnique();  // no other block has this lower bound
      if (post.writers == Writers::kOne) probe.SetAlone();
      Block* parent = post.route->At(level);
      if (parent == nullptr) {
        Block* const root = root_.LoadAcquire();
        if (root->level() < level) {
          if (GrowRoot(ordering, root, child, scale)) return nullptr;
          continue;
        }
        parent = Descend(&probe, level, post.route);
      }
      if (InsertInto(post, &probe, &parent, &unused) != Outcome::kViolation) {
        return parent;
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
  assert(root->level() == child->level() && root->is_head());
  Block* const grown = NewBlock(root->level() + 1, child->is_reverse());
  FillRoot(ordering, root, child, scale.full, scale.low, scale.high,
           &encodings_, grown);
  if (!root_.ReplaceRelease(root, grown)) {
    cas_retries_.Add(1);
    KeepSpare(grown);
    return false;
  }
  CountBlock(grown->level());
  return true;
}

// --- Blocks -----------------------------------------------------------------

// One that lost its race, or one of a pair: the second first, whose lines
// AppendAtEnd has prefetched.
Block* BlockSkipList::NewBlock(int level, bool reverse) {
  Block* block = spare_.TakeAcquire(nullptr);
  if (block == nullptr) block = half_pair_.TakeAcquire(nullptr);
  if (block == nullptr) {
    void* const memory = arena_->AllocateAligned(sizeof(BlockPair));
    auto* const pair = new (memory) BlockPair();
    block = &pair->blocks[1];
    half_pair_.PutRelease(&pair->blocks[0]);
  }
  encodings_.NoteBlock();
  const int flags = block->pair_flag() | (reverse ? int{Block::kReverse} : 0);
  return new (block) Block(level, static_cast<uint8_t>(flags));
}

// A block that lost its race serves the next split. Of two kept at once one is
// forgotten until the arena goes; so is one of two halves.
void BlockSkipList::KeepSpare(Block* block) { spare_.PutRelease(block); }

void BlockSkipList::CountBlock(int level) {
  (level == 0 ? leaf_blocks_ : index_blocks_).Add(1);
}

}  // namespace fastskip
