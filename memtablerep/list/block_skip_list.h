// SPDX-License-Identifier: Apache-2.0
//
// BlockSkipList: an ordered set of entries for many concurrent writers and
// readers. Insert only; nothing is freed before the arena goes.
//
// When not to use it. Where entries must be removed, or kept beyond the life
// of one arena.
//
// Thread safety. Insert, every read and GetStats may be called by any number
// of threads at once. An Iterator, a Finger and a hint belong to one thread at
// a time. TEST_Validate needs the list at rest.
//
// Structure. Level 0 is a linked list of blocks (block.h) whose slots hold
// entries in no order. Level i + 1 is a linked list of blocks whose slots hold
// blocks of level i, each under its lower bound. `root_` names the leftmost
// block of the top level. A block owns the keys from its lower bound (`low`,
// in the field `anchor`) up to that of its right neighbour.
//
// Invariants
//   1. A slot goes empty(s) -> entry -> empty(s') with s' a later split than s,
//      never otherwise: no word ever returns to a slot.
//   2. While any slot of a block is empty or moved (not below next.low) the
//      block is not split again; while it is full, its words do not change
//      until `next` does.
//   3. After its publishing CAS, an entry is at every moment in the block that
//      owns its key, or not yet cleared in the left neighbour that this block
//      was split from; a reader that follows `next` finds it.
//   4. `low` of a block never changes; next.low of a block only decreases;
//      every block but the head holds its `low` for ever.
//   5. In one block, on every level, discriminators do not decrease along the
//      true order of keys, the one in `next` included.
//   6. Upper levels may lag, never lie: a child stands under its own `low`,
//      and that lies in its parent's range.
//   7. Some thread's insert completes in a finite number of steps, whichever
//      threads stop wherever they are, refills of the arena apart.
//
// Memory orders: block.h says them for slots and `next`. `root_` is loaded with
// acquire and replaced by a releasing CAS, for the new root's header and slots.
// `trust_` is relaxed: it is advice, and a thread that reads it late checks
// what it does (see Ordering). `spare_` hands on memory that was never
// published: release to put, acquire to take. Counters are relaxed.
//
// Ancestry. The move-right rule and late posting to upper levels are those of
// the B-link tree (Lehman and Yao, 1981); the freeze of a full node before it
// is replaced is that of lock-free B-trees (Braginsky and Petrank, 2012); one
// CAS into an unordered slot array as the only publication is this design's.
// DESIGN.md has the argument.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "block_search.h"

namespace fastskip {

class FullBlock;
class ShardedArena;

class BlockSkipList {
 public:
  // Splits leave at least seven words in a block on average: enough for 7^24
  // entries. (Blocks of a few slots, which tests use, run out of it; then
  // further blocks stay unposted.)
  static constexpr int kMaxLevels = 24;

  class Iterator;

  // An insert above everything: its slot in the last leaf (-1: it was not such
  // a one), and the word it put there.
  struct End {
    int slot = -1;
    uint64_t word = kNoWord;
  };

  // Remembers where the last insert went; serves writers whose keys come in
  // runs. One thread at a time. Valid as long as the list.
  struct Finger {
    Block* leaf = nullptr;
    bool warm = false;  // the last insert landed where the one before it did
    End end;
    Block* parent = nullptr;  // of `leaf`, or left of that; null: not known
  };

  struct Stats {
    uint64_t duplicates = 0;  // inserts refused
    uint64_t leaf_blocks = 0;
    uint64_t index_blocks = 0;  // of all levels above the leaves
    uint64_t splits = 0;
    uint64_t cas_retries = 0;  // a CAS of a slot, a next or the root that lost
    uint64_t unposted = 0;     // blocks the upper levels never learnt of,
                               // for want of memory or of levels
    uint32_t levels = 0;
    bool uses_labels = false;  // the whole list goes by order labels
  };

  // `arena` and `comparator` outlive the list. Allocates the first block, and
  // throws what the arena throws.
  BlockSkipList(ShardedArena* arena, const EntryComparator* comparator,
                KeyOrder order);
  BlockSkipList(const BlockSkipList&) = delete;
  BlockSkipList& operator=(const BlockSkipList&) = delete;

  // Inserts `entry`, whose bytes stay in place until the list goes. False, and
  // nothing changed, when an equal entry is there. Throws std::bad_alloc when
  // the arena does; the entry is not inserted then, and the list is sound.
  bool Insert(const char* entry) {
    return InsertAt(entry, nullptr, Writers::kMany);
  }
  bool Insert(const char* entry, Finger* finger) {
    return InsertAt(entry, finger, Writers::kMany);
  }

  // The same, faster.
  // REQUIRES: no other insert runs; each that was made happened before this.
  bool InsertAlone(const char* entry, Finger* finger) {
    return InsertAt(entry, finger, Writers::kOne);
  }

  // The same, starting from where `*hint` left off; null is a hint without
  // knowledge. What a hint points to lives as long as the list.
  bool InsertWithHint(const char* entry, void** hint);

