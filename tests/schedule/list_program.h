// SPDX-License-Identifier: Apache-2.0
// A list that the threads of a schedule operate on, and the check of what they
// saw.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memtablerep/list/block_skip_list_iterator.h"
#include "memtablerep/list/sharded_arena.h"
#include "tests/list/list_test_util.h"
#include "tests/schedule/scheduler.h"

namespace fastskip {
namespace schedule {

// Keys are numbers, which `user_key` and `sequence` turn into entries.
// Operations are letters with a key:
//   i5  Insert               f5  FindGreaterOrEqual
//   g5  Insert with a finger c5  Contains
//   h5  InsertWithHint       >5  Seek, then Next to the end
//   F   SeekToFirst, Next .. <5  SeekForPrev, then Prev to the beginning
//   L   SeekToLast, Prev ..  ~5  Seek, then Next, Prev, Next, Prev
//   r   RandomEntry          n5  ApproximateCount from 5 on
//   a5  InsertAlone, with a finger: for scenarios in which no other inserts
// Finger and hint are each thread's own.
struct Scenario {
  const char* name;
  test::UserCompare compare;
  KnownOrder order;
  std::string (*user_key)(int key);
  uint64_t (*sequence)(int key);
  std::vector<int> setup;            // inserted before the threads start
  std::vector<std::string> threads;  // the operations of each
  // What a thread's request for memory may run out of: the first chunks after
  // the setup, this many; negative: never.
  int chunks_left = -1;
};

// Hands out one piece of memory again and again. Relaxed, so that it orders
// nothing that ThreadSanitizer then would take for ordered by the list.
class ReusedChunks : public ChunkSource {
 public:
  char* AllocateChunk(size_t bytes) override;
  void Reset() {
    used_.store(0, std::memory_order_relaxed);
    Limit(-1);
  }
  void Limit(int chunks) { left_.store(chunks, std::memory_order_relaxed); }

 private:
  static constexpr size_t kBytes = 1 << 20;
  std::unique_ptr<char[]> memory_{new char[kBytes]};
  std::atomic<size_t> used_{0};
  std::atomic<int> left_{-1};
};

class ListProgram : public Program {
 public:
  explicit ListProgram(const Scenario& scenario);

  int threads() const override { return static_cast<int>(threads_.size()); }
  void SetUp() override;
  void Run(int thread) override;
  std::string Check() override;

  // Of the last schedule.
  const BlockSkipList& list() const { return *list_; }
  // Inserts of all schedules that ran out of memory.
  uint64_t failed_inserts() const { return failed_inserts_; }

 private:
  enum class Outcome : uint8_t { kInserted, kRefused, kFailed };

  // One operation in one schedule, by the numbers of its first and last step.
  struct Insert {
    int rank;
    const char* entry;
    uint64_t begin;
    uint64_t end;
    Outcome outcome;
  };
  enum class ReadKind : uint8_t { kNotBelow, kNotAbove, kExactly };
  struct Read {
    ReadKind kind;
    int rank;    // the bound that was asked for
    int result;  // the rank found; kNothing
    uint64_t begin;
    uint64_t end;
  };
  static constexpr int kNothing = -1;
  static constexpr int kForeign = -2;  // no entry that was ever inserted

  struct Operation {
    char letter;
    int rank;
    const std::string* key;         // an entry to look up
    std::unique_ptr<char[]> entry;  // of an insert: written when it runs
  };
  struct Thread {
    std::vector<Operation> operations;
    std::vector<Insert> inserts;
    std::vector<Read> reads;
    BlockSkipList::Finger finger;
    void* hint = nullptr;
  };
  // What is known of a key after a schedule.
  struct Fate {
    const char* entry;   // the one accepted
    uint64_t begun;      // the first step of an insert of it
    uint64_t committed;  // the first end of an insert of it
  };

  void Parse(const std::string& text, Thread* thread);
  int RankOf(int key) const;
  int RankOfEntry(const char* entry) const;
  bool InsertBy(char letter, Thread* thread, const char* entry);
  void RunInsert(Thread* thread, const Operation& operation);
  void RunWalk(Thread* thread, const Operation& operation);
  template <typename Function>
  void Record(Thread* thread, ReadKind kind, int rank, Function function);
  std::string CheckInserts();
  std::string CheckRead(const Read& read) const;
  std::string CheckContents() const;
  std::string Describe(int rank) const;

  const Scenario scenario_;
  test::TestComparator comparator_;
  std::vector<int> keys_;             // by rank
  std::vector<std::string> encoded_;  // by rank
  std::vector<int> setup_;            // ranks
  std::vector<Thread> threads_;
  std::vector<Fate> fates_;
  ReusedChunks chunks_;
  std::optional<ShardedArena> arena_;
  std::optional<BlockSkipList> list_;
  uint64_t failed_inserts_ = 0;
};

// `count` keys from `from` on, `stride` apart.
inline std::vector<int> Keys(int from, int count, int stride) {
  std::vector<int> keys;
  for (int i = 0; i < count; ++i) keys.push_back(from + i * stride);
  return keys;
}

inline std::vector<int> operator+(std::vector<int> a,
                                  const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace schedule
}  // namespace fastskip
