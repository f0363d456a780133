// SPDX-License-Identifier: Apache-2.0
// Block slots: 2 5 28
//
// Threads that give up the processor at one of 64 of the list's atomic steps,
// so that many of them stand in the middle of an operation at any time. They
// insert the same keys, look them up and walk over them; the history of it all
// is checked for linearizability, key by key.

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace {

thread_local uint64_t yield_state = 0;

}  // namespace

extern "C" void FastskipTestStep() {
  if (yield_state == 0) return;  // not one of the threads of a test
  yield_state = yield_state * 6364136223846793005u + 1442695040888963407u;
  if (yield_state >> 58 == 0) sched_yield();
}

namespace fastskip {
namespace test {
namespace {

struct StressMode {
  UserOrder order;
  KnownOrder key_order;
};
void PrintTo(const StressMode& mode, std::ostream* out) {
  *out << mode.order.name << KnownOrderName(mode.key_order);
}
constexpr StressMode kModes[] = {
    {kUserOrders[0], KnownOrder::kUnknown},
    {kUserOrders[0], KnownOrder::kBytewise},
    {kUserOrders[0], KnownOrder::kNeither},
    {{"WithZFirst", CompareWithZFirst}, KnownOrder::kUnknown},
    {{"IgnoringCase", CompareIgnoringCase}, KnownOrder::kUnknown},
};

// How numbers become keys.
enum class Pattern {
  kScattered,
  kAscending,
  kAscendingTables,
  kVersions,
  kHalfScattered
};
constexpr Pattern kPatterns[] = {Pattern::kScattered, Pattern::kAscending,
                                 Pattern::kAscendingTables, Pattern::kVersions,
                                 Pattern::kHalfScattered};

// When a key can have come into the list, by what operations have shown. Ticks
// number the beginnings and ends of all operations. One that found the key, or
// was refused it, ended after that moment; one that did not find it began
// before it; the insert that was accepted began before and ended after it. When
// that leaves a moment for each key, the history has an order that explains it.
struct Moment {
  uint64_t after = 0;
  uint64_t before = ~uint64_t{0};

  void Found(uint64_t end) { before = std::min(before, end); }
  void Absent(uint64_t begin) { after = std::max(after, begin); }
  void Combine(const Moment& other) {
    Found(other.before);
    Absent(other.after);
  }
};

class Stress {
 public:
  Stress(const StressMode& mode, Pattern pattern, uint64_t numbers)
      : pattern_(pattern), fixture_(mode.order.compare, mode.key_order, 8) {
    const auto less = [this](const std::string& a, const std::string& b) {
      return fixture_.comparator.Compare(a.data(), b.data()) < 0;
    };
    std::vector<std::string> by_number;
    for (uint64_t n = 0; n < numbers; ++n) {
      by_number.push_back(Encode(n, numbers));
    }
    keys_ = by_number;
    std::sort(keys_.begin(), keys_.end(), less);
    keys_.erase(std::unique(keys_.begin(), keys_.end(),
                            [&](const auto& a, const auto& b) {
                              return !less(a, b) && !less(b, a);
                            }),
                keys_.end());
    for (const std::string& key : by_number) {
      rank_of_.push_back(static_cast<size_t>(
          std::lower_bound(keys_.begin(), keys_.end(), key, less) -
          keys_.begin()));
    }
    // The rank stands in the value, where the list never looks.
    for (size_t rank = 0; rank < keys_.size(); ++rank) {
      keys_[rank] += BigEndian(rank, 4);
    }
    accepted_ = std::vector<std::atomic<int>>(keys_.size());
    moments_.resize(keys_.size());
  }

  void Work(uint64_t seed) {
    yield_state = seed | 1;
    Random random(seed);
    Worker worker{std::vector<Moment>(keys_.size()), {}, nullptr};
    // Threads go over the keys at about the same time, each in its own order
    // within a window, and leave some out.
    constexpr uint64_t kWindow = 16;
    for (uint64_t base = 0; base < rank_of_.size(); base += kWindow) {
      const uint64_t start = random.Uniform(kWindow);
      for (uint64_t i = 0; i < kWindow; ++i) {
        const uint64_t number = base + (start + i * 5) % kWindow;
        if (number >= rank_of_.size() || random.OneIn(3)) continue;
        Insert(rank_of_[number], &random, &worker);
        if (!random.OneIn(4)) continue;
        const uint64_t wanted = random.Uniform(base + kWindow);
        if (wanted < rank_of_.size()) {
          Look(rank_of_[wanted], &random, &worker);
        }
      }
    }
    yield_state = 0;
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t rank = 0; rank < keys_.size(); ++rank) {
      moments_[rank].Combine(worker.moments[rank]);
    }
    inserts_ += worker.inserts;
  }

