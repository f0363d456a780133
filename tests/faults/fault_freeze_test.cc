// SPDX-License-Identifier: Apache-2.0
// Threads held at random instructions, in the middle of an insert, while the
// others must go on: nothing that a thread does makes another one wait. The
// control, the same with a mutex around the insert, gets stuck.
//
// A signal handler does the holding: it spins until it is told to let go, so
// its thread stands wherever the signal met it.
//
// ThreadSanitizer puts signals off until a thread enters its runtime.
// Sanitizers: address

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> g_hold{false};
std::atomic<int> g_held{0};
thread_local volatile bool t_inside = false;  // of an insert
std::atomic<uint64_t> g_held_inside{0};

void Hold(int) {
  if (t_inside) g_held_inside.fetch_add(1);
  g_held.fetch_add(1);
  const timespec pause{0, 200000};
  while (g_hold.load()) nanosleep(&pause, nullptr);
  g_held.fetch_sub(1);
}

// Memory that was taken before: malloc has locks of its own, which a held
// thread would keep, and which are not under test. Bumps one pointer.
class LockFreeAllocator : public rdb::Allocator {
 public:
  explicit LockFreeAllocator(size_t bytes) : memory_(bytes) {}
  char* Allocate(size_t bytes) override {
    const size_t at = used_.fetch_add(bytes);
    if (at + bytes > memory_.size()) throw std::bad_alloc();
    return memory_.data() + at;
  }
  char* AllocateAligned(size_t bytes, size_t, rdb::Logger*) override {
    return Allocate(bytes + 16);
  }
  size_t BlockSize() const override { return 4096; }

 private:
  std::vector<char> memory_;
  std::atomic<size_t> used_{0};
};

// Leaves the processors to the writers.
void Pause() { std::this_thread::sleep_for(std::chrono::microseconds(50)); }

enum class Guard { kNone, kMutex };

// Writers that insert forever; each counts what it has done.
class Writers {
 public:
  Writers(Guard guard, int threads, size_t memory)
      : guard_(guard),
        allocator_(memory),
        order_(rdb::BytewiseComparator()),
        rep_(FastSkipFactory()->CreateMemTableRep(order_, &allocator_, nullptr,
                                                  nullptr)),
        done_(static_cast<size_t>(threads)) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, i] { Run(static_cast<size_t>(i)); });
    }
  }
  ~Writers() { Stop(); }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  // Holds one thread for as long as the others need for some inserts; false
  // when they have not done them within `patience`.
  bool FreezeOne(size_t victim, std::chrono::milliseconds patience) {
    g_hold = true;
    pthread_kill(threads_[victim].native_handle(), SIGUSR1);
    while (g_held.load() == 0) Pause();
    bool went_on = true;
    constexpr uint64_t kSome = 5;
    const auto end = Clock::now() + patience;
    std::vector<uint64_t> before = Counts();
    for (size_t i = 0; i < done_.size() && went_on; ++i) {
      if (i == victim) continue;
      while (done_[i].load() < before[i] + kSome) {
        if (Clock::now() > end || full_) {
          went_on = full_;
          break;
        }
        Pause();
      }
    }
    g_hold = false;
    while (g_held.load() != 0) Pause();
    return went_on;
  }

  bool full() const { return full_; }
  uint64_t Total() const {
    uint64_t total = 0;
    for (const uint64_t count : Counts()) total += count;
    return total;
  }

  // Requires: Stop(). Every entry, in order, once.
  void ExpectAllThere() {
    const std::unique_ptr<rdb::MemTableRep::Iterator> iter(
        rep_->GetIterator(nullptr));
    uint64_t seen = 0;
    std::string last;
    for (iter->SeekToFirst(); iter->Valid(); iter->Next(), ++seen) {
      const std::string key(ParseEntry(iter->key()).user_key);
      if (seen > 0) {
        ASSERT_LT(last, key);
      }
      last = key;
    }
    EXPECT_EQ(seen, Total());
  }

 private:
  void Run(size_t thread) {
    // Written anew in place: a thread held in malloc would keep its locks.
    std::string entry = EncodeEntry("k" + std::string(8, '0'), 1, 1);
    char* const key = &entry[1];  // behind the length
    for (uint64_t i = 0; !stop_ && !full_; ++i) {
      // Scattered and, in every other insert, next to what others insert.
      const uint64_t number = i * done_.size() + thread;
      key[0] = i % 2 == 0 ? 'r' : 's';
      uint64_t rest = i % 2 == 0 ? Scatter(number) : number;
      for (int at = 8; at > 0; --at, rest >>= 8) {
        key[at] = static_cast<char>(rest);  // big-endian
      }
      try {
        Insert(entry);
      } catch (const std::bad_alloc&) {
        t_inside = false;
        full_ = true;
        return;
      }
      done_[thread].fetch_add(1);
    }
  }

  void Insert(const std::string& entry) {
    std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
    if (guard_ == Guard::kMutex) lock.lock();
    t_inside = true;
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep_->Allocate(entry.size(), &buffer);
    std::memcpy(buffer, entry.data(), entry.size());
    EXPECT_TRUE(rep_->InsertKeyConcurrently(handle));
    t_inside = false;
  }

  std::vector<uint64_t> Counts() const {
    std::vector<uint64_t> counts;
    for (const auto& count : done_) counts.push_back(count.load());
    return counts;
  }

  const Guard guard_;
  LockFreeAllocator allocator_;
  EntryOrder order_;
  std::unique_ptr<rdb::MemTableRep> rep_;
  std::mutex mutex_;
  std::vector<std::atomic<uint64_t>> done_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> full_{false};
  std::vector<std::thread> threads_;
};

class FaultFreeze : public ::testing::Test {
 protected:
  void SetUp() override {
    struct sigaction action = {};
    action.sa_handler = Hold;
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    g_held_inside = 0;
  }
  static constexpr int kThreads = 4;
  static constexpr size_t kMemory = 48 << 20;
};

TEST_F(FaultFreeze, OthersGoOn) {
  const uint64_t wanted =
      TestPercent() > 100 ? 5000 : 300 * TestPercent() / 100 / kSlowdown + 1;
  Random random = MakeRandom();
  uint64_t freezes = 0, inserts = 0;
  while (freezes < wanted) {
    Writers writers(Guard::kNone, kThreads, kMemory);
    while (freezes < wanted && !writers.full()) {
      // A minute: for a machine with other work to do.
      ASSERT_TRUE(
          writers.FreezeOne(random.Uniform(kThreads), std::chrono::minutes(1)))
          << "stuck in freeze " << freezes;
      ++freezes;
    }
    writers.Stop();
    inserts += writers.Total();
    ASSERT_NO_FATAL_FAILURE(writers.ExpectAllThere());
  }
  // Else the freezes hit nothing.
  EXPECT_GT(g_held_inside.load(), freezes / 10);
  std::printf("%llu freezes, %llu inside an insert, %llu inserts\n",
              static_cast<unsigned long long>(freezes),
              static_cast<unsigned long long>(g_held_inside.load()),
              static_cast<unsigned long long>(inserts));
}

TEST_F(FaultFreeze, AMutexGetsStuck) {
  Writers writers(Guard::kMutex, kThreads, kMemory);
  Random random = MakeRandom();
  int stuck = 0;
  for (int i = 0; i < 500 && stuck == 0 && !writers.full(); ++i) {
    if (!writers.FreezeOne(random.Uniform(kThreads),
                           std::chrono::milliseconds(300))) {
      ++stuck;
    }
  }
  EXPECT_GT(stuck, 0);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
