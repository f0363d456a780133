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
// blocks of level i, each keyed by its lower bound. `root_` is the leftmost
// block of the top level. A block owns the keys from its lower bound up to that
// of its right neighbour.
//
// Invariants
//   1. A slot goes empty(s) -> entry -> empty(s') with s' a later split than s,
//      never otherwise: no word ever returns to a slot.
//   2. While any slot of a block is empty, or its entry has moved (is not below
//      the lower bound of `next`), the block is not split again; while it is
//      full, its words do not change until `next` does. (But for that of the
//      leftmost child, which moves on to a later head.)
//   3. After its publishing CAS, an entry is at every moment in the block that
//      owns its key, or not yet cleared in the left neighbour that this block
//      was split from; a reader that follows `next` finds it.
//   4. The lower bound of a block never changes; that of its `next` only
//      decreases; every block but the head holds its lower bound for ever.
//   5. In one block, on every level, discriminators do not decrease along the
//      true order of keys, the one in `next` included.
//   6. Upper levels may lag, never lie: a child is keyed by its own lower
//      bound, and that lies in its parent's range.
//   7. Some thread's insert completes in a finite number of steps, whichever
//      threads stop wherever they are, refills of the arena apart.
//
// Memory orders: block.h says them for slots and `next`. `root_` and
// `first_leaf_` are loaded with acquire and replaced by a releasing CAS, for
// the new block's header and slots. `digest_mode_` is relaxed: it is advice,
// and a thread that reads it late checks what it does (see Ordering). `spare_`
// and `half_pair_` hand on memory that was never published: release to put,
// acquire to take.
// Counters are relaxed.
//
// Ancestry. The move-right rule and late posting to upper levels are those of
// the B-link tree (Lehman and Yao, 1981); the freeze of a full node before it
// is replaced is that of lock-free B-trees (Braginsky and Petrank, 2012); one
// CAS into an unordered slot array as the only publication is this design's.
// DESIGN.md has the argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "block.h"
#include "block_ordering.h"
#include "block_search.h"
#include "block_split.h"
#include "encoding_store.h"
#include "step_atomic.h"

