// SPDX-License-Identifier: Apache-2.0
// Block slots: 2 3 4
//
// Every schedule of small scenarios with at most so many preemptions as make
// about 100,000 schedules (FASTSKIP_TEST_PERCENT: of these, or above 100, of
// 200,000; FASTSKIP_SCHEDULE_PREEMPTIONS: so many at any rate), and random
// schedules of larger ones. FASTSKIP_SCHEDULE="A17 B3" repeats one schedule of
// the tests that a filter selects and prints its steps.
//
// AddressSanitizer sees nothing in the one piece of memory that the schedules
// use again and again; ThreadSanitizer sees missing acquires and releases.
// Sanitizers: thread

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"
#include "tests/schedule/list_program.h"
#include "tests/schedule/scheduler.h"

extern "C" void FastskipTestStep() {
  fastskip::schedule::Step(__builtin_return_address(0));
}

namespace fastskip {
namespace test {
namespace {

using schedule::Keys;
using schedule::ListProgram;
using schedule::operator+;
using schedule::Result;
using schedule::Scenario;

constexpr int kSlots = FASTSKIP_BLOCK_SLOTS;
// A race shows in any schedule in which its two accesses meet.
constexpr uint64_t kFewer = kSlowdown == 1 ? 1 : 100;

// --- Keys ------------------------------------------------------------------

std::string PlainKey(int key) {
  char text[16];
  std::snprintf(text, sizeof(text), "key%05d", key);
  return text;
}
uint64_t SameSequence(int) { return 7; }

// Rising with the keys, but for those from 900 on, which are older.
uint64_t RisingSequence(int key) { return key % 900; }

// Versions of one key, the newest first.
std::string HotKey(int) { return "the hot key"; }
uint64_t FallingSequence(int key) { return 100000 - key; }

// Keys below 100 lie far apart; those above have one long prefix, among them.
// Where both kinds meet, discriminators distinguish the first only.
std::string FarAndNearKey(int key) {
  if (key < 100) return BigEndian(static_cast<uint64_t>(key) << 56, 8);
  return std::string(12, '\x30') + BigEndian(key, 2);
}

// Those below 20 differ in the NULs at their end alone, which no digest tells.
std::string PaddedOrPlainKey(int key) {
  return key < 20 ? "k" + std::string(key, '\0') : PlainKey(key);
}

// Digests follow the order of these until one with a 'z' comes: from 500 on.
std::string KeyWithZ(int key) {
  return PlainKey(key) + (key >= 500 ? "z" : "");
}

// Two numbers that differ by 1000 are one key, but for the case of its letters.
std::string MixedCaseKey(int key) {
  std::string text = PlainKey(key % 1000);
  if (key >= 1000) text[0] = 'K';
  return text;
}

// --- Running ----------------------------------------------------------------

void Report(const Scenario& scenario, const char* how, const Result& result) {
  std::printf("%s, %s, %d slots, %s: %llu schedules of up to %llu steps\n",
              scenario.name, KnownOrderName(scenario.order), kSlots, how,
              static_cast<unsigned long long>(result.schedules),
              static_cast<unsigned long long>(result.most_steps));
  std::fflush(stdout);
  EXPECT_EQ("", result.failure) << scenario.name << ", " << kSlots << " slots, "
                                << KnownOrderName(scenario.order);
}

// As many preemptions as the time allows, two at least for most scenarios; in a
// normal run, variants of a scenario share its time.
void RunAll(const Scenario& scenario, uint64_t variants = 1) {
  ListProgram program(scenario);
  if (schedule::RepeatGiven(&program, scenario.name)) return;
  // What kBytewise leaves out of kUnknown is checks; the steps are the same.
  const uint64_t normal =
      scenario.order == KnownOrder::kBytewise ? 20000 : 100000;
  const uint64_t limit = TestPercent() > 100 ? 2 * normal : normal / variants;
  const char* given = std::getenv("FASTSKIP_SCHEDULE_PREEMPTIONS");
  const Result result =
      given != nullptr ? schedule::Explore(&program, std::atoi(given))
                       : schedule::Explore(
                             &program, 4, limit * TestPercent() / 100 / kFewer);
  Report(
      scenario,
      ("all of " + std::to_string(result.preemptions) + " preemptions").c_str(),
      result);
}

void RunSome(const Scenario& scenario, uint64_t schedules) {
  ListProgram program(scenario);
  if (schedule::RepeatGiven(&program, scenario.name)) return;
  for (const int changes : {1, 2, 3, 5, 9}) {
    const uint64_t seed = MakeRandom(changes)();
    const Result result = schedule::Sample(
        &program, schedules * TestPercent() / 100 / kFewer / 5, changes, seed);
    Report(scenario,
           ("priorities, seed " + std::to_string(ProcessSeed())).c_str(),
           result);
    if (::testing::Test::HasFailure()) return;
  }
}

// A scenario under bytewise order, for every way to treat it.
class BytewiseScheduleTest : public ::testing::TestWithParam<KnownOrder> {
 protected:
  Scenario Plain(const char* name, std::vector<int> setup,
                 std::vector<std::string> threads) {
    return {name,         CompareBytes,     GetParam(),        PlainKey,
            SameSequence, std::move(setup), std::move(threads)};
  }

