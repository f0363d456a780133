// SPDX-License-Identifier: Apache-2.0
#include "tests/schedule/scheduler.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "tests/schedule/fiber.h"
#include "tests/schedule/policy.h"

#if defined(__SANITIZE_THREAD__)
#define FASTSKIP_SCHEDULE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FASTSKIP_SCHEDULE_TSAN 1
#endif
#endif

namespace fastskip {
namespace schedule {
namespace {

// A schedule that is longer than this does not end.
constexpr uint64_t kMaxSteps = 200000;

// The scheduler's own data are reached from every fiber, in turn. What
// ThreadSanitizer looks for is in the code under test.
#ifdef FASTSKIP_SCHEDULE_TSAN
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
class Unobserved {
 public:
  Unobserved() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Unobserved() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};
#else
struct Unobserved {
  Unobserved() {}
};
#endif

struct TraceLine {
  int thread;
  const void* place;
};

class Scheduler {
 public:
  explicit Scheduler(Program* program) : program_(program) {
    for (int i = 0; i < program->threads(); ++i) {
      threads_.push_back(std::make_unique<Thread>());
      threads_.back()->owner = this;
      threads_.back()->number = i;
      threads_.back()->fiber =
          std::make_unique<Fiber>(&Scheduler::Body, threads_.back().get());
    }
    VisitAll();
  }

  // Runs one schedule. False when it failed; the scheduler is of no further
  // use when it did not end.
  bool RunOnce(Policy* policy) {
    policy_ = policy;
    steps_ = 0;
    runs_.clear();
    program_->SetUp();
    for (auto& t : threads_) {
      t->finished = false;
      t->fresh = true;
    }
    VisitAll();
    current_ = nullptr;
    Thread* first = PickNext();
    SwitchFrom(&main_, first);
    current_ = nullptr;
    if (steps_ > kMaxSteps) {
      failure_ = "no end after " + std::to_string(kMaxSteps) + " steps";
      return false;
    }
    VisitAll();
    failure_ = program_->Check();
    return failure_.empty();
  }

  void Step(const void* place) {
    const Unobserved unobserved;
    Thread* self = current_;
    if (self == nullptr) return;
    // A preemption before the first step of a thread is the same as having
    // picked the other thread at once.
    if (self->fresh) {
      self->fresh = false;
    } else {
      Thread* next = policy_->MaySwitch() ? PickNext() : self;
      if (next != self) SwitchFrom(self->fiber.get(), next);
    }
    if (++steps_ > kMaxSteps) Finish(self);
    ++runs_.back().second;
    if (trace_ != nullptr) trace_->push_back({self->number, place});
    if (self->stamp != nullptr) {
      *self->stamp = steps_;
      self->stamp = nullptr;
    }
  }

  void StampNextStep(uint64_t* number) {
    const Unobserved unobserved;
    if (current_ != nullptr) current_->stamp = number;
  }

  void set_trace(std::vector<TraceLine>* trace) { trace_ = trace; }
  uint64_t steps() const { return steps_; }
  const std::string& failure() const { return failure_; }

  std::string Runs() const {
    std::string text;
    for (const auto& [thread, count] : runs_) {
      if (!text.empty()) text += ' ';
      text += static_cast<char>('A' + thread);
      text += std::to_string(count);
    }
    return text;
  }

  // Runs() for a signal handler: allocates nothing.
  void WriteRuns(int fd) const {
    char text[32];
    for (const auto& [thread, count] : runs_) {
      const int n = std::snprintf(text, sizeof(text), "%c%llu ", 'A' + thread,
                                  static_cast<unsigned long long>(count));
      if (write(fd, text, static_cast<size_t>(n)) < 0) return;
    }
  }

 private:
  struct Thread {
    Scheduler* owner = nullptr;
    int number = 0;
    bool finished = false;
    bool fresh = true;  // has made no step yet
    uint64_t* stamp = nullptr;
    std::unique_ptr<Fiber> fiber;
  };

  // A thread's life: one turn for every schedule.
  static void Body(void* argument) {
    auto* self = static_cast<Thread*>(argument);
    Scheduler* const owner = self->owner;
    for (;;) {
      // What the last schedule did happened before what main does next ...
      self->fiber->SwitchTo(&owner->main_, SwitchKind::kSynchronising);
      // ... and that, SetUp for one, before what the next schedule does.
      self->fiber->SwitchTo(&owner->main_, SwitchKind::kSynchronising);
      owner->program_->Run(self->number);
      owner->Finish(self);
    }
  }

  // Lets every thread stop at the next place in Body, and come back.
  void VisitAll() {
    for (auto& t : threads_) {
      main_.SwitchTo(t->fiber.get(), SwitchKind::kSynchronising);
    }
  }

  void Finish(Thread* self) {
    const Unobserved unobserved;
    self->finished = true;
    self->stamp = nullptr;
    Thread* next = steps_ > kMaxSteps ? nullptr : PickNext();
    if (next == nullptr) {
      current_ = nullptr;
      // The fiber stops inside Body's loop, or, when the schedule does not
      // end, for good.
      self->fiber->SwitchTo(&main_, SwitchKind::kSynchronising);
    } else {
      SwitchFrom(self->fiber.get(), next);
    }
  }

