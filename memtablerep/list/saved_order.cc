// SPDX-License-Identifier: Apache-2.0
#include "saved_order.h"

#include <cstddef>

#include "key.h"

namespace fastskip {

namespace {

static_assert(Block::kSlots <= 28, "three groups of eight and a half");

// Eight numbers of five bits, from a byte each, side by side: pairs of them are
// drawn together, then fours, then all.
uint64_t Squeeze(uint64_t x) {
  x = (x & 0x001F001F001F001F) | (x & 0x1F001F001F001F00) >> 3;
  x = (x & 0x000003FF000003FF) | (x & 0x03FF000003FF0000) >> 6;
  return (x & 0x00000000000FFFFF) | (x & 0x000FFFFF00000000) >> 12;
}
// The other way round.
uint64_t Spread(uint64_t x) {
  x = (x & 0x00000000000FFFFF) | (x & 0x000000FFFFF00000) << 12;
  x = (x & 0x000003FF000003FF) | (x & 0x000FFC00000FFC00) << 6;
  return (x & 0x001F001F001F001F) | (x & 0x03E003E003E003E0) << 3;
}

uint64_t Group(const SlotOrder& order, size_t group) {
  return Squeeze(LoadLittleEndian64(
      reinterpret_cast<const char*>(order.slot + size_t{8} * group)));
}

uint64_t NeighbourOf(uint64_t next) { return (next & kAddressMask) >> 6; }

}  // namespace

void PackedOrder::Unpack(SlotOrder* order) const {
  order->count = count();
  order->ties = 0;
  StoreLittleEndian64(Spread(words_[0]), order->slot);
  StoreLittleEndian64(Spread(words_[1]), order->slot + 8);
  StoreLittleEndian64(Spread(words_[2]), order->slot + 16);
  StoreLittleEndian64(Spread(words_[2] >> 40), order->slot + 24);
}

inline void PackedOrder::Pack(const BlockState& state, const SlotOrder& order) {
  const uint64_t neighbour = NeighbourOf(state.next);
  words_[0] = Group(order, 0) | neighbour << 40;
  words_[1] = Group(order, 1) | (neighbour >> 24 & 0x3FFF) << 40 |
              static_cast<uint64_t>(state.open) << 54 |
              static_cast<uint64_t>(order.count) << 59;
  words_[2] = Group(order, 2) | (Group(order, 3) & 0xFFFFF) << 40 |
              neighbour >> 38 << 60;
}

inline uint64_t PackedOrder::neighbour() const {
  return words_[0] >> 40 | (words_[1] >> 40 & 0x3FFF) << 24 |
         words_[2] >> 60 << 38;
}

bool SavedOrder::Load(uint64_t next, PackedOrder* order) const {
  const uint64_t version = version_.LoadAcquire();
  if (version == 0 || (version & 1) != 0) return false;
  for (int i = 0; i < PackedOrder::kWords; ++i) {
    order->words_[i] = words_[i].LoadAcquire();
  }
  if (version_.LoadRelaxed() != version) return false;
  return order->neighbour() == NeighbourOf(next);
}

void SavedOrder::Save(const Words& words, const BlockState& state,
                      const SlotOrder& order) {
  if (state.open < Block::kSlots && !IsEmpty(words.slot[state.open])) return;
  PackedOrder packed;
  packed.Pack(state, order);
  const uint64_t version = version_.LoadRelaxed();
  if ((version & 1) != 0 || !version_.ReplaceAcquire(version, version + 1)) {
    return;
  }
  for (int i = 0; i < PackedOrder::kWords; ++i) {
    words_[i].StoreRelease(packed.words_[i]);
  }
  version_.StoreRelease(version + 2);
}

}  // namespace fastskip
