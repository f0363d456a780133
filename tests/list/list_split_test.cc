// SPDX-License-Identifier: Apache-2.0
//
// Where a full block is cut, and what its right half holds, as pure functions
// of a block that nobody else knows of.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "memtablerep/list/block_split.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

using test::CompareBytes;
using test::TestComparator;

constexpr int kSlots = Block::kSlots;

// A full leaf of entries whose order is that of bytes, as it is after a load of
// them in the order given.
class ListSplitTest : public ::testing::Test {
 protected:
  // Fills left_ with entries under digests of their own, between its lower
  // bound and its fence; without a fence, at the scale of the first `scale`
  // keys.
  void Fill(const std::vector<std::string>& user_keys,
            const std::string& fence = "", int scale = kSlots) {
    ASSERT_EQ(user_keys.size(), static_cast<size_t>(kSlots));
    std::vector<Key> keys;
    uint64_t sequence = 1000;
    for (const std::string& key : user_keys) {
      entries_.push_back(store_.Add(key, sequence--));
      keys.push_back(DecodeKey(entries_.back()));
    }
    NewBlockKeys plan{keys.data(),     kSlots, nullptr, keys[0],
                      keys[scale - 1], true,   false};
    Key bound;
    if (!fence.empty()) {
      neighbour_.lower_bound = store_.Add(fence, 1);
      bound = DecodeKey(neighbour_.lower_bound);
      plan.fence = &bound;
      plan.scale_high = bound;
      plan.open = false;
    }
    uint32_t discs[kSlots];
    uint32_t fence_disc = 0;
    Encoding encoding;
    if (PlanDigests(plan, kSlots, &encoding, discs, &fence_disc)) {
      left_.SetEncoding(encoding);
    } else {
      PlanLabels(plan, discs, &fence_disc);
    }
    left_.lower_bound = entries_[0];
    for (int i = 0; i < kSlots; ++i) {
      // Slots are in no order; this one is a permutation.
      left_.slots[i * 5 % kSlots].Init(MakeWord(discs[i], entries_[i]));
    }
    if (!fence.empty()) left_.next.Init(MakeWord(fence_disc, &neighbour_));
  }

  // What an insert of `key` sees of left_.
  Probe Visit(const Key& key) {
    Probe probe(ordering_, key, Footprint::kFitsCache);
    EXPECT_EQ(Probe::Outcome::kHere, probe.VisitForInsert(left_, kNoWord));
    return probe;
  }

  // That `right` holds the entries from `from` on, and has the neighbour of
  // left_.
  void ExpectUpperPart(const Block& right, int from) {
    Words words;
    LoadWords(right, &words);
    SortedWords sorted;
    Sort(ordering_, 0, words, &sorted);
    ASSERT_EQ(kSlots - from, sorted.count);
    uint32_t last = 0;
    for (int i = 0; i < sorted.count; ++i) {
      EXPECT_EQ(entries_[from + i], EntryOf(sorted.word[i])) << i;
      EXPECT_GE(DiscOf(sorted.word[i]), last);
      last = DiscOf(sorted.word[i]);
      if (right.kind != Encoding::Kind::kLabels) {
        EXPECT_EQ(last, DiscOfKey(right, DecodeKey(entries_[from + i]), false));
      }
    }
    EXPECT_EQ(entries_[from], right.lower_bound);
    const uint64_t next = right.next.LoadAcquire();
    EXPECT_EQ(BlockOf(left_.next.LoadAcquire()), BlockOf(next));
    EXPECT_GE(DiscOf(next), last);
  }

  static std::string Numbered(const std::string& prefix, int number) {
    char digits[16];
    std::snprintf(digits, sizeof(digits), "%08d", number);
    return prefix + digits;
  }

  // `count` keys with numbers 10 apart.
  static std::vector<std::string> Table(const std::string& prefix, int count,
                                        int first = 10) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) {
      keys.push_back(Numbered(prefix, first + 10 * i));
    }
    return keys;
  }

  const TestComparator comparator_{CompareBytes};
  const Ordering ordering_{&comparator_, KnownOrder::kBytewise,
                           DigestMode::kBothDirections};
  test::EntryStore store_;
  std::vector<const char*> entries_;
  Block left_;
  Block right_;
  Block neighbour_;
};

