// SPDX-License-Identifier: Apache-2.0
//
// What a list under KnownOrder::kUnknown finds out about its comparator:
// whether it orders as bytes do, as the reverse of them, or otherwise.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

// A bytewise order never looks like another one.
TEST(ListComparatorTest, BytewiseOrderNeverSwitchesToLabels) {
  for (const KeyShape& shape : kKeyShapes) {
    Random random = MakeRandom();
    ListFixture fixture(CompareBytes, KnownOrder::kUnknown);
    EntryStore store;
    for (uint64_t i = 0; i < 5000; ++i) {
      const ShapedKey key = shape.make(random, i, 5000);
      fixture.list.Insert(store.Add(key.user_key, key.sequence));
    }
    EXPECT_FALSE(fixture.list.GetStats().uses_labels) << shape.name;
  }
}

// Comparator calls per insert of entries number `from` to `count`, which
// `make(random, i, count)` returns, into a list under KnownOrder::kUnknown.
// Expects that it keeps its digests.
template <typename Make>
double ComparisonsOf(UserCompare compare, uint64_t count, const Make& make,
                     uint64_t from = 0) {
  Random random = MakeRandom();
  ListFixture fixture(compare, KnownOrder::kUnknown);
  EntryStore store;
  uint64_t before = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (i == from) before = TestComparator::calls();
    const ShapedKey key = make(random, i, count);
    fixture.list.Insert(store.Add(key.user_key, key.sequence));
  }
  const uint64_t calls = TestComparator::calls() - before;
  EXPECT_FALSE(fixture.list.GetStats().uses_labels);
  EXPECT_EQ("", fixture.list.TEST_Validate());
  return static_cast<double>(calls) / static_cast<double>(count - from);
}

// The reverse of the bytewise order uses digests as well, and calls the
// comparator about as often as the bytewise order. The bound for each shape is
// wide because the count depends on the seed where many keys tie: of 80 seeds,
// Padded gave up to 2.3 times as many comparisons, Zipf 2.5 times.
TEST(ListComparatorTest, ReverseOrderComparesAsFewKeys) {
  double logs = 0;
  int shapes = 0;
  for (const KeyShape& shape : kKeyShapes) {
    // In reverse order these descend side by side: see DESIGN.md, Known
    // weaknesses.
    const std::string name = shape.name;
    if (name == "AscendingTables" || name == "Clustered") continue;
    SCOPED_TRACE(shape.name);
    const double bytewise = ComparisonsOf(CompareBytes, 5000, shape.make);
    const double reverse = ComparisonsOf(CompareReverse, 5000, shape.make);
    std::printf("%s: %.1f and %.1f comparisons\n", shape.name, bytewise,
                reverse);
    EXPECT_LT(reverse, 4 * bytewise + 2);
    logs += std::log(reverse / bytewise);
    ++shapes;
  }
  const double mean = std::exp(logs / shapes);
  std::printf("geometric mean: %.2f times as many\n", mean);
  EXPECT_LT(mean, 1.6);
}

// Files of 300 directories, whose names share more bytes than a digest holds:
// in a block that spans several, all files of one tie.
ShapedKey FileOfManyDirectories(Random& random, uint64_t i, uint64_t) {
  const uint64_t directory = random.Uniform(300);
  const std::string group = std::to_string(directory % 17 * 7919);
  const std::string name = std::to_string(directory * 104729);
  return {group + "/share/of/the/system/" + name + "/and/more/that/is/common/" +
              std::to_string(random()),
          i + 1};
}

// Such blocks get labels, for a binary search; of 60 seeds all made fewer than
// 27 comparisons, and with labels from sixteen comparisons on, none fewer than
// 33.
TEST(ListComparatorTest, KeysThatNoDigestResolvesAreSearchedByLabels) {
  const double comparisons =
      ComparisonsOf(CompareBytes, 20000, FileOfManyDirectories, 10000);
  std::printf("%.1f comparisons\n", comparisons);
  EXPECT_LT(comparisons, 30);
}

// Entries of six indexes, by a column that ascends in each, and a row.
ShapedKey AscendingIndexes(Random& random, uint64_t i, uint64_t) {
  constexpr uint64_t kIndexes = 6;
  return {BigEndian(256 + i % kIndexes, 4) + BigEndian(i / kIndexes, 8) +
              BigEndian(random.Uniform(1000), 4),
          i + 1};
}

