// SPDX-License-Identifier: Apache-2.0
// Block slots: 4
//
// Each outcome of a probe, on blocks made by hand. The step before an access
// stands for another thread: it may split the block under the probe.
#include <gtest/gtest.h>

#include <functional>

#include "memtablerep/list/block_search.h"
#include "tests/list/list_test_util.h"

namespace {
std::function<void()>* at_step = nullptr;
}  // namespace

extern "C" void FastskipTestStep() {
  if (at_step != nullptr && *at_step) (*at_step)();
}

namespace fastskip {
namespace {

using Outcome = Probe::Outcome;
using test::CompareBytes;
using test::CompareReverse;
using test::TestComparator;

constexpr int kSlots = Block::kSlots;

// A block whose discriminators tell the first byte: of keys of one letter, that
// is far from the next letter's.
class ListProbeTest : public ::testing::Test {
 protected:
  ListProbeTest() {
    encoding_.digit[0] =
        Digit{0, {0, 0}, {255, 255}, {0, 0}, false, kSequenceRanks};
    encoding_.digits = 1;
    encoding_.length = 1;
    encoding_.tells_versions = true;
    encoding_.oldest = 1000;  // so that all here are older
    encoding_.greatest = 256 * kSequenceRanks - 1;
    encoding_.holder = Entry("b");
    block_.SetEncoding(&encoding_, Cut{0, 13});  // 256 a letter
    block_.SetLowerBound(encoding_.holder);
    right_.SetLowerBound(Entry("m"));
    Put(0, "b");
    Put(1, "d");
  }
  ~ListProbeTest() override { at_step = nullptr; }

  const char* Entry(const char* user_key, uint64_t sequence = 7) {
    return store_.Add(user_key, sequence);
  }
  uint64_t WordOf(const char* entry) {
    return MakeWord(DiscOfKey(block_, DecodeKey(entry)), entry);
  }
  void Put(int slot, const char* user_key) {
    block_.slots[slot].Init(WordOf(Entry(user_key)));
  }
  void SetNeighbour() {
    block_.next.Init(MakeWord(DiscOf(WordOf(right_.lower_bound())), &right_));
  }
  Key KeyOf(const char* user_key, uint64_t sequence = 7) {
    return DecodeKey(Entry(user_key, sequence));
  }