  void Check() {
    ASSERT_EQ(0, failures_.load());
    ASSERT_EQ("", fixture_.list.TEST_Validate());
    BlockSkipList::Iterator it(&fixture_.list);
    it.SeekToFirst();
    for (size_t rank = 0; rank < keys_.size(); ++rank) {
      const Moment& moment = moments_[rank];
      const std::string name = DebugString(keys_[rank].data());
      ASSERT_LE(accepted_[rank].load(), 1) << name << " accepted twice";
      if (accepted_[rank].load() == 0) {
        ASSERT_EQ(~uint64_t{0}, moment.before) << name << " never accepted";
        continue;
      }
      ASSERT_LT(moment.after, moment.before)
          << name << " was absent from an operation that began at the first "
          << "tick, and there in one that had ended at the second";
      ASSERT_TRUE(it.Valid()) << name << " lost";
      ASSERT_EQ(rank, RankOf(it.key())) << name << " lost";
      it.Next();
    }
    ASSERT_FALSE(it.Valid());
  }

  uint64_t inserts() const { return inserts_; }

 private:
  struct Worker {
    std::vector<Moment> moments;  // by rank
    BlockSkipList::Finger finger;
    void* hint;
    uint64_t inserts = 0;
  };

  std::string Encode(uint64_t number, uint64_t numbers) const {
    // Where the order cares for 'z': later keys have one now and then.
    const std::string suffix =
        number > numbers / 4 && number % 32 == 0 ? "z" : "";
    switch (pattern_) {
      case Pattern::kScattered:
        return EncodeEntry(std::to_string(Scatter(number)) + suffix, 1, 1);
      case Pattern::kAscending:
        return EncodeEntry(std::to_string(1000000000 + number) + suffix, 1, 1);
      case Pattern::kAscendingTables:
        return EncodeEntry(CommonPrefix(20) + std::to_string(number % 3) +
                               "/rows/" + BigEndian(number, 4) + suffix,
                           number + 1, 1);
      case Pattern::kVersions:
        return EncodeEntry("version" + std::to_string(number / 512), number + 1,
                           1);
      default:
        return EncodeEntry(
            CommonPrefix(20) +
                std::to_string(number % 2 == 0 ? Scatter(number) : number),
            number % 3, 1);
    }
  }

  size_t RankOf(const char* entry) const {
    const auto* p =
        reinterpret_cast<const unsigned char*>(ParseEntry(entry).value);
    return size_t{p[0]} << 24 | size_t{p[1]} << 16 | size_t{p[2]} << 8 | p[3];
  }
  // The rank that an iterator stands at; behind the last where it does not.
  size_t Here(const BlockSkipList::Iterator& it) const {
    return it.Valid() ? RankOf(it.key()) : keys_.size();
  }

  // Relaxed for ThreadSanitizer, which else would take all operations for
  // ordered by their ticks.
  uint64_t Tick() {
    return ticks_.fetch_add(1, kSlowdown > 1 ? std::memory_order_relaxed
                                             : std::memory_order_seq_cst);
  }

  void Insert(size_t rank, Random* random, Worker* worker) {
    const char* entry = fixture_.Copy(keys_[rank]);
    const uint64_t way = random->Uniform(4);
    const uint64_t begin = Tick();
    const bool inserted =
        way == 0   ? fixture_.list.Insert(entry, &worker->finger)
        : way == 1 ? fixture_.list.InsertWithHint(entry, &worker->hint)
                   : fixture_.list.Insert(entry);
    worker->moments[rank].Found(Tick());
    ++worker->inserts;
    if (!inserted) return;
    worker->moments[rank].Absent(begin);
    accepted_[rank].fetch_add(1, std::memory_order_relaxed);
  }

  // An operation that went over the ranks [from, to) without finding them, and
  // found `found`, if that is a rank.
  void Saw(uint64_t begin, size_t from, size_t to, size_t found,
           Worker* worker) {
    const uint64_t end = Tick();
    for (size_t rank = from; rank < to; ++rank) {
      worker->moments[rank].Absent(begin);
    }
    if (found < keys_.size()) worker->moments[found].Found(end);
  }

