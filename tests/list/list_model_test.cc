// SPDX-License-Identifier: Apache-2.0
// BlockSkipList against a std::set: random operations by one thread, under
// every comparator, key order and shape of keys.

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

// The list and its model, operated in step.
class ModelledList {
 public:
  ModelledList(const UserOrder& user_order, KeyOrder order,
               const KeyShape& shape, uint64_t size, Random random)
      : fixture_(user_order.compare, order),
        model_(Less{&fixture_.comparator}),
        shape_(shape),
        size_(size),
        random_(random) {
    for (int i = 0; i < 4; ++i) {
      iterators_.push_back({BlockSkipList::Iterator(&fixture_.list), nullptr});
    }
  }

  // One operation, picked at random.
  void Operate() {
    switch (random_.Uniform(16)) {
      case 0:
        random_.OneIn(4) ? InsertOtherCase() : InsertDuplicate();
        break;
      case 1:
      case 2:
        CheckContains();
        break;
      case 3:
      case 4:
        CheckFindGreaterOrEqual();
        break;
      case 5:
      case 6:
      case 7:
        MoveIterator(&iterators_[random_.Uniform(iterators_.size())]);
        break;
      default:
        InsertNext();
    }
  }

  void InsertNext() {
    const ShapedKey key = shape_.make(random_, next_++, size_);
    InsertNew(key.user_key, key.sequence & kMaxSequence);
  }

  // The same key and sequence number as an entry that is there, any type.
  void InsertDuplicate() {
    if (all_.empty()) return;
    const ParsedEntry old = ParseEntry(all_[random_.Uniform(all_.size())]);
    const char* entry = store_.Add(old.user_key, old.sequence,
                                   static_cast<uint8_t>(random_.Uniform(256)));
    ++duplicates_;
    ASSERT_FALSE(Insert(entry)) << DebugString(entry);
  }

