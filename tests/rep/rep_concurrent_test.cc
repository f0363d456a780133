// SPDX-License-Identifier: Apache-2.0
// Concurrent use of the memtable representation, with a scheme that makes every
// read checkable: each lane has one writer, which inserts generations 1, 2, 3,
// ... of it and announces each when the insert has returned. A reader that
// notes the announcements first must then find every generation announced, in
// order, with the right value, whichever way it looks.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "memtablerep/fast_skip_list_rep.h"
#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Order = FastSkipListOptions::KeyOrder;
using RepIterator = std::unique_ptr<rdb::MemTableRep::Iterator>;

constexpr uint64_t kEntries = 60000 / kSlowdown;
constexpr uint64_t kLanesPerWriter = 3;

// Where the generations of a lane lie.
enum class Layout {
  kKeys,       // next to each other, as user keys of their own
  kVersions,   // as versions of one user key, the newest first
  kScattered,  // all over
};

const char* LayoutName(Layout layout) {
  switch (layout) {
    case Layout::kKeys:
      return "Keys";
    case Layout::kVersions:
      return "Versions";
    default:
      return "Scattered";
  }
}

struct Generation {
  uint64_t lane = 0;
  uint64_t number = 0;  // from 1
};

ShapedKey KeyOf(Layout layout, const Generation& g) {
  switch (layout) {
    case Layout::kKeys:
      return {BigEndian(g.lane, 2) + BigEndian(g.number, 6), 1};
    case Layout::kVersions:
      return {"lane" + BigEndian(g.lane, 2), g.number};
    default:
      return {BigEndian(Scatter(g.lane << 48 | g.number), 8), 1};
  }
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Generation GenerationOf(Layout layout, const ParsedEntry& entry) {
  switch (layout) {
    case Layout::kKeys:
      return {FromBigEndian(entry.user_key.substr(0, 2)),
              FromBigEndian(entry.user_key.substr(2))};
    case Layout::kVersions:
      return {FromBigEndian(entry.user_key.substr(4)), entry.sequence};
    default: {
      const uint64_t both = Gather(FromBigEndian(entry.user_key));
      return {both >> 48, both & ((uint64_t{1} << 48) - 1)};
    }
  }
}

std::string ValueOf(const Generation& g) {
  return BigEndian(Scatter(g.lane * 1000003 + g.number), 8);
}

using Case = std::tuple<NamedComparator, Order, Layout, int>;

class RepConcurrent : public ::testing::TestWithParam<Case> {
 protected:
  RepConcurrent()
      : layout_(std::get<2>(GetParam())),
        writers_(static_cast<uint64_t>(std::get<3>(GetParam())) / 2),
        readers_(static_cast<uint64_t>(std::get<3>(GetParam())) - writers_),
        per_lane_(kEntries / (writers_ * kLanesPerWriter)),
        rep_(FastSkipFactory(std::get<1>(GetParam())).get(),
             std::get<0>(GetParam()).get()),
        announced_(writers_ * kLanesPerWriter) {}

  std::string EncodeKey(const Generation& g) const {
    const ShapedKey key = KeyOf(layout_, g);
    return EncodeEntry(key.user_key, key.sequence, 1);
  }

  // The writer of some lanes, mixing them.
  void Write(uint64_t writer) {
    Random random = MakeRandom(writer);
    const uint64_t first_lane = writer * kLanesPerWriter;
    uint64_t left = per_lane_ * kLanesPerWriter;
    while (left > 0 && !failed_) {
      const uint64_t lane = first_lane + random.Uniform(kLanesPerWriter);
      const uint64_t last = announced_[lane].load(std::memory_order_relaxed);
      if (last == per_lane_) continue;
      const Generation g{lane, last + 1};
      const ShapedKey key = KeyOf(layout_, g);
      const std::string entry =
          EncodeEntry(key.user_key, key.sequence, 1, ValueOf(g));
      char* buffer = nullptr;
      const rdb::KeyHandle handle = rep_->Allocate(entry.size(), &buffer);
      std::memcpy(buffer, entry.data(), entry.size());
      Expect(rep_->InsertKeyConcurrently(handle), "insert refused", g);
      announced_[lane].store(g.number, std::memory_order_release);
      --left;
    }
  }

  void Read(uint64_t reader) {
    Random random = MakeRandom(1000 + reader);
    const RepIterator iter(rep_->GetIterator(nullptr));
    bool all_written = false;
    // The last round comes after the last insert.
    while (!all_written && !failed_) {
      all_written = written_.load(std::memory_order_acquire);
      for (int i = 0; i < 200; ++i) LookUp(random, iter.get());
      for (int i = 0; i < 10; ++i) LookUpBatch(random);
      if (random.OneIn(8) || all_written) Scan(random.OneIn(2), iter.get());
    }
  }

  // One announced generation, by Get, by Seek, and its neighbours.
  void LookUp(Random& random, rdb::MemTableRep::Iterator* iter) {
    const uint64_t lane = random.Uniform(announced_.size());
    const uint64_t newest = announced_[lane].load(std::memory_order_acquire);
    if (newest == 0) return;
    const Generation g{lane, 1 + random.Uniform(newest)};
    const ShapedKey key = KeyOf(layout_, g);
    const std::string entry = EncodeKey(g);

    const char* found = nullptr;
    const rdb::LookupKey lookup(rdb::Slice(key.user_key), key.sequence,
                                nullptr);
    rep_->Get(lookup, &found, [](void* arg, const char* first) {
      *static_cast<const char**>(arg) = first;
      return false;
    });
    Expect(found != nullptr && rep_.order()(found, entry.data()) == 0, "Get",
           g);
    Expect(rep_->Contains(entry.data()), "Contains", g);
    iter->Seek(rdb::Slice(), entry.data());
    ExpectAt(iter, g, "Seek");
    if (failed_) return;
    if (g.number == 1) return;
    const Generation older{lane, g.number - 1};
    // Generation g-1 was there before g: nothing can lie between them.
    if (layout_ == Layout::kVersions) {
      iter->Next();
      ExpectAt(iter, older, "Next");
    } else if (layout_ == Layout::kKeys && bytewise()) {
      iter->Prev();
      ExpectAt(iter, older, "Prev");
    }
  }

  // More announced generations than a search takes side by side.
  void LookUpBatch(Random& random) {
    constexpr size_t kBatch = BlockSkipList::kLookupsAtOnce + 4;
    std::vector<Generation> generations;
    std::vector<std::string> targets;
    while (targets.size() < kBatch) {
      const uint64_t lane = random.Uniform(announced_.size());
      const uint64_t newest = announced_[lane].load(std::memory_order_acquire);
      if (newest == 0) return;
      generations.push_back({lane, 1 + random.Uniform(newest)});
      targets.push_back(EncodeKey(generations.back()));
    }
    const char* keys[kBatch];
    const char* found[kBatch] = {};
    void* args[kBatch];
    for (size_t i = 0; i < kBatch; ++i) {
      keys[i] = targets[i].data();
      args[i] = &found[i];
    }
    // Not in RocksDB's interface before 11.1.
    static_cast<FastSkipListRep*>(rep_.get())
        ->MultiGet(
            kBatch, keys, args,
            [](void* arg, const char* first) {
              *static_cast<const char**>(arg) = first;
              return false;
            },
            false, false, compat::EntryCheck());
    for (size_t i = 0; i < kBatch; ++i) {
      Expect(found[i] != nullptr && rep_.order()(found[i], keys[i]) == 0,
             "MultiGet", generations[i]);
    }
  }

  // Every announced generation is found in one pass, in strict order.
  void Scan(bool forward, rdb::MemTableRep::Iterator* iter) {
    std::vector<uint64_t> expected(announced_.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] = announced_[i].load(std::memory_order_acquire);
    }
    std::vector<uint64_t> seen(expected.size(), 0);
    const char* last = nullptr;
    forward ? iter->SeekToFirst() : iter->SeekToLast();
    while (iter->Valid() && !failed_) {
      const ParsedEntry entry = ParseEntry(iter->key());
      const Generation g = GenerationOf(layout_, entry);
      Expect(g.lane < seen.size() && g.number >= 1 && g.number <= per_lane_,
             "an entry nobody wrote", g);
      if (failed_) return;
      Expect(std::string_view(entry.value, 8) == ValueOf(g), "value", g);
      if (g.number <= expected[g.lane]) ++seen[g.lane];
      if (last != nullptr) {
        const int order = rep_.order()(last, iter->key());
        Expect(forward ? order < 0 : order > 0, "order", g);
      }
      last = iter->key();
      forward ? iter->Next() : iter->Prev();
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      Expect(seen[i] == expected[i], forward ? "scan" : "scan backwards",
             {i, seen[i]});
    }
  }

  void ExpectAt(rdb::MemTableRep::Iterator* iter, const Generation& g,
                const char* what) {
    const std::string entry = EncodeKey(g);
    Expect(iter->Valid() && rep_.order()(iter->key(), entry.data()) == 0, what,
           g);
  }

  // Stops all threads at the first failure.
  void Expect(bool condition, const char* what, const Generation& g) {
    if (condition || failed_.exchange(true)) return;
    ADD_FAILURE() << what << ": lane " << g.lane << ", generation " << g.number;
  }

  bool bytewise() const {
    return std::get<0>(GetParam()).get == rdb::BytewiseComparator;
  }

  const Layout layout_;
  const uint64_t writers_;
  const uint64_t readers_;
  const uint64_t per_lane_;
  TestRep rep_;
  std::vector<std::atomic<uint64_t>> announced_;  // newest of each lane
  std::atomic<bool> written_{false};
  std::atomic<bool> failed_{false};
};

