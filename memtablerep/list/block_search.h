// SPDX-License-Identifier: Apache-2.0
//
// A key's place in one block. Everything here works on a copy of the block's
// words and on headers, which never change; the only atomic accesses are the
// loads that make the copy, those of `next` before and after it, and those of
// the order that was saved of labels.
//
// Probe is the one way to visit a block: inserts, posts, lookups, seeks and the
// descents above them differ in what they need to see, not in how they look.
#pragma once

#include <cstdint>

#include "block.h"
#include "block_ordering.h"
#include "block_scan.h"
#include "key.h"

namespace fastskip {

// Compares the keys that two words of a block of `level` are keyed by.
int CompareWords(const Ordering& ordering, int level, uint64_t a, uint64_t b);

// Whether `word` of a block of `level` is keyed by a version of `key`.
bool IsVersionOf(int level, uint64_t word, const Key& key);

// Puts words sorted by discriminator in true order.
void OrderTies(const Ordering& ordering, int level, SortedWords* sorted);

// The same of the words from `begin` up to `end` alone.
// REQUIRES: neither of these is within a run of ties
void OrderTies(const Ordering& ordering, int level, int begin, int end,
               SortedWords* sorted);

// Puts the words of a block in true order.
void Sort(const Ordering& ordering, int level, SortedWords* sorted);

// Which side of a key equal to it falls on.
enum class Bound : uint8_t {
  kNotAbove,  // the last that is not above the key
  kBelow,     // the last that is below the key
};

// Whether entries are likely to be in the processor's caches. When not, it pays
// to prefetch many of them.
enum class Footprint : uint8_t { kFitsCache, kExceedsCache };

// Which neighbour of a key has to be the nearest where discriminators tie. The
// other one may be any word of the nearest discriminator.
enum class Exact : uint8_t { kNeither, kPredecessor, kSuccessor, kBoth };

// The words on either side of a key, and what the comparator has said of them.
struct Neighbours {
  uint64_t predecessor = kNoWord;  // below the key
  uint64_t successor = kNoWord;    // not below it
  bool equal = false;              // an entry equals the key: the successor, or
                                   // any tie where only that was asked
  bool predecessor_compared = false;
  bool successor_compared = false;
};

// What one visit saw of a block.
struct Visit {
  uint64_t next = kNoNext;
  bool by_digest = false;  // the search used `disc`
  uint32_t disc = 0;
  alignas(64) Words words;  // not set where a saved order was searched
  Nearest nearest;          // to the ties of `disc`, where it was used
  Neighbours neighbours;
};

// Whether the right neighbour that `next` leads to, if any, leaves `key` to the
// block, by comparison.
bool NextIsAbove(const Ordering& ordering, uint64_t next, const Key& key,
                 Bound bound);

// Whether `word` of a block of `level` lies at or above the lower bound of the
// right neighbour that `next` leads to.
bool IsMoved(const Ordering& ordering, int level, uint64_t word, uint64_t next);

// The slots whose words have moved, if `next` is that of the block.
// REQUIRES: none was moved by an earlier split than the one that `next` is of,
// as is so where `next` was the same before and after they were loaded. (What
// the neighbour's header tells of ties holds for its own split.)
uint32_t MovedSlots(const Ordering& ordering, int level, const Words& words,
                    uint64_t next);

// A state of a block: as long as its name is the same, so are the entries that
// it holds (saved_order.h).
struct BlockState {
  uint64_t next;
  int open;  // the lowest slot that is empty or whose entry has moved, which
             // the next insert takes; kSlots: none
};

// The state of a leaf that words show.
// REQUIRES: `next` was the same before and after they were loaded
BlockState StateOf(const Ordering& ordering, const Words& words, uint64_t next);

// The search of one key, block by block. `ordering` and `key` outlive it.
//
// Each visit ends in an outcome, and leaves behind what it saw.
class Probe {
 public:
  enum class Outcome : uint8_t {
    kHere,       // the block owns the key
    kMoveRight,  // its right neighbour does, or one further on
    // Of a visit for an insert alone:
    kRetry,         // the block was split while it was read
    kMovedEntries,  // of a split whose slots have to be cleared first
    kDuplicate,     // an equal entry is there
    // The comparator contradicts the digests that led here
    // (KnownOrder::kUnknown).
    kViolation,
  };

