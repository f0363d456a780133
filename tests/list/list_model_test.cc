// SPDX-License-Identifier: Apache-2.0
//
// BlockSkipList against a std::set: random operations by one thread, under
// every comparator, key order and shape of keys.
//
// One thread, in which there are no races.
// Sanitizers: address

#include <algorithm>
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
  ModelledList(const UserOrder& user_order, KnownOrder order,
               const KeyShape& shape, uint64_t size, Random random)
      : fixture_(user_order.compare, order),
        model_(Less{&fixture_.comparator}),
        shape_(shape),
        size_(size),
        random_(random),
        alone_(random_.OneIn(2)) {
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
    const char* sample = list().RandomEntry(random_());
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
    // A writer that knows to be the only one, or each way to insert, with what
    // several writers would remember.
    if (alone_) return fixture_.list.InsertAlone(entry, &fingers_[0]);
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
  const bool alone_;  // all inserts are those of a lone writer
};

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
  const bool usual = GetParam() == Mode{kUserOrders[0], KnownOrder::kUnknown};
  for (const KeyShape& shape : kKeyShapes) {
    const bool some = shape.make == YcsbKey || shape.make == ClusteredKey;
    if (usual || some) Run(shape, 100000 / kSlowdown);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ListModelTest, ::testing::ValuesIn(AllModes()),
                         [](const auto& info) { return ModeName(info.param); });

}  // namespace
}  // namespace test
}  // namespace fastskip
