// SPDX-License-Identifier: Apache-2.0
//
// SavedOrder: the order of a block's slots, as a reader found it, for those
// that come later: they need neither sort the block nor compare what ties.
//
// What it speaks of. A state of a block is named by the right neighbour, where
// `next` leads, and the lowest slot that is open: empty, or with an entry that
// has moved. One name stands for one set of entries in the same slots, for
// ever: `next` never leads again where it once led, inserts fill the open slots
// from the lowest on, and what a slot got stays there until `next` changes
// (invariants 1 and 2; the word of the leftmost child in slot 0 moves on to a
// later head, but it is the least in either case). So an order is true of
// whatever view has its name, however late it comes; where a view was torn and
// shows an insert without the one before it, that one is not in the order. It
// is advice: without one, a reader sorts.
//
// Which order is saved. That of a view with nothing beyond its state. So what
// the next insert will change is looked at again when the view is complete,
// before its order is saved: if it is as before, no later insert was in the
// view.
//
// Thread safety: any number of threads. A sequence lock for which nobody waits:
// who meets another's save does without. Its memory orders:
//   - the version is taken with acquire, and each word behind it is stored with
//     release and loaded with acquire: who sees a word of a save also sees, in
//     the second load of the version, that the save had begun;
//   - the version is given back with release, and loaded first with acquire:
//     who sees it also sees the words of that save.
#pragma once

#include <cstdint>

#include "block.h"
#include "block_scan.h"
#include "block_search.h"
#include "step_atomic.h"

namespace fastskip {

class SavedOrder {
 public:
  // Whether the order of `state` is what was saved last. Sets count, slots and
  // ties (none is left to be ordered) of `order`, if at all.
  bool Load(const BlockState& state, SlotOrder* order) const;

  // Saves the order of `words`, which show `state`, if `block` still does.
  // REQUIRES: `order` lists all that have not moved, in true order
  void Save(const Block& block, const Words& words, const BlockState& state,
            const SlotOrder& order);

 private:
  // Slots have five bits each, the open slot and the number of entries too, and
  // the neighbour's address 42, since those below a cache line are 0.
  //   word 0   slots 0 to 7 of the order | 24 bits of the neighbour
  //        1   slots 8 to 15 | 14 more bits | open slot | count
  //        2   slots 16 to 27 | the last 4 bits
  static constexpr int kWords = 3;

  StepAtomic<uint64_t> version_{0};  // odd: a save is under way; 0: none was
  StepAtomic<uint64_t> words_[kWords];
};

// Two blocks, and in front of them their orders, which share a cache line: one
// for each would take 1.7 bytes an entry more.
struct alignas(64) BlockPair {
  SavedOrder orders[2];
  Block blocks[2] = {Block(), Block(0, Block::kSecondOfPair)};
};
static_assert(sizeof(BlockPair) == 64 + 2 * sizeof(Block), "one line more");

// REQUIRES: `block` is of a pair, as every one of a list
inline SavedOrder* SavedOrderOf(const Block& block) {
  const int place = block.pair_flag() != 0 ? 1 : 0;
  const char* const pair =
      reinterpret_cast<const char*>(&block - place) - sizeof(BlockPair::orders);
  auto* const found = reinterpret_cast<const BlockPair*>(pair);
  return &const_cast<BlockPair*>(found)->orders[place];
}

}  // namespace fastskip