TEST_F(ListSplitTest, DistinctKeysAreCutInTheMiddle) {
  Fill(Table("user", kSlots), Numbered("user", 10 * kSlots + 10));
  const Key key = DecodeKey(store_.Add(Numbered("user", 15), 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  EXPECT_FALSE(full.collision_heavy());
  EXPECT_EQ(kSlots / 2, full.Middle());
  const int from =
      FillRightHalf(ordering_, left_, probe.visit(), key, &full, &right_);
  EXPECT_EQ(kSlots / 2, from);
  ExpectUpperPart(right_, from);
}

TEST_F(ListSplitTest, NoCutFallsWithinVersionsOfOneKey) {
  for (int run = 2; run < kSlots / 2; ++run) {
    entries_.clear();
    std::vector<std::string> keys = Table("user", kSlots);
    const int begin = kSlots / 2 - run / 2;
    for (int i = 1; i < run; ++i) keys[begin + i] = keys[begin];
    Fill(keys, Numbered("user", 10 * kSlots + 10));
    const Key key = DecodeKey(store_.Add(Numbered("user", 15), 5000));
    const Probe probe = Visit(key);
    FullBlock full(ordering_, left_, probe.visit().words);
    const int middle = full.Middle();
    EXPECT_TRUE(middle <= begin || middle >= begin + run)
        << "cut at " << middle << ", run of " << run << " from " << begin;
    EXPECT_TRUE(full.IsBoundary(middle));
  }
}

// Discriminators that resolve nothing: all but the lowest go to a block that
// resolves them.
TEST_F(ListSplitTest, CollisionHeavyWordsMoveToABlockThatResolvesThem) {
  std::vector<std::string> keys = {"a"};
  for (int i = 1; i < kSlots; ++i) keys.push_back(Numbered("b", i));
  Fill(keys, "zzzzzzzz");
  const Key key = DecodeKey(store_.Add("b00000000", 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  ASSERT_TRUE(full.collision_heavy());
  full.Order(ordering_);
  const int from =
      FillRightHalf(ordering_, left_, probe.visit(), key, &full, &right_);
  EXPECT_EQ(1, from);
  ExpectUpperPart(right_, from);
  EXPECT_FALSE(FullBlock(ordering_, right_,
                         [&] {
                           Words words;
                           LoadWords(right_, &words);
                           return words;
                         }())
                   .collision_heavy());
}

// A run that ascends below a few words of the next table gets the block.
TEST_F(ListSplitTest, ARunThatAscendsKeepsTheBlock) {
  const int run = kSlots - 3;
  std::vector<std::string> keys = Table("t1", run);
  for (const std::string& key : Table("t2", 3)) keys.push_back(key);
  Fill(keys, "", run);
  // Written one after the other, the next table's before that.
  for (int i = 0; i < kSlots; ++i) {
    const uint64_t sequence = i < run ? 2000 + i : 100 + i;
    const uint64_t word = left_.slots[i * 5 % kSlots].LoadRelaxed();
    entries_[i] = store_.Add(keys[i], sequence);
    left_.slots[i * 5 % kSlots].Init(MakeWord(DiscOf(word), entries_[i]));
  }
  const Key key = DecodeKey(store_.Add(Numbered("t1", 10 * run + 10), 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  EXPECT_EQ(run, full.EndOfAscent(probe.visit(), key));
  // The same key, older than the run: it goes on nothing.
  const Key old = DecodeKey(store_.Add(Numbered("t1", 10 * run + 10), 50));
  const Probe again = Visit(old);
  EXPECT_EQ(kSlots, full.EndOfAscent(again.visit(), old));
}

TEST_F(ListSplitTest, AnAppendStartsABlockOfItsOwn) {
  Fill(Table("user", kSlots));
  const char* const entry =
      store_.Add(Numbered("user", 10 * kSlots + 10), 5000);
  const Key key = DecodeKey(entry);
  const Probe probe = Visit(key);
  const AppendPoint point = AppendPointOf(probe.visit(), probe.DiscForInsert());
  const uint64_t word =
      FillAppended(ordering_, left_, point, key, entry, &right_);
  EXPECT_EQ(entry, EntryOf(word));
  EXPECT_EQ(word, right_.slots[0].LoadAcquire());
  EXPECT_EQ(entry, right_.lower_bound);
  EXPECT_EQ(kNoNext, right_.next.LoadAcquire());
  EXPECT_EQ(DiscOf(word), DiscOfKey(right_, key, false));
  for (int i = 1; i < kSlots; ++i) {
    EXPECT_EQ(kNoNext, right_.slots[i].LoadAcquire());
  }
}

TEST_F(ListSplitTest, AReplacedHeadLeavesRoomBelow) {
  Fill(Table("user", kSlots, 1000000));
  left_.flags |= Block::kHead;
  const Key key = DecodeKey(store_.Add("a", 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  full.Order(ordering_);
  ASSERT_TRUE(FillRightOfNewHead(ordering_, left_, kNoNext, &full, &right_));
  ExpectUpperPart(right_, 0);
  Block head;
  FillNewHead(ordering_, &full, &right_, &head);
  EXPECT_TRUE(head.is_head());
  const uint64_t next = head.next.LoadAcquire();
  EXPECT_EQ(&right_, BlockOf(next));
  EXPECT_GT(DiscOf(next), kMinDisc + kSlots);
  const Key below = DecodeKey(store_.Add(Numbered("user", 999999), 1));
  EXPECT_LE(DiscOfKey(head, below, false), DiscOf(next));
}

}  // namespace
}  // namespace fastskip
