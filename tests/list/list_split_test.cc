// SPDX-License-Identifier: Apache-2.0
//
// Where a full block is cut, and what its right half holds, as pure functions
// of a block that nobody else knows of.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "memtablerep/list/block_plan.h"
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
  // Of the first byte alone.
  static Encoding FirstByte(const char* holder) {
    Encoding encoding{};
    encoding.digit[0] = Digit{0, {0, 0}, {255, 255}, {0, 0}, false, 1};
    encoding.digits = 1;
    encoding.length = 1;
    encoding.holder = holder;
    encoding.greatest = 255;
    return encoding;
  }

  static void LetVersionsTie(Encoding* encoding) {
    ASSERT_TRUE(encoding->tells_versions);
    encoding->tells_versions = false;
    for (Digit& digit : encoding->digit) digit.weight /= kSequenceRanks;
    encoding->greatest /= kSequenceRanks;
  }

  // Fills left_ with entries under an encoding of their own, or, where it is
  // not to resolve them, of their first bytes; between its lower bound and its
  // fence; without a fence, at the scale of the first `scale` keys.
  void Fill(const std::vector<std::string>& user_keys,
            const std::string& fence = "", int scale = kSlots,
            bool resolves = true) {
    ASSERT_EQ(user_keys.size(), static_cast<size_t>(kSlots));
    std::vector<Key> keys;
    uint64_t sequence = 1000;
    for (const std::string& key : user_keys) {
      entries_.push_back(store_.Add(key, sequence--));
      keys.push_back(DecodeKey(entries_.back()));
    }
    NewBlockKeys block{keys.data(), kSlots, nullptr, keys.data(),
                       scale,       true,   false};
    Key bound;
    if (!fence.empty()) {
      neighbour_.SetLowerBound(store_.Add(fence, 1));
      bound = DecodeKey(neighbour_.lower_bound());
      block.fence = &bound;
      block.open = false;
    }
    BlockPlan plan;
    ASSERT_TRUE(
        PlanEncoding(block, false, PrefixOf::kEncoding, nullptr, &encoding_));
    if (!resolves) encoding_ = FirstByte(keys[0].entry);
    if (!tells_versions_) LetVersionsTie(&encoding_);
    ASSERT_TRUE(PlanCut(block, encoding_, &plan));
    left_.SetEncoding(&encoding_, plan.cut);
    left_.SetLowerBound(entries_[0]);
    for (int i = 0; i < kSlots; ++i) {
      // Slots are in no order; this one is a permutation.
      left_.slots[i * 5 % kSlots].Init(MakeWord(plan.discs[i], entries_[i]));
    }
    if (!fence.empty()) left_.next.Init(MakeWord(plan.fence_disc, &neighbour_));
  }

  // What an insert of `key` sees of left_.
  Probe Visit(const Key& key) {
    Probe probe(ordering_, key, Footprint::kFitsCache);
    EXPECT_EQ(Probe::Outcome::kHere, probe.VisitForInsert(left_));
    return probe;
  }

  // An append of `user_key` to left_, as far as it has looked.
  struct PendingAppend {
    PendingAppend(ListSplitTest* test, const std::string& user_key)
        : entry(test->store_.Add(user_key, 5000)),
          key(DecodeKey(entry)),
          probe(test->Visit(key)),
          point{probe.next(), probe.DiscForInsert(), probe.visit().words} {}
    PendingAppend(const PendingAppend&) = delete;
    PendingAppend& operator=(const PendingAppend&) = delete;

    const char* const entry;
    const Key key;
    const Probe probe;
    const AppendPoint point;
  };

  // Fills `right` for it, and returns its word.
  uint64_t FillUntested(const PendingAppend& append, Block* right) {
    return FillAppended(ordering_, left_, append.point, append.key,
                        append.entry, nullptr, &encodings_, right);
  }
  // The same, tested on what left_ holds.
  uint64_t FillTested(const PendingAppend& append, Block* right) {
    FullBlock full(ordering_, left_, append.point.words);
    full.Order(ordering_);
    return FillAppended(ordering_, left_, append.point, append.key,
                        append.entry, &full, &encodings_, right);
  }
  static std::string BehindTable(const std::string& prefix) {
    return Numbered(prefix, 10 * kSlots + 10);
  }

  // That `right` holds the entries from `from` on, and has the neighbour of
  // left_.
  void ExpectUpperPart(const Block& right, int from) {
    SortedWords sorted;
    LoadWords(right, &sorted.words);
    Sort(ordering_, 0, &sorted);
    ASSERT_EQ(kSlots - from, sorted.count());
    uint32_t last = 0;
    for (int i = 0; i < sorted.count(); ++i) {
      EXPECT_EQ(entries_[from + i], EntryOf(sorted.word(i))) << i;
      EXPECT_GE(DiscOf(sorted.word(i)), last);
      last = DiscOf(sorted.word(i));
      if (!right.has_labels()) {
        EXPECT_EQ(last, DiscOfKey(right, DecodeKey(entries_[from + i])));
      }
    }
    EXPECT_EQ(entries_[from], right.lower_bound());
    const uint64_t next = right.next.LoadAcquire();
    EXPECT_EQ(BlockOf(left_.next.LoadAcquire()), BlockOf(next));
    EXPECT_GE(DiscOf(next), last);
  }

  void ExpectDistinct(const Block& block) {
    Words words;
    LoadWords(block, &words);
    SlotOrder order;
    Scan().sort(words, &order);
    EXPECT_EQ(0u, order.ties);
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
  test::HeapChunks chunks_;
  ShardedArena arena_{&chunks_, 1};
  EncodingStore encodings_{&arena_};
  Encoding encoding_;  // of left_
  bool tells_versions_ = true;
  Block left_{0, 0};
  Block right_{0, 0};
  Block neighbour_{0, 0};
};

