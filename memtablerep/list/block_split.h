// SPDX-License-Identifier: Apache-2.0
//
// Where a full block is cut, and what its right half holds. Policy alone: these
// functions read a copy of the block's words and the entries' keys, and write
// to blocks that nobody else knows of yet. block_skip_list_split.cc publishes
// them.
#pragma once

#include <cstdint>

#include "block.h"
#include "block_encoding.h"
#include "block_ordering.h"
#include "block_search.h"
#include "encoding_store.h"

namespace fastskip {

// What an append has seen of the full block that it goes right of.
struct AppendPoint {
  uint64_t next;       // of the block
  uint32_t disc;       // of the new key, there
  const Words& words;  // what the block held while `next` was that
};

// The words of a full block, sorted by discriminator, and on demand in true
// order, with their keys: each is a cache line that nothing else may have
// touched.
class FullBlock {
 public:
  FullBlock(const Ordering& ordering, const Block& block, const Words& words);

  // Whether the discriminators resolve too few of the keys, or none.
  bool collision_heavy() const {
    return block_.has_labels() || ties_.Above(TieCost::kCollisionHeavy);
  }

  // Of its ties.
  int cost() const { return ties_.sum(); }

  // Whether the discriminators from `from` on are good for some more splits:
  // they are digests, whole ones or with plenty between the words of the middle
  // half, and none is shared but by versions of one key.
  bool IsWellSpread(int from) const;

  // Whether word `i` has another discriminator than the one before it.
  bool IsBoundary(int i) const {
    return i > 0 && (sorted.order.ties >> i & 1) == 0;
  }

  // Whether no word behind `i` has its discriminator.
  bool IsLastOfTies(int i) const {
    return i + 1 == Block::kSlots || IsBoundary(i + 1);
  }

  // Puts the least of the words that tie with that at `i`, the first of them,
  // there.
  void PutLeastAt(const Ordering& ordering, int i);

  // Puts the words from `from` on in true order.
  void Order(const Ordering& ordering, int from = 0);

  // The keys of the words from `from` on, of which the first is not the
  // leftmost child of its level.
  // REQUIRES: Order
  const Key* KeysFrom(int from);

  // Whether the digests of a new block between this one and `next` are
  // inverted. REQUIRES: Order, where collision_heavy()
  bool IsNextReverse(const Ordering& ordering, uint64_t next) const;

  // Where to cut into halves.
  int Middle() const;

  // The same where discriminators are of no use: where the shortest key
  // separates the halves. REQUIRES: Order
  int ShortestSeparator();

  // Where to cut when the key of `visit` goes on a run that ascends below a few
  // other words: the run is to have the block for itself. kSlots when that is
  // not so.
  int EndOfAscent(const Visit& visit, const Key& key) const;

  // The greatest entry. REQUIRES: Order, where collision_heavy()
  const char* Greatest() const;

  const Block& block() const { return block_; }

  SortedWords sorted;

 private:
  const Block& block_;
  const int level_;
  const bool digests_;
  int ordered_from_ = Block::kSlots;
  int decoded_ = Block::kSlots;  // keys_ is set from here on
  Key keys_[Block::kSlots];
  TieCost ties_;
};

// Whether a key above everything in a full block that has a neighbour goes on a
// run that ascends there: then it is appended, and the block stays full.
bool AscendsBelowNext(const Visit& visit, int level, const Key& key);

// The entry that, together with the new key, shows the scale of what is
// appended to `left`.
const char* ScaleOfAppend(const Block& left, const AppendPoint& point);

// Whether the digests of a new block between `block`, which is full, and `next`
// are inverted: as those of these two are. Where the comparator is not known,
// the first block of the list, which has labels, decides by its least and
// greatest entries.
bool IsReverse(const Ordering& ordering, const Block& block, uint64_t next,
               const char* least, const char* greatest);

// Whether an append to `left`, a full block that holds `words`, is to look
// whether digests tell apart what it holds: if many of them tie that are no
// versions of one key, and now and then if they have labels. `blocks` is the
// number of blocks that the list has made.
bool IsWorthTesting(const Block& left, const Words& words, uint64_t blocks);

// Each of the functions below fills `right`, a new block whose level and
// direction are set and that nobody else knows of, and gives it the neighbour
// that its left one had.

// For an append: `address` under `key` alone. Returns its word. If `full`, the
// words of `left` in order, is not null, these show whether digests will do; if
// it is, labels follow labels, and digests follow digests.
uint64_t FillAppended(const Ordering& ordering, const Block& left,
                      const AppendPoint& point, const Key& key,
                      const void* address, FullBlock* full,
                      EncodingStore* encodings, Block* right);

// For a split of `left`: the upper part of `full`, its words. Returns where
// that part begins.
int FillRightHalf(const Ordering& ordering, const Block& left,
                  const Visit& visit, const Key& key, FullBlock* full,
                  EncodingStore* encodings, Block* right);

// For a head that is to be replaced: all that it holds, but above level 0 the
// leftmost child. False, and nothing done, when that would not help.
// REQUIRES: Order
bool FillRightOfNewHead(const Ordering& ordering, const Block& head,
                        uint64_t next, FullBlock* full,
                        EncodingStore* encodings, Block* right);

// The new head itself, with `right` as its neighbour; above level 0 it keeps
// the leftmost child. REQUIRES: FillRightOfNewHead returned true
void FillNewHead(const Ordering& ordering, FullBlock* full,
                 EncodingStore* encodings, Block* right, Block* head);

// The first root above `root`, of which `child` was split off. If `full` is not
// null, it has the words of a full block there, which show how keys are spread;
// else the entries `low` and `high` show it.
void FillRoot(const Ordering& ordering, Block* root, Block* child,
              FullBlock* full, const char* low, const char* high,
              EncodingStore* encodings, Block* grown);

}  // namespace fastskip
