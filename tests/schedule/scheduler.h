// SPDX-License-Identifier: Apache-2.0
// A deterministic scheduler for code whose every atomic operation is preceded
// by a call of Step().
//
// It runs the threads of a Program as fibers of one OS thread and decides in
// Step() which of them runs on, so a schedule is a list of decisions that can
// be enumerated and repeated. Explore() runs every schedule with at most so
// many preemptions (a preemption takes the processor from a thread that could
// have run on); Sample() runs schedules by random priorities (PCT: Burckhardt
// and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding
// Bugs", ASPLOS 2010).
//
// Sequential consistency is all it shows: what a weaker memory order allows is
// for ThreadSanitizer, which this scheduler cooperates with (see fiber.h).
//
// Not thread-safe: one scheduler at a time in a process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fastskip {
namespace schedule {

// What is to be scheduled.
class Program {
 public:
  virtual ~Program() = default;
  virtual int threads() const = 0;
  // Before every schedule; runs without interruption.
  virtual void SetUp() = 0;
  // What a thread does, 0 <= thread < threads(). Throws nothing.
  virtual void Run(int thread) = 0;
  // After every schedule, without interruption: "" when all is right.
  virtual std::string Check() = 0;
};

struct Result {
  uint64_t schedules = 0;
  int preemptions = 0;      // Explore: all schedules of up to so many were run
  uint64_t steps = 0;       // of all schedules
  uint64_t most_steps = 0;  // of one
  // "" when no schedule failed. Else what was wrong, and the schedule in the
  // form that Repeat() takes.
  std::string failure;
};

// All schedules of at most `preemptions`, fewest preemptions first; ends at
// the first failure, which therefore is one with the fewest. Of more than one
// preemption only when by the growth so far that makes no more than about
// `schedules`.
Result Explore(Program* program, int preemptions,
               uint64_t schedules = ~uint64_t{0});

// `schedules` schedules by random priorities that change at `changes` places.
Result Sample(Program* program, uint64_t schedules, int changes, uint64_t seed);

// The one schedule `runs`, "A17 B3 A5": thread A (number 0) makes 17 steps,
// then B (number 1) 3. The threads finish in their order afterwards. With a
// trace of every step and its place in the code in `failure`.
Result Repeat(Program* program, const std::string& runs);

// Whether FASTSKIP_SCHEDULE has a schedule, which then is repeated and printed
// under `name`.
bool RepeatGiven(Program* program, const char* name);

// To be called before every atomic operation, with the caller's address. Does
// nothing outside of Program::Run.
void Step(const void* place);

// The number of steps of this schedule so far.
uint64_t Now();

// Leaves the number of the calling thread's next step in *number.
void StampNextStep(uint64_t* number);

}  // namespace schedule
}  // namespace fastskip