  void Look(size_t rank, Random* random, Worker* worker) {
    const char* key = keys_[rank].data();
    const uint64_t kind = random->Uniform(64);
    if (kind < 16) {
      const uint64_t begin = Tick();
      const bool found = fixture_.list.Contains(key);
      Saw(begin, rank, found ? rank : rank + 1, found ? rank : keys_.size(),
          worker);
    } else if (kind < 40) {
      WalkUp(rank, kind == 16 ? keys_.size() : kind % 8, random, worker);
    } else {
      WalkDown(rank, kind == 40 ? keys_.size() : kind % 8, worker);
    }
  }

  // A seek to `rank` and some steps from there, to and fro when it is short.
  void WalkUp(size_t rank, size_t steps, Random* random, Worker* worker) {
    BlockSkipList::Iterator it(&fixture_.list);
    uint64_t begin = Tick();
    it.Seek(keys_[rank].data());
    size_t here = Here(it);
    if (here < rank) return Fail("a seek went below", rank);
    Saw(begin, rank, here, here, worker);
    for (; steps > 0 && it.Valid(); --steps) {
      const size_t from = here;
      begin = Tick();
      if (steps < 8 && random->OneIn(3)) {
        it.Prev();
        here = Here(it);
        if (it.Valid() && here >= from) return Fail("no step back", from);
        Saw(begin, it.Valid() ? here + 1 : 0, from, here, worker);
      } else {
        it.Next();
        here = Here(it);
        if (here <= from) return Fail("no step forward", from);
        Saw(begin, from + 1, here, here, worker);
      }
    }
  }

  void WalkDown(size_t rank, size_t steps, Worker* worker) {
    BlockSkipList::Iterator it(&fixture_.list);
    uint64_t begin = Tick();
    it.SeekForPrev(keys_[rank].data());
    size_t here = Here(it);
    if (it.Valid() && here > rank) return Fail("a seek went above", rank);
    Saw(begin, it.Valid() ? here + 1 : 0, rank + 1, here, worker);
    for (; steps > 0 && it.Valid(); --steps) {
      const size_t from = here;
      begin = Tick();
      it.Prev();
      here = Here(it);
      if (it.Valid() && here >= from) return Fail("no step back", from);
      Saw(begin, it.Valid() ? here + 1 : 0, from, here, worker);
    }
  }

  void Fail(const char* what, size_t rank) {
    if (failures_.fetch_add(1) < 20) {
      ADD_FAILURE() << what << ": " << DebugString(keys_[rank].data());
    }
  }

  const Pattern pattern_;
  ListFixture fixture_;
  std::vector<std::string> keys_;  // entries, in order
  std::vector<size_t> rank_of_;    // by number
  std::vector<std::atomic<int>> accepted_;
  std::atomic<uint64_t> ticks_{1};
  std::atomic<int> failures_{0};
  std::mutex mutex_;  // of what follows
  std::vector<Moment> moments_;
  uint64_t inserts_ = 0;
};

class ListStressTest
    : public ::testing::TestWithParam<std::tuple<int, StressMode>> {};

TEST_P(ListStressTest, InsertAndLook) {
  const auto [threads, mode] = GetParam();
  uint64_t inserts = 0;
  // Under a sanitizer, which takes note of every step, less than elsewhere.
  const uint64_t wanted = 300000 * TestPercent() / 100 / kSlowdown / kSlowdown;
  for (uint64_t round = 0; inserts < wanted; ++round) {
    Random random = MakeRandom(round);
    // Lists of all sizes: the first splits and the first levels matter.
    const uint64_t keys = 20 + random.Uniform(40 << random.Uniform(7));
    Stress stress(mode, kPatterns[round % std::size(kPatterns)], keys);
    SCOPED_TRACE("seed " + std::to_string(ProcessSeed()) + ", round " +
                 std::to_string(round));
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&stress, seed = random()] { stress.Work(seed); });
    }
    for (std::thread& worker : workers) worker.join();
    stress.Check();
    if (HasFailure()) return;
    inserts += stress.inserts();
  }
  std::printf("%llu inserts\n", static_cast<unsigned long long>(inserts));
}

using StressParam = ListStressTest::ParamType;
std::string ParamName(const ::testing::TestParamInfo<StressParam>& info) {
  const auto [threads, mode] = info.param;
  return mode.order.name + std::string(KnownOrderName(mode.key_order)) +
         std::to_string(threads);
}
INSTANTIATE_TEST_SUITE_P(All, ListStressTest,
                         ::testing::Combine(::testing::Values(8, 16, 64),
                                            ::testing::ValuesIn(kModes)),
                         ParamName);

}  // namespace
}  // namespace test
}  // namespace fastskip
