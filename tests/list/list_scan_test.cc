// SPDX-License-Identifier: Apache-2.0
//
// Every form of the scan that this processor can run gives the same answers as
// a loop over the words.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "memtablerep/list/block_scan.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

class ListScanTest : public ::testing::Test {
 protected:
  uint64_t Bits() { return random_(); }

  // Discriminators from a few values at both ends and in the middle, so that
  // ties, empty slots and the sign bit all come up.
  uint64_t AnyWord() {
    static constexpr uint32_t kDiscs[] = {
        0,      1,      2,        0x7FFE,     0x7FFF,    0x8000,
        0x8001, 0xFFFD, kMaxDisc, kEmptyDisc, kEmptyDisc};
    const uint32_t disc = Bits() % 4 == 0
                              ? static_cast<uint32_t>(Bits() % 0x10000)
                              : kDiscs[Bits() % std::size(kDiscs)];
    return uint64_t{disc} << kDiscShift | (Bits() & kAddressMask);
  }

  // In order of the slots, as a load in key order leaves them: every second
  // time. Half of these have one word out of its place.
  void FillAtRandom(Block* block) {
    uint64_t words[Block::kSlots];
    for (uint64_t& w : words) w = AnyWord();
    if (Bits() % 2 == 0) {
      std::stable_sort(std::begin(words), std::end(words), DiscBelow);
      if (Bits() % 2 == 0) {
        std::swap(words[Bits() % Block::kSlots], words[Bits() % Block::kSlots]);
      }
    }
    for (int i = 0; i < Block::kSlots; ++i) block->slots[i].Init(words[i]);
  }

  static bool DiscBelow(uint64_t a, uint64_t b) {
    return DiscOf(a) < DiscOf(b);
  }

  std::mt19937_64 random_{test::ProcessSeed()};
};

// Among words of one discriminator any may be the answer.
void CheckNearest(const Nearest& nearest, const std::vector<uint64_t>& words,
                  uint32_t disc) {
  int below = -1;
  int not_below = kEmptyDisc;
  for (uint64_t w : words) {
    const int d = static_cast<int>(DiscOf(w));
    if (DiscOf(w) < disc) below = std::max(below, d);
    if (DiscOf(w) >= disc) not_below = std::min(not_below, d);
  }
  const auto is_one_of_them = [&](uint64_t word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (below < 0) {
    ASSERT_EQ(nearest.below, kNoWord);
  } else {
    ASSERT_EQ(DiscOf(nearest.below), static_cast<uint32_t>(below));
    ASSERT_TRUE(is_one_of_them(nearest.below));
  }
  if (not_below == kEmptyDisc) {
    ASSERT_EQ(nearest.not_below, kNoWord);
  } else {
    ASSERT_EQ(DiscOf(nearest.not_below), static_cast<uint32_t>(not_below));
    ASSERT_TRUE(is_one_of_them(nearest.not_below));
  }
}

TEST_F(ListScanTest, EveryFormGivesTheSameAnswers) {
  int forms = 0;
  for (const BlockScan* const* scan = AvailableBlockScans(); *scan != nullptr;
       ++scan, ++forms) {
    SCOPED_TRACE(forms);
    for (int round = 0; round < 20000; ++round) {
      Block block;
      FillAtRandom(&block);
      std::vector<uint64_t> expected;
      for (auto& slot : block.slots) expected.push_back(slot.LoadRelaxed());
      const uint32_t disc = DiscOf(
          Bits() % 2 == 0 ? AnyWord() : expected[Bits() % expected.size()]);
      Words words;
      const Nearest nearest = (*scan)->load_nearest(block, disc, &words);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), words.slot));
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(words.disc[i], DiscOf(expected[i]));
      }
      CheckNearest(nearest, expected, disc);
      CheckNearest((*scan)->nearest(words, disc), expected, disc);

      const uint32_t count =
          std::min<uint32_t>(Bits() >> (Bits() % 64) & 0x1FFFF, 0x10000 - disc);
      uint32_t slots = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        const uint32_t d = DiscOf(expected[i]);
        slots |= uint32_t{d >= disc && d < disc + count} << i;
      }
      ASSERT_EQ((*scan)->slots_with(words, disc, count), slots);

      SlotOrder order;
      (*scan)->sort(words, &order);
      const bool in_slot_order =
          std::is_sorted(expected.begin(), expected.end(), DiscBelow);
      ASSERT_EQ(in_slot_order, order.in_slot_order);
      if (!in_slot_order) {
        std::reverse(expected.begin(), expected.end());
        std::stable_sort(expected.begin(), expected.end(), DiscBelow);
      }
      const auto filled =
          std::find_if(expected.begin(), expected.end(), IsEmpty);
      ASSERT_EQ(order.count, filled - expected.begin());
      ASSERT_EQ(order.empty, (*scan)->slots_with(words, kEmptyDisc, 1));
      for (int i = 0; i < order.count; ++i) {
        ASSERT_EQ(expected[i], order.WordOf(words, i));
      }
      for (int i = 0; i < Block::kSlots; ++i) {
        const bool tie = i > 0 && i < order.count &&
                         DiscOf(expected[i]) == DiscOf(expected[i - 1]);
        ASSERT_EQ(order.ties >> i & 1, tie ? 1u : 0u);
      }
    }
  }
  EXPECT_GE(forms, 1);
}

TEST_F(ListScanTest, FindsTheFirstEmptySlot) {
  Block block;
  Words words;
  for (int filled = 0; filled <= Block::kSlots; ++filled) {
    LoadWords(block, &words);
    EXPECT_EQ(FirstEmptySlot(words), filled < Block::kSlots ? filled : -1);
    if (filled < Block::kSlots) {
      block.slots[filled].Init(MakeWord(kMaxDisc, &block));
    }
  }
}

}  // namespace
}  // namespace fastskip
