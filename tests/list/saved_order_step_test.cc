// SPDX-License-Identifier: Apache-2.0
// Block slots: 3 4
//
// Saved orders under every schedule of few preemptions: one thread fills a
// block and splits it, the others take views of it.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "memtablerep/list/block.h"
#include "memtablerep/list/block_ordering.h"
#include "memtablerep/list/block_scan.h"
#include "memtablerep/list/saved_order.h"
#include "tests/list/list_test_util.h"
#include "tests/schedule/scheduler.h"

extern "C" void FastskipTestStep() {
  fastskip::schedule::Step(__builtin_return_address(0));
}

namespace fastskip {
namespace test {
namespace {

constexpr int kSlots = Block::kSlots;

// No two entries have the same discriminator, so none is ever read.
class NoComparator : public EntryComparator {
 public:
  int Compare(const char* /*a*/, const char* /*b*/) const override {
    std::abort();
  }
};

// Operations: i inserts, and splits the block where it is full (one thread
// alone does); r takes a view, with the order that was saved if there is one.
class OrderProgram : public schedule::Program {
 public:
  OrderProgram(int setup, std::vector<std::string> threads)
      : setup_(setup), threads_(std::move(threads)) {}

  int threads() const override { return static_cast<int>(threads_.size()); }

  void SetUp() override {
    pair_.emplace();
    splits_ = 0;
    inserts_ = 0;
    failure_ = "";
    for (int i = 0; i < setup_; ++i) Insert();
  }

  void Run(int thread) override {
    for (const char operation : threads_[thread]) {
      operation == 'i' ? Insert() : Read();
    }
  }

  std::string Check() override {
    Read();
    return failure_.load();
  }

  // Orders that were taken from others, in all schedules.
  uint64_t taken() const { return taken_; }

 private:
  static constexpr size_t kMostInserts = 16;
  static constexpr int kMostSplits = 4;

  Block& block() { return pair_->blocks[0]; }

  // In pairs that ascend, each below the pair before: all are below every bound
  // that a split has made.
  uint32_t NextDisc() const {
    const auto n = static_cast<uint32_t>(inserts_);
    return 1000 - 10 * n + (n % 2) * 15;
  }

  void Insert() {
    Words words;
    LoadWords(block(), &words);
    if (FirstEmptySlot(words) < 0) {
      Split(words);
      LoadWords(block(), &words);
    }
    const int slot = FirstEmptySlot(words);
    const size_t inserts = inserts_;
    const uint64_t word = MakeWord(NextDisc(), &entries_[inserts]);
    if (!block().ReplaceSlot(slot, words.slot[slot], word, Writers::kMany)) {
      failure_ = "another thread inserts";
    }
    inserted_[inserts] = word;
    inserts_ = inserts + 1;
  }

  // The upper half moves to a new block.
  void Split(const Words& words) {
    SortedWords sorted;
    sorted.words = words;
    Sort(ordering_, 0, &sorted);
    const int from = kSlots / 2;
    Block& right = rights_[splits_++].blocks[0];
    new (&right) Block(0, Block::kLowerBoundUntied);
    right.SetLowerBound(EntryOf(sorted.word(from)));
    block().next.ReplaceRelease(block().next.LoadAcquire(),
                                MakeWord(DiscOf(sorted.word(from)), &right));
    for (int i = from; i < kSlots; ++i) {
      block().ReplaceSlot(sorted.order.slot[i], sorted.word(i),
                          MakeWord(kEmptyDisc, &right), Writers::kMany);
    }
  }

  void Read() {
    const size_t inserts = inserts_;
    SortedWords view;
    SavedOrder& saved = *SavedOrderOf(block());
    PackedOrder order;
    bool has_order;
    uint64_t next = block().next.LoadAcquire();
    for (;;) {
      has_order = saved.Load(next, &order);
      LoadWords(block(), &view.words);
      const uint64_t again = block().next.LoadAcquire();
      if (again == next) break;
      next = again;
    }
    if (has_order && order.IsTrueOf(view.words)) {
      order.Unpack(&view.order);
      ++taken_;
    } else {
      const BlockState state = StateOf(ordering_, view.words, next);
      Sort(ordering_, 0, &view);
      view.order.count -=
          __builtin_popcount(MovedSlots(ordering_, 0, view.words, next));
      saved.Save(view.words, state, view.order);
    }
    Judge(view, next, inserts);
  }

  // The first `inserts` inserts had returned before the view was begun.
  void Judge(const SortedWords& view, uint64_t next, size_t inserts) {
    std::vector<uint64_t> listed;
    for (int i = 0; i < view.count(); ++i) {
      listed.push_back(view.word(i));
      if (IsEmpty(view.word(i))) failure_ = "lists an empty slot";
      if (DiscOf(view.word(i)) >= DiscOf(next))
        failure_ = "lists a moved entry";
    }
    for (size_t i = 1; i < listed.size(); ++i) {
      if (listed[i - 1] >= listed[i]) failure_ = "out of order";
    }
    for (size_t i = 0; i < inserts; ++i) {
      if (DiscOf(inserted_[i]) < DiscOf(next) &&
          !std::binary_search(listed.begin(), listed.end(), inserted_[i])) {
        failure_ = "misses an entry";
      }
    }
  }

  const int setup_;
  const std::vector<std::string> threads_;
  const NoComparator comparator_;
  const Ordering ordering_{&comparator_, KnownOrder::kBytewise,
                           DigestMode::kBothDirections};
  uint64_t entries_[kMostInserts];
  std::optional<BlockPair> pair_;
  BlockPair rights_[kMostSplits];
  int splits_ = 0;
  uint64_t inserted_[kMostInserts];  // words
  // The threads share these. Who loads inserts_ sees so many words.
  std::atomic<size_t> inserts_{0};
  std::atomic<uint64_t> taken_{0};
  std::atomic<const char*> failure_{""};
};

void RunAll(const char* name, int setup, std::vector<std::string> threads,
            int preemptions) {
  OrderProgram program(setup, std::move(threads));
  if (schedule::RepeatGiven(&program, name)) return;
  if (kSlowdown > 1) --preemptions;
  const schedule::Result result = schedule::Explore(&program, preemptions);
  std::printf("%s: all %llu schedules of %d preemptions, up to %llu steps\n",
              name, static_cast<unsigned long long>(result.schedules),
              preemptions, static_cast<unsigned long long>(result.most_steps));
  EXPECT_EQ("", result.failure) << name;
  EXPECT_LT(0U, program.taken()) << name;
}

// One reader's view is older than what another one saves, and newer.
TEST(SavedOrderTest, DuringInserts) {
  RunAll("DuringInserts", 1, {"ii", "rr", "rr"}, 3);
}

// All slots are filled again, with other entries.
TEST(SavedOrderTest, AcrossASplit) {
  RunAll("AcrossASplit", kSlots, {"iii", "rr", "r"}, 3);
}

TEST(SavedOrderTest, ThreeReaders) {
  RunAll("ThreeReaders", 1, {"i", "r", "rr", "r"}, 2);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
