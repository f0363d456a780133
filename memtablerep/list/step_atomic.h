// SPDX-License-Identifier: Apache-2.0
//
// The atomics of fastskip, with the memory order in each method's name. Raw
// memory orders stand in this file alone, so that each access says at the call
// what it relies on, and a review of orders reads calls.
//
//   StepAtomic     what the lock-free protocols of list and arena are made of.
//                  A test build (FASTSKIP_TEST_STEPS) calls FastskipTestStep()
//                  before each access: there a scheduler may switch threads.
//   RelaxedAtomic  counts, sizes, flags, and pointers to constants: nothing
//   that
//                  another thread wrote is read because of their values, so a
//                  stale one makes a figure or a hint late, and relaxed is
//                  enough.
//
// In a product build both are std::atomic and nothing else.
#pragma once

#include <atomic>

#ifdef FASTSKIP_TEST_STEPS
extern "C" void FastskipTestStep();
#endif

namespace fastskip {

template <typename T>
class StepAtomic {
 public:
  StepAtomic() = default;
  explicit constexpr StepAtomic(T value) : value_(value) {}

  // Before any other thread knows the address. The release that publishes the
  // object carries the value with it.
  void Init(T value) { value_.store(value, std::memory_order_relaxed); }

  T LoadAcquire() const {
    Step();
    return value_.load(std::memory_order_acquire);
  }
  T LoadRelaxed() const {
    Step();
    return value_.load(std::memory_order_relaxed);
  }

  void StoreRelease(T value) {
    Step();
    value_.store(value, std::memory_order_release);
  }

  // Each replaces `expected`, or returns false. A failure is relaxed: its
  // callers drop the value and load again.
  bool ReplaceRelease(T expected, T desired) {
    Step();
    return value_.compare_exchange_strong(expected, desired,
                                          std::memory_order_release,
                                          std::memory_order_relaxed);
  }
  bool ReplaceAcquire(T expected, T desired) {
    Step();
    return value_.compare_exchange_strong(expected, desired,
                                          std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  bool ReplaceRelaxed(T expected, T desired) {
    Step();
    return value_.compare_exchange_strong(expected, desired,
                                          std::memory_order_relaxed);
  }
  // May fail without reason, and returns what it saw: for loops.
  bool ReplaceWeakRelaxed(T* expected, T desired) {
    Step();
    return value_.compare_exchange_weak(*expected, desired,
                                        std::memory_order_relaxed);
  }
  // The same without a CAS. REQUIRES: no other thread writes meanwhile, so the
  // load shows the last value by coherence.
  bool ReplaceAloneRelease(T expected, T desired) {
    Step();
    if (value_.load(std::memory_order_relaxed) != expected) return false;
    value_.store(desired, std::memory_order_release);
    return true;
  }

  T TakeAcquire(T left_behind) {
    Step();
    return value_.exchange(left_behind, std::memory_order_acquire);
  }
  void PutRelease(T value) {
    Step();
    value_.exchange(value, std::memory_order_release);
  }

 private:
  static void Step() {
#ifdef FASTSKIP_TEST_STEPS
    FastskipTestStep();
#endif
  }

  std::atomic<T> value_;
  static_assert(std::atomic<T>::is_always_lock_free, "a word of the machine");
};

template <typename T>
class RelaxedAtomic {
 public:
  constexpr RelaxedAtomic() : value_() {}
  explicit constexpr RelaxedAtomic(T value) : value_(value) {}

  T Load() const { return value_.load(std::memory_order_relaxed); }
  void Store(T value) { value_.store(value, std::memory_order_relaxed); }
  // Each returns the value before.
  T Add(T more) { return value_.fetch_add(more, std::memory_order_relaxed); }
  T Exchange(T value) {
    return value_.exchange(value, std::memory_order_relaxed);
  }
  // False where `expected` is not there.
  bool Replace(T expected, T desired) {
    return value_.compare_exchange_strong(expected, desired,
                                          std::memory_order_relaxed);
  }

 private:
  std::atomic<T> value_;
};

}  // namespace fastskip
