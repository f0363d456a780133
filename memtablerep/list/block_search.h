// SPDX-License-Identifier: Apache-2.0
//
// Searching one block. Everything here works on a copy of the block's words
// and on headers, which never change; the only atomic accesses are the loads
// that make the copy.
#pragma once

#include <cstdint>

#include "block.h"
#include "block_scan.h"
#include "key_digest.h"

namespace fastskip {

// The order of entries. Negative, zero, positive like memcmp. Thread-safe, a
// strict weak order, never throws. Entries whose user keys have the same bytes
// go newest first, as RocksDB's InternalKeyComparator has it for every user
// comparator: these the list orders by itself where they are likely to meet.
class EntryComparator {
 public:
  virtual ~EntryComparator() = default;
  virtual int Compare(const char* a, const char* b) const = 0;
};

// What the list may assume of the comparator.
enum class KeyOrder : uint8_t {
  kAuto,        // nothing: digests are used as long as checks bear them out
  kBytewise,    // user keys order by their bytes
  kReverse,     // the same the other way round
  kComparator,  // digests are of no use: order labels from the start
};

inline bool IsKnown(KeyOrder order) {
  return order == KeyOrder::kBytewise || order == KeyOrder::kReverse;
}

// Which digests a list goes by. One that knows nothing of the comparator trusts
// them less with each contradiction.
enum class Trust : uint8_t {
  kAll,
  kForward,  // none that are inverted
  kNone,     // order labels
};

// How one attempt of an operation finds its way. An attempt that uses digests
// under kAuto checks each place it found against its neighbours, with the real
// comparator, before it relies on it; so attempts that go by digests and by
// labels may share a list.
class Ordering {
 public:
  Ordering(const EntryComparator* comparator, KeyOrder order, Trust trust,
           bool far = false)
      : comparator_(comparator),
        known_(IsKnown(order)),
        reverse_(order == KeyOrder::kReverse),
        trust_(trust),
        checks_(trust != Trust::kNone && order == KeyOrder::kAuto),
        far_(far) {}

  Trust trust() const { return trust_; }
  bool digests() const { return trust_ != Trust::kNone; }
  // Whether the discriminators of `block` are digests that it goes by.
  bool GoesBy(const Block& block) const {
    return block.kind != BlockKind::kLabels &&
           (block.is_reverse() ? trust_ == Trust::kAll : digests());
  }
  bool checks() const { return checks_; }
  // Whether entries are likely to be far from the processor, so that it pays to
  // ask for many of them ahead.
  bool far() const { return far_; }

  int Compare(const Key& a, const Key& b) const {
    if (known_) return CompareKnown(a, b);
    return SameUserKey(a, b) ? CompareVersions(a, b)
                             : comparator_->Compare(a.entry, b.entry);
  }
  // Where versions of one key are no likelier than others.
  int Compare(const char* a, const Key& b) const {
    return known_ ? CompareKnown(DecodeKey(a), b)
                  : comparator_->Compare(a, b.entry);
  }
  int Compare(const char* a, const char* b) const {
    return Compare(DecodeKey(a), DecodeKey(b));
  }

 private:
  int CompareKnown(const Key& a, const Key& b) const {
    const int c = CompareUserKeyBytes(a, b);
    if (c == 0) return CompareVersions(a, b);
    return reverse_ ? -c : c;
  }

  const EntryComparator* comparator_;
  bool known_;  // to go by bytes
  bool reverse_;
  Trust trust_;
  bool checks_;
  bool far_;
};

// The key that `word` stands under in a block of `level`: an entry; null, minus
// infinity, for the leftmost block of a level.
inline const char* LowOf(int level, uint64_t word) {
  if (level == 0) return EntryOf(word);
  const Block* child = BlockOf(word);
  return child->is_head() ? nullptr : child->anchor;
}

inline int CompareWord(const Ordering& ordering, int level, uint64_t word,
                       const Key& key) {
  const char* low = LowOf(level, word);
  return low == nullptr ? -1 : ordering.Compare(low, key);
}

int CompareWords(const Ordering& ordering, int level, uint64_t a, uint64_t b);

// The discriminator of `key` in `block`, whose kind is not kLabels.
// `has_prefix`: the key is known to lie between the block's bounds at birth,
// so that the prefix need not be compared.
uint32_t DiscOfKey(const Block& block, const Key& key, bool has_prefix);

// Puts words sorted by discriminator in true order.
void OrderTies(const Ordering& ordering, int level, SortedWords* sorted);

// Puts the words of a block in true order.
void Sort(const Ordering& ordering, int level, const Words& words,
          SortedWords* sorted);

// What ties cost a search that goes by discriminators: a key that meets a run
// of n words of its own discriminator is compared with all of them, and the n
// words of the run attract that many keys.
class TieCost {
 public:
  // From here on it pays to look for better discriminators.
  static constexpr int kPoor = 4;
  // What a block may have at birth that takes all but the lowest word of a poor
  // one: it is one short of full, and must not be poor again when full, or the
  // next insert would leave another block behind with a single word.
  static constexpr int kGood = kPoor / 2;
  // From here on a search by labels is cheaper, though its four or five
  // comparisons wait for one another, and those with a run do not.
  static constexpr int kWorseThanLabels = 16;

