// SPDX-License-Identifier: Apache-2.0
//
// Scanning all words of a block at once: the inner loop of everything.
//
// Each function has a portable form (block_scan_portable.cc), whose loads are
// those of std::atomic, and one for AVX2 (block_scan_avx2.cc), which is chosen
// when the program starts on a processor that has it. Both give the same
// answers.
//
// The vector form loads four slots with one instruction, which the C++ memory
// model knows nothing of. It is sound on x86-64, and used there alone: a vector
// load is made of accesses to whole aligned quadwords (Intel's manual, volume
// 3A, on guaranteed atomic operations and on wider data), each ordered like any
// other load, which there is acquire; the compiler is kept from moving accesses
// across it. Builds that watch or steer each access (ThreadSanitizer, the
// scheduler's steps) use the portable form.
#pragma once

#include <cstdint>

#include "block.h"

namespace fastskip {

// A copy of a block's words, and their discriminators side by side. Not aligned
// to what the vector form loads: RocksDB's arena, where iterators have theirs,
// does not align to more than a pointer.
struct Words {
  static constexpr int kLanes = (Block::kSlots + 31) / 32 * 32;
  uint64_t slot[Block::kSlots];
  uint16_t disc[kLanes];  // those beyond the slots: kEmptyDisc
};

// The words nearest to a discriminator: one of the greatest below it, one of
// the least not below it.
struct Nearest {
  uint64_t below = kNoWord;
  uint64_t not_below = kNoWord;
};

// The slots of a block that hold something, in some order of their words. (Not
// the words themselves: most readers ask for a few, and to pick out all took a
// third of the time of a sort.)
struct SlotOrder {
  int count = 0;
  uint32_t empty = 0;          // bit i: slot i holds nothing
  bool in_slot_order = false;  // slots ascend
  uint32_t ties = 0;  // bit i: word i has the discriminator of word i - 1
  uint8_t slot[Words::kLanes];  // those behind `count` mean nothing

  uint64_t WordOf(const Words& words, int i) const {
    return words.slot[slot[i]];
  }
};

// Words with an order.
struct SortedWords {
  Words words;
  SlotOrder order;

  int count() const { return order.count; }
  uint64_t word(int i) const { return order.WordOf(words, i); }
  uint64_t last() const { return word(order.count - 1); }
};

// The bits of the first `count` words. REQUIRES: count <= Block::kSlots
constexpr uint32_t BitsBelow(int count) {
  return static_cast<uint32_t>((uint64_t{1} << count) - 1);
}

struct BlockScan {
  // Loads every slot with acquire, in any order.
  void (*load)(const Block& block, Words* words);
  // The same; returns what lies nearest to `disc` among them.
  Nearest (*load_nearest)(const Block& block, uint32_t disc, Words* words);
  // The same of words at hand.
  Nearest (*nearest)(const Words& words, uint32_t disc);
  // Bit i: the discriminator of slot i is one of `count` from `first` on.
  // REQUIRES: first + count <= 65536
  uint32_t (*slots_with)(const Words& words, uint32_t first, uint32_t count);
  // Puts the slots that hold something in order: by discriminator. Among ties
  // the last slot comes first, since what came later is a newer version more
  // often than not, and versions of one key go newest first; but where
  // discriminators ascend along the slots, as in a load in key order, the first
  // slot comes first.
  void (*sort)(const Words& words, SlotOrder* order);
};

// Every form that this processor can run, the portable one first, the best
// last; ends with null. For tests, which compare them.
const BlockScan* const* AvailableBlockScans();

// The forms. kAvx2BlockScan is null where it is not built; whether the
// processor has AVX2 is for its user to ask.
extern const BlockScan kPortableBlockScan;
extern const BlockScan* const kAvx2BlockScan;

// The one in use. Starts as the portable form, for lists made by other
// initialisers; relaxed, since what it points to is constant.
extern RelaxedAtomic<const BlockScan*> best_block_scan;
inline const BlockScan& Scan() { return *best_block_scan.Load(); }

inline void LoadWords(const Block& block, Words* words) {
  Scan().load(block, words);
}

// The slots whose discriminator is `disc`.
inline uint32_t SlotsWithDisc(const Words& words, uint32_t disc) {
  return Scan().slots_with(words, disc, 1);
}

// The slots below this discriminator.
inline uint32_t SlotsBelow(const Words& words, uint32_t disc) {
  return Scan().slots_with(words, 0, disc);
}

// The slots that hold something, from this discriminator on.
inline uint32_t SlotsFromDisc(const Words& words, uint32_t disc) {
  return Scan().slots_with(words, disc, kEmptyDisc - disc);
}

// The slots that hold nothing, or something from this discriminator on.
inline uint32_t SlotsReaching(const Words& words, uint32_t disc) {
  return Scan().slots_with(words, disc, kEmptyDisc - disc + 1);
}

// The slot that the next insert into the block takes; -1 when it is full.
inline int FirstEmptySlot(const Words& words) {
  const uint32_t empty = SlotsWithDisc(words, kEmptyDisc);
  return empty == 0 ? -1 : __builtin_ctz(empty);
}

}  // namespace fastskip