namespace fastskip {

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
    uint64_t encodings = 0;     // shared by these blocks
    uint64_t splits = 0;
    uint64_t cas_retries = 0;  // a CAS of a slot, a next or the root that lost
    uint64_t unposted = 0;     // blocks missing from the upper levels, for
                               // want of memory or of levels
    uint32_t levels = 0;
    bool uses_labels = false;  // no block uses digests any more
  };

  // `arena` and `comparator` outlive the list. Allocates the first block, and
  // throws what the arena throws.
  BlockSkipList(ShardedArena* arena, const EntryComparator* comparator,
                KnownOrder order);
  BlockSkipList(const BlockSkipList&) = delete;
  BlockSkipList& operator=(const BlockSkipList&) = delete;

  // Inserts `entry`, whose bytes stay in place until the list goes. False, and
  // nothing changed, when an equal entry is there. Throws std::bad_alloc when
  // the arena does; the entry is not inserted then, and the list is sound.
  bool Insert(const char* entry) {
    return InsertAt(DecodeKey(entry), nullptr, Writers::kMany);
  }
  bool Insert(const char* entry, Finger* finger) {
    return InsertAt(DecodeKey(entry), finger, Writers::kMany);
  }

  // The same, faster.
  // REQUIRES: no other insert runs; each that was made has returned, and
  // happened before this.
  bool InsertAlone(const char* entry, Finger* finger) {
    return InsertAt(DecodeKey(entry), finger, Writers::kOne);
  }

  // The same, starting from where `*hint` left off; null is a hint without
  // knowledge. What a hint points to lives as long as the list.
  bool InsertWithHint(const char* entry, void** hint);

  // Reads. `key` is an entry, of which only the internal key is read. They
  // allocate nothing.
  bool Contains(const char* key) const;
  // The first entry not below `key`, or null.
  const char* FindGreaterOrEqual(const char* key) const;

  // The same for `count` keys, at most kLookupsAtOnce: `found[i]` for
  // `keys[i]`. Side by side, so that they wait for memory together.
  static constexpr int kLookupsAtOnce = 16;
  void FindGreaterOrEqual(const char* const* keys, int count,
                          const char** found) const;

  // About how many entries lie in [from, to); exact up to some hundred.
  uint64_t ApproximateCount(const char* from, const char* to) const;

  // An entry picked at random (uniformly, but for inserts under way), or null
  // when the list is empty: another one for each `seed`.
  const char* RandomEntry(uint64_t seed) const;

  Stats GetStats() const;

  // Every invariant on every level that can be seen in a list at rest: "" when
  // all hold, else the first that does not, and where.
  std::string TEST_Validate() const;
  // The leftmost block of the top level, from which all others are reached.
  const Block* TEST_Root() const { return root_.LoadAcquire(); }

 private:
  // The block passed on each level on the way down: there a post begins.
  class Route {
   public:
    // The block of `level`; null where none was passed.
    Block* At(int level) const {
      return (passed_ >> level & 1) != 0 ? at_[level] : nullptr;
    }
    void Pass(Block* block) {
      at_[block->level()] = block;
      passed_ |= uint32_t{1} << block->level();
    }
    void Forget() { passed_ = 0; }

   private:
    static_assert(kMaxLevels <= 32, "a bit for each level");
    uint32_t passed_ = 0;    // bit i: at_[i] is set
    Block* at_[kMaxLevels];  // the others are not set: it would take long
  };
  // What is put into a block: an entry, or a block of the level below.
  struct Insertion {
    const Key& key;
    const void* address;
    Writers writers;
    Route* route;
  };
  // What shows how the keys of a block's neighbourhood are spread: the words of
  // the full block beside it, or where these are null, two entries.
  struct Scale {
    FullBlock* full;
    const char *low, *high;
  };
  // What a read found: the leaf that owns the key, and the key's neighbours
  // there. Without a successor the neighbour's lower bound is the next entry.
  struct Found {
    const Block* leaf;
    uint64_t next;  // of the leaf
    Neighbours neighbours;
  };
  enum class Outcome : uint8_t { kInserted, kDuplicate, kViolation };

  Ordering CurrentOrdering() const {
    return Ordering(comparator_, order_, digest_mode_.LoadRelaxed());
  }
  Footprint CurrentFootprint() const;
  void FallBack(const Ordering& ordering) const;

  Block* Descend(Probe* probe, int to_level, Route* route) const;
  Block* FirstLeafIfOwner(const Probe& probe) const;
  Block* DescendLeftOfTies(Probe* probe, int to_level, Route* route) const;
  Block* DescendByComparing(Probe* probe, int to_level, Route* route) const;
  static Block* StepLeftOfTies(Probe* probe, Block* at, bool* skipped);
  static bool OwnsLeftOfTies(const Probe& probe, const Block* at, bool skipped);
  void DescendTogether(Probe* const* probes, int count, Block** at) const;
  static Block* ChildOf(const Probe& probe);
  Found FindLeaf(const Key& key, Exact exact) const;
  static bool FindInLeaf(Probe* probe, Block* at, Exact exact, Found* found);
  static const char* FirstEntry(const Found& found);
  Block* FirstLeaf() const { return CurrentHead(first_leaf_.LoadAcquire()); }
  Block* LastLeaf() const;

  bool NoteSequence(uint64_t sequence, Writers writers);
  bool InsertAt(const Key& key, Finger* finger, Writers writers);
  bool InsertAtEnd(const Ordering& ordering, const Key& key, Writers writers,
                   Finger* finger);
  bool AppendAtEnd(const Ordering& ordering, const Key& key, uint32_t disc,
                   Writers writers, Finger* finger);
  Block* LeafFromFinger(const Ordering& ordering, const Key& key,
                        const Finger& finger) const;
  Outcome InsertInto(const Insertion& insertion, Probe* probe, Block** at,
                     End* end);
  Block* AddToFull(const Insertion& insertion, const Probe& probe, Block* full,
                   End* end);
  Block* Append(const Ordering& ordering, const Insertion& insertion,
                Block* left, const AppendPoint& point, End* end);
  void Split(const Insertion& insertion, const Probe& probe, Block* left);
  bool ReplaceHead(const Insertion& insertion, const Probe& probe, Block* head,
                   FullBlock* full);
  static Block* CurrentHead(const Block* head);
  void RelinkHead(int level);
  static Block* RelinkLeftmostChild(Block* parent);
  static void ClearMoved(const Ordering& ordering, Block* block,
                         const Words& words, uint64_t next, Writers writers);
  Block* Post(Block* child, const Scale& scale, const Insertion& cause);
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
  enum class Draw : uint8_t { kSlot, kFilledSlot };
  static const char* RandomStep(const Block** block, uint64_t bits, Draw draw);

  ShardedArena* const arena_;
  EncodingStore encodings_;
  const EntryComparator* const comparator_;
  const KnownOrder order_;
  mutable StepAtomic<DigestMode> digest_mode_;
  StepAtomic<Block*> root_;
  // The head of level 0, or one that it has replaced.
  StepAtomic<Block*> first_leaf_;
  StepAtomic<Block*> spare_{nullptr};
  StepAtomic<Block*> half_pair_{nullptr};

  RelaxedAtomic<uint64_t> leaf_blocks_;
  RelaxedAtomic<uint64_t> index_blocks_;
  RelaxedAtomic<uint64_t> duplicates_;
  RelaxedAtomic<uint64_t> splits_;
  RelaxedAtomic<uint64_t> cas_retries_;
  RelaxedAtomic<uint64_t> unposted_;

  // Sequence numbers from here on no entry has: equal entries have equal ones.
  // Follows the inserts of lone writers. kNeverNew as soon as several writers
  // have inserted side by side, who would all write to it. Relaxed: only a lone
  // insert relies on it, and all others happened before that. Has a cache line
  // of its own, since a lone writer writes to it beside readers of the list.
  static constexpr uint64_t kNeverNew = UINT64_MAX;
  alignas(64) RelaxedAtomic<uint64_t> new_from_;
};

}  // namespace fastskip
