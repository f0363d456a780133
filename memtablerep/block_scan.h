// SPDX-License-Identifier: Apache-2.0
//
// Looking at all words of a block at once: the inner loop of everything.
//
// Each function has a portable form, whose loads are those of std::atomic, and
// one for AVX2, which is chosen when the program starts on a processor that has
// it. Both give the same answers.
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

// No word: sorts behind every word that holds something.
constexpr uint64_t kNoWord = kNoNext;

// A copy of a block's words.
struct alignas(32) Words {
  uint64_t slot[Block::kSlots];
};

// The words nearest to a bound: the greatest below it, the least not below it.
struct Nearest {
  uint64_t below = kNoWord;
  uint64_t not_below = kNoWord;
};

struct BlockScan {
  // Loads every slot with acquire, in any order; returns what lies nearest to
  // `bound` among them.
  Nearest (*load_nearest)(const Block& block, uint64_t bound, Words* words);
  // The same of words at hand.
  Nearest (*nearest)(const Words& words, uint64_t bound);
  // Bit i: slot i lies in [begin, begin + length), modulo 2^64.
  uint32_t (*in_range)(const Words& words, uint64_t begin, uint64_t length);
};

// Every form that this processor can run, the portable one first, the best
// last; ends with null. For tests, which compare them.
const BlockScan* const* AvailableBlockScans();

// The one in use.
const BlockScan& Scan();

inline void LoadWords(const Block& block, Words* words) {
  Scan().load_nearest(block, 0, words);
}

// The slots whose discriminator is `disc`.
inline uint32_t SlotsWithDisc(const Words& words, uint32_t disc) {
  return Scan().in_range(words, uint64_t{disc} << kDiscShift,
                         uint64_t{1} << kDiscShift);
}

// The slot that the next insert into the block takes; -1 when it is full.
inline int FirstEmptySlot(const Words& words) {
  const uint32_t empty = SlotsWithDisc(words, kEmptyDisc);
  return empty == 0 ? -1 : __builtin_ctz(empty);
}

}  // namespace fastskip
