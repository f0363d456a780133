// SPDX-License-Identifier: Apache-2.0
// How the scheduler chooses among the threads that can run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace fastskip {
namespace schedule {

// Decides who runs.
class Policy {
 public:
  virtual ~Policy() = default;
  // False when the current thread runs on for sure unless it has finished.
  virtual bool MaySwitch() const { return true; }
  // One of `threads`, which lists those that have not finished. The current
  // one is first and has made `run` steps since it was switched to, if
  // `current_can_run`; else it has just finished and is not in the list.
  virtual int Pick(const std::vector<int>& threads, bool current_can_run,
                   uint64_t run) = 0;
};

// Walks the tree of decisions depth first: repeats the decisions up to the
// last that has an option left, takes that one, and the first option from then
// on.
class AllSchedules : public Policy {
 public:
  explicit AllSchedules(int preemptions) : budget_(preemptions) {}

  bool MaySwitch() const override { return left_ > 0; }

  int Pick(const std::vector<int>& threads, bool current_can_run,
           uint64_t) override {
    if (threads.size() == 1) return threads[0];
    if (at_ == decisions_.size()) {
      decisions_.push_back({0, static_cast<uint8_t>(threads.size())});
    }
    const uint8_t choice = decisions_[at_++].choice;
    if (current_can_run && choice != 0) --left_;
    return threads[choice];
  }

  // Prepares for the next schedule; false when there is none.
  bool Next() {
    while (!decisions_.empty() &&
           decisions_.back().choice + 1 == decisions_.back().options) {
      decisions_.pop_back();
    }
    if (decisions_.empty()) return false;
    ++decisions_.back().choice;
    Rewind();
    return true;
  }

  void Rewind() {
    at_ = 0;
    left_ = budget_;
  }

  // Whether the schedule that has just run used up the budget.
  bool AllSpent() const { return left_ == 0; }

 private:
  struct Decision {
    uint8_t choice;
    uint8_t options;
  };
  const int budget_;
  int left_ = budget_;
  size_t at_ = 0;
  std::vector<Decision> decisions_;
};

class RandomPriorities : public Policy {
 public:
  RandomPriorities(int threads, int changes, uint64_t seed)
      : random_(seed), priorities_(threads), changes_(changes) {}

  // `length`: about how many steps the schedule will have.
  void Rewind(uint64_t length) {
    step_ = 0;
    for (size_t i = 0; i < priorities_.size(); ++i) {
      priorities_[i] = static_cast<int>(i + changes_.size());
    }
    for (size_t i = priorities_.size(); i > 1; --i) {
      std::swap(priorities_[i - 1], priorities_[Next() % i]);
    }
    for (uint64_t& change : changes_) change = 1 + Next() % length;
  }

  int Pick(const std::vector<int>& threads, bool current_can_run,
           uint64_t) override {
    if (current_can_run) {
      ++step_;
      for (size_t i = 0; i < changes_.size(); ++i) {
        if (changes_[i] == step_) priorities_[threads[0]] = static_cast<int>(i);
      }
    }
    int best = threads[0];
    for (const int t : threads) {
      if (priorities_[t] > priorities_[best]) best = t;
    }
    return best;
  }

 private:
  uint64_t Next() {
    random_ += 0x9e3779b97f4a7c15u;
    uint64_t x = random_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  uint64_t random_;
  uint64_t step_ = 0;
  std::vector<int> priorities_;
  std::vector<uint64_t> changes_;
};

// The schedule that a text names.
class GivenSchedule : public Policy {
 public:
  explicit GivenSchedule(const std::string& runs) {
    const char* p = runs.c_str();
    for (;;) {
      while (*p == ' ') ++p;
      if (*p < 'A' || *p > 'Z') break;
      const int thread = *p++ - 'A';
      char* end = nullptr;
      runs_.push_back({thread, std::strtoull(p, &end, 10)});
      p = end;
    }
  }

  int Pick(const std::vector<int>& threads, bool current_can_run,
           uint64_t run) override {
    if (current_can_run && (at_ >= runs_.size() || run < runs_[at_].second)) {
      return threads[0];
    }
    if (started_) ++at_;
    started_ = true;
    for (; at_ < runs_.size(); ++at_) {
      for (const int t : threads) {
        if (t == runs_[at_].first) return t;
      }
    }
    return threads[0];
  }

 private:
  std::vector<std::pair<int, uint64_t>> runs_;
  size_t at_ = 0;
  bool started_ = false;
};

}  // namespace schedule
}  // namespace fastskip