  // Reads. `key` is an entry, of which only the internal key is read. They
  // allocate nothing.
  bool Contains(const char* key) const;
  // The first entry not below `key`, or null.
  const char* FindGreaterOrEqual(const char* key) const;

  // About how many entries lie in [from, to); exact up to some hundred.
  uint64_t ApproximateCount(const char* from, const char* to) const;

  // An entry picked at random (uniformly, but for inserts under way), or null
  // when the list is empty. `random` returns 64 random bits at each call.
  template <typename Random>
  const char* RandomEntry(Random&& random) const;

  Stats GetStats() const;

  // Every invariant on every level that can be seen in a list at rest: "" when
  // all hold, else the first that does not, and where.
  std::string TEST_Validate() const;

 private:
  // The block passed on each level on the way down: where posts begin.
  class Path {
   public:
    explicit Path(Writers w = Writers::kMany) : writers(w) {}

    // The block of `level`; null where none was passed.
    Block* At(int level) const {
      return (passed_ >> level & 1) != 0 ? at_[level] : nullptr;
    }
    void Pass(Block* block) {
      at_[block->level] = block;
      passed_ |= uint32_t{1} << block->level;
    }
    void Forget() { passed_ = 0; }

    // In the last parent passed: the child right of the one entered.
    uint64_t fence = kNoWord;
    bool guessed = false;  // see kGuess
    const Writers writers;
    End end;

   private:
    static_assert(kMaxLevels <= 32, "a bit for each level");
    uint32_t passed_ = 0;    // bit i: at_[i] is set
    Block* at_[kMaxLevels];  // the others are not set: it would take long
  };
  // Entries whose keys tell the scale of a block's neighbourhood.
  struct Scale {
    const char *low, *high;
  };
  // What an append has seen of the full block that it goes right of.
  struct Edge {
    uint64_t next;   // of the block
    uint32_t disc;   // of the new key, there
    uint64_t early;  // a word of the block, well below the key: the way from
                     // there to the key tells the scale
  };
  enum class Labels { kNo, kYes };
  enum class Outcome { kInserted, kDuplicate, kViolation };

  Ordering CurrentOrdering() const;
  void TrustLess(const Ordering& ordering) const;

  Block* Descend(const Ordering& ordering, const Key& key, Bound bound,
                 int to_level, Path* path) const;
  Block* DescendBy(unsigned need, const Ordering& ordering, const Key& key,
                   Bound bound, int to_level, Path* path) const;
  const Block* FindLeaf(const Key& key, unsigned need, Visit* visit) const;
  Block* FirstLeaf() const {
    FASTSKIP_STEP();
    return CurrentHead(first_leaf_.load(std::memory_order_acquire));
  }
  Block* LastLeaf() const;

  bool InsertAt(const char* entry, Finger* finger, Writers writers);
  bool InsertAtEnd(const Ordering& ordering, const Key& key, Writers writers,
                   Finger* finger);
  Block* LeafFromFinger(const Ordering& ordering, const Key& key,
                        const Finger& finger) const;
  Outcome InsertInto(const Ordering& ordering, Block** block, const Key& key,
                     const void* address, Path* path);
  bool AppendAtEnd(const Ordering& ordering, const Key& key, uint32_t disc,
                   Writers writers, Finger* finger);
  Block* Append(const Ordering& ordering, Block* left, const Edge& edge,
                const Key& key, const void* address, Path* path);
  void Split(const Ordering& ordering, Block* left, const Visit& visit,
             const Key& key, Path* path);
  bool ReplaceHead(const Ordering& ordering, Block* head, FullBlock* full,
                   const Visit& visit, Path* path);
  static Block* CurrentHead(const Block* head);
  void RelinkHead(int level);
  static Block* RelinkLeftmostChild(Block* parent);
  int FillUpperPart(const Ordering& ordering, const Block& left,
                    const Visit& visit, const Key& key, FullBlock* full,
                    Block* right) const;
  static bool CopyRight(const Ordering& ordering, const Block& left,
                        FullBlock* full, int from, uint64_t next, Block* right);
  bool FillRight(const Ordering& ordering, FullBlock* full, int from,
                 uint64_t next, Labels labels, Block* right) const;
  void ClearMoved(const Ordering& ordering, Block* block, const Words& words,
                  uint64_t next, Writers writers);
  Block* Post(Block* child, const Scale& scale, Path* path);
  bool GrowRoot(const Ordering& ordering, Block* root, Block* child,
                const Scale& scale);

  Block* NewBlock(int level, bool reverse);
  void KeepSpare(Block* block);
  void CountBlock(int level);

  class Sample;
  uint64_t CountChildren(const Ordering& ordering, int level, const Key& from,
                         const Key& to, Sample* sample) const;
  static double EstimateEntries(const Ordering& ordering, const Block* block,
                                uint64_t seed);
  enum class Draw { kSlot, kFilledSlot };
  const char* RandomStep(const Block** block, uint64_t bits, Draw draw) const;

