// SPDX-License-Identifier: Apache-2.0
// Fibers: stacks that one OS thread switches between.
#pragma once

#include <cstddef>
#include <memory>

namespace fastskip {
namespace schedule {

// What another fiber's order of events means to ThreadSanitizer. It takes
// kSilent switches for no synchronisation, so that a missing acquire or
// release in the code under test is reported though all runs on one OS thread.
enum class SwitchKind { kSynchronising, kSilent };

// A stack and where it stopped. One without a body stands for the OS thread's
// own stack.
class Fiber {
 public:
  Fiber();
  // `body` runs at the first switch to this fiber and must never return.
  Fiber(void (*body)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Stops `this`, which is running, and runs `to` on from where it stopped.
  void SwitchTo(Fiber* to, SwitchKind kind);

 private:
  static constexpr size_t kStackBytes = 128 << 10;

  static void Start();
  void Arrive();

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace schedule
}  // namespace fastskip
