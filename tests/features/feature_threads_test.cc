// SPDX-License-Identifier: Apache-2.0
//
// Any number of threads: four times as many as there are shards, which come
// and go while others are at work, each with many memtables.
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureThreadsTest : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Shards, FeatureThreadsTest,
                         ::testing::Values(1, 4, 16));

constexpr size_t kFamilies = 7;
constexpr int kGenerations = 6;

// What one thread does in its short life; its keys lie among the others'.
void LiveOnce(DbRun& run, int place, int places, int generation,
              size_t operations) {
  Random random(TestSeed() + static_cast<uint64_t>(place * 1000 + generation));
  for (size_t i = 0; i < operations; ++i) {
    const size_t family = Below(random, kFamilies);
    const std::string key =
        Key(Below(random, 500) * static_cast<uint64_t>(places) +
            static_cast<uint64_t>(place));
    if (Below(random, 8) == 0) {
      run.Delete(key, family);
    } else {
      const std::string value = Concat(generation, ".", i);
      run.Put(key, value, family);
      run.Expect(run.Get(key, ReadOptions(), family) == value,
                 "a thread sees what it wrote");
    }
  }
}

void ThreadsComeAndGo(DbRun& run, int places, size_t operations) {
  for (size_t f = 1; f < kFamilies; ++f) {
    run.more_families.push_back(Concat("family", f));
  }
  run.options.write_buffer_size = 64 << 10;
  if (!run.Open()) return;
  OnThreads(places, [&](int place) {
    for (int generation = 0; generation < kGenerations; ++generation) {
      std::thread(LiveOnce, std::ref(run), place, places, generation,
                  operations)
          .join();
    }
  });
  run.NoteContents();
}

TEST_P(FeatureThreadsTest, FourTimesAsManyAsShards) {
  const uint32_t shards = GetParam();
  const int places = static_cast<int>(4 * shards);
  const size_t operations =
      std::max<size_t>(10, Scaled(24000) / kGenerations / (4 * shards));
  TestSeed();
  EXPECT_EQ("", Difference(FastSkipConfig("FastSkip", KeyOrder::kAuto, shards),
                           [places, operations](DbRun& run) {
                             ThreadsComeAndGo(run, places, operations);
                           }));
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
