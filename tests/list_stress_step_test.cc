// SPDX-License-Identifier: Apache-2.0
// Block slots: 2 5
//
// Threads that give up the processor at one of 64 of the list's atomic steps,
// so that many of them stand in the middle of an operation at any time. They
// insert the same keys and look for what others say they have inserted.

#include <sched.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "tests/list_key_shapes.h"
#include "tests/list_test_util.h"

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
  KeyOrder key_order;
};
void PrintTo(const StressMode& mode, std::ostream* out) {
  *out << mode.order.name << KeyOrderName(mode.key_order);
}
constexpr StressMode kModes[] = {
    {kUserOrders[0], KeyOrder::kAuto},
    {kUserOrders[0], KeyOrder::kBytewise},
    {kUserOrders[0], KeyOrder::kComparator},
    {{"WithZFirst", CompareWithZFirst}, KeyOrder::kAuto},
    {{"IgnoringCase", CompareIgnoringCase}, KeyOrder::kAuto},
};

// How numbers become keys.
enum class Pattern { kScattered, kAscending, kVersions, kHalfScattered };
constexpr Pattern kPatterns[] = {Pattern::kScattered, Pattern::kAscending,
                                 Pattern::kVersions, Pattern::kHalfScattered};

class Stress {
 public:
  Stress(const StressMode& mode, Pattern pattern, uint64_t keys)
      : pattern_(pattern),
        fixture_(mode.order.compare, mode.key_order, 8),
        accepted_(keys),
        present_(keys) {}

  void Work(uint64_t seed) {
    yield_state = seed | 1;
    Random random(seed);
    BlockSkipList::Finger finger;
    void* hint = nullptr;
    // Threads go over the keys at about the same time, each in its own order
    // within a window, and leave some out.
    constexpr uint64_t kWindow = 16;
    for (uint64_t base = 0; base < present_.size(); base += kWindow) {
      const uint64_t start = random.Uniform(kWindow);
      for (uint64_t i = 0; i < kWindow; ++i) {
        const uint64_t key = base + (start + i * 5) % kWindow;
        if (key >= present_.size() || random.OneIn(3)) continue;
        Insert(key, &random, &finger, &hint);
        if (random.OneIn(4)) LookFor(random.Uniform(base + kWindow), &random);
      }
    }
    yield_state = 0;
  }

  void Check() {
    ASSERT_EQ(0, failures_.load());
    ASSERT_EQ("", fixture_.list.TEST_Validate());
    uint64_t there = 0;
    for (uint64_t key = 0; key < present_.size(); ++key) {
      ASSERT_EQ(present_[key].load(), accepted_[key].load()) << "key " << key;
      there += present_[key].load();
      ASSERT_EQ(present_[key].load() != 0,
                fixture_.list.Contains(Encode(key).data()));
    }
    ASSERT_GT(there, present_.size() / 2);
    BlockSkipList::Iterator it(&fixture_.list);
    const char* last = nullptr;
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      if (last != nullptr) {
        ASSERT_LT(fixture_.comparator.Compare(last, it.key()), 0);
      }
      last = it.key();
      --there;
    }
    ASSERT_EQ(0u, there);
  }

  uint64_t inserts() const { return inserts_; }

 private:
  std::string Encode(uint64_t key) const {
    switch (pattern_) {
      case Pattern::kScattered:
        return EncodeEntry(std::to_string(Scatter(key)) + Suffix(key), 1, 1);
      case Pattern::kAscending:
        return EncodeEntry(std::to_string(1000000000 + key) + Suffix(key), 1,
                           1);
      case Pattern::kVersions:
        return EncodeEntry("version" + std::to_string(key / 512), key + 1, 1);
      default:
        return EncodeEntry(
            CommonPrefix(20) +
                std::to_string(key % 2 == 0 ? Scatter(key) : key),
            key % 3, 1);
    }
  }

  // Where the order cares for 'z': later keys have one now and then.
  std::string Suffix(uint64_t key) const {
    return key > present_.size() / 4 && key % 32 == 0 ? "z" : "";
  }

  void Insert(uint64_t key, Random* random, BlockSkipList::Finger* finger,
              void** hint) {
    const char* entry = fixture_.Copy(Encode(key));
    const uint64_t way = random->Uniform(4);
    const bool inserted = way == 0   ? fixture_.list.Insert(entry, finger)
                          : way == 1 ? fixture_.list.InsertWithHint(entry, hint)
                                     : fixture_.list.Insert(entry);
    if (inserted) accepted_[key].fetch_add(1, std::memory_order_relaxed);
    present_[key].store(1, std::memory_order_release);
    inserts_.fetch_add(1, std::memory_order_relaxed);
    if (!fixture_.list.Contains(entry)) Fail("lost at once", key);
  }

  void LookFor(uint64_t key, Random* random) {
    if (key >= present_.size()) return;
    const bool present = present_[key].load(std::memory_order_acquire) != 0;
    const std::string wanted = Encode(key);
    const auto compare = [&](const char* found) {
      return fixture_.comparator.Compare(found, wanted.data());
    };
    BlockSkipList::Iterator it(&fixture_.list);
    const bool down = random->OneIn(2);
    down ? it.SeekForPrev(wanted.data()) : it.Seek(wanted.data());
    const bool found = it.Valid() && compare(it.key()) == 0;
    if (present && !found) Fail("not found", key);
    if (!found) {
      if (it.Valid() &&
          (down ? compare(it.key()) > 0 : compare(it.key()) < 0)) {
        Fail("passed by", key);
      }
      return;
    }
    // One step away and back: what came in between may be met, no more.
    down ? it.Prev() : it.Next();
    if (!it.Valid()) return;
    if (down ? compare(it.key()) >= 0 : compare(it.key()) <= 0) {
      Fail("in disorder", key);
    }
    while (it.Valid() &&
           (down ? compare(it.key()) < 0 : compare(it.key()) > 0)) {
      down ? it.Next() : it.Prev();
    }
    if (!it.Valid() || compare(it.key()) != 0) Fail("no way back", key);
  }

  void Fail(const char* what, uint64_t key) {
    if (failures_.fetch_add(1) < 20) {
      ADD_FAILURE() << what << ": " << DebugString(Encode(key).data());
    }
  }

  const Pattern pattern_;
  ListFixture fixture_;
  std::vector<std::atomic<int>> accepted_;
  std::vector<std::atomic<int>> present_;
  std::atomic<uint64_t> inserts_{0};
  std::atomic<int> failures_{0};
};

class ListStressTest
    : public ::testing::TestWithParam<std::tuple<int, StressMode>> {};

TEST_P(ListStressTest, InsertAndLook) {
  const auto [threads, mode] = GetParam();
  uint64_t inserts = 0;
  // Under a sanitizer, which takes note of every step, less than elsewhere.
  const uint64_t wanted =
      300000 * TestPercent() / 100 / kSlowdown / kSlowdown;
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
  return mode.order.name + std::string(KeyOrderName(mode.key_order)) +
         std::to_string(threads);
}
INSTANTIATE_TEST_SUITE_P(All, ListStressTest,
                         ::testing::Combine(::testing::Values(8, 16, 64),
                                            ::testing::ValuesIn(kModes)),
                         ParamName);

}  // namespace
}  // namespace test
}  // namespace fastskip