  // An entry's key with the case of a letter changed: equal under some orders.
  void InsertOtherCase() {
    if (all_.empty()) return;
    const ParsedEntry old = ParseEntry(all_[random_.Uniform(all_.size())]);
    std::string user_key(old.user_key);
    for (char& c : user_key) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (letter && random_.OneIn(3)) c ^= 0x20;
    }
    InsertNew(user_key, old.sequence);
  }

  void CheckContains() {
    const char* key = Target();
    ASSERT_EQ(model_.count(key) != 0, list().Contains(key)) << DebugString(key);
  }

  void CheckFindGreaterOrEqual() {
    const char* key = Target();
    ExpectSame(AtOrAfter(key), list().FindGreaterOrEqual(key), key);
  }

  void CheckWholeOrder() {
    BlockSkipList::Iterator it(&list());
    it.SeekToFirst();
    for (const char* expected : model_) {
      ASSERT_TRUE(it.Valid()) << "ends before " << DebugString(expected);
      ASSERT_EQ(expected, it.key())
          << DebugString(expected) << " but " << DebugString(it.key());
      it.Next();
    }
    ASSERT_FALSE(it.Valid()) << "goes on with " << DebugString(it.key());
    it.SeekToLast();
    for (auto e = model_.rbegin(); e != model_.rend(); ++e) {
      ASSERT_TRUE(it.Valid()) << "ends before " << DebugString(*e);
      ASSERT_EQ(*e, it.key())
          << DebugString(*e) << " but " << DebugString(it.key());
      it.Prev();
    }
    ASSERT_FALSE(it.Valid()) << "goes on with " << DebugString(it.key());
  }

  void CheckCounts() {
    const std::vector<const char*> sorted(model_.begin(), model_.end());
    if (sorted.empty()) return;
    for (int i = 0; i < 40; ++i) {
      size_t from = random_.Uniform(sorted.size());
      size_t to = random_.Uniform(sorted.size());
      if (from > to) std::swap(from, to);
      if (i % 2 == 0) to = std::min(to, from + 1 + i);
      const uint64_t exact = to - from;
      const uint64_t counted =
          list().ApproximateCount(sorted[from], sorted[to]);
      if (exact <= 100) {
        ASSERT_EQ(exact, counted);
      } else if (exact >= 1000) {
        ASSERT_GE(2 * counted, exact);
        ASSERT_LE(counted, 2 * exact);
      }
      if (from != to) {
        ASSERT_EQ(0u, list().ApproximateCount(sorted[to], sorted[from]));
      }
    }
  }

  void Validate() { ASSERT_EQ("", list().TEST_Validate()); }

  void CheckAll() {
    Validate();
    CheckWholeOrder();
    CheckCounts();
    const BlockSkipList::Stats stats = list().GetStats();
    EXPECT_EQ(duplicates_, stats.duplicates);
    EXPECT_EQ(0u, stats.unposted);
    for (int i = 0; i < 100; ++i) {
      CheckContains();
      CheckFindGreaterOrEqual();
    }
    const char* sample = list().RandomEntry(random_);
    ASSERT_EQ(model_.empty(), sample == nullptr);
    if (sample != nullptr) {
      ASSERT_EQ(1u, model_.count(sample));
    }
  }

  const BlockSkipList& list() const { return fixture_.list; }
  size_t size() const { return model_.size(); }

 private:
  struct Less {
    const EntryComparator* comparator;
    bool operator()(const char* a, const char* b) const {
      return comparator->Compare(a, b) < 0;
    }
  };
  struct CheckedIterator {
    BlockSkipList::Iterator it;
    const char* position;  // where the model stands, null when not valid
  };

  void InsertNew(const std::string& user_key, uint64_t sequence) {
    const char* entry = store_.Add(user_key, sequence,
                                   static_cast<uint8_t>(random_.Uniform(3)));
    const bool expected = model_.insert(entry).second;
    ASSERT_EQ(expected, Insert(entry)) << DebugString(entry);
    expected ? all_.push_back(entry) : void(++duplicates_);
  }

  bool Insert(const char* entry) {
    // Each way to insert, with what several writers would remember.
    const uint64_t which = random_.Uniform(5 * kHints);
    if (which < kHints) {
      return fixture_.list.InsertWithHint(entry, &hints_[which]);
    }
    if (which < 2 * kHints) {
      return fixture_.list.Insert(entry, &fingers_[which - kHints]);
    }
    if (which < 3 * kHints) {
      return fixture_.list.InsertAlone(entry, &fingers_[which - 2 * kHints]);
    }
    return fixture_.list.Insert(entry);
  }

  const char* AtOrAfter(const char* key) const {
    const auto found = model_.lower_bound(key);
    return found == model_.end() ? nullptr : *found;
  }
  const char* After(const char* key) const {
    const auto found = model_.upper_bound(key);
    return found == model_.end() ? nullptr : *found;
  }
  const char* AtOrBefore(const char* key) const {
    auto found = model_.upper_bound(key);
    return found == model_.begin() ? nullptr : *--found;
  }
  const char* Before(const char* key) const {
    auto found = model_.lower_bound(key);
    return found == model_.begin() ? nullptr : *--found;
  }

  // A key to look up: often an entry, a neighbour of one, or of the shape.
  const char* Target() {
    std::string user_key;
    uint64_t sequence = random_.OneIn(3)   ? kMaxSequence
                        : random_.OneIn(2) ? 0
                                           : random_.Uniform(2 * size_ + 2);
    if (all_.empty() || random_.OneIn(4)) {
      user_key =
          shape_.make(random_, random_.Uniform(2 * size_ + 1), size_).user_key;
    } else {
      const ParsedEntry entry = ParseEntry(all_[random_.Uniform(all_.size())]);
      user_key = std::string(entry.user_key);
      if (random_.OneIn(2)) {
        sequence = entry.sequence + random_.Uniform(2);
      } else if (random_.OneIn(3)) {
        user_key.push_back(random_.OneIn(2) ? '\0' : 'z');
      } else if (random_.OneIn(2)) {
        user_key.resize(random_.Uniform(user_key.size() + 1));
      } else if (!user_key.empty()) {
        ++user_key[random_.Uniform(user_key.size())];
      }
    }
    targets_ = EntryStore();
    return targets_.Add(user_key, sequence & kMaxSequence);
  }

  void MoveIterator(CheckedIterator* checked) {
    BlockSkipList::Iterator& it = checked->it;
    const char*& position = checked->position;
    const uint64_t choice = random_.Uniform(20);
    if (choice == 0) {
      it.SeekToFirst();
      position = model_.empty() ? nullptr : *model_.begin();
    } else if (choice == 1) {
      it.SeekToLast();
      position = model_.empty() ? nullptr : *model_.rbegin();
    } else if (choice < 5 || position == nullptr) {
      const char* key = Target();
      if (random_.OneIn(2)) {
        it.Seek(key);
        position = AtOrAfter(key);
      } else {
        it.SeekForPrev(key);
        position = AtOrBefore(key);
      }
    } else {
      uint64_t steps = 1 + random_.Zipf(40);
      const bool forward = choice % 2 == 0;
      for (; steps > 0 && position != nullptr; --steps) {
        ASSERT_EQ(position, it.key());
        position = forward ? After(position) : Before(position);
        forward ? it.Next() : it.Prev();
        ASSERT_EQ(position != nullptr, it.Valid()) << DebugString(position);
      }
    }
    ASSERT_EQ(position != nullptr, it.Valid()) << DebugString(position);
    if (position != nullptr) ExpectSame(position, it.key(), position);
  }

  void ExpectSame(const char* expected, const char* found, const char* key) {
    ASSERT_EQ(expected, found)
        << "for " << DebugString(key) << ": " << DebugString(expected)
        << " expected, " << DebugString(found) << " found";
  }

  static constexpr uint64_t kHints = 3;

  ListFixture fixture_;
  EntryStore store_;
  EntryStore targets_;
  std::set<const char*, Less> model_;
  std::vector<const char*> all_;
  std::vector<CheckedIterator> iterators_;
  void* hints_[kHints] = {};
  BlockSkipList::Finger fingers_[kHints];
  KeyShape shape_;
  uint64_t size_;
  uint64_t next_ = 0;
  uint64_t duplicates_ = 0;
  Random random_;
};

