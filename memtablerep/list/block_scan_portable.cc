// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <numeric>

#include "block_scan.h"

namespace fastskip {

namespace {

// Both neighbours are found with one minimum and one maximum: with `disc`
// subtracted modulo 2^16, the discriminators not below it come first, in order,
// and those below it last.
using Distance = uint16_t;

uint32_t SlotsWith(const Words& words, uint32_t first, uint32_t count) {
  uint32_t mask = 0;
  for (int i = 0; i < Block::kSlots; ++i) {
    mask |= uint32_t{static_cast<Distance>(words.disc[i] - first) < count} << i;
  }
  return mask;
}

uint64_t AnyWordWith(const Words& words, uint32_t disc) {
  int i = 0;
  while (words.disc[i] != disc) ++i;
  return words.slot[i];
}

Nearest FindNearest(const Words& words, uint32_t disc) {
  Distance least = static_cast<Distance>(words.disc[0] - disc);
  Distance greatest = least;
  for (int i = 1; i < Block::kSlots; ++i) {
    const auto x = static_cast<Distance>(words.disc[i] - disc);
    least = std::min(least, x);
    greatest = std::max(greatest, x);
  }
  const auto first = static_cast<Distance>(least + disc);
  const auto last = static_cast<Distance>(greatest + disc);
  Nearest nearest;
  if (last < disc) nearest.below = AnyWordWith(words, last);
  if (first >= disc && first < kEmptyDisc) {
    nearest.not_below = AnyWordWith(words, first);
  }
  return nearest;
}

void Load(const Block& block, Words* words) {
  for (int i = 0; i < Words::kLanes; ++i) {
    words->disc[i] = static_cast<uint16_t>(kEmptyDisc);
  }
  for (int i = 0; i < Block::kSlots; ++i) {
    words->slot[i] = block.slots[i].LoadAcquire();
    words->disc[i] = static_cast<uint16_t>(DiscOf(words->slot[i]));
  }
}

Nearest LoadNearest(const Block& block, uint32_t disc, Words* words) {
  Load(block, words);
  return FindNearest(*words, disc);
}

uint32_t TiesOf(const Words& words, const SlotOrder& order) {
  uint32_t ties = 0;
  for (int i = 1; i < order.count; ++i) {
    const bool tie = words.disc[order.slot[i - 1]] == words.disc[order.slot[i]];
    ties |= uint32_t{tie} << i;
  }
  return ties;
}

// Each word's place is the number of words that come before it: there are no
// branches to mispredict. Four at a time, so that compilers make vectors of it.
void SortByPlace(const Words& words, SlotOrder* result) {
  constexpr int kSlotBits = 5;
  static_assert(Block::kSlots <= 1 << kSlotBits, "a slot's number fits");
  constexpr int kAtATime = 4;
  constexpr int kPadded = (Block::kSlots + kAtATime - 1) / kAtATime * kAtATime;
  int32_t order[kPadded] = {};
  for (int i = 0; i < Block::kSlots; ++i) {
    order[i] = words.disc[i] << kSlotBits | (Block::kSlots - 1 - i);
  }
  int32_t place[kPadded];
  for (int j = 0; j < kPadded; j += kAtATime) {
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (int i = 0; i < Block::kSlots; ++i) {
      a += order[i] < order[j];
      b += order[i] < order[j + 1];
      c += order[i] < order[j + 2];
      d += order[i] < order[j + 3];
    }
    place[j] = a;
    place[j + 1] = b;
    place[j + 2] = c;
    place[j + 3] = d;
  }
  for (int i = 0; i < Block::kSlots; ++i) {
    result->slot[place[i]] = static_cast<uint8_t>(i);
  }
}

void Sort(const Words& words, SlotOrder* order) {
  order->empty = SlotsWith(words, kEmptyDisc, 1);
  order->count = Block::kSlots - __builtin_popcount(order->empty);
  order->in_slot_order = std::is_sorted(words.disc, words.disc + Block::kSlots);
  std::fill(order->slot + Block::kSlots, std::end(order->slot), uint8_t{0});
  if (order->in_slot_order) {
    std::iota(order->slot, order->slot + Block::kSlots, uint8_t{0});
  } else {
    SortByPlace(words, order);
  }
  order->ties = TiesOf(words, *order);
}

}  // namespace

const BlockScan kPortableBlockScan{Load, LoadNearest, FindNearest, SlotsWith,
                                   Sort};

}  // namespace fastskip
