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
// later head, but it is the least in either case).
//
// When an order is true. A reader loads it first, and then the words that it
// wants. Where `next` leads to the order's neighbour before that and still
// after it, and the order's open slot was found empty in between, the block was
// in the order's state when that slot was loaded. The entries that the order
// lists were in their slots before it was saved, and still are. So the reader
// has seen the block as it was at one moment; what a view shows beyond that
// came later, and is not in the order. An order is advice: without one, a
// reader sorts.
//
// Which order is saved. That of any view. One that was torn, and shows an
// insert without the one before it, has the name of a state that had ended when
// it was taken: who loads its order finds the open slot filled, or `next`
// changed. Where the open slot holds an entry that has moved, none is saved:
// nobody would take it before the slot is cleared.
//
// Thread safety: any number of threads. A sequence lock for which nobody waits:
// who meets another's save does without. Its memory orders:
//   - the version is taken with acquire, and each word behind it is stored with
//     release and loaded with acquire: who sees a word of a save also sees, in
//     the second load of the version, that the save had begun, and in the slots
//     that it loads next what the saver saw, or what came later;
//   - the version is given back with release, and loaded first with acquire:
//     who sees it also sees the words of that save;
//   - the open slot, and the others, are loaded with acquire: who sees what a
//     later split has emptied, or what came after that, also sees that in the
//     load of `next` behind them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "block.h"
#include "block_scan.h"
#include "block_search.h"
#include "step_atomic.h"

namespace fastskip {

// An order as it was saved. A search reads four or five of its slots, which is
// faster than to unpack all.
class PackedOrder {
 public:
  // The entries, none of which has moved, in true order.
  int count() const { return static_cast<int>(words_[1] >> 59); }
  int slot(int i) const {
    const int word = std::min(i / 8, kWords - 1);
    return static_cast<int>(words_[word] >> 5 * (i - 8 * word) & 31);
  }
  // The lowest slot that was open; Block::kSlots: none.
  int open() const { return static_cast<int>(words_[1] >> 54 & 31); }

  // Whether that slot is still empty, in the block or in a view of it.
  // REQUIRES: the view was taken after the order was loaded
  bool IsTrueOf(const Block& block) const {
    return open() == Block::kSlots ||
           IsEmpty(block.slots[open()].LoadAcquire());
  }
  bool IsTrueOf(const Words& words) const {
    return open() == Block::kSlots || IsEmpty(words.slot[open()]);
  }

  // Sets count, slots and ties (none is left to be ordered) of `order`.
  void Unpack(SlotOrder* order) const;

 private:
  friend class SavedOrder;

  // Slots have five bits each, the open slot and the number of entries too, and
  // the neighbour's address 42, since those below a cache line are 0.
  //   word 0   slots 0 to 7 of the order | 24 bits of the neighbour
  //        1   slots 8 to 15 | 14 more bits | open slot | count
  //        2   slots 16 to 27 | the last 4 bits
  static constexpr int kWords = 3;

  void Pack(const BlockState& state, const SlotOrder& order);
  uint64_t neighbour() const;

  uint64_t words_[kWords];
};

class SavedOrder {
 public:
  // Whether what was saved last is of a state with the neighbour of `next`.
  bool Load(uint64_t next, PackedOrder* order) const;

  // Saves the order of `words`, which show `state`.
  // REQUIRES: `order` lists all that have not moved, in true order
  void Save(const Words& words, const BlockState& state,
            const SlotOrder& order);

 private:
  StepAtomic<uint64_t> version_{0};  // odd: a save is under way; 0: none was
  StepAtomic<uint64_t> words_[PackedOrder::kWords];
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
