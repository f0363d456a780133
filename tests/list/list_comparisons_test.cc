// SPDX-License-Identifier: Apache-2.0
//
// How often an operation of the list calls its comparator.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

// Comparisons allowed per operation: times log2 of the number of entries, and
// per step of an iterator.
constexpr double kPerInsert = 1.5;
constexpr double kPerLookup = 1.5;
constexpr double kPerStep = 3;

// The comparator's calls since there were `before` of them, for each of so many
// operations.
double MeanCallsSince(uint64_t before, uint64_t operations) {
  return static_cast<double>(TestComparator::calls() - before) /
         static_cast<double>(operations);
}

class ListLogarithmTest : public ::testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(All, ListLogarithmTest,
                         ::testing::ValuesIn(AllModes()),
                         [](const auto& info) { return ModeName(info.param); });

// However keys are ordered, an operation compares O(log n) times.
TEST_P(ListLogarithmTest, ComparesLogarithmically) {
  for (const uint64_t count : {uint64_t{1000}, 100000 / kSlowdown}) {
    const uint64_t before_fill = TestComparator::calls();
    ListFixture fixture(std::get<0>(GetParam()).compare,
                        std::get<1>(GetParam()));
    Random random = MakeRandom(count);
    std::vector<const char*> entries;
    for (uint64_t i = 0; i < count; ++i) {
      entries.push_back(fixture.Copy(
          EncodeEntry(BigEndian(random(), 8) + BigEndian(random(), 8), i, 1)));
      ASSERT_TRUE(fixture.list.Insert(entries.back()));
    }
    const double log = std::log2(static_cast<double>(count));
    const double inserts = MeanCallsSince(before_fill, count);
    uint64_t calls = TestComparator::calls();
    for (const char* entry : entries) {
      ASSERT_TRUE(fixture.list.Contains(entry));
    }
    const double contains = MeanCallsSince(calls, count);
    calls = TestComparator::calls();
    for (const char* entry : entries) {
      ASSERT_EQ(entry, fixture.list.FindGreaterOrEqual(entry));
    }
    const double finds = MeanCallsSince(calls, count);
    calls = TestComparator::calls();
    BlockSkipList::Iterator it(&fixture.list);
    uint64_t seen = 0;
    for (it.SeekToFirst(); it.Valid(); it.Next()) ++seen;
    ASSERT_EQ(count, seen);
    const double steps = MeanCallsSince(calls, count);
    calls = TestComparator::calls();
    for (it.SeekToLast(); it.Valid(); it.Prev()) --seen;
    ASSERT_EQ(0u, seen);
    const double back_steps = MeanCallsSince(calls, count);
    std::printf(
        "%s, %llu entries: comparisons per insert %.1f, contains %.1f, "
        "find %.1f, next %.1f, prev %.1f\n",
        ModeName(GetParam()).c_str(), static_cast<unsigned long long>(count),
        inserts, contains, finds, steps, back_steps);
    // Beside the logarithm, one block whose labels have run out.
    EXPECT_LT(inserts, kPerInsert * log + Block::kSlots);
    EXPECT_LT(contains, kPerLookup * log + Block::kSlots);
    EXPECT_LT(finds, kPerLookup * log + Block::kSlots);
    EXPECT_LT(steps, kPerStep);
    EXPECT_LT(back_steps, kPerStep);
    if (std::get<1>(GetParam()) == KnownOrder::kBytewise) {
      // Digests do the work: far fewer comparisons than a binary search.
      EXPECT_LT(finds, 0.5 * log);
    }
  }
}

// Rows that come in nearly in order, above and below others: they form no run,
// and half of each block stays free, but digests distinguish them.
TEST(ListComparisonsTest, TablesThatNearlyAscendCompareFewKeys) {
  constexpr uint64_t kRows = 2000, kTables = 8, kWindow = 8;
  CountedList list(KnownOrder::kUnknown);
  const uint64_t before = TestComparator::calls();
  for (uint64_t row = 0; row < kRows; ++row) {
    for (uint64_t table = 0; table < kTables; ++table) {
      list.Insert("shop/table" + BigEndian(table, 1) + "/rows/" +
                  BigEndian(row / kWindow * kWindow + row * 5 % kWindow, 8));
    }
  }
  const double comparisons = MeanCallsSince(before, kRows * kTables);
  std::printf("%.1f comparisons\n", comparisons);
  EXPECT_LT(comparisons, 18);
}

// The digits at the end of a key distinguish it from its neighbours.
TEST(ListComparisonsTest, NumbersOfAnyLengthCompareFewKeys) {
  constexpr uint64_t kEntries = 20000 / kSlowdown;
  for (const int digits : {8, 9, 10, 12, 16, 20}) {
    CountedList list(KnownOrder::kUnknown);
    const uint64_t before = TestComparator::calls();
    for (uint64_t i = 0; i < kEntries; ++i) {
      const std::string number = std::to_string(i);
      list.Insert("user" + std::string(digits - number.size(), '0') + number);
    }
    EXPECT_LT(TestComparator::calls() - before, 3 * kEntries)
        << digits << " digits";
  }
}

