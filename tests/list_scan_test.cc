// SPDX-License-Identifier: Apache-2.0
//
// Every form of the scan that this processor can run gives the same answers as
// a loop over the words.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "memtablerep/block_scan.h"
#include "tests/list_test_util.h"

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

  void FillAtRandom(Block* block) {
    for (auto& slot : block->slots) slot.store(AnyWord());
  }

  std::mt19937_64 random_{test::ProcessSeed()};
};

void CheckNearest(const Nearest& nearest, const std::vector<uint64_t>& words,
                  uint64_t bound) {
  uint64_t below = kNoWord;
  uint64_t not_below = kNoWord;
  bool any_below = false;
  bool any_not_below = false;
  for (uint64_t w : words) {
    if (w < bound && (!any_below || w > below)) {
      below = w;
      any_below = true;
    }
    if (w >= bound && (!any_not_below || w < not_below)) {
      not_below = w;
      any_not_below = true;
    }
  }
  ASSERT_EQ(nearest.below, below);
  ASSERT_EQ(nearest.not_below, not_below);
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
      for (auto& slot : block.slots) expected.push_back(slot.load());
      const uint64_t bound =
          Bits() % 2 == 0 ? AnyWord() : expected[Bits() % expected.size()];
      Words words;
      const Nearest nearest = (*scan)->load_nearest(block, bound, &words);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), words.slot));
      CheckNearest(nearest, expected, bound);
      CheckNearest((*scan)->nearest(words, bound), expected, bound);

      const uint64_t length = Bits() >> (Bits() % 64);
      uint32_t in_range = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        in_range |= uint32_t{expected[i] - bound < length} << i;
      }
      ASSERT_EQ((*scan)->in_range(words, bound, length), in_range);
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
      block.slots[filled].store(MakeWord(kMaxDisc, &block));
    }
  }
}

}  // namespace
}  // namespace fastskip
