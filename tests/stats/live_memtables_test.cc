// SPDX-License-Identifier: Apache-2.0
//
// LiveMemtables by itself: members of many owners that come and go, compared
// with a plain list of them, and a Remove that has to wait.
#include "memtablerep/live_memtables.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "rocksdb/env.h"
#include "tests/list/list_test_util.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

class QuietLogger : public rdb::Logger {
 public:
  using rdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Its statistics tell which one it is, in `entries`.
class FakeMember final : public LiveMemtables::Member {
 public:
  FakeMember(const MemtableOwner& owner, uint64_t number)
      : Member(owner), number_(number) {}

  FastSkipStats GetStats() const override {
    FastSkipStats stats;
    stats.memtables = 1;
    stats.entries = number_;
    return stats;
  }
  void OnSuccessor() override { ++successors_; }

  uint64_t number() const { return number_; }
  int successors() const { return successors_; }

 private:
  const uint64_t number_;
  int successors_ = 0;
};

std::vector<uint64_t> Numbers(const std::vector<FastSkipStats>& all) {
  std::vector<uint64_t> numbers;
  for (const FastSkipStats& stats : all) numbers.push_back(stats.entries);
  return numbers;
}

// Adds members, and expects of LiveMemtables what a walk over all says.
class Population {
 public:
  void Add(const MemtableOwner& owner) {
    std::vector<int> expected;
    for (const auto& member : members_) {
      expected.push_back(member->successors() + (IsOf(owner, *member) ? 1 : 0));
    }
    expected.push_back(0);
    members_.push_back(std::make_unique<FakeMember>(owner, added_++));
    live_.Add(members_.back().get());
    std::vector<int> actual;
    for (const auto& member : members_) actual.push_back(member->successors());
    ASSERT_EQ(actual, expected) << added_;
  }

  void Remove(size_t position) {
    const auto at =
        std::next(members_.begin(), static_cast<std::ptrdiff_t>(position));
    live_.Remove(at->get());
    members_.erase(at);
  }

  void ExpectStats(const MemtableOwner& owner) const {
    std::vector<uint64_t> all, of_id, of_owner;
    for (const auto& member : members_) {
      all.push_back(member->number());
      if (member->owner().column_family_id == owner.column_family_id) {
        of_id.push_back(member->number());
      }
      if (IsOf(owner, *member)) of_owner.push_back(member->number());
    }
    ASSERT_EQ(Numbers(live_.GetStats()), all);
    ASSERT_EQ(Numbers(live_.GetStats(owner.column_family_id)), of_id);
    ASSERT_EQ(Numbers(live_.GetStats(owner)), of_owner);
  }

  size_t size() const { return members_.size(); }

 private:
  static bool IsOf(const MemtableOwner& owner, const FakeMember& member) {
    return member.owner().column_family_id == owner.column_family_id &&
           member.owner().logger == owner.logger;
  }

  LiveMemtables live_;
  std::list<std::unique_ptr<FakeMember>> members_;  // the oldest first
  uint64_t added_ = 0;
};

TEST(LiveMemtablesTest, AsAListOfThem) {
  QuietLogger loggers[2];
  std::vector<MemtableOwner> owners;
  for (const uint32_t id : {0u, 1u, 2u, 77u, FastSkipStats::kNoColumnFamily}) {
    owners.push_back({id, nullptr});
    for (QuietLogger& logger : loggers) owners.push_back({id, &logger});
  }
  Random random = MakeRandom();
  Population population;
  for (const size_t most : {3u, 40u, 0u, 200u, 0u}) {
    while (population.size() != most) {
      const MemtableOwner& owner = owners[random.Uniform(owners.size())];
      // Two steps forward and one back, or the other way round.
      const bool grows = population.size() < most;
      if (population.size() == 0 || grows == (random.Uniform(3) > 0)) {
        ASSERT_NO_FATAL_FAILURE(population.Add(owner));
      } else {
        population.Remove(random.Uniform(population.size()));
      }
      ASSERT_NO_FATAL_FAILURE(population.ExpectStats(owner));
    }
  }
}

// Stays in GetStats until it is let go.
class SlowMember final : public LiveMemtables::Member {
 public:
  explicit SlowMember(const MemtableOwner& owner) : Member(owner) {}

  FastSkipStats GetStats() const override {
    inside_.fetch_add(1);
    while (!let_go_.load()) std::this_thread::yield();
    inside_.fetch_sub(1);
    return FastSkipStats();
  }
  void OnSuccessor() override { ++successors_; }

  void WaitForReaders(int count) const {
    while (inside_.load() < count) std::this_thread::yield();
  }
  int inside() const { return inside_.load(); }
  int successors() const { return successors_; }
  void LetGo() { let_go_.store(true); }

 private:
  mutable std::atomic<int> inside_{0};
  std::atomic<bool> let_go_{false};
  int successors_ = 0;  // of Add alone, so of one thread
};

// Others of its owner, and of other owners, meanwhile come and go.
TEST(LiveMemtablesTest, RemoveWaitsForReaders) {
  LiveMemtables live;
  const MemtableOwner owner{7, nullptr};
  SlowMember slow(owner);
  live.Add(&slow);
  std::vector<std::thread> readers;
  readers.emplace_back([&] { live.GetStats(owner); });
  readers.emplace_back([&] { live.GetStats(); });
  slow.WaitForReaders(2);
  std::atomic<bool> removed{false};
  std::thread remover([&] {
    live.Remove(&slow);
    EXPECT_EQ(slow.inside(), 0);
    removed.store(true);
  });
  // While it waits, others come and go. Those of the same owner show when
  // Remove has begun: the member hears of no more successors.
  int before;
  do {
    before = slow.successors();
    FakeMember successor(owner, 1);
    live.Add(&successor);
    live.Remove(&successor);
  } while (slow.successors() != before);
  FakeMember other({8, nullptr}, 2);
  live.Add(&other);
  EXPECT_EQ(Numbers(live.GetStats()), std::vector<uint64_t>{2});
  live.Remove(&other);
  EXPECT_FALSE(removed.load());
  slow.LetGo();
  remover.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(live.GetStats().empty());
}

}  // namespace
}  // namespace test
}  // namespace fastskip