TEST_F(ListSplitTest, DistinctKeysAreCutInTheMiddle) {
  Fill(Table("user", kSlots), Numbered("user", 10 * kSlots + 10));
  const Key key = DecodeKey(store_.Add(Numbered("user", 15), 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  EXPECT_FALSE(full.collision_heavy());
  EXPECT_EQ(kSlots / 2, full.Middle());
  const int from = FillRightHalf(ordering_, left_, probe.visit(), key, &full,
                                 &encodings_, &right_);
  EXPECT_EQ(kSlots / 2, from);
  ExpectUpperPart(right_, from);
}

TEST_F(ListSplitTest, NoCutFallsWithinVersionsThatTie) {
  tells_versions_ = false;
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

// Discriminators that resolve nothing: the block is cut where the shortest key
// separates the halves, and the right one resolves its keys.
TEST_F(ListSplitTest, CollisionHeavyWordsAreCutAtTheShortestSeparator) {
  const int cut = kSlots / 2 + 3;
  std::vector<std::string> keys;
  for (int i = 0; i < cut; ++i) keys.push_back(Numbered("b1", i));
  for (int i = cut; i < kSlots; ++i) keys.push_back(Numbered("b2", i));
  Fill(keys, "zzzzzzzz", kSlots, false);
  const Key key = DecodeKey(store_.Add("b00000000", 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  ASSERT_TRUE(full.collision_heavy());
  full.Order(ordering_);
  EXPECT_EQ(cut, full.ShortestSeparator());
  const int from = FillRightHalf(ordering_, left_, probe.visit(), key, &full,
                                 &encodings_, &right_);
  EXPECT_EQ(cut, from);
  ExpectUpperPart(right_, from);
  ExpectDistinct(right_);
}

// In an index all but the lowest word go to a block that resolves them.
TEST_F(ListSplitTest, CollisionHeavyIndexBlocksGiveAwayAllTheyCan) {
  std::vector<std::string> keys;
  for (int i = 0; i < kSlots; ++i) keys.push_back(Numbered("b", i));
  Fill(keys, "zzzzzzzz", kSlots, false);
  std::vector<std::unique_ptr<Block>> children;
  Block left(1, 0);
  left.SetEncoding(left_.encoding(), left_.cut());
  left.SetLowerBound(entries_[0]);
  for (int i = 0; i < kSlots; ++i) {
    children.push_back(std::make_unique<Block>(0, 0));
    children.back()->SetLowerBound(entries_[i]);
    left.slots[i].Init(MakeWord(DiscOfKey(left, DecodeKey(entries_[i])),
                                children.back().get()));
  }
  left.next.Init(left_.next.LoadRelaxed());
  const Key key = DecodeKey(store_.Add("b00000000", 5000));
  Probe probe(ordering_, key, Footprint::kFitsCache);
  ASSERT_EQ(Probe::Outcome::kHere, probe.VisitForInsert(left));
  FullBlock full(ordering_, left, probe.visit().words);
  full.Order(ordering_);
  Block right(1, 0);
  EXPECT_EQ(1, FillRightHalf(ordering_, left, probe.visit(), key, &full,
                             &encodings_, &right));
  ExpectDistinct(right);
}

// The prefix of a block may be its own: then the right half must have the same
// to take over the left one's discriminators.
TEST_F(ListSplitTest, DiscriminatorsAreTakenOverUnderTheSamePrefixOnly) {
  Fill(Table("user", kSlots), Numbered("user", 10 * kSlots + 10));
  const Key key = DecodeKey(store_.Add(Numbered("user", 15), 5000));
  Encoding own = encoding_;
  own.holder = nullptr;
  left_.SetEncoding(&own, left_.cut());
  left_.SetLowerBound(store_.Add("user", 9));  // as short as the prefix
  own.prefix = 5;
  ASSERT_LT(DecodeKey(left_.lower_bound()).size, own.prefix);
  const Probe probe(ordering_, key, Footprint::kFitsCache);
  Words words;
  LoadWords(left_, &words);
  FullBlock full(ordering_, left_, words);
  const int from = FillRightHalf(ordering_, left_, probe.visit(), key, &full,
                                 &encodings_, &right_);
  EXPECT_NE(&own, right_.encoding());
  EXPECT_LT(0, from);
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
  const PendingAppend append(this, BehindTable("user"));
  EXPECT_FALSE(IsWorthTesting(left_, append.point.words, 8));
  const uint64_t word = FillUntested(append, &right_);
  EXPECT_EQ(append.entry, EntryOf(word));
  EXPECT_EQ(word, right_.slots[0].LoadAcquire());
  EXPECT_EQ(append.entry, right_.lower_bound());
  EXPECT_EQ(kNoNext, right_.next.LoadAcquire());
  EXPECT_EQ(DiscOf(word), DiscOfKey(right_, append.key));
  for (int i = 1; i < kSlots; ++i) {
    EXPECT_EQ(kNoNext, right_.slots[i].LoadAcquire());
  }
}

TEST_F(ListSplitTest, AnAppendBesideTiesGetsDigestsThatResolveThem) {
  Fill(Table("user", kSlots), "", kSlots, false);
  const PendingAppend append(this, BehindTable("user"));
  EXPECT_TRUE(IsWorthTesting(left_, append.point.words, 1));
  FillTested(append, &right_);
  ASSERT_FALSE(right_.has_labels());
  EXPECT_NE(&encoding_, right_.encoding());
}

// Four files to a directory, whose name is longer than a digest.
TEST_F(ListSplitTest, AnAppendBesideKeysThatNoDigestResolvesGetsLabels) {
  std::vector<std::string> keys;
  for (int i = 0; i <= kSlots; ++i) {
    std::string name;
    for (int letter = 0; letter < 40; ++letter) {
      name += static_cast<char>('a' + (i / 4 * 7 + letter * 5) % 26);
    }
    keys.push_back(Numbered("dir", i / 4) + name + Numbered("/", i));
  }
  const std::string last = keys.back();
  keys.pop_back();
  Fill(keys, "", kSlots, false);
  const PendingAppend append(this, last);
  const uint64_t word = FillTested(append, &right_);
  EXPECT_TRUE(right_.has_labels());
  EXPECT_LT(DiscOf(word), kMaxDisc / 2);  // others will go behind it
}

TEST_F(ListSplitTest, AnAppendBesideVersionsOfOneKeyTestsNothing) {
  tells_versions_ = false;
  std::vector<std::string> keys(kSlots, "user");
  keys[0] = "a";
  Fill(keys);
  const PendingAppend append(this, "zebra");
  EXPECT_FALSE(IsWorthTesting(left_, append.point.words, 8));
}

TEST_F(ListSplitTest, LabelsFollowLabelsUntilTheyAreTested) {
  Fill(Table("user", kSlots));
  left_.SetEncoding(nullptr, Cut());
  const PendingAppend append(this, BehindTable("user"));
  EXPECT_FALSE(IsWorthTesting(left_, append.point.words, 31));
  EXPECT_TRUE(IsWorthTesting(left_, append.point.words, 32));
  FillUntested(append, &right_);
  EXPECT_TRUE(right_.has_labels());
  Block tested(0);
  FillTested(append, &tested);
  EXPECT_FALSE(tested.has_labels());
  left_.SetFlag(Block::kHead);
  EXPECT_TRUE(IsWorthTesting(left_, append.point.words, 31));
}

TEST_F(ListSplitTest, AReplacedHeadLeavesRoomBelow) {
  Fill(Table("user", kSlots, 1000000));
  left_.SetFlag(Block::kHead);
  const Key key = DecodeKey(store_.Add("a", 5000));
  const Probe probe = Visit(key);
  FullBlock full(ordering_, left_, probe.visit().words);
  full.Order(ordering_);
  ASSERT_TRUE(FillRightOfNewHead(ordering_, left_, kNoNext, &full, &encodings_,
                                 &right_));
  ExpectUpperPart(right_, 0);
  Block head(0, 0);
  FillNewHead(ordering_, &full, &encodings_, &right_, &head);
  EXPECT_TRUE(head.is_head());
  const uint64_t next = head.next.LoadAcquire();
  EXPECT_EQ(&right_, BlockOf(next));
  EXPECT_GT(DiscOf(next), kMinDisc + kSlots);
  const Key below = DecodeKey(store_.Add(Numbered("user", 999999), 1));
  EXPECT_LE(DiscOfKey(head, below), DiscOf(next));
}

}  // namespace
}  // namespace fastskip