// The column grows beyond what it was when the index blocks were planned. Of 12
// seeds all made fewer than 8.4 comparisons an insert; where a number is
// expected to double at most, none of 14 fewer than 12.7.
TEST(ListComparatorTest, NumbersMayGrow) {
  const double comparisons =
      ComparisonsOf(CompareBytes, 200000, AscendingIndexes);
  std::printf("%.2f comparisons\n", comparisons);
  EXPECT_LT(comparisons, 10);
}

// As BytewiseComparatorWithU64Ts(): the last eight bytes, greatest first.
int CompareWithTimestamps(std::string_view a, std::string_view b) {
  const size_t x = std::max<size_t>(a.size(), 8) - 8;
  const size_t y = std::max<size_t>(b.size(), 8) - 8;
  const int c = a.substr(0, x).compare(b.substr(0, y));
  return c != 0 ? c : b.substr(y).compare(a.substr(x));
}

// The first full block shows whether digests ascend or descend. No later state
// of that block may overrule it; where it was wrong, the list inverts its
// digests instead of giving them up. Only the last quarter of inserts is
// counted: before that, an index block that the first keys have misled may not
// be full, and keeps its encoding.
TEST(ListComparatorTest, TheFirstBlockMayMislead) {
  const auto any = [](Random& random) { return BigEndian(random(), 8); };
  // Forward, but the first keys differ in their timestamps only.
  const double forward = ComparisonsOf(
      CompareWithTimestamps, 40000,
      [&](Random& random, uint64_t i, uint64_t) -> ShapedKey {
        const std::string key = i < 400 ? "the first key." : any(random);
        return {key + BigEndian(i, 8), i + 1};
      },
      30000);
  EXPECT_LT(forward, 10);
  // Reverse; then the first block comes to hold one key only, whose versions no
  // encoding tells apart.
  const double reverse = ComparisonsOf(
      CompareReverse, 40000,
      [&](Random& random, uint64_t i, uint64_t) -> ShapedKey {
        const std::string one(80, 'z');
        if (i < 100) return {i < 28 && i % 2 == 0 ? "a" : one, i + 1};
        return {any(random) + any(random), i + 1};
      },
      30000);
  EXPECT_LT(reverse, 10);
}

// The list notices an order that digests contradict, though it looks bytewise
// for a long time.
TEST(ListComparatorTest, ContradictingOrderSwitchesToLabels) {
  Random random = MakeRandom();
  ListFixture fixture(CompareWithZFirst, KnownOrder::kUnknown);
  EntryStore store;
  const auto insert = [&](const char* prefix, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = prefix + std::to_string(random());
      ASSERT_TRUE(fixture.list.Insert(store.Add(key, 1)));
    }
  };
  insert("", 5000);
  EXPECT_FALSE(fixture.list.GetStats().uses_labels);
  insert("5z", 1);
  EXPECT_TRUE(fixture.list.GetStats().uses_labels);
  insert("z", 5000);
  EXPECT_EQ("", fixture.list.TEST_Validate());
}

// A lookup, alone or in a batch, notices it as well.
TEST(ListComparatorTest, LookupsNoticeAContradictingOrder) {
  Random random = MakeRandom();
  for (const bool batch : {false, true}) {
    ListFixture fixture(CompareWithZFirst, KnownOrder::kUnknown);
    EntryStore store;
    std::vector<std::string> keys;
    for (int i = 0; i < 5000; ++i) {
      keys.push_back(std::to_string(random()));
      ASSERT_TRUE(fixture.list.Insert(store.Add(keys.back(), 1)));
    }
    const std::string first = *std::min_element(keys.begin(), keys.end());
    // Above all of them by bytes, below all of them to the comparator.
    const char* const targets[] = {store.Add(keys[7], 1), store.Add("z", 1),
                                   store.Add(keys[8], 1)};
    const char* found[3];
    if (batch) {
      fixture.list.FindGreaterOrEqual(targets, 3, found);
    } else {
      for (int i = 0; i < 3; ++i) {
        found[i] = fixture.list.FindGreaterOrEqual(targets[i]);
      }
    }
    EXPECT_EQ(keys[7], ParseEntry(found[0]).user_key);
    ASSERT_NE(nullptr, found[1]) << batch;
    EXPECT_EQ(first, ParseEntry(found[1]).user_key) << batch;
    EXPECT_EQ(keys[8], ParseEntry(found[2]).user_key);
    EXPECT_TRUE(fixture.list.GetStats().uses_labels);
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
