// SPDX-License-Identifier: Apache-2.0

#include "tools/crash_test/expected_state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fastskip {
namespace crash_test {

ExpectedState::ExpectedState(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* map = MAP_FAILED;
  // Sparse: what no thread logs takes no room.
  if (fd >= 0 && ftruncate(fd, sizeof(Layout)) == 0) {
    map = mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
               0);
  }
  if (fd >= 0) close(fd);
  if (map == MAP_FAILED) {
    std::perror(path.c_str());
    std::exit(2);
  }
  layout_ = static_cast<Layout*>(map);
}

ExpectedState::~ExpectedState() { munmap(layout_, sizeof(Layout)); }

Versions ExpectedState::Base() const {
  return Versions(layout_->base, layout_->base + kKeys);
}

uint32_t ExpectedState::NextVersion() const {
  return std::max<uint32_t>(layout_->next_version, 1);
}

void ExpectedState::StartRound(const Versions& base) {
  uint32_t next = NextVersion();
  for (Thread& thread : layout_->threads) {
    for (uint32_t i = 0; i < thread.pending; ++i) {
      next = std::max(next, thread.log[i].version + 1);
    }
    thread.pending = 0;
    thread.acknowledged = 0;
    thread.durable = 0;
  }
  layout_->next_version = next;
  std::copy(base.begin(), base.end(), layout_->base);
}

bool ExpectedState::Pend(uint32_t thread, const std::vector<Operation>& group) {
  Thread& mine = layout_->threads[thread];
  const uint32_t at = mine.pending;
  if (at + group.size() > kGroupsPerThread) return false;
  std::copy(group.begin(), group.end(), mine.log + at);
  for (size_t i = 0; i < group.size(); ++i) {
    mine.log[at + i].more = i + 1 < group.size() ? 1 : 0;
  }
  mine.pending = at + static_cast<uint32_t>(group.size());
  return true;
}

void ExpectedState::Acknowledge(uint32_t thread) {
  Thread& mine = layout_->threads[thread];
  mine.acknowledged = mine.pending.load();
}

uint32_t ExpectedState::acknowledged(uint32_t thread) const {
  return layout_->threads[thread].acknowledged;
}

void ExpectedState::SetDurable(const std::vector<uint32_t>& counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    layout_->threads[i].durable = counts[i];
  }
}

ExpectedState::Totals ExpectedState::RoundTotals() const {
  Totals totals;
  for (const Thread& thread : layout_->threads) {
    totals.acknowledged += thread.acknowledged;
    if (thread.pending != thread.acknowledged) ++totals.in_flight;
  }
  return totals;
}

namespace {

// How many keys of each family still differ from what was found.
class Mismatches {
 public:
  Mismatches(const Versions& base, const Versions& actual,
             const ExpectedState::Rules& rules, uint32_t thread)
      : state_(base), actual_(actual) {
    for (uint32_t key = 0; key < kKeys; ++key) {
      if (LaneOf(key) % rules.threads != thread) continue;
      if (state_[key] != actual_[key]) ++differ_[FamilyOf(key)];
    }
  }

  void Apply(const Operation& op) {
    for (uint32_t key = op.key; key < op.key + op.count; ++key) {
      uint32_t* const differ = &differ_[FamilyOf(key)];
      *differ -= state_[key] != actual_[key] ? 1 : 0;
      state_[key] = op.version;
      *differ += state_[key] != actual_[key] ? 1 : 0;
    }
  }

  bool None(uint32_t family) const { return differ_[family] == 0; }
  bool None() const {
    return std::all_of(std::begin(differ_), std::end(differ_),
                       [](uint32_t n) { return n == 0; });
  }

  // One key that differs, of `thread`.
  std::string Example(const ExpectedState::Rules& rules,
                      uint32_t thread) const {
    for (uint32_t key = 0; key < kKeys; ++key) {
      if (LaneOf(key) % rules.threads != thread) continue;
      if (state_[key] == actual_[key]) continue;
      return "column family " + std::to_string(FamilyOf(key)) + ", key " +
             std::to_string(IndexOf(key)) + ": version " +
             std::to_string(actual_[key]) + " instead of " +
             std::to_string(state_[key]) + " (0: none)";
    }
    return "no example";
  }

 private:
  Versions state_;
  const Versions& actual_;
  uint32_t differ_[kFamilies] = {};
};

}  // namespace

std::string ExpectedState::CheckThread(const Rules& rules, uint32_t thread,
                                       const Versions& base,
                                       const Versions& actual) const {
  const Thread& log = layout_->threads[thread];
  const uint32_t least = rules.wal ? log.acknowledged : log.durable;
  Mismatches mismatches(base, actual, rules, thread);
  bool found[kFamilies] = {};
  bool found_all = false;
  std::string example;
  for (uint32_t at = 0;; ++at) {
    // Between groups only: a group is atomic.
    if (at >= least && (at == 0 || log.log[at - 1].more == 0)) {
      found_all = found_all || mismatches.None();
      for (uint32_t family = 0; family < kFamilies; ++family) {
        found[family] = found[family] || mismatches.None(family);
      }
      if (example.empty()) example = mismatches.Example(rules, thread);
    }
    if (at == log.pending) break;
    mismatches.Apply(log.log[at]);
  }
  const bool all_found =
      std::all_of(std::begin(found), std::end(found), [](bool f) { return f; });
  if (rules.same_everywhere ? found_all : all_found) return "";
  return "thread " + std::to_string(thread) + ": no prefix of at least " +
         std::to_string(least) + " of its " + std::to_string(log.pending) +
         " operations (" + std::to_string(log.acknowledged) +
         " acknowledged) explains what is there; with the shortest: " + example;
}

std::string ExpectedState::Check(const Rules& rules,
                                 const Versions& actual) const {
  const Versions base = Base();
  for (uint32_t thread = 0; thread < rules.threads; ++thread) {
    std::string error = CheckThread(rules, thread, base, actual);
    if (!error.empty()) return error;
  }
  return "";
}

}  // namespace crash_test
}  // namespace fastskip
