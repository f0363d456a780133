// SPDX-License-Identifier: Apache-2.0
// Allocations that fail, at every one of them in turn: std::bad_alloc comes
// out, the representation stays valid and takes the next insert.
//
// One thread, in which there are no races.
// Sanitizers: address

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Order = FastSkipListOptions::KeyOrder;

// Fails the request with a given number, and `more` after it.
class FailingAllocator : public CountingAllocator {
 public:
  char* Allocate(size_t bytes) override {
    if (requests_ >= fail_at_ && requests_ < fail_at_ + failures_) {
      ++requests_;
      throw std::bad_alloc();
    }
    ++requests_;
    return CountingAllocator::Allocate(bytes);
  }
  void Fail(uint64_t at, uint64_t failures) {
    fail_at_ = at;
    failures_ = failures;
  }
  uint64_t requests() const { return requests_; }

 private:
  uint64_t requests_ = 0;
  uint64_t fail_at_ = ~uint64_t{0};
  uint64_t failures_ = 0;
};

struct Rep {
  Rep(FailingAllocator* allocator, Order key_order)
      : order(rdb::BytewiseComparator()),
        rep(FastSkipFactory(key_order, 2)
                ->CreateMemTableRep(order, allocator, nullptr, nullptr)) {}

  // False when there was no memory.
  bool Insert(const std::string& key, uint64_t sequence) {
    const std::string entry = EncodeEntry(key, sequence, 1, ";");
    try {
      char* buffer = nullptr;
      const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
      std::memcpy(buffer, entry.data(), entry.size());
      EXPECT_TRUE(rep->InsertKeyConcurrently(handle));
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  EntryOrder order;
  std::unique_ptr<rdb::MemTableRep> rep;
};

void ExpectContents(rdb::MemTableRep* rep, const std::set<std::string>& keys) {
  const std::unique_ptr<rdb::MemTableRep::Iterator> iter(
      rep->GetIterator(nullptr));
  iter->SeekToFirst();
  for (const std::string& key : keys) {
    ASSERT_TRUE(iter->Valid());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, key);
    iter->Next();
  }
  ASSERT_FALSE(iter->Valid());
  iter->SeekToLast();
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    ASSERT_TRUE(iter->Valid());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, *key);
    iter->Prev();
  }
  ASSERT_FALSE(iter->Valid());
}

class FaultMemory : public ::testing::TestWithParam<Order> {
 protected:
  // Keys in an order that splits blocks low, high and in the middle, or only
  // appends.
  enum class Keys { kMixed, kAscending };
  static std::string KeyAt(uint64_t i, Keys keys = Keys::kMixed) {
    switch (keys == Keys::kMixed ? i % 3 : 0) {
      case 0:
        return "up" + BigEndian(i, 4);
      case 1:
        return "down" + BigEndian(~i, 8);
      default:
        return "any" + BigEndian(Scatter(i), 8);
    }
  }
  void FailEachRequest(Keys keys);
};

INSTANTIATE_TEST_SUITE_P(KeyOrders, FaultMemory,
                         ::testing::Values(Order::kAuto, Order::kBytewise,
                                           Order::kComparator),
                         [](const auto& info) {
                           return OrderName(info.param);
                         });

// Every request in turn fails, once or several times in a row. What was not
// inserted is inserted again at the end.
void FaultMemory::FailEachRequest(Keys keys) {
  constexpr uint64_t kEntries = 900;
  uint64_t requests = 0;
  {
    FailingAllocator allocator;
    Rep rep(&allocator, GetParam());
    for (uint64_t i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(rep.Insert(KeyAt(i, keys), 1));
    }
    requests = allocator.requests();
  }
  ASSERT_GT(requests, 100u);
  Random random = MakeRandom();
  const uint64_t step = kSlowdown;
  uint64_t refused = 0, rounds = 0;
  for (uint64_t at = random.Uniform(step); at < requests; at += step) {
    FailingAllocator allocator;
    allocator.Fail(at, 1 + random.Uniform(4));
    std::unique_ptr<Rep> rep;
    try {
      rep = std::make_unique<Rep>(&allocator, GetParam());
    } catch (const std::bad_alloc&) {
      continue;  // a memtable that was never made
    }
    std::set<std::string> inserted;
    std::vector<std::string> again;
    for (uint64_t i = 0; i < kEntries; ++i) {
      if (rep->Insert(KeyAt(i, keys), 1)) {
        inserted.insert(KeyAt(i, keys));
      } else {
        again.push_back(KeyAt(i, keys));
        // At once: nothing that was there is gone.
        ASSERT_NO_FATAL_FAILURE(ExpectContents(rep->rep.get(), inserted));
      }
    }
    allocator.Fail(0, 0);
    for (const std::string& key : again) {
      ASSERT_TRUE(rep->Insert(key, 1));
      inserted.insert(key);
    }
    refused += again.size();
    ++rounds;
    ASSERT_NO_FATAL_FAILURE(ExpectContents(rep->rep.get(), inserted));
  }
  EXPECT_GT(rounds, 10u);
  EXPECT_GT(refused, 0u);
}