  const TestComparator comparator_{CompareBytes};
  const Ordering ordering_{&comparator_, KnownOrder::kBytewise,
                           DigestMode::kBothDirections};
  test::EntryStore store_;
  Encoding encoding_{};
  Block block_{0, 0};
  Block right_{0, 0};
};

TEST_F(ListProbeTest, HereWithTheFirstEmptySlot) {
  const Key key = KeyOf("c");
  Probe probe(ordering_, key, Footprint::kFitsCache);
  ASSERT_EQ(Outcome::kHere, probe.VisitForInsert(block_));
  EXPECT_EQ(2, probe.slot());
  EXPECT_EQ(block_.slots[0].LoadRelaxed(), probe.neighbours().predecessor);
  EXPECT_EQ(block_.slots[1].LoadRelaxed(), probe.neighbours().successor);
  EXPECT_EQ(DiscOf(WordOf(key.entry)), probe.DiscForInsert());
  Put(2, "e");
  Put(3, "f");
  ASSERT_EQ(Outcome::kHere, probe.VisitForInsert(block_));
  EXPECT_EQ(-1, probe.slot());
}

TEST_F(ListProbeTest, MoveRightFromTheNeighboursBoundOn) {
  SetNeighbour();
  for (const char* const user_key : {"m", "z"}) {
    const Key key = KeyOf(user_key);
    Probe probe(ordering_, key, Footprint::kFitsCache);
    EXPECT_EQ(Outcome::kMoveRight, probe.VisitForInsert(block_));
    EXPECT_EQ(Outcome::kMoveRight, probe.VisitForRead(block_, Exact::kBoth));
    EXPECT_EQ(Outcome::kMoveRight,
              probe.VisitForDescent(block_, Exact::kNeither));
    EXPECT_EQ(&right_, BlockOf(probe.next()));
  }
  // A newer version of the bound lies below it.
  const Key newer = KeyOf("m", 8);
  Probe probe(ordering_, newer, Footprint::kFitsCache);
  EXPECT_EQ(Outcome::kHere, probe.VisitForInsert(block_));
}

TEST_F(ListProbeTest, RetryWhenTheBlockIsSplitDuringTheScan) {
  int steps = 0;
  std::function<void()> split = [&] {
    if (++steps == 2) SetNeighbour();  // behind the first load of `next`
  };
  const Key key = KeyOf("c");
  Probe probe(ordering_, key, Footprint::kFitsCache);
  at_step = &split;
  EXPECT_EQ(Outcome::kRetry, probe.VisitForInsert(block_));
  EXPECT_EQ(Outcome::kHere, probe.VisitForInsert(block_));
  at_step = nullptr;
  EXPECT_EQ(2 * (kSlots + 2), steps);
}

// A read takes `next` as it is behind the scan: no entry below that bound was
// moved out of the block before.
TEST_F(ListProbeTest, AReadTakesTheLastNext) {
  int steps = 0;
  std::function<void()> split = [&] {
    if (++steps == kSlots + 2) SetNeighbour();  // before the second load
  };
  const Key key = KeyOf("z");
  Probe probe(ordering_, key, Footprint::kFitsCache);
  at_step = &split;
  EXPECT_EQ(Outcome::kMoveRight, probe.VisitForRead(block_, Exact::kBoth));
  at_step = nullptr;
}

TEST_F(ListProbeTest, MovedEntriesAreForInsertsToClear) {
  Put(2, "x");
  SetNeighbour();
  const Key key = KeyOf("c");
  Probe probe(ordering_, key, Footprint::kFitsCache);
  EXPECT_EQ(Outcome::kMovedEntries, probe.VisitForInsert(block_));
  EXPECT_EQ(Outcome::kHere, probe.VisitForRead(block_, Exact::kBoth));
  EXPECT_TRUE(IsMoved(ordering_, 0, block_.slots[2].LoadRelaxed(),
                      block_.next.LoadRelaxed()));
  EXPECT_FALSE(IsMoved(ordering_, 0, block_.slots[1].LoadRelaxed(),
                       block_.next.LoadRelaxed()));
}

TEST_F(ListProbeTest, DuplicateWhereUserKeyAndSequenceAreEqual) {
  const Key same = KeyOf("d");
  EXPECT_EQ(
      Outcome::kDuplicate,
      Probe(ordering_, same, Footprint::kFitsCache).VisitForInsert(block_));
  const Key newer = KeyOf("d", 8);
  EXPECT_EQ(
      Outcome::kHere,
      Probe(ordering_, newer, Footprint::kFitsCache).VisitForInsert(block_));
}

TEST_F(ListProbeTest, ViolationWhereTheComparatorContradicts) {
  const TestComparator reverse(CompareReverse);
  const Ordering checked(&reverse, KnownOrder::kUnknown,
                         DigestMode::kBothDirections);
  const Key key = KeyOf("c");
  Probe probe(checked, key, Footprint::kFitsCache);
  EXPECT_EQ(Outcome::kViolation, probe.VisitForInsert(block_));
  EXPECT_EQ(Outcome::kViolation, probe.VisitForRead(block_, Exact::kSuccessor));
  EXPECT_EQ(Outcome::kHere, probe.VisitForDescent(block_, Exact::kNeither));
}

TEST_F(ListProbeTest, TheOptimisticDescentStaysLeftOfTies) {
  block_.slots[2].Init(WordOf(Entry("d", 5)));
  const Key key = KeyOf("d", 6);
  Probe probe(ordering_, key, Footprint::kFitsCache);
  EXPECT_EQ(Outcome::kHere, probe.VisitLeftOfTies(block_));
  EXPECT_TRUE(probe.skipped_ties());
  EXPECT_EQ(block_.slots[0].LoadRelaxed(), probe.neighbours().predecessor);
  EXPECT_EQ(Outcome::kHere, probe.VisitForRead(block_, Exact::kBoth));
  EXPECT_EQ(block_.slots[1].LoadRelaxed(), probe.neighbours().predecessor);
  EXPECT_EQ(block_.slots[2].LoadRelaxed(), probe.neighbours().successor);
}

}  // namespace
}  // namespace fastskip