  ShardedArena* const arena_;
  const EntryComparator* const comparator_;
  const KeyOrder order_;
  mutable std::atomic<Trust> trust_;
  std::atomic<Block*> root_;
  // The head of level 0, or one that it has replaced.
  std::atomic<Block*> first_leaf_;
  std::atomic<Block*> spare_{nullptr};

  std::atomic<uint64_t> blocks_[kMaxLevels] = {};
  std::atomic<uint64_t> duplicates_{0};
  std::atomic<uint64_t> splits_{0};
  std::atomic<uint64_t> cas_retries_{0};
  std::atomic<uint64_t> unposted_{0};
};

// A cursor over the list. Live: each step shows what was inserted before it
// was taken, wherever the iterator stands. One thread at a time; `list`
// outlives it. Writes nothing that others see, and allocates nothing.
//
// A seek finds one entry; the block around it is put in order by the first step
// from there.
class BlockSkipList::Iterator {
 public:
  explicit Iterator(const BlockSkipList* list) : list_(list) {}

  bool Valid() const { return entry_ != nullptr; }
  // REQUIRES of the next three: Valid()
  const char* key() const { return entry_; }
  void Next() {
    if (position_ < 0 || Changed()) Refresh();
    if (position_ + 1 == view_.count) return EnterNext();
    StandAt(position_ + 1);
    if (ahead_ < Block::kSlots) LookAhead(BlockOf(next_));
  }
  void Prev() {
    if (position_ < 0 || Changed()) Refresh();
    if (position_ <= 0) return EnterPrevious();
    StandAt(position_ - 1);
    if (ahead_ < Block::kSlots && sibling_ > 0) {
      LookAhead(BlockOf(siblings_.word[sibling_ - 1]));
    }
  }
  // To the first entry not below `key`.
  void Seek(const char* key);
  // To the last entry not above `key`.
  void SeekForPrev(const char* key);
  void SeekToFirst();
  void SeekToLast();

 private:
  // A scan asks memory for the entries of the next block while it walks the
  // one before: so many slots at each step, after so many steps. All at once
  // would be more than a processor has buffers for, and it would wait.
  static constexpr int kSlotsPerStep = 4;
  static constexpr int kFirstSteps = 4;

  // Whether an insert or a split has touched the block since the view was
  // taken. An insert goes to the lowest slot that is empty or moved, and
  // nowhere else: while that slot and `next` are as they were, nothing was
  // added.
  bool Changed() const {
    return block_->NextRelaxed() != next_ ||
           (watch_ >= 0 && block_->SlotRelaxed(watch_) != watched_);
  }
  // In the view.
  void StandAt(int position) {
    position_ = position;
    entry_ = EntryOf(view_.word[position]);
  }
  void StandAt(const Block* block, const char* entry);
  void Load(const Block* block);
  // Asks for some more entries of the block that the scan goes to.
  void LookAhead(const Block* block) {
    if (ahead_ >= 0) AskFor(block, ahead_ + kSlotsPerStep);
    ahead_ += kSlotsPerStep;
  }
  void AskFor(const Block* block, int to_slot);
  void EnterNext();
  void Refresh();
  void EnterPrevious();
  void FindSiblings();

  const BlockSkipList* list_;
  const char* entry_ = nullptr;
  const Block* block_ = nullptr;  // holds entry_, or a block left of that does
  // What follows belongs to a view of block_, if there is one.
  int position_ = -1;  // of entry_ in view_; -1: no view yet
  int watch_ = -1;     // the slot the next insert into the block will take
  uint64_t watched_ = kNoWord;  // the word there when the view was taken
  uint64_t next_ = kNoNext;     // of block_, then
  // Slots of the next block whose entries were asked for; below 0 there are
  // steps to go before that.
  int ahead_ = 0;
  SortedWords view_;
  // Leaves under one parent for steps to the left: siblings_[sibling_] is
  // block_ or left of it. Set at the first such step; -1: none.
  int sibling_ = -1;
  SortedWords siblings_;
};

template <typename Random>
const char* BlockSkipList::RandomEntry(Random&& random) const {
  // Below the root any slot is drawn, and a draw that meets an empty one begins
  // again: so an entry of a sparse block is as likely as one of a full block.
  // About one draw in five gets through.
  for (int attempt = 0; attempt < 256; ++attempt) {
    FASTSKIP_STEP();
    const Block* block = root_.load(std::memory_order_acquire);
    const char* entry = RandomStep(&block, random(), Draw::kFilledSlot);
    while (block != nullptr) entry = RandomStep(&block, random(), Draw::kSlot);
    if (entry != nullptr) return entry;
  }
  Iterator first(this);  // hardly anything there
  first.SeekToFirst();
  return first.Valid() ? first.key() : nullptr;
}

}  // namespace fastskip