  Probe(const Ordering& ordering, const Key& key, Footprint footprint,
        Bound bound = Bound::kNotAbove)
      : ordering_(ordering), key_(key), bound_(bound), footprint_(footprint) {}

  // Each visits a block, with the outcomes kHere and kMoveRight, and more where
  // it says so. A visit loads `next` after the slots: what lies below the
  // neighbour's lower bound as it is then was in its slot all through the scan.

  // On the way down: nothing is checked.
  Outcome VisitForDescent(const Block& block, Exact exact);

  // On the way down. Where words of the key's own discriminator are keyed by
  // versions of it, and there is one below these, takes the key to lie left of
  // them.
  Outcome VisitLeftOfTies(const Block& block);
  // Whether the last such visit met ties. The successor is not known then.
  bool skipped_ties() const { return skipped_ties_; }

  // Prefetches the entries that VisitForRead will compare or return, for a
  // caller that has other work until they arrive.
  void PrefetchForRead(const Block& block);

  // For the answer of a read; kViolation too.
  Outcome VisitForRead(const Block& block, Exact exact);

  // For an insert or a post, with every outcome. Sees the block as it was at
  // one moment: `next` was the same before and after the scan.
  Outcome VisitForInsert(const Block& block);
  // What the caller knows, so that such a visit need not look for it. No entry
  // equals the key: none is compared for that alone.
  void SetUnique() { unique_ = true; }
  // No other insert runs, and each split has cleared what it moved.
  void SetAlone() { alone_ = true; }
  // After kHere: the slot that the insert takes, the first empty one; -1 when
  // the block is full.
  int slot() const { return slot_; }
  // After kHere: the discriminator of the key in the block.
  uint32_t DiscForInsert() const;

  const Ordering& ordering() const { return ordering_; }
  const Key& key() const { return key_; }
  Bound bound() const { return bound_; }
  uint64_t next() const { return visit_.next; }
  const Visit& visit() const { return visit_; }
  const Neighbours& neighbours() const { return visit_.neighbours; }

 private:
  enum class Purpose : uint8_t { kDescent, kLeftOfTies, kRead, kInsert };

  template <Purpose purpose>
  Outcome VisitFor(const Block& block, Exact exact);
  void ChooseSearch(const Block& block);
  void LoadWords(const Block& block);
  template <Purpose purpose>
  void Locate(const Block& block, Exact exact, bool one_state);
  void LocateByDisc(int level, Exact exact);
  void LocateLeftOfTies(int level);
  void LocateEqual(int level);
  template <Purpose purpose>
  Outcome Judge(const Block& block);
  bool LocateBySavedOrder(const Block& block);
  void LocateByLabel(const Block& block, bool save);
  void SaveOrder(const Block& block, const SlotOrder& order) const;
  void Halve(int level, uint64_t word, int middle, int* low, int* high);
  void LocateAmong(uint32_t slots, int level);
  bool BelongsRight() const;
  bool PlaceHolds(const Block& block);

  const Ordering& ordering_;
  const Key& key_;
  const Bound bound_;
  const Footprint footprint_;
  // The digest of the key in the encoding that was met last: neighbours,
  // parents and children often share one.
  const Encoding* encoding_ = nullptr;
  const char* holder_ = nullptr;
  uint64_t digest_ = 0;
  bool skipped_ties_ = false;
  bool unique_ = false;
  bool alone_ = false;
  int slot_ = -1;
  Visit visit_;
};

}  // namespace fastskip