using Mode = std::tuple<UserOrder, KeyOrder>;

std::vector<Mode> AllModes() {
  std::vector<Mode> modes;
  for (const UserOrder& order : kUserOrders) {
    modes.emplace_back(order, KeyOrder::kAuto);
    modes.emplace_back(order, KeyOrder::kComparator);
    if (order.compare == CompareBytes) {
      modes.emplace_back(order, KeyOrder::kBytewise);
    }
    if (order.compare == CompareReverse) {
      modes.emplace_back(order, KeyOrder::kReverse);
    }
  }
  return modes;
}

std::string ModeName(const Mode& mode) {
  return std::string(std::get<0>(mode).name) + KeyOrderName(std::get<1>(mode));
}

class ListModelTest : public ::testing::TestWithParam<Mode> {
 protected:
  // Random operations, about `size` of them inserts.
  void Run(const KeyShape& shape, uint64_t size) {
    const auto [user_order, key_order] = GetParam();
    SCOPED_TRACE(std::string(shape.name) + ", seed " +
                 std::to_string(ProcessSeed()) + ", size " +
                 std::to_string(size));
    ModelledList list(user_order, key_order, shape, size, MakeRandom(size));
    const uint64_t operations = 2 * size;
    for (uint64_t i = 0; i < operations; ++i) {
      list.Operate();
      if ((i & (i - 1)) == 0 || i % 10000 == 0) list.Validate();
      if (HasFatalFailure()) FAIL() << "after " << i << " operations";
    }
    list.CheckAll();
  }
};

