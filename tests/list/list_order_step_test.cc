// SPDX-License-Identifier: Apache-2.0
// Block slots: 2 3 5 28
//
// Under KnownOrder::kUnknown the list must be right whatever the comparator:
// here under orders made at random, most of which agree with the keys' bytes
// for long, so that digests are in use when a contradiction comes. One thread.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

extern "C" void FastskipTestStep() {}

namespace fastskip {
namespace test {
namespace {

// Orders the keys of a universe by a table, and versions newest first.
class TableComparator : public EntryComparator {
 public:
  explicit TableComparator(const std::vector<std::string>& order) {
    for (size_t rank = 0; rank < order.size(); ++rank) {
      rank_[order[rank]] = static_cast<int>(rank);
    }
  }
  int Compare(const char* a, const char* b) const override {
    const ParsedEntry x = ParseEntry(a), y = ParseEntry(b);
    const int order = Rank(x) - Rank(y);
    return order != 0 ? order : CompareNewestFirst(x.sequence, y.sequence);
  }

 private:
  int Rank(const ParsedEntry& entry) const {
    return rank_.find(entry.user_key)->second;
  }

  std::map<std::string, int, std::less<>> rank_;
};

// A version of a key.
struct Item {
  std::string key;
  uint64_t sequence;
};

// Most keys have one version, some have a few. They are all of an age, or in
// stretches of the order the newer the greater they are.
std::vector<Item> MakeItems(const std::vector<std::string>& keys,
                            Random* random) {
  const uint64_t newer = random->OneIn(2) ? 10 : 0;
  const uint64_t stretch = 10 + random->Uniform(100);
  uint64_t age = 0;
  std::vector<Item> items;
  for (const std::string& key : keys) {
    uint64_t versions = random->OneIn(6) ? 1 + random->Uniform(6) : 1;
    for (; versions > 0; --versions) items.push_back({key, age + versions});
    age = (age + newer) % (newer * stretch + 1);
  }
  return items;
}

// Some runs, each of which ascends, side by side.
std::vector<int> AscendingSideBySide(const std::vector<int>& ranks,
                                     Random* random) {
  const uint64_t runs = 1 + random->Uniform(6);
  std::vector<size_t> begin, end;
  for (uint64_t i = 0; i < runs; ++i) {
    begin.push_back(i == 0 ? 0 : end.back());
    end.push_back(ranks.size() * (i + 1) / runs);
  }
  std::vector<int> mixed;
  while (mixed.size() < ranks.size()) {
    const uint64_t run = random->Uniform(runs);
    if (begin[run] < end[run]) mixed.push_back(ranks[begin[run]++]);
  }
  return mixed;
}

// Keys far apart, and clusters of keys that differ in their last bytes only:
// where both kinds meet, the keys of a cluster share a discriminator.
std::vector<std::string> MakeUniverse(Random* random) {
  std::vector<std::string> keys;
  const uint64_t far = 1 + random->Uniform(40);
  for (uint64_t i = 0; i < far; ++i) {
    keys.push_back(BigEndian((*random)(), 1 + random->Uniform(8)));
  }
  for (uint64_t clusters = random->Uniform(4); clusters > 0; --clusters) {
    const std::string prefix = BigEndian((*random)(), 1 + random->Uniform(8)) +
                               std::string(random->Uniform(20), '\x30');
    const uint64_t near = random->Uniform(30);
    for (uint64_t i = 0; i < near; ++i) {
      keys.push_back(prefix +
                     BigEndian(random->Uniform(256 << random->Uniform(9)),
                               1 + random->Uniform(3)));
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void Swap(std::vector<std::string>* order, Random* random) {
  std::swap((*order)[random->Uniform(order->size())],
            (*order)[random->Uniform(order->size())]);
}

// An order of `keys`, which are in the order of their bytes.
std::vector<std::string> MakeOrder(std::vector<std::string> keys,
                                   Random* random) {
  const uint64_t kind = random->Uniform(6);
  if (kind == 0) {
    for (size_t i = 0; i < keys.size(); ++i) Swap(&keys, random);
  } else if (kind == 1) {
    std::reverse(keys.begin(), keys.end());
  } else if (kind <= 3) {
    for (uint64_t swaps = random->Uniform(4); swaps > 0; --swaps) {
      Swap(&keys, random);
    }
  } else {
    // Runs in disorder, the rest as it was.
    for (uint64_t runs = 1 + random->Uniform(4); runs > 0; --runs) {
      const size_t begin = random->Uniform(keys.size());
      const size_t end = std::min(keys.size(), begin + 2 + random->Uniform(30));
      for (size_t i = begin; i < end; ++i) {
        std::swap(keys[i], keys[begin + random->Uniform(end - begin)]);
      }
    }
  }
  // Digests may go either way.
  if (random->OneIn(3)) std::reverse(keys.begin(), keys.end());
  return keys;
}

class Checked {
 public:
  Checked(const std::vector<std::string>& order, Random* random)
      : random_(random), items_(MakeItems(order, random)), comparator_(order) {
    for (const Item& item : items_) {
      probes_.push_back(store_.Add(item.key, item.sequence));
    }
    there_.resize(items_.size());
  }

  // Inserts most items, and looks around in between.
  void Run() {
    std::vector<int> sequence;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!random_->OneIn(5)) sequence.push_back(static_cast<int>(i));
    }
    if (random_->OneIn(2)) {
      std::shuffle(sequence.begin(), sequence.end(), *random_);
    } else {
      sequence = AscendingSideBySide(sequence, random_);
    }
    BlockSkipList::Finger finger;
    for (const int rank : sequence) {
      const bool was_there = there_[rank] != nullptr;
      const char* entry = store_.Add(items_[rank].key, items_[rank].sequence);
      const bool inserted = random_->OneIn(3) ? list_.Insert(entry, &finger)
                                              : list_.Insert(entry);
      ASSERT_NE(was_there, inserted) << rank;
      if (inserted) there_[rank] = entry;
      ASSERT_EQ("", list_.TEST_Validate());
      // Rarely, since every operation may be the one that finds the order out.
      if (random_->OneIn(8)) LookUp();
    }
    for (int i = 0; i < 10; ++i) LookUp();
    Walk();
  }

 private:
  const char* From(int rank) const {
    while (rank < static_cast<int>(there_.size()) && there_[rank] == nullptr) {
      ++rank;
    }
    return rank < static_cast<int>(there_.size()) ? there_[rank] : nullptr;
  }
  const char* DownFrom(int rank) const {
    while (rank >= 0 && there_[rank] == nullptr) --rank;
    return rank >= 0 ? there_[rank] : nullptr;
  }

  void LookUp() {
    const auto rank = static_cast<int>(random_->Uniform(items_.size()));
    const char* probe = probes_[rank];
    BlockSkipList::Iterator it(&list_);
    const auto here = [&] { return it.Valid() ? it.key() : nullptr; };
    switch (random_->Uniform(4)) {
      case 0:
        ASSERT_EQ(From(rank), list_.FindGreaterOrEqual(probe));
        break;
      case 1:
        ASSERT_EQ(there_[rank] != nullptr, list_.Contains(probe));
        break;
      case 2:
        it.Seek(probe);
        ASSERT_EQ(From(rank), here());
        if (it.Valid()) {
          it.Prev();
          ASSERT_EQ(DownFrom(rank - 1), here());
        }
        break;
      default:
        it.SeekForPrev(probe);
        ASSERT_EQ(DownFrom(rank), here());
        if (it.Valid()) {
          it.Next();
          ASSERT_EQ(From(rank + 1), here());
        }
    }
  }

  void Walk() {
    BlockSkipList::Iterator it(&list_);
    it.SeekToFirst();
    for (const char* entry : there_) {
      if (entry == nullptr) continue;
      ASSERT_TRUE(it.Valid());
      ASSERT_EQ(entry, it.key());
      it.Next();
    }
    ASSERT_FALSE(it.Valid());
    it.SeekToLast();
    for (size_t rank = there_.size(); rank-- > 0;) {
      if (there_[rank] == nullptr) continue;
      ASSERT_TRUE(it.Valid());
      ASSERT_EQ(there_[rank], it.key());
      it.Prev();
    }
    ASSERT_FALSE(it.Valid());
  }

  Random* const random_;
  const std::vector<Item> items_;  // by rank
  const TableComparator comparator_;
  EntryStore store_;
  std::vector<const char*> probes_;
  std::vector<const char*> there_;
  HeapChunks chunks_;
  ShardedArena arena_{&chunks_, 1};
  BlockSkipList list_{&arena_, &comparator_, KnownOrder::kUnknown};
};

TEST(ListOrderTest, AnyOrder) {
  const uint64_t rounds = 3000 * TestPercent() / 100 / kSlowdown;
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(ProcessSeed()) + ", round " +
                 std::to_string(round));
    Random random = MakeRandom(round);
    Checked checked(MakeOrder(MakeUniverse(&random), &random), &random);
    checked.Run();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