// File paths that are written in their order. What those of a block have in
// common exceeds a digest, so they tie. The block behind it gets labels: a
// lookup makes a binary search there, and a step compares nothing.
TEST(ListComparisonsTest, SortedKeysThatNoDigestResolvesCompareFewKeys) {
  constexpr uint64_t kEntries = 20000 / kSlowdown;
  ListFixture fixture(CompareBytes, KnownOrder::kUnknown);
  Random random = MakeRandom();
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < kEntries; ++i) {
    const uint64_t directory = random.Uniform(300);
    keys.push_back(std::to_string(directory % 17 * 7919) +
                   "/share/of/the/system/" +
                   std::to_string(directory * 104729) +
                   "/and/more/that/is/common/" + std::to_string(random()));
  }
  std::sort(keys.begin(), keys.end());
  uint64_t calls = TestComparator::calls();
  std::vector<const char*> entries;
  for (uint64_t i = 0; i < kEntries; ++i) {
    entries.push_back(fixture.Copy(EncodeEntry(keys[i], i + 1, 1)));
    ASSERT_TRUE(fixture.list.Insert(entries.back()));
  }
  const double inserts = MeanCallsSince(calls, kEntries);
  calls = TestComparator::calls();
  for (const char* entry : entries) {
    ASSERT_EQ(entry, fixture.list.FindGreaterOrEqual(entry));
  }
  const double finds = MeanCallsSince(calls, kEntries);
  calls = TestComparator::calls();
  BlockSkipList::Iterator it(&fixture.list);
  for (it.SeekToFirst(); it.Valid(); it.Next()) continue;
  const double steps = MeanCallsSince(calls, kEntries);
  std::printf("comparisons: insert %.1f, find %.1f, next %.1f\n", inserts,
              finds, steps);
  EXPECT_EQ("", fixture.list.TEST_Validate());
  // Without labels 67, 128 and 11.
  EXPECT_LT(inserts, 25);
  EXPECT_LT(finds, 35);
  EXPECT_LT(steps, 2);
}

enum class Load { kAscending, kDescending, kRunsDescending };

// The comparisons that sorting a block takes whose keys came in that order,
// `run` of them under each discriminator.
uint64_t CallsOfSort(Load load, int run) {
  ListFixture fixture(CompareBytes, KnownOrder::kUnknown);
  const TestComparator comparator(CompareBytes);
  const Ordering ordering(&comparator, KnownOrder::kUnknown,
                          DigestMode::kBothDirections);
  Block block;
  for (int i = 0; i < Block::kSlots; ++i) {
    const int begin = i / run * run;
    const int end = std::min(begin + run, Block::kSlots);
    const int key = load == Load::kAscending    ? i
                    : load == Load::kDescending ? Block::kSlots - 1 - i
                                                : begin + end - 1 - i;
    block.slots[i].Init(
        MakeWord(kMinDisc + key / run,
                 fixture.Copy(EncodeEntry(BigEndian(key, 2), i + 1, 1))));
  }
  SortedWords sorted;
  LoadWords(block, &sorted.words);
  const uint64_t before = TestComparator::calls();
  Sort(ordering, 0, &sorted);
  const uint64_t calls = TestComparator::calls() - before;
  for (int i = 0; i < Block::kSlots; ++i) {
    EXPECT_EQ(BigEndian(i, 2), ParseEntry(EntryOf(sorted.word(i))).user_key);
  }
  return calls;
}

// A load in key order, in either direction, and one that writes some versions
// of a key and goes on to the next, leave ties behind that need not be sorted:
// each is compared with the one before it, and two of a run to see which way it
// goes. (Here keys stand for versions, which are ordered without the
// comparator.)
TEST(ListComparisonsTest, TiesOfALoadInKeyOrderAreComparedOnce) {
  for (const Load load :
       {Load::kAscending, Load::kDescending, Load::kRunsDescending}) {
    for (const int run : {2, 4, 14, Block::kSlots - 1, Block::kSlots}) {
      EXPECT_LE(CallsOfSort(load, run), uint64_t{Block::kSlots})
          << static_cast<int>(load) << ", " << run;
    }
  }
}

// A second table begins behind the first block: the root is planned for what
// goes on there, not only for what that block holds.
TEST(ListComparisonsTest, ARootDistinguishesWhatFollowsTheFirstBlock) {
  ListFixture fixture(CompareBytes, KnownOrder::kUnknown);
  std::vector<const char*> entries;
  const auto insert = [&](const char* table, int count) {
    for (int i = 0; i < count; ++i) {
      char key[16];
      std::snprintf(key, sizeof(key), "%s/%08d", table, i);
      entries.push_back(fixture.Copy(EncodeEntry(key, entries.size() + 1, 1)));
      ASSERT_TRUE(fixture.list.Insert(entries.back()));
    }
  };
  insert("a", Block::kSlots);
  insert("b", 26 * Block::kSlots);
  const uint64_t before = TestComparator::calls();
  for (const char* entry : entries) {
    ASSERT_EQ(entry, fixture.list.FindGreaterOrEqual(entry));
  }
  const double finds = MeanCallsSince(before, entries.size());
  std::printf("%.1f comparisons\n", finds);
  EXPECT_LT(finds, 15);  // 50 where all children of the root tie
}

}  // namespace
}  // namespace test
}  // namespace fastskip
