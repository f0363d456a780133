// SPDX-License-Identifier: Apache-2.0
//
// What the list tells about ranges without reading them: ApproximateCount, and
// RandomEntry.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

class ListRandomEntryTest : public ::testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(All, ListRandomEntryTest,
                         ::testing::ValuesIn(AllModes()),
                         [](const auto& info) { return ModeName(info.param); });

// Every rank range is drawn about as often as any other, and no entry nearly
// always or never.
TEST_P(ListRandomEntryTest, RandomEntryIsRoughlyUniform) {
  constexpr uint64_t kEntries = 10000, kDraws = 200000, kRanges = 20;
  ListFixture fixture(std::get<0>(GetParam()).compare, std::get<1>(GetParam()));
  Random keys = MakeRandom(kEntries);
  for (uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(fixture.list.Insert(fixture.Copy(
        EncodeEntry(BigEndian(keys(), 8) + BigEndian(keys(), 8), i, 1))));
  }
  ASSERT_EQ("", fixture.list.TEST_Validate());
  std::vector<const char*> sorted;
  BlockSkipList::Iterator it(&fixture.list);
  for (it.SeekToFirst(); it.Valid(); it.Next()) sorted.push_back(it.key());
  ASSERT_EQ(kEntries, sorted.size());
  Random random = MakeRandom(1);
  std::vector<uint64_t> drawn(kEntries);
  const auto before = [&](const char* a, const char* b) {
    return fixture.comparator.Compare(a, b) < 0;
  };
  for (uint64_t i = 0; i < kDraws; ++i) {
    const char* entry = fixture.list.RandomEntry(random());
    ASSERT_NE(nullptr, entry);
    const auto at =
        std::lower_bound(sorted.begin(), sorted.end(), entry, before);
    ASSERT_EQ(entry, *at);
    ++drawn[at - sorted.begin()];
  }
  const uint64_t even = kDraws / kRanges;
  for (uint64_t range = 0; range < kRanges; ++range) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < kEntries / kRanges; ++i) {
      sum += drawn[range * (kEntries / kRanges) + i];
    }
    EXPECT_GT(2 * sum, even) << "ranks from " << range << "/" << kRanges;
    EXPECT_LT(sum, 2 * even) << "ranks from " << range << "/" << kRanges;
  }
  const uint64_t never = std::count(drawn.begin(), drawn.end(), 0u);
  EXPECT_LT(never, kEntries / 50);
  EXPECT_LT(*std::max_element(drawn.begin(), drawn.end()),
            20 * kDraws / kEntries);
}

// Random keys at both ends of the range, an ascending load between them, which
// leaves the blocks there half full.
TEST(ListEstimateTest, EstimatesRangesOfUnevenFill) {
  constexpr uint64_t kEnds = 5000, kMiddle = 300000 / kSlowdown;
  ListFixture fixture(CompareBytes, KnownOrder::kBytewise);
  Random random = MakeRandom(3);
  std::vector<std::string> keys;
  for (const char end : {'a', 'z'}) {
    for (uint64_t i = 0; i < kEnds; ++i) {
      keys.push_back(end + BigEndian(random(), 8));
    }
  }
  for (uint64_t i = 0; i < kMiddle; ++i) keys.push_back("m" + BigEndian(i, 8));
  for (uint64_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(
        fixture.list.Insert(fixture.Copy(EncodeEntry(keys[i], i + 1, 1))));
  }
  const std::string from = EncodeEntry("a", 1, 1);
  const std::string to = EncodeEntry("zz", 1, 1);
  uint64_t exact = 0;
  for (const std::string& key : keys) exact += key < "zz";
  const uint64_t counted =
      fixture.list.ApproximateCount(from.data(), to.data());
  EXPECT_GT(counted, exact - exact / 4);
  EXPECT_LT(counted, exact + exact / 4);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