TEST_P(FaultMemory, EveryRequestInTurn) { FailEachRequest(Keys::kMixed); }

TEST_P(FaultMemory, EveryRequestOfAnAscendingLoad) {
  FailEachRequest(Keys::kAscending);
}

// Memory that stays short: most requests fail, for a long time.
TEST_P(FaultMemory, ALongShortage) {
  FailingAllocator allocator;
  Rep rep(&allocator, GetParam());
  Random random = MakeRandom();
  std::set<std::string> inserted;
  uint64_t refused = 0;
  for (uint64_t i = 0; i < 20000 / kSlowdown; ++i) {
    allocator.Fail(allocator.requests(), random.Uniform(3));
    if (rep.Insert(KeyAt(i), 1)) {
      inserted.insert(KeyAt(i));
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(inserted.size(), 1000u);
  allocator.Fail(0, 0);
  ExpectContents(rep.rep.get(), inserted);
  for (uint64_t i = 0; i < 20000 / kSlowdown; ++i) {
    if (inserted.insert(KeyAt(i)).second) {
      ASSERT_TRUE(rep.Insert(KeyAt(i), 1));
    }
  }
  ExpectContents(rep.rep.get(), inserted);
}

// Sizes at the edges of what a varint length, a chunk and a block hold.
TEST_P(FaultMemory, KeysAndValuesOfAnySize) {
  CountingAllocator allocator;
  EntryOrder order(rdb::BytewiseComparator());
  std::unique_ptr<rdb::MemTableRep> rep(
      FastSkipFactory(GetParam())
          ->CreateMemTableRep(order, &allocator, nullptr, nullptr));
  std::set<std::string> keys;
  std::vector<size_t> sizes = {0,
                               1,
                               7,
                               8,
                               9,
                               119,
                               120,
                               121,
                               (1 << 14) - 9,
                               1 << 14,
                               65535,
                               65536,
                               65537,
                               1 << 20,
                               8 << 20,
                               (8 << 20) + 1};
  if (TestPercent() > 100) sizes.push_back(64 << 20);
  for (const size_t size : sizes) {
    for (const char fill : {'\0', 'k', '\xff'}) {
      const std::string key(size, fill);
      const bool is_new = keys.insert(key).second;
      const std::string entry = EncodeEntry(key, 5, 1, ";");
      char* buffer = nullptr;
      const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
      std::memcpy(buffer, entry.data(), entry.size());
      ASSERT_EQ(rep->InsertKey(handle), is_new) << size;
    }
  }
  ASSERT_NO_FATAL_FAILURE(ExpectContents(rep.get(), keys));
  for (const std::string& key : keys) {
    EXPECT_EQ(GetEntries(rep.get(), key, kMaxSequence, 1).size(), 1u);
  }
  // A value of a gigabyte takes as much memory: in the long run only.
  const size_t value_size = TestPercent() > 100 ? size_t{1} << 30 : 32 << 20;
  const std::string head = EncodeEntry("value", 5, 1);
  char* buffer = nullptr;
  const rdb::KeyHandle handle =
      rep->Allocate(head.size() + value_size, &buffer);
  std::memcpy(buffer, head.data(), head.size());
  buffer[head.size() + value_size - 1] = ';';
  ASSERT_TRUE(rep->InsertKeyConcurrently(handle));
  EXPECT_TRUE(rep->Contains(head.data()));
}

}  // namespace
}  // namespace test
}  // namespace fastskip