  Thread* PickNext() {
    ready_.clear();
    const bool current_can_run = current_ != nullptr && !current_->finished;
    if (current_can_run) ready_.push_back(current_->number);
    for (const auto& t : threads_) {
      if (!t->finished && t.get() != current_) ready_.push_back(t->number);
    }
    if (ready_.empty()) return nullptr;
    const uint64_t run = runs_.empty() ? 0 : runs_.back().second;
    return threads_[policy_->Pick(ready_, current_can_run, run)].get();
  }

  void SwitchFrom(Fiber* from, Thread* to) {
    current_ = to;
    if (runs_.empty() || runs_.back().first != to->number) {
      runs_.push_back({to->number, 0});
    }
    from->SwitchTo(to->fiber.get(), from == &main_ ? SwitchKind::kSynchronising
                                                   : SwitchKind::kSilent);
  }

  Program* const program_;
  Policy* policy_ = nullptr;
  Fiber main_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<int> ready_;
  Thread* current_ = nullptr;
  uint64_t steps_ = 0;
  std::vector<std::pair<int, uint64_t>> runs_;
  std::vector<TraceLine>* trace_ = nullptr;
  std::string failure_;
};

Scheduler* active = nullptr;

// Prints the schedule that a crash happened in.
void OnCrash(int signal_number) {
  static const char kText[] = "\ncrashed in the schedule ";
  if (write(STDERR_FILENO, kText, sizeof(kText) - 1) > 0 && active != nullptr) {
    active->WriteRuns(STDERR_FILENO);
    if (write(STDERR_FILENO, "\n", 1) < 0) return;
  }
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// Makes a scheduler the one that Step() speaks to.
class Activation {
 public:
  explicit Activation(Scheduler* scheduler) {
    active = scheduler;
    for (size_t i = 0; i < kSignals; ++i) {
      old_[i] = signal(kSignal[i], OnCrash);
    }
  }
  ~Activation() {
    active = nullptr;
    for (size_t i = 0; i < kSignals; ++i) signal(kSignal[i], old_[i]);
  }

 private:
  static constexpr int kSignal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
  static constexpr size_t kSignals = 4;
  void (*old_[kSignals])(int);
};

void Count(const Scheduler& scheduler, Result* result) {
  ++result->schedules;
  result->steps += scheduler.steps();
  result->most_steps = std::max(result->most_steps, scheduler.steps());
}

}  // namespace

Result Explore(Program* program, int preemptions, uint64_t schedules) {
  Scheduler scheduler(program);
  Activation activation(&scheduler);
  Result result;
  uint64_t before = 0;
  for (int budget = 0; budget <= preemptions; ++budget) {
    // n threads of s steps have about (n s)^k / k! times as many schedules of k
    // preemptions as of none.
    if (budget > 1 && result.schedules > schedules / result.schedules * before *
                                             budget / (budget - 1)) {
      break;
    }
    before = result.schedules;
    result.preemptions = budget;
    AllSchedules policy(budget);
    do {
      policy.Rewind();
      const bool right = scheduler.RunOnce(&policy);
      // One with fewer preemptions has been counted already.
      if (policy.AllSpent()) Count(scheduler, &result);
      if (!right) {
        result.failure = scheduler.failure() +
                         "\nschedule: " + scheduler.Runs() + " (" +
                         std::to_string(budget) + " preemptions)";
        return result;
      }
    } while (policy.Next());
  }
  return result;
}

Result Sample(Program* program, uint64_t schedules, int changes,
              uint64_t seed) {
  Scheduler scheduler(program);
  Activation activation(&scheduler);
  Result result;
  RandomPriorities policy(program->threads(), changes, seed);
  for (uint64_t i = 0; i < schedules; ++i) {
    policy.Rewind(std::max<uint64_t>(1, i == 0 ? 100 : result.steps / i));
    const bool right = scheduler.RunOnce(&policy);
    Count(scheduler, &result);
    if (!right) {
      result.failure = scheduler.failure() + "\nschedule: " + scheduler.Runs() +
                       " (random priorities)";
      break;
    }
  }
  return result;
}

Result Repeat(Program* program, const std::string& runs) {
  Scheduler scheduler(program);
  Activation activation(&scheduler);
  std::vector<TraceLine> trace;
  scheduler.set_trace(&trace);
  Result result;
  GivenSchedule policy(runs);
  if (!scheduler.RunOnce(&policy)) result.failure = scheduler.failure();
  Count(scheduler, &result);
  result.failure += "\nran as: " + scheduler.Runs();
  uint64_t number = 0;
  for (const TraceLine& line : trace) {
    char text[64];
    std::snprintf(text, sizeof(text), "\n%6llu %c %p",
                  static_cast<unsigned long long>(++number), 'A' + line.thread,
                  line.place);
    result.failure += text;
  }
  return result;
}

bool RepeatGiven(Program* program, const char* name) {
  const char* const runs = std::getenv("FASTSKIP_SCHEDULE");
  if (runs == nullptr) return false;
  std::printf("%s: %s\n", name, Repeat(program, runs).failure.c_str());
  return true;
}

void Step(const void* place) {
  if (active != nullptr) active->Step(place);
}

uint64_t Now() { return active == nullptr ? 0 : active->steps(); }

void StampNextStep(uint64_t* number) {
  if (active != nullptr) active->StampNextStep(number);
}

}  // namespace schedule
}  // namespace fastskip