  void Add(uint32_t disc);  // in ascending order
  // Whether a search meets more than `comparisons` on average.
  bool Above(int comparisons) const { return cost_ > comparisons * count_; }

 private:
  uint32_t last_ = 0;
  int run_ = 0;
  int count_ = 0;
  int cost_ = 0;
};

// Which side of a key equal to it falls on.
enum class Bound {
  kNotAbove,  // the last that is not above the key
  kBelow,     // the last that is below the key
};

// The words on either side of a key, and what the comparator has said of them.
struct Neighbours {
  uint64_t pred = kNoWord;  // the greatest below the key
  uint64_t succ = kNoWord;  // the least not below it
  bool equal = false;       // succ equals the key (kOnlyEqual: a tie does)
  bool pred_compared = false;
  bool succ_compared = false;
};

// What one visit of a block saw.
struct Visit {
  uint64_t next = kNoNext;
  bool digest = false;  // the search went by `disc`
  uint32_t disc = 0;
  Words words;
  Nearest nearest;       // to the ties of `disc`, where the search went by it
  bool guessed = false;  // see kGuess; near.succ is not known then
  Neighbours near;
};

// Which neighbours must be exact where discriminators tie.
enum Need : unsigned {
  kNeedPred = 1,
  kNeedSucc = 2,
  // Take the key to lie below all words of its own discriminator, if there is
  // one below them. Sets `guessed` where there were such words.
  kGuess = 4,
  // Do not move right: no block is returned when its neighbour owns the key.
  kStay = 8,
  // Of the words of the key's own discriminator, if there are such, find no
  // more than whether one equals the key: near.pred is the greatest below them
  // then, near.succ any of them.
  // REQUIRES: the order is known, since equal keys are equal bytes then
  kOnlyEqual = 16,
};

// Decides how `key` is searched in `block`, and its discriminator. `fence` is
// the word right of the one that led here in the parent (kNoWord: not known).
void Prepare(const Ordering& ordering, const Block& block, const Key& key,
             uint64_t fence, Visit* visit);

// Fills `words`, and `nearest` where the search goes by discriminator.
void LoadWords(const Block& block, Visit* visit);

// Fills `near` from them.
void Locate(const Ordering& ordering, const Block& block, const Key& key,
            unsigned need, Visit* visit);

// Whether the right neighbour that `next` names, if any, leaves `key` to the
// block, by comparison.
bool NextIsAbove(const Ordering& ordering, uint64_t next, const Key& key,
                 Bound bound);

// Whether the right neighbour owns `key`, by discriminators where they tell.
bool BelongsRight(const Ordering& ordering, const Visit& visit, const Key& key,
                  Bound bound);

// Whether `word` of a block of `level` lies at or above the lower bound of the
// right neighbour that `next` names.
bool IsMoved(const Ordering& ordering, int level, uint64_t word, uint64_t next);
bool AnyMoved(const Ordering& ordering, int level, const Visit& visit);

// Whether `key` really lies between its neighbours: the check of kAuto. False
// means that the comparator does not order by digests. Sets near.equal when the
// right one turns out to equal the key.
bool PlaceHolds(const Ordering& ordering, const Block& block, const Key& key,
                Visit* visit);

// Copies `block`, or the neighbour to its right that owns `key`, into `visit`
// and searches it; returns that block.
const Block* VisitOwner(const Ordering& ordering, const Block* block,
                        const Key& key, Bound bound, unsigned need,
                        uint64_t fence, Visit* visit);

// A label between the discriminators of two words, either of which may be
// empty: the end of the list.
uint32_t LabelBetween(uint64_t below, uint64_t above);

// The inside of a block about to be born with the given words.
struct BirthPlan {
  const Key* keys;            // of the words, ascending
  int count;                  // at least 1
  const Key* fence;           // low of the right neighbour; null: none
  Key scale_low, scale_high;  // keys that tell the scale of the range
  bool open;  // the range may go on beyond scale_high: room is left for that
};

// Sets the digest parameters of `block` (its anchor and flags are set) and the
// discriminators of its words and of its fence. False when no digest tells the
// keys apart in their true order, or only with more than `most_ties` (see
// TieCost); then the block is as before.
bool PlanDigests(const BirthPlan& plan, int most_ties, Block* block,
                 uint32_t* discs, uint32_t* fence_disc);

// Gives `block`, whose anchor is set, the digest parameters of `left`, of whose
// words it takes those from the anchor on under their discriminators, or behind
// which it begins under one of these. False when the anchor lacks the prefix:
// then other parameters are to be planned.
// REQUIRES: `left` goes by digests. Where keys may lack the prefix, in a head
// or with kVerifyPrefix: the anchor's discriminator is neither the least nor
// the greatest, so that it has it.
bool InheritDigests(const Ordering& ordering, const Block& left, Block* block);

void PlanLabels(const BirthPlan& plan, uint32_t* discs, uint32_t* fence_disc);

}  // namespace fastskip
