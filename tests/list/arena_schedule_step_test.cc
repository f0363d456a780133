// SPDX-License-Identifier: Apache-2.0
// Block slots: 2
//
// The arena under every schedule with few preemptions: what threads get at the
// same time never overlaps, and is counted once. (With blocks of two slots a
// block is 64 bytes.)

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memtablerep/list/block.h"
#include "memtablerep/list/sharded_arena.h"
#include "tests/list/list_test_util.h"
#include "tests/schedule/list_program.h"
#include "tests/schedule/scheduler.h"

extern "C" void FastskipTestStep() {
  fastskip::schedule::Step(__builtin_return_address(0));
}

namespace fastskip {
namespace test {
namespace {

// What each thread asks for: bytes of an entry; kBlock; kStats.
constexpr int kBlock = -1;
constexpr int kStats = -2;
using Requests = std::vector<int>;

class ArenaProgram : public schedule::Program {
 public:
  explicit ArenaProgram(std::vector<Requests> requests)
      : requests_(std::move(requests)), pieces_(requests_.size()) {}

  int threads() const override { return static_cast<int>(requests_.size()); }

  // Beyond the first bytes, which are taken one by one: chunks are in use.
  void SetUp() override {
    arena_.reset();
    chunks_.Reset();
    arena_.emplace(&chunks_, 2);
    for (uint64_t i = 0; i < kFirstEntries; ++i) {
      arena_->AllocateEntry(ShardedArena::kMostCounted);
    }
    for (auto& pieces : pieces_) pieces.clear();
  }

  void Run(int thread) override {
    for (const int request : requests_[thread]) {
      if (request == kStats) {
        const ShardedArena::Stats stats = arena_->GetStats();
        if (stats.entries > kFirstEntries + Entries()) Add(thread, nullptr, 0);
        continue;
      }
      const size_t bytes = request == kBlock ? sizeof(Block) : request;
      char* piece =
          request == kBlock
              ? static_cast<char*>(arena_->AllocateAligned(sizeof(Block)))
              : arena_->AllocateEntry(bytes);
      // Races with whoever got the same bytes.
      std::fill_n(piece, bytes, static_cast<char>(thread));
      Add(thread, piece, bytes);
    }
  }

  std::string Check() override {
    std::vector<Piece> all;
    for (const auto& pieces : pieces_) {
      all.insert(all.end(), pieces.begin(), pieces.end());
    }
    std::sort(all.begin(), all.end());
    uint64_t sum = ShardedArena::kPiecemeal;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].first == nullptr) return "more entries than were asked for";
      sum += all[i].second;
      if (i > 0 && all[i - 1].first + all[i - 1].second > all[i].first) {
        return "pieces overlap";
      }
    }
    const ShardedArena::Stats stats = arena_->GetStats();
    if (stats.entries != kFirstEntries + Entries()) {
      return std::to_string(stats.entries) + " entries counted, not " +
             std::to_string(kFirstEntries + Entries());
    }
    if (sum + stats.idle > stats.reserved) return "less reserved than used";
    most_shards_ = std::max(most_shards_, stats.shards_used);
    return "";
  }

  uint32_t most_shards() const { return most_shards_; }

 private:
  using Piece = std::pair<const char*, size_t>;
  static constexpr uint64_t kFirstEntries =
      ShardedArena::kPiecemeal / ShardedArena::kMostCounted;

  void Add(int thread, const char* piece, size_t bytes) {
    pieces_[thread].push_back({piece, bytes});
  }
  uint64_t Entries() const {
    uint64_t entries = 0;
    for (const Requests& requests : requests_) {
      entries += std::count_if(requests.begin(), requests.end(),
                               [](int request) { return request > 0; });
    }
    return entries;
  }

  const std::vector<Requests> requests_;
  std::vector<std::vector<Piece>> pieces_;
  schedule::ReusedChunks chunks_;
  std::optional<ShardedArena> arena_;
  uint32_t most_shards_ = 0;
};

// So that this thread, on which all fibers run, is not thread number 0, which
// would always be served by the first shard.
void TakeFirstThreadNumber() {
  std::thread([] {
    ArenaProgram program({{100, 100}, {100, 100}});
    schedule::Explore(&program, 2);
  }).join();
}

void RunAll(const char* name, std::vector<Requests> requests, int preemptions) {
  static const bool taken = (TakeFirstThreadNumber(), true);
  ASSERT_TRUE(taken);
  ArenaProgram program(std::move(requests));
  if (schedule::RepeatGiven(&program, name)) return;
  if (kSlowdown > 1) --preemptions;
  const schedule::Result result = schedule::Explore(&program, preemptions);
  std::printf(
      "%s: all %llu schedules of %d preemptions, up to %llu steps, %u shards\n",
      name, static_cast<unsigned long long>(result.schedules), preemptions,
      static_cast<unsigned long long>(result.most_steps),
      program.most_shards());
  EXPECT_EQ("", result.failure) << name;
}

TEST(ArenaScheduleTest, EntriesAndBlocks) {
  RunAll("EntriesAndBlocks",
         {{100, kBlock, 30}, {kBlock, 50, 70}, {10, 20, kBlock}}, 4);
}

// The first chunk has 2 KB; a request of up to 512 bytes comes from it.
TEST(ArenaScheduleTest, Refills) {
  RunAll("Refills",
         {{500, 500, 500, 500}, {500, 500, kBlock}, {500, kBlock, 500}}, 3);
}

// One thread makes the other shards, another one counts them as in use and is
// served by one of them.
TEST(ArenaScheduleTest, SecondShard) {
  RunAll("SecondShard", {{100}, {100, 100}, {100}}, 4);
}

// A chunk parked by one that lost a race serves the next refill.
TEST(ArenaScheduleTest, ParkedChunks) {
  RunAll("ParkedChunks", {{500, 500, 500, 500, 500}, {500, 500, 500, 500, 500}},
         5);
}

TEST(ArenaScheduleTest, AloneAndTogether) {
  RunAll("AloneAndTogether", {{5000, 100}, {600, kBlock}, {100, 5000}}, 4);
}

TEST(ArenaScheduleTest, Statistics) {
  RunAll("Statistics", {{500, 500, 500}, {500, 500, 500}, {kStats, kStats}}, 3);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