TEST_P(RepConcurrent, ReadersFindAllThatWasAnnounced) {
  std::vector<std::thread> writers, readers;
  for (uint64_t i = 0; i < writers_; ++i) {
    writers.emplace_back([this, i] { Write(i); });
  }
  for (uint64_t i = 0; i < readers_; ++i) {
    readers.emplace_back([this, i] { Read(i); });
  }
  for (std::thread& thread : writers) thread.join();
  written_.store(true, std::memory_order_release);
  for (std::thread& thread : readers) thread.join();
  const RepIterator iter(rep_->GetIterator(nullptr));
  Scan(true, iter.get());
  Scan(false, iter.get());
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Layout layout :
       {Layout::kKeys, Layout::kVersions, Layout::kScattered}) {
    for (const int threads : {2, 4, 16, 64}) {
      for (const Order order :
           {Order::kAuto, Order::kBytewise, Order::kComparator}) {
        cases.emplace_back(kComparators[0], order, layout, threads);
      }
    }
    // Under these, auto begins with digests and has to give them up while the
    // threads are at it.
    for (const NamedComparator& comparator : kComparators) {
      if (comparator.get == rdb::ReverseBytewiseComparator ||
          comparator.get == Custom<CompareLastByteFirst>) {
        cases.emplace_back(comparator, Order::kAuto, layout, 8);
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Rep, RepConcurrent, ::testing::ValuesIn(AllCases()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  OrderName(std::get<1>(info.param)) +
                                  LayoutName(std::get<2>(info.param)) +
                                  std::to_string(std::get<3>(info.param)) +
                                  "Threads";
                         });

// --- The same key from all threads at once ---------------------------------

class RepDuplicates : public ::testing::TestWithParam<std::tuple<Order, int>> {
};

TEST_P(RepDuplicates, OneInsertOfEachKeyWins) {
  const int threads = std::get<1>(GetParam());
  TestRep rep(FastSkipFactory(std::get<0>(GetParam())).get(),
              rdb::BytewiseComparator());
  const uint64_t keys = 40000 / kSlowdown;
  std::atomic<uint64_t> inserted{0};
  std::atomic<uint64_t> refused_but_absent{0};
  // Keys come at random places, in an order that all threads share, so that
  // they meet at each of them.
  const uint64_t scatter = MakeRandom()();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (uint64_t i = 0; i < keys; ++i) {
        const std::string entry =
            EncodeEntry(BigEndian(Scatter(scatter + i / 2), 8), i % 2, 1,
                        BigEndian(static_cast<uint64_t>(t), 1));
        char* buffer = nullptr;
        const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
        std::memcpy(buffer, entry.data(), entry.size());
        if (rep->InsertKeyConcurrently(handle)) {
          inserted.fetch_add(1);
        } else if (!rep->Contains(entry.data())) {
          refused_but_absent.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(inserted.load(), keys);
  EXPECT_EQ(refused_but_absent.load(), 0u);
  const RepIterator iter(rep->GetIterator(nullptr));
  uint64_t found = 0;
  const char* last = nullptr;
  for (iter->SeekToFirst(); iter->Valid(); iter->Next(), ++found) {
    if (last != nullptr) {
      ASSERT_LT(rep.order()(last, iter->key()), 0);
    }
    last = iter->key();
  }
  EXPECT_EQ(found, keys);
}

INSTANTIATE_TEST_SUITE_P(
    Rep, RepDuplicates,
    ::testing::Combine(::testing::Values(Order::kAuto, Order::kBytewise,
                                         Order::kComparator),
                       ::testing::Values(2, 8, 64)),
    [](const auto& info) {
      return std::string(OrderName(std::get<0>(info.param))) +
             std::to_string(std::get<1>(info.param)) + "Threads";
    });

}  // namespace
}  // namespace test
}  // namespace fastskip
