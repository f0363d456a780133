// SPDX-License-Identifier: Apache-2.0
//
// What the database must hold, kept outside of it: a file that parent and child
// map. A writer notes each group of operations before it writes it (pending),
// and counts it afterwards (acknowledged); a SIGKILL leaves both in the file.
//
// Every key belongs to one lane, every lane to one thread of a round. So after
// a kill a column family must show, for each thread, the state at the start of
// the round with a prefix of the thread's groups applied, no shorter than what
// was acknowledged (or flushed, where there is no WAL).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fastskip {
namespace crash_test {

constexpr uint32_t kFamilies = 4;
constexpr uint32_t kKeysPerFamily = 4096;
constexpr uint32_t kKeys = kFamilies * kKeysPerFamily;
constexpr uint32_t kLanes = 16;
constexpr uint32_t kMaxThreads = 16;
constexpr uint32_t kGroupsPerThread = 1u << 20;
// Keys of the second half belong to a lane in runs: DeleteRange stays in one.
constexpr uint32_t kRun = 32;
constexpr uint32_t kAbsent = 0;

// A key as a number: family * kKeysPerFamily + index.
inline uint32_t FamilyOf(uint32_t key) { return key / kKeysPerFamily; }
inline uint32_t IndexOf(uint32_t key) { return key % kKeysPerFamily; }
inline bool InRun(uint32_t key) { return IndexOf(key) >= kKeysPerFamily / 2; }
inline uint32_t LaneOf(uint32_t key) {
  return InRun(key) ? IndexOf(key) / kRun % kLanes : IndexOf(key) % kLanes;
}

// One operation: `count` keys from `key` on get `version`; kAbsent deletes.
struct Operation {
  uint32_t key;
  uint32_t version;
  uint16_t count;
  uint16_t more;  // 1: the next operation belongs to the same group
};

// The states of all keys: versions, by key.
using Versions = std::vector<uint32_t>;

class ExpectedState {
 public:
  // Maps `path`, and makes it when it is not there. Ends the program with a
  // message when it cannot.
  explicit ExpectedState(const std::string& path);
  ExpectedState(const ExpectedState&) = delete;
  ExpectedState& operator=(const ExpectedState&) = delete;
  ~ExpectedState();

  // --- By the parent, between rounds.
  Versions Base() const;
  void StartRound(const Versions& base);
  // Where the versions of a round may begin, so that none is used twice.
  uint32_t NextVersion() const;

  // --- By a writer, for its own thread.
  // Notes a group; false when there is no room for it.
  bool Pend(uint32_t thread, const std::vector<Operation>& group);
  void Acknowledge(uint32_t thread);
  uint32_t acknowledged(uint32_t thread) const;

  // --- By the one who flushes: a flush that has begun after each thread's
  // groups up to `counts` were acknowledged is complete.
  void SetDurable(const std::vector<uint32_t>& counts);

  // --- Checking.
  struct Rules {
    uint32_t threads;
    bool wal;              // acknowledged is durable
    bool same_everywhere;  // a prefix holds for all families at once
  };
  // "" when `actual` is possible after the round, else why not.
  std::string Check(const Rules& rules, const Versions& actual) const;

  struct Totals {
    uint64_t acknowledged = 0;  // operations
    uint64_t in_flight = 0;     // groups that were pending at the end
  };
  Totals RoundTotals() const;

 private:
  struct Thread {
    std::atomic<uint32_t> pending;       // operations noted
    std::atomic<uint32_t> acknowledged;  // operations
    std::atomic<uint32_t> durable;       // operations
    Operation log[kGroupsPerThread];
  };
  struct Layout {
    std::atomic<uint32_t> next_version;
    uint32_t base[kKeys];
    Thread threads[kMaxThreads];
  };

  std::string CheckThread(const Rules& rules, uint32_t thread,
                          const Versions& base, const Versions& actual) const;

  Layout* layout_;
};

}  // namespace crash_test
}  // namespace fastskip