  // A full leaf of keys that lie far apart, and above it one of keys that its
  // discriminators would not distinguish.
  Scenario FarAndNear(const char* name, std::vector<std::string> threads) {
    Scenario scenario = Plain(name, Keys(1, kSlots, 40) + Keys(200, kSlots, 10),
                              std::move(threads));
    scenario.user_key = FarAndNearKey;
    return scenario;
  }
};
INSTANTIATE_TEST_SUITE_P(All, BytewiseScheduleTest,
                         ::testing::Values(KnownOrder::kUnknown,
                                           KnownOrder::kBytewise,
                                           KnownOrder::kNeither),
                         [](const auto& info) {
                           return KnownOrderName(info.param);
                         });

// Leaves of ascending keys are full but for the last.
std::vector<int> FullLeaves(int leaves) {
  return Keys(100, leaves * kSlots, 10);
}

TEST_P(BytewiseScheduleTest, FirstInserts) {
  RunAll(Plain("FirstInserts", {}, {"i1 i2", "i2 i1", "i1 f0"}));
}

TEST_P(BytewiseScheduleTest, FirstDuplicates) {
  RunAll(Plain("FirstDuplicates", {}, {"i1 c1", "i1 i2", "i1 f0"}));
}

TEST_P(BytewiseScheduleTest, FirstSplit) {
  RunAll(Plain("FirstSplit", Keys(100, kSlots - 1, 10),
               {"i105 i95", "i95 i108", "i105"}));
}

TEST_P(BytewiseScheduleTest, DuplicatesAcrossMedianSplit) {
  RunAll(Plain("DuplicatesAcrossMedianSplit", FullLeaves(1),
               {"i105", "i105", "i106"}));
}

// An insert stalls with the word of an empty slot in hand; the slot is filled,
// the block split, the slot empty again, and the key inserted by another.
TEST_P(BytewiseScheduleTest, StalledInsert) {
  std::vector<int> setup = FullLeaves(1) + std::vector<int>{104};
  RunAll(Plain("StalledInsert", setup, {"i102", "i101 i103 i102"}));
}

TEST_P(BytewiseScheduleTest, AppendSplit) {
  RunAll(Plain("AppendSplit", FullLeaves(2), {"i900", "i901 i899", "i900"}));
}

// Keys that ascend below others.
TEST_P(BytewiseScheduleTest, AppendSplitBelowOthers) {
  Scenario scenario =
      Plain("AppendSplitBelowOthers", std::vector<int>{900} + FullLeaves(1),
            {"i400 i401 i402", "i400 i399 f401"});
  scenario.sequence = RisingSequence;
  RunAll(scenario);
}

TEST_P(BytewiseScheduleTest, AppendersAndReaders) {
  RunAll(Plain("AppendersAndReaders", FullLeaves(1),
               {"i900 i901 i902", "f899 c900 f901", "L"}));
}

// Inserts right behind the finger's last one, beside others that end there.
TEST_P(BytewiseScheduleTest, AppendersWithFingers) {
  RunAll(Plain("AppendersWithFingers", FullLeaves(1),
               {"g900 g904 g902", "g901 g903", "i899"}));
  RunAll(Plain("AppendersWithFingers", {},
               {"g900 g901 g902 g904", "i903 g901 f902"}));
}

// The leaf is filled right behind the finger's last one, and what follows is
// appended, while others split it, append to it, and grow the level above.
TEST_P(BytewiseScheduleTest, AppendsBehindAFinger) {
  RunAll(Plain("AppendsBehindAFinger", FullLeaves(1),
               {"g900 g901 g902 g903 g904", "i850 i851 i852 i910"}));
  RunAll(Plain("AppendsBehindAFingerInTheHead", {},
               {"g100 g110 g120 g130 g140 g150", "i105 i115 i125"}));
  RunAll(Plain("AppendsBehindTwoFingers", {},
               {"g100 g110 g120 g130 g140", "g105 g115 g135 g155"}));
  RunAll(Plain("AppendsBelowAParent", FullLeaves(kSlots - 1),
               {"g900 g901 g902 g903 g904", "i890 i891 i892", "f901"}));
}

TEST_P(BytewiseScheduleTest, AppendsBehindAFingerWithoutMemory) {
  for (int chunks = 0; chunks < 4; ++chunks) {
    Scenario scenario =
        Plain("AppendsBehindAFingerWithoutMemory", FullLeaves(2),
              {"g900 g901 g902 g903 g904", "i104 g910 g911 g902"});
    scenario.chunks_left = chunks;
    RunAll(scenario);
  }
}

// The block is full again before the insert that split it comes back to it.
TEST_P(BytewiseScheduleTest, TwoSplitsOfOneInsert) {
  const int low = 100 + (kSlots * kSlots - kSlots) * 10;
  const auto insert = [&](int i) {
    return "i" + std::to_string(low + i) + " ";
  };
  RunAll(Plain("TwoSplitsOfOneInsert", FullLeaves(kSlots),
               {insert(2), insert(5) + insert(6)}));
}

// One writer, as RocksDB's InsertKey has it, which stores where others compare
// and swap; readers run beside it.
TEST_P(BytewiseScheduleTest, LoneWriter) {
  RunAll(Plain("LoneWriterInOrder", FullLeaves(1),
               {"a900 a901 i902 a903 a899", "f899 c901", "L"}));
  RunAll(Plain("LoneWriterDuringReads", FullLeaves(2),
               {"a105 a104 a106 a105", "f105 c104", "F"}));
  RunAll(Plain("LoneWriterDuringWalks", FullLeaves(2),
               {"a105 a104 a106", "~104", "L"}));
  Scenario versions = Plain("LoneWriterOfVersions", FullLeaves(1),
                            {"a99 a98 a97 a105", "f97 c99", "F"});
  versions.user_key = HotKey;
  versions.sequence = FallingSequence;
  RunAll(versions);
}

// The first head has labels, and is replaced by one of digests when it is full.
TEST_P(BytewiseScheduleTest, ReplacedHead) {
  RunAll(Plain("ReplacedHead", Keys(150, kSlots, 10),
               {"i145 i144", "i146 i155 f144", "F"}));
  RunAll(Plain("ReplacedHead", Keys(150, kSlots, 10),
               {"i145 i144 i143", "h146 h145", "L"}));
}

// Labels are used up below, and so are the heads of the levels above.
// (ThreadSanitizer, for which each step of the setup costs microseconds, gets
// the shortest setup alone.)
TEST_P(BytewiseScheduleTest, DescendingInserts) {
  constexpr int kSetups = kFewer == 1 ? 5 : 1;
  for (int i = 0; i < kSetups; ++i) {
    RunAll(Plain("DescendingInserts", Keys(200, 22 + 3 * i, -1),
                 {"i110 i109", "g108 g107 i110", "f108"}),
           kSetups);
  }
}

TEST_P(BytewiseScheduleTest, SplitBetweenNeighbours) {
  RunAll(
      Plain("SplitBetweenNeighbours", FullLeaves(3), {"i115", "i116", "i115"}));
}

TEST_P(BytewiseScheduleTest, RootGrowth) {
  RunAll(Plain("RootGrowth", FullLeaves(1), {"i105 i95", "i101 i102"}));
}

// The index is full: a post splits it and grows the root.
TEST_P(BytewiseScheduleTest, IndexSplit) {
  RunAll(Plain("IndexSplit", FullLeaves(kSlots), {"i105", "i115"}));
}

// A block is split several times before the post of the first of them goes on.
TEST_P(BytewiseScheduleTest, StalledPost) {
  RunAll(Plain("StalledPost", FullLeaves(1),
               {"i101", "i109 i108 i107 i106 i105 i104 i103 i102"}));
}

TEST_P(BytewiseScheduleTest, StalledPostOfAFinger) {
  RunAll(Plain("StalledPostOfAFinger", FullLeaves(3),
               {"g110 g110 g111", "i119 i118 i117 i116 i115 i114 i113 i112"}));
}

TEST_P(BytewiseScheduleTest, StalledPostOfAHint) {
  RunAll(Plain("StalledPostOfAHint", FullLeaves(2) + Keys(101, 2, 1),
               {"h108 h103", "i107 i106 i105 i104 i102 h109"}));
}

TEST_P(BytewiseScheduleTest, LookUpsDuringSplits) {
  RunAll(Plain("LookUpsDuringSplits", FullLeaves(2),
               {"i105 i104", "f105 f101 c110"}));
}

TEST_P(BytewiseScheduleTest, LookUpsThenAScan) {
  RunAll(Plain("LookUpsThenAScan", FullLeaves(1), {"i105", "f101 >101"}));
}

// The second scan's view may show the later of two inserts alone, which the
// order that the first one has saved lacks.
TEST_P(BytewiseScheduleTest, ScansOnASavedOrder) {
  RunAll(Plain("ScansOnASavedOrder", {103, 105}, {"i102 i101", ">103 >103"}));
}

// A view from before an insert meets the order of the block behind it.
TEST_P(BytewiseScheduleTest, OlderViewThanASavedOrder) {
  RunAll(
      Plain("OlderViewThanASavedOrder", {103, 105}, {"i104", ">103", ">103"}));
}

// Labels are searched in the block itself. There an insert fills the open slot,
// or a split empties slots for others while the search goes on.
TEST_P(BytewiseScheduleTest, LookUpsOnASavedOrder) {
  RunAll(Plain("LookUpsOnASavedOrder", Keys(101, kSlots - 1, 2),
               {"i107 i106 i102", "f103 f105 f107"}));
}

TEST_P(BytewiseScheduleTest, MoveRight) {
  RunAll(
      Plain("MoveRight", FullLeaves(1), {"i105 i106 i107", "f106 c105 i107"}));
}

TEST_P(BytewiseScheduleTest, ForwardsDuringSplits) {
  RunAll(Plain("ForwardsDuringSplits", FullLeaves(2), {"i105 i104 i106", "F"}));
}

TEST_P(BytewiseScheduleTest, BackwardsDuringSplits) {
  RunAll(
      Plain("BackwardsDuringSplits", FullLeaves(2), {"i105 i104 i106", "L"}));
}

TEST_P(BytewiseScheduleTest, SeekForwardsDuringSplits) {
  RunAll(Plain("SeekForwardsDuringSplits", FullLeaves(1),
               {"i105 i104 i102", ">103"}));
}

TEST_P(BytewiseScheduleTest, SeekBackwardsDuringSplits) {
  RunAll(Plain("SeekBackwardsDuringSplits", FullLeaves(1),
               {"i105 i104 i102", "<107"}));
}

TEST_P(BytewiseScheduleTest, ToAndFroDuringSplits) {
  RunAll(
      Plain("ToAndFroDuringSplits", FullLeaves(1), {"i105 i104 i103", "~104"}));
}

// A block with more than one empty slot, with four slots.
TEST_P(BytewiseScheduleTest, InsertsAheadOfIterators) {
  RunAll(Plain("InsertsAheadOfIterators", {100, 110},
               {"i115 i113 i105", ">100", "i107 i112"}));
}

TEST_P(BytewiseScheduleTest, EstimatesDuringSplits) {
  RunAll(
      Plain("EstimatesDuringSplits", FullLeaves(1), {"i105 i104", "n100 r"}));
}

TEST_P(BytewiseScheduleTest, Versions) {
  Scenario scenario =
      Plain("Versions", FullLeaves(1), {"i105 i104", "i104 f104"});
  scenario.user_key = HotKey;
  scenario.sequence = FallingSequence;
  RunAll(scenario);
}

TEST_P(BytewiseScheduleTest, VersionsAtTheFront) {
  Scenario scenario =
      Plain("VersionsAtTheFront", FullLeaves(2), {"i99 i98", "i97 i98", "F"});
  scenario.user_key = HotKey;
  scenario.sequence = FallingSequence;
  RunAll(scenario);
}

// Blocks whose discriminators do not distinguish the new keys.
TEST_P(BytewiseScheduleTest, LowSplit) {
  RunAll(FarAndNear("LowSplit", {"i205 i204", "i206 i205 f205"}));
}

// What has moved, and what has not, tie with the bound between them.
TEST_P(BytewiseScheduleTest, ForwardsThroughTies) {
  RunAll(FarAndNear("ForwardsThroughTies", {"i205 i204 i206", "F"}));
}

TEST_P(BytewiseScheduleTest, LowSplitOfTheHead) {
  Scenario scenario =
      Plain("LowSplitOfTheHead", {200}, {"i201 i202 i90", "i202 i203", "F"});
  scenario.user_key = FarAndNearKey;
  RunAll(scenario);
}

// A block of labels, not the first, that can give its greater keys to one of
// digests and keeps its low.
TEST_P(BytewiseScheduleTest, LowSplitBelowANeighbour) {
  Scenario scenario = Plain(
      "LowSplitBelowANeighbour",
      Keys(1, kSlots + 1, 1) + Keys(100, kSlots - 1, 10) + Keys(900, 1, 1),
      {"i99 i98", "i97", "f99 c100"});
  scenario.user_key = PaddedOrPlainKey;
  RunAll(scenario);
}

// The same place again and again: labels run out of gaps.
TEST_P(BytewiseScheduleTest, NarrowingGap) {
  std::vector<int> setup = {100, 200};
  for (int i = 0; i < 20; ++i) setup.push_back(150 - i);
  RunAll(Plain("NarrowingGap", setup, {"i130", "i130", "f127"}));
}

// A lookup whose scan lasts across two splits of its block: it has seen what
// moved with the first, and the bound of the second ties with that.
TEST_P(BytewiseScheduleTest, LookUpAcrossTwoSplits) {
  Scenario scenario =
      Plain("LookUpAcrossTwoSplits", {3, 7, 5, 4, 6, 900, 120, 9},
            {"f100", "i10 i110 i12"});
  scenario.user_key = PaddedOrPlainKey;
  RunAll(scenario);
}

TEST_P(BytewiseScheduleTest, OutOfMemory) {
  constexpr int kVariants = 4;
  for (int chunks = 0; chunks < kVariants; ++chunks) {
    // As many keys as leave the first chunk nearly full.
    Scenario scenario = Plain("OutOfMemory", FullLeaves(3),
                              {"i105 i106 i107 i108 i125 i126",
                               "i104 i103 i127 i105 i900 i901 i902 i903"});
    scenario.chunks_left = chunks;
    RunAll(scenario, kVariants);
  }
}

// --- Orders that digests contradict -----------------------------------------

Scenario WithZFirst(const char* name, std::vector<int> setup,
                    std::vector<std::string> threads) {
  return {name,         CompareWithZFirst, KnownOrder::kUnknown, KeyWithZ,
          SameSequence, std::move(setup),  std::move(threads)};
}

TEST(OtherOrderScheduleTest, SwitchToLabels) {
  RunAll(WithZFirst("SwitchToLabels", Keys(100, 3 * kSlots, 10),
                    {"i105", "i500 i103 f100"}));
}

TEST(OtherOrderScheduleTest, SwitchWithFingers) {
  RunAll(WithZFirst("SwitchWithFingers", Keys(100, kSlots, 10),
                    {"g300 g301 g302", "g303 g500 g304", "i501 f301"}));
}

TEST(OtherOrderScheduleTest, SwitchAndDuplicates) {
  RunAll(WithZFirst("SwitchAndDuplicates", Keys(100, 2 * kSlots, 10),
                    {"i105", "i501", "i105"}));
}

TEST(OtherOrderScheduleTest, SwitchAndIterators) {
  for (const char* walk : {"F", "L", "~110", "<501", ">105"}) {
    RunAll(WithZFirst("SwitchAndIterators", Keys(100, 2 * kSlots, 10),
                      {"i501 i502 i105 i503", walk}));
  }
}

Scenario Reverse(const char* name, KnownOrder order, std::vector<int> setup,
                 std::vector<std::string> threads) {
  return {name,
          CompareReverse,
          order,
          PlainKey,
          SameSequence,
          std::move(setup),
          std::move(threads)};
}

TEST(OtherOrderScheduleTest, ReverseUnderAuto) {
  RunAll(Reverse("ReverseUnderAuto", KnownOrder::kUnknown,
                 Keys(100, kSlots, 10),
                 {"i105 i104", "i105 i106", "i103 f110"}));
}

TEST(OtherOrderScheduleTest, KnownReverse) {
  RunAll(Reverse("KnownReverse", KnownOrder::kReverse,
                 Keys(100, 2 * kSlots, 10),
                 {"i105 i104", "i105 f106", "i95 i94 f96"}));
}

TEST(OtherOrderScheduleTest, EqualInOtherCase) {
  RunAll({"EqualInOtherCase",
          CompareIgnoringCase,
          KnownOrder::kUnknown,
          MixedCaseKey,
          SameSequence,
          Keys(100, 2 * kSlots, 10),
          {"i105", "i1105 i104", "i1105"}});
}

// --- An operation or two in each of three threads ---------------------------
//
// Small enough for every schedule of three preemptions, at any number of slots.

TEST_P(BytewiseScheduleTest, ThreeAtRootGrowth) {
  RunAll(Plain("ThreeAtRootGrowth", FullLeaves(1), {"i105", "i95", "f105"}));
}

TEST_P(BytewiseScheduleTest, ThreeAtIndexSplit) {
  RunAll(
      Plain("ThreeAtIndexSplit", FullLeaves(kSlots), {"i105", "i115", "f115"}));
}

TEST_P(BytewiseScheduleTest, ThreeThatMoveRight) {
  RunAll(Plain("ThreeThatMoveRight", FullLeaves(2), {"i105", "i106", "c106"}));
}

TEST_P(BytewiseScheduleTest, ThreeWithAStalledInsert) {
  const std::vector<int> setup = FullLeaves(1) + std::vector<int>{104};
  RunAll(
      Plain("ThreeWithAStalledInsert", setup, {"i102", "i101 i103", "i102"}));
}

TEST_P(BytewiseScheduleTest, ThreeAtAppendSplit) {
  RunAll(Plain("ThreeAtAppendSplit", FullLeaves(1), {"i900", "i901", "f900"}));
}

TEST_P(BytewiseScheduleTest, ThreeWithSeekForwards) {
  RunAll(
      Plain("ThreeWithSeekForwards", FullLeaves(1), {"i105", "i103", ">102"}));
}

TEST_P(BytewiseScheduleTest, ThreeWithSeekBackwards) {
  RunAll(
      Plain("ThreeWithSeekBackwards", FullLeaves(1), {"i105", "i103", "<107"}));
}

TEST_P(BytewiseScheduleTest, ThreeWithForwards) {
  RunAll(Plain("ThreeWithForwards", FullLeaves(1), {"i105", "i106", "F"}));
}

TEST_P(BytewiseScheduleTest, ThreeWithBackwards) {
  RunAll(Plain("ThreeWithBackwards", FullLeaves(1), {"i105", "i106", "L"}));
}

TEST_P(BytewiseScheduleTest, ThreeAtLowSplit) {
  RunAll(FarAndNear("ThreeAtLowSplit", {"i205", "i206", "f205"}));
}

TEST(OtherOrderScheduleTest, ThreeAtSwitchToLabels) {
  RunAll(WithZFirst("ThreeAtSwitchToLabels", Keys(100, 2 * kSlots, 10),
                    {"i105", "i500", "f100"}));
}

// --- Random schedules of more ------------------------------------------------

TEST_P(BytewiseScheduleTest, RandomManyThreads) {
  RunSome(Plain("RandomManyThreads", Keys(100, kSlots, 10),
                {"i105 i104 g103 g102", "i104 i106 h107", "i105 i106 i108",
                 "F f105", "L <106", "i109 i101 c105 >104"}),
          20000);
}

TEST_P(BytewiseScheduleTest, RandomManyInserts) {
  std::vector<std::string> threads(4);
  Random random = MakeRandom();
  for (int i = 0; i < 60; ++i) {
    const char letter = "iiiigghhfc"[random.Uniform(10)];
    threads[i % 4] += letter + std::to_string(100 + random.Uniform(40)) + " ";
  }
  Scenario scenario = Plain("RandomManyInserts", {}, threads);
  RunSome(scenario, 5000);
}

TEST(OtherOrderScheduleTest, RandomSwitch) {
  std::vector<std::string> threads(4);
  Random random = MakeRandom();
  for (int i = 0; i < 40; ++i) {
    const uint64_t key =
        random.OneIn(5) ? 500 + random.Uniform(10) : 100 + random.Uniform(30);
    threads[i % 4] += "iiighfc~"[random.Uniform(8)] + std::to_string(key) + " ";
  }
  RunSome(WithZFirst("RandomSwitch", Keys(100, 10, 3), threads), 10000);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