TEST_P(ListModelTest, Small) {
  for (const KeyShape& shape : kKeyShapes) {
    for (const uint64_t size :
         {0, 1, 2, 5, 11, 12, 13, 14, 27, 28, 29, 30, 60, 100, 170, 400}) {
      Run(shape, size);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(ListModelTest, Middling) {
  for (const KeyShape& shape : kKeyShapes) {
    Run(shape, 8000 / kSlowdown);
    if (HasFatalFailure()) return;
  }
}

// Every shape under the order that most databases have, some under any other.
TEST_P(ListModelTest, Large) {
  const bool usual = GetParam() == Mode{kUserOrders[0], KeyOrder::kAuto};
  for (const KeyShape& shape : kKeyShapes) {
    const bool some = shape.make == YcsbKey || shape.make == ClusteredKey;
    if (usual || some) Run(shape, 100000 / kSlowdown);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ListModelTest, ::testing::ValuesIn(AllModes()),
                         [](const auto& info) { return ModeName(info.param); });

// --- Properties of one kind of operation ------------------------------------

// Comparisons allowed per operation: times log2 of the number of entries, and
// per step of an iterator.
constexpr double kPerInsert = 1.5;
constexpr double kPerLookup = 1.5;
constexpr double kPerStep = 3;

class ListModeTest : public ::testing::TestWithParam<Mode> {
 protected:
  // A list of `count` entries with random keys of 16 bytes.
  void Fill(uint64_t count) {
    Random random = MakeRandom(count);
    fixture_ = std::make_unique<ListFixture>(std::get<0>(GetParam()).compare,
                                             std::get<1>(GetParam()));
    for (uint64_t i = 0; i < count; ++i) {
      const char* entry = fixture_->Copy(
          EncodeEntry(BigEndian(random(), 8) + BigEndian(random(), 8), i, 1));
      ASSERT_TRUE(fixture_->list.Insert(entry));
    }
    ASSERT_EQ("", fixture_->list.TEST_Validate());
  }

  std::unique_ptr<ListFixture> fixture_;
};

// Every rank range is drawn about as often as any other, and no entry nearly
// always or never.
TEST_P(ListModeTest, RandomEntryIsRoughlyUniform) {
  constexpr uint64_t kEntries = 10000, kDraws = 200000, kRanges = 20;
  Fill(kEntries);
  std::vector<const char*> sorted;
  BlockSkipList::Iterator it(&fixture_->list);
  for (it.SeekToFirst(); it.Valid(); it.Next()) sorted.push_back(it.key());
  ASSERT_EQ(kEntries, sorted.size());
  Random random = MakeRandom(1);
  std::vector<uint64_t> drawn(kEntries);
  const auto before = [&](const char* a, const char* b) {
    return fixture_->comparator.Compare(a, b) < 0;
  };
  for (uint64_t i = 0; i < kDraws; ++i) {
    const char* entry = fixture_->list.RandomEntry(random);
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

// However keys are ordered, an operation compares O(log n) times.
TEST_P(ListModeTest, ComparesLogarithmically) {
  for (const uint64_t count : {uint64_t{1000}, 100000 / kSlowdown}) {
    const uint64_t before_fill = TestComparator::calls();
    Fill(0);
    Random random = MakeRandom(count);
    std::vector<const char*> entries;
    for (uint64_t i = 0; i < count; ++i) {
      entries.push_back(fixture_->Copy(
          EncodeEntry(BigEndian(random(), 8) + BigEndian(random(), 8), i, 1)));
      ASSERT_TRUE(fixture_->list.Insert(entries.back()));
    }
    const double log = std::log2(static_cast<double>(count));
    const auto mean_since = [&](uint64_t calls) {
      return static_cast<double>(TestComparator::calls() - calls) /
             static_cast<double>(count);
    };
    const double inserts = mean_since(before_fill);
    uint64_t calls = TestComparator::calls();
    for (const char* entry : entries) {
      ASSERT_TRUE(fixture_->list.Contains(entry));
    }
    const double contains = mean_since(calls);
    calls = TestComparator::calls();
    for (const char* entry : entries) {
      ASSERT_EQ(entry, fixture_->list.FindGreaterOrEqual(entry));
    }
    const double finds = mean_since(calls);
    calls = TestComparator::calls();
    BlockSkipList::Iterator it(&fixture_->list);
    uint64_t seen = 0;
    for (it.SeekToFirst(); it.Valid(); it.Next()) ++seen;
    ASSERT_EQ(count, seen);
    const double steps = mean_since(calls);
    calls = TestComparator::calls();
    for (it.SeekToLast(); it.Valid(); it.Prev()) --seen;
    ASSERT_EQ(0u, seen);
    const double back_steps = mean_since(calls);
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
    if (std::get<1>(GetParam()) == KeyOrder::kBytewise) {
      // Digests do the work: far fewer comparisons than a binary search.
      EXPECT_LT(finds, 0.5 * log);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ListModeTest, ::testing::ValuesIn(AllModes()),
                         [](const auto& info) { return ModeName(info.param); });

// Sequential keys fill every block: as few blocks as entries need.
TEST(ListShapeTest, AscendingKeysFillTheirBlocks) {
  constexpr uint64_t kEntries = 20000;
  ListFixture fixture(CompareBytes, KeyOrder::kBytewise);
  for (uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(
        fixture.list.Insert(fixture.Copy(EncodeEntry(BigEndian(i, 8), 1, 1))));
  }
  ASSERT_EQ("", fixture.list.TEST_Validate());
  const BlockSkipList::Stats stats = fixture.list.GetStats();
  EXPECT_LT(stats.leaf_blocks, kEntries / 11);
  EXPECT_FALSE(stats.uses_labels);
}

// A list whose blocks are counted while versions are inserted.
class CountedList {
 public:
  explicit CountedList(KeyOrder order) : fixture_(CompareBytes, order) {}

  void Insert(const std::string& key, bool newer = true) {
    if (newer) ++sequence_;
    ASSERT_TRUE(
        fixture_.list.Insert(fixture_.Copy(EncodeEntry(key, sequence_, 1))));
  }
  uint64_t leaf_blocks() const { return fixture_.list.GetStats().leaf_blocks; }

 private:
  ListFixture fixture_;
  uint64_t sequence_ = 0;
};

// An ascending load below random keys, wherever these happen to lie: no insert
// may find the block that it goes into poor, full and split off just before,
// each time with a single word left behind.
TEST(ListShapeTest, AscendingKeysBelowOthersShareBlocks) {
  constexpr uint64_t kSeeds = 1500, kEnds = 500, kMiddle = 300;
  for (uint64_t seed = 0; seed < kSeeds / kSlowdown; ++seed) {
    CountedList list(KeyOrder::kBytewise);
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

// The same below the keys of another table, which share more bytes with them
// than a digest has, in all tables at once: every block is filled, and few keys
// have to be compared. They may begin anywhere in a block of the others.
TEST(ListShapeTest, TablesThatAscendFillTheirBlocks) {
  constexpr uint64_t kRows = 2000 / kSlowdown;
  for (const KeyOrder order : {KeyOrder::kBytewise, KeyOrder::kAuto}) {
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
                  KeyOrderName(order), static_cast<unsigned long long>(tables),
                  filled, comparisons);
      EXPECT_GT(filled, 0.8 * Block::kSlots) << tables << " tables";
      EXPECT_LT(comparisons, 25) << tables << " tables";
    }
  }
}

// Rows that come in nearly in order, above and below others: no run of them can
// be seen, and half of each block stays free, but their digests are told apart.
TEST(ListShapeTest, TablesThatNearlyAscendCompareFewKeys) {
  constexpr uint64_t kRows = 2000, kTables = 8, kWindow = 8;
  CountedList list(KeyOrder::kAuto);
  const uint64_t before = TestComparator::calls();
  for (uint64_t row = 0; row < kRows; ++row) {
    for (uint64_t table = 0; table < kTables; ++table) {
      list.Insert("shop/table" + BigEndian(table, 1) + "/rows/" +
                  BigEndian(row / kWindow * kWindow + row * 5 % kWindow, 8));
    }
  }
  const double comparisons =
      static_cast<double>(TestComparator::calls() - before) /
      static_cast<double>(kRows * kTables);
  std::printf("%.1f comparisons\n", comparisons);
  EXPECT_LT(comparisons, 18);
}

// New versions of one key above a few of another, which tie with one another,
// or above keys that no digest tells apart: no split may cut off the new ones
// alone, and leave a block that is full again at the next.
TEST(ListShapeTest, HotKeysShareBlocks) {
  constexpr uint64_t kOthers = 500, kVersions = 1000;
  for (uint64_t below = 1; below <= 2 * Block::kSlots; ++below) {
    for (const KeyOrder order : {KeyOrder::kBytewise, KeyOrder::kAuto}) {
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
            << KeyOrderName(order);
      }
    }
  }
}

// What comes in beside a run that ascended once, but does not go on it: no
// block may be left full, each time with the new word alone in one of its own,
// and none be cut off from the few.
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

TEST(ListShapeTest, WhatStandsBesideARunSharesBlocks) {
  for (const BesideARun& shape : kBesideARun) {
    for (const KeyOrder order :
         {KeyOrder::kBytewise, KeyOrder::kAuto, KeyOrder::kComparator}) {
      CountedList list(order);
      const std::vector<std::string> keys = shape.make();
      for (const std::string& key : keys) list.Insert(key, shape.rising);
      const double filled = static_cast<double>(keys.size()) /
                            static_cast<double>(list.leaf_blocks());
      std::printf("%s, %s: %.1f entries a leaf\n", shape.name,
                  KeyOrderName(order), filled);
      EXPECT_GT(filled, 0.4 * Block::kSlots) << shape.name;
    }
  }
}

// Digits at the end of a key tell it from its neighbours.
TEST(ListShapeTest, NumbersOfAnyLengthCompareFewKeys) {
  constexpr uint64_t kEntries = 20000 / kSlowdown;
  for (const int digits : {8, 9, 10, 12, 16, 20}) {
    CountedList list(KeyOrder::kAuto);
    const uint64_t before = TestComparator::calls();
    for (uint64_t i = 0; i < kEntries; ++i) {
      const std::string number = std::to_string(i);
      list.Insert("user" + std::string(digits - number.size(), '0') + number);
    }
    EXPECT_LT(TestComparator::calls() - before, 3 * kEntries)
        << digits << " digits";
  }
}

// Random keys at both ends of the range, an ascending load between them, which
// leaves the blocks there half full.
TEST(ListShapeTest, EstimatesRangesOfUnevenFill) {
  constexpr uint64_t kEnds = 5000, kMiddle = 300000 / kSlowdown;
  ListFixture fixture(CompareBytes, KeyOrder::kBytewise);
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

// A bytewise order never looks like another one.
TEST(ListShapeTest, BytewiseOrderNeverSwitchesToLabels) {
  for (const KeyShape& shape : kKeyShapes) {
    Random random = MakeRandom();
    ListFixture fixture(CompareBytes, KeyOrder::kAuto);
    EntryStore store;
    for (uint64_t i = 0; i < 5000; ++i) {
      const ShapedKey key = shape.make(random, i, 5000);
      fixture.list.Insert(store.Add(key.user_key, key.sequence));
    }
    EXPECT_FALSE(fixture.list.GetStats().uses_labels) << shape.name;
  }
}

// Comparator calls an insert of the entries that `make(random, i, count)`
// gives, into a list that is to find out about its comparator, and to keep its
// digests.
template <typename Make>
double ComparisonsOf(UserCompare compare, uint64_t count, const Make& make) {
  Random random = MakeRandom();
  ListFixture fixture(compare, KeyOrder::kAuto);
  EntryStore store;
  const uint64_t before = TestComparator::calls();
  for (uint64_t i = 0; i < count; ++i) {
    const ShapedKey key = make(random, i, count);
    fixture.list.Insert(store.Add(key.user_key, key.sequence));
  }
  const uint64_t calls = TestComparator::calls() - before;
  EXPECT_FALSE(fixture.list.GetStats().uses_labels);
  EXPECT_EQ("", fixture.list.TEST_Validate());
  return static_cast<double>(calls) / static_cast<double>(count);
}

// The reverse of the bytewise order goes by digests as well, which only ties
// make call the comparator: under hardly any load more than twice as often.
TEST(ListShapeTest, ReverseOrderComparesAsFewKeys) {
  for (const KeyShape& shape : kKeyShapes) {
    // These descend, side by side, in reverse order: see Known weaknesses.
    if (std::string(shape.name) == "AscendingTables") continue;
    SCOPED_TRACE(shape.name);
    const double bytewise = ComparisonsOf(CompareBytes, 5000, shape.make);
    const double reverse = ComparisonsOf(CompareReverse, 5000, shape.make);
    std::printf("%s: %.1f and %.1f comparisons\n", shape.name, bytewise,
                reverse);
    EXPECT_LT(reverse, 2 * bytewise + 2);
  }
}

// As BytewiseComparatorWithU64Ts(): the last eight bytes, greatest first.
int CompareWithTimestamps(std::string_view a, std::string_view b) {
  const size_t x = std::max<size_t>(a.size(), 8) - 8;
  const size_t y = std::max<size_t>(b.size(), 8) - 8;
  const int c = a.substr(0, x).compare(b.substr(0, y));
  return c != 0 ? c : b.substr(y).compare(a.substr(x));
}

// Which way the digests go shows in the first full block: no later state of
// that may overrule it, and where it was wrong, digests are right the other
// way.
TEST(ListShapeTest, TheFirstBlockMayMislead) {
  const auto any = [](Random& random) { return BigEndian(random(), 8); };
  // Forward, but the first keys differ in their timestamps only.
  const double forward = ComparisonsOf(
      CompareWithTimestamps, 20000,
      [&](Random& random, uint64_t i, uint64_t) -> ShapedKey {
        const std::string key = i < 400 ? "the first key." : any(random);
        return {key + BigEndian(i, 8), i + 1};
      });
  EXPECT_LT(forward, 8);
  // Reverse; then the first block comes to hold one key only.
  const double reverse =
      ComparisonsOf(CompareReverse, 20000,
                    [&](Random& random, uint64_t i, uint64_t) -> ShapedKey {
                      if (i < 100)
                        return {i < 28 && i % 2 == 0 ? "a" : "z", i + 1};
                      return {any(random) + any(random), i + 1};
                    });
  EXPECT_LT(reverse, 8);
}

// An order that digests contradict is found out, though it looks like the
// bytewise one for a long time.
TEST(ListShapeTest, ContradictingOrderSwitchesToLabels) {
  Random random = MakeRandom();
  ListFixture fixture(CompareWithZFirst, KeyOrder::kAuto);
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

}  // namespace
}  // namespace test
}  // namespace fastskip
