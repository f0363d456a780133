// SPDX-License-Identifier: Apache-2.0
//
// How full the blocks of the list are under loads that ascend, repeat keys, or
// come in beside such ones.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <cstdio>
#include <string>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

// Sequential keys fill every block: as few blocks as entries need.
TEST(ListFillTest, AscendingKeysFillTheirBlocks) {
  constexpr uint64_t kEntries = 20000;
  ListFixture fixture(CompareBytes, KnownOrder::kBytewise);
  for (uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(
        fixture.list.Insert(fixture.Copy(EncodeEntry(BigEndian(i, 8), 1, 1))));
  }
  ASSERT_EQ("", fixture.list.TEST_Validate());
  const BlockSkipList::Stats stats = fixture.list.GetStats();
  EXPECT_LT(stats.leaf_blocks, kEntries / 11);
  EXPECT_FALSE(stats.uses_labels);
}

// An ascending load below random keys, wherever these happen to lie. A block
// whose keys collide must not be split again at each insert, which would leave
// a block of one entry behind every time.
TEST(ListFillTest, AscendingKeysBelowOthersShareBlocks) {
  constexpr uint64_t kSeeds = 1500, kEnds = 500, kMiddle = 300;
  for (uint64_t seed = 0; seed < kSeeds / kSlowdown; ++seed) {
    CountedList list(KnownOrder::kBytewise);
    Random random(seed);
    for (const char end : {'a', 'z'}) {
      for (uint64_t i = 0; i < kEnds; ++i) {
        list.Insert(end + BigEndian(random(), 8));
      }
    }
    const uint64_t before = list.leaf_blocks();
    for (uint64_t i = 0; i < kMiddle; ++i) list.Insert("m" + BigEndian(i, 8));
    ASSERT_LT(list.leaf_blocks() - before, kMiddle / 8) << "seed " << seed;
  }
}

// Ascending loads in several tables at once, whose keys share more bytes than a
// digest has: every block is filled, and few keys have to be compared. A table
// may begin anywhere in a block of another one.
TEST(ListFillTest, TablesThatAscendFillTheirBlocks) {
  constexpr uint64_t kRows = 2000;
  for (const KnownOrder order : {KnownOrder::kBytewise, KnownOrder::kUnknown}) {
    for (uint64_t tables = 1; tables <= 12; ++tables) {
      CountedList list(order);
      const uint64_t before = TestComparator::calls();
      for (uint64_t row = 0; row < kRows; ++row) {
        for (uint64_t table = 0; table < tables; ++table) {
          list.Insert("shop/table" + BigEndian(table, 1) + "/rows/" +
                      BigEndian(row, 8));
        }
      }
      const double entries = static_cast<double>(kRows * tables);
      const double filled = entries / static_cast<double>(list.leaf_blocks());
      const double comparisons =
          static_cast<double>(TestComparator::calls() - before) / entries;
      std::printf("%s, %llu tables: %.1f entries a leaf, %.1f comparisons\n",
                  KnownOrderName(order),
                  static_cast<unsigned long long>(tables), filled, comparisons);
      EXPECT_GT(filled, 0.8 * Block::kSlots) << tables << " tables";
      EXPECT_LT(comparisons, 25) << tables << " tables";
    }
  }
}

// New versions of one key above a few of another, which tie with one another,
// or above keys that no digest distinguishes: no split may cut off the new ones
// alone, and leave a block that is full again at the next.
TEST(ListFillTest, HotKeysShareBlocks) {
  constexpr uint64_t kOthers = 500, kVersions = 1000;
  for (uint64_t below = 1; below <= 2 * Block::kSlots; ++below) {
    for (const KnownOrder order :
         {KnownOrder::kBytewise, KnownOrder::kUnknown}) {
      for (const bool versions : {false, true}) {
        CountedList list(order);
        Random random(below);
        for (uint64_t i = 0; i < kOthers; ++i) {
          list.Insert("a" + BigEndian(random(), 8));
        }
        for (uint64_t i = 0; i < below; ++i) {
          list.Insert("n1" + std::string(versions ? 0 : i, '\0'));
        }
        const uint64_t before = list.leaf_blocks();
        for (uint64_t i = 0; i < kVersions; ++i) list.Insert("n2");
        ASSERT_LT(list.leaf_blocks() - before, kVersions / 6)
            << below << (versions ? " versions below, " : " keys below, ")
            << KnownOrderName(order);
      }
    }
  }
}

// What comes in beside a run that ascended once, but does not go on it: no
// block may stay full, so that each further insert splits off a block for the
// new entry alone, and none may be split off for a few entries.
struct BesideARun {
  const char* name;
  std::vector<std::string> (*make)();
  bool rising;  // sequence numbers; else all are the same
};
std::string Row(char table, uint64_t row) { return table + BigEndian(row, 8); }

constexpr BesideARun kBesideARun[] = {
    {"DescendingAbove",
     [] {
       std::vector<std::string> keys;
       for (uint64_t i = 1; i <= Block::kSlots; ++i)
         keys.push_back(Row('a', i));
       for (uint64_t i = 1000; i > 0; --i) keys.push_back(Row('b', i));
       return keys;
     },
     true},
    {"VersionsAbove",
     [] {
       std::vector<std::string> keys;
       for (uint64_t i = 0; i < 35 * Block::kSlots; ++i) {
         keys.push_back(Row('a', i));
       }
       keys.resize(keys.size() + 1000, "meta");
       return keys;
     },
     true},
    {"VersionsAboveInTurn",
     [] {
       std::vector<std::string> keys;
       for (uint64_t i = 0; i < 1000; ++i) {
         keys.push_back(Row('a', i));
         keys.push_back("meta");
       }
       return keys;
     },
     true},
    {"DescendingBetween",
     [] {
       std::vector<std::string> keys;
       for (uint64_t i = 0; i < 4000; ++i) keys.push_back(Row('a', 2 * i));
       for (uint64_t i = 4000; i > 0; --i) keys.push_back(Row('a', 2 * i - 1));
       return keys;
     },
     true},
    {"SameSequence",
     [] {
       std::vector<std::string> keys;
       Random random(1);
       for (int i = 0; i < 100; ++i) keys.push_back(Row('b', random()));
       for (uint64_t i = 0; i < 3000; ++i) keys.push_back(Row('a', i));
       return keys;
     },
     false},
};

TEST(ListFillTest, WhatStandsBesideARunSharesBlocks) {
  for (const BesideARun& shape : kBesideARun) {
    for (const KnownOrder order :
         {KnownOrder::kBytewise, KnownOrder::kUnknown, KnownOrder::kNeither}) {
      CountedList list(order);
      const std::vector<std::string> keys = shape.make();
      for (const std::string& key : keys) list.Insert(key, shape.rising);
      const double filled = static_cast<double>(keys.size()) /
                            static_cast<double>(list.leaf_blocks());
      std::printf("%s, %s: %.1f entries a leaf\n", shape.name,
                  KnownOrderName(order), filled);
      EXPECT_GT(filled, 0.4 * Block::kSlots) << shape.name;
    }
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
