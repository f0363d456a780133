// SPDX-License-Identifier: Apache-2.0
// ShardedArena: what it hands out never overlaps, chunks grow as they should,
// and running out of memory changes nothing.

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <thread>
#include <vector>

#include "memtablerep/list/block.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

struct Piece {
  const char* begin;
  size_t bytes;
};

// Pieces are filled with a pattern of their own; whoever overlaps one spoils
// the pattern of one of the two.
class Pieces {
 public:
  explicit Pieces(uint64_t salt) : salt_(salt) {}

  void AddEntry(ShardedArena* arena, size_t bytes) {
    Add(arena->AllocateEntry(bytes), bytes);
  }
  void AddBlock(ShardedArena* arena) {
    auto* block = static_cast<char*>(arena->AllocateAligned(sizeof(Block)));
    ASSERT_EQ(0u, reinterpret_cast<uintptr_t>(block) % 64);
    Add(block, sizeof(Block));
    ++blocks_;
  }

  void CheckPatterns() const {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      for (size_t at = 0; at < pieces_[i].bytes; ++at) {
        ASSERT_EQ(Pattern(i, at), pieces_[i].begin[at]) << "piece " << i;
      }
    }
  }

  const std::vector<Piece>& all() const { return pieces_; }
  size_t blocks() const { return blocks_; }

 private:
  void Add(char* begin, size_t bytes) {
    for (size_t at = 0; at < bytes; ++at) {
      begin[at] = Pattern(pieces_.size(), at);
    }
    pieces_.push_back({begin, bytes});
  }
  char Pattern(uint64_t piece, uint64_t at) const {
    return static_cast<char>(Scatter(salt_ + piece) >> (at % 8 * 8));
  }

  uint64_t salt_;
  std::vector<Piece> pieces_;
  size_t blocks_ = 0;
};

// By address, no two overlap, and each lies in memory that the source gave.
void CheckDisjoint(std::vector<Piece> pieces, const HeapChunks& chunks) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < pieces.size(); ++i) {
    ASSERT_TRUE(chunks.Owns(pieces[i].begin, pieces[i].bytes));
    if (i == 0) continue;
    ASSERT_LE(pieces[i - 1].begin + pieces[i - 1].bytes, pieces[i].begin);
  }
}

uint64_t Sum(const std::vector<Piece>& pieces) {
  uint64_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.bytes;
  return sum;
}

// Mostly small, now and then as large as a chunk or larger.
size_t RandomBytes(Random* random) {
  if (random->OneIn(3000)) return (1 << 20) - random->Uniform(256);
  if (random->OneIn(200)) return 1 + random->Uniform(300 << 10);
  if (random->OneIn(20)) return 1 + random->Uniform(4000);
  return 1 + random->Uniform(200);
}

TEST(ArenaTest, TakesNothingBeforeTheFirstRequest) {
  HeapChunks chunks;
  ShardedArena arena(&chunks, 4);
  EXPECT_EQ(0u, chunks.calls());
  EXPECT_EQ(0u, arena.GetStats().reserved);
}

TEST(ArenaTest, NothingOverlaps) {
  for (int round = 0; round < 20; ++round) {
    Random random = MakeRandom(round);
    HeapChunks chunks;
    ShardedArena arena(&chunks, 4);
    Pieces pieces(round);
    for (int i = 0; i < 2000; ++i) {
      random.OneIn(5) ? pieces.AddBlock(&arena)
                      : pieces.AddEntry(&arena, RandomBytes(&random));
    }
    pieces.CheckPatterns();
    CheckDisjoint(pieces.all(), chunks);
    const ShardedArena::Stats stats = arena.GetStats();
    EXPECT_EQ(chunks.total(), stats.reserved);
    EXPECT_EQ(pieces.all().size() - pieces.blocks(), stats.entries);
    EXPECT_LE(Sum(pieces.all()) + stats.idle, stats.reserved);
  }
}

// Entries that grow up and blocks that grow down in a chunk share it to the
// last byte, and no further: what is a byte too large goes to another chunk.
TEST(ArenaTest, EntriesAndBlocksMeetExactly) {
  for (const bool block : {false, true}) {
    for (const size_t missing : {0, 1}) {
      HeapChunks chunks;
      ShardedArena arena(&chunks, 1);
      Pieces pieces(missing);
      for (size_t sum = 0; sum < ShardedArena::kPiecemeal;
           sum += ShardedArena::kMostCounted) {
        pieces.AddEntry(&arena, ShardedArena::kMostCounted);
      }
      pieces.AddBlock(&arena);
      const auto idle = [&] { return arena.GetStats().idle; };
      ASSERT_GT(idle(), sizeof(Block) + 1);
      while (idle() > sizeof(Block) - missing) {
        pieces.AddEntry(&arena,
                        std::min<size_t>(idle() - sizeof(Block) + missing, 50));
      }
      const uint64_t before = chunks.total();
      block ? pieces.AddBlock(&arena) : pieces.AddEntry(&arena, sizeof(Block));
      EXPECT_EQ(missing > 0, chunks.total() > before);
      pieces.CheckPatterns();
      CheckDisjoint(pieces.all(), chunks);
    }
  }
}

// RocksDB counts what a chunk has left as used: little may be left while there
// is little, and beyond that no chunk may be more than a small part of what
// there is.
TEST(ArenaTest, ChunksGrowWithWhatIsReserved) {
  HeapChunks chunks;
  ShardedArena arena(&chunks, 4);
  Pieces pieces(1);
  for (int i = 0; i < 300000; ++i) {
    i % 13 == 0 ? pieces.AddBlock(&arena) : pieces.AddEntry(&arena, 100);
  }
  uint64_t before = 0;
  size_t largest = 0;
  for (const size_t bytes : chunks.sizes()) {
    const uint64_t most =
        before < ShardedArena::kPiecemeal
            ? sizeof(Block) + 64  // a single request
            : std::max<uint64_t>(ShardedArena::kMinChunk, before / 32);
    ASSERT_LE(bytes, std::min<uint64_t>(most, ShardedArena::kMaxChunk));
    before += bytes;
    largest = std::max(largest, bytes);
  }
  // And they do grow: a refill is rare.
  EXPECT_EQ(ShardedArena::kMaxChunk, largest);
  EXPECT_LT(chunks.calls(), 2000u);
  const uint64_t used = Sum(pieces.all());
  EXPECT_LT(arena.GetStats().reserved, used + used / 32);
}

// A tight budget counts every byte: small entries behind a few large ones take
// no chunk yet.
TEST(ArenaTest, FewEntriesBesideLargeOnes) {
  HeapChunks chunks;
  ShardedArena arena(&chunks, 1);
  uint64_t sum = 0;
  for (int i = 0; i < 7; ++i) {
    for (const size_t bytes : {size_t{60000}, size_t{20}}) {
      arena.AllocateEntry(bytes);
      sum += bytes;
    }
    arena.AllocateAligned(sizeof(Block));
    sum += sizeof(Block) + 63;
    ASSERT_EQ(sum, arena.GetStats().reserved);
  }
}

// An entry that would leave most of a chunk unused gets memory of its own and
// leaves the open chunk as it is; wherever it comes in the order of requests.
TEST(ArenaTest, HugeEntries) {
  for (const size_t bytes :
       {size_t{1} << 10, size_t{100} << 10, size_t{256} << 10,
        (size_t{1} << 20) - 200, (size_t{1} << 20) - 100, size_t{1} << 20,
        (size_t{1} << 20) + 1, (size_t{2} << 20) - 100, size_t{8} << 20}) {
    for (int before = 0; before < 3; ++before) {
      HeapChunks chunks;
      ShardedArena arena(&chunks, 2);
      Pieces pieces(bytes);
      if (before == 1) pieces.AddEntry(&arena, 10);
      if (before == 2) pieces.AddBlock(&arena);
      for (int i = 0; i < 3; ++i) {
        pieces.AddEntry(&arena, bytes);
        pieces.AddEntry(&arena, 10);
        pieces.AddBlock(&arena);
      }
      pieces.CheckPatterns();
      CheckDisjoint(pieces.all(), chunks);
      const ShardedArena::Stats stats = arena.GetStats();
      EXPECT_EQ(pieces.all().size() - pieces.blocks(), stats.entries);
      EXPECT_LE(stats.reserved, Sum(pieces.all()) + (8 << 10) + bytes / 8)
          << bytes << " bytes, case " << before;
    }
  }
}

TEST(ArenaTest, ManyThreads) {
  for (const uint32_t shards : {1u, 2u, 3u, 64u, ShardedArena::kMaxShards}) {
    for (const int threads : {2, 5, 32}) {
      HeapChunks chunks;
      ShardedArena arena(&chunks, shards);
      std::vector<Pieces> pieces;
      for (int t = 0; t < threads; ++t) pieces.emplace_back(1000003 * t);
      std::atomic<int> waiting{threads};
      std::vector<std::thread> workers;
      const uint64_t requests = 40000 / kSlowdown / threads;
      for (int t = 0; t < threads; ++t) {
        workers.emplace_back([&, t] {
          Random random = MakeRandom(t);
          waiting.fetch_sub(1);
          while (waiting.load() > 0) std::this_thread::yield();
          for (uint64_t i = 0; i < requests; ++i) {
            random.OneIn(8) ? pieces[t].AddBlock(&arena)
                            : pieces[t].AddEntry(&arena, RandomBytes(&random));
          }
        });
      }
      for (std::thread& worker : workers) worker.join();
      std::vector<Piece> all;
      size_t blocks = 0;
      for (const Pieces& p : pieces) {
        p.CheckPatterns();
        all.insert(all.end(), p.all().begin(), p.all().end());
        blocks += p.blocks();
      }
      CheckDisjoint(all, chunks);
      const ShardedArena::Stats stats = arena.GetStats();
      EXPECT_EQ(chunks.total(), stats.reserved);
      EXPECT_EQ(all.size() - blocks, stats.entries);
      EXPECT_LE(Sum(all) + stats.idle, stats.reserved);
      EXPECT_LE(stats.shards_used, shards);
    }
  }
}

// A word of the list has room for 48 bits: nothing sound can be done with an
// address beyond.
TEST(ArenaTest, AddressesFit48Bits) {
  class FarChunks : public ChunkSource {
   public:
    char* AllocateChunk(size_t bytes) override {
      return reinterpret_cast<char*>((uintptr_t{1} << 48) - bytes + beyond);
    }
    uintptr_t beyond = 0;
  };
  FarChunks chunks;
  ShardedArena arena(&chunks, 1);
  chunks.beyond = static_cast<uintptr_t>(-1);
  EXPECT_EQ((uintptr_t{1} << 48) - 101,
            reinterpret_cast<uintptr_t>(arena.AllocateEntry(100)));
  chunks.beyond = 1;
  EXPECT_DEATH(arena.AllocateEntry(100), "does not fit 48 bits");
}

// --- Out of memory ----------------------------------------------------------

#ifdef MADV_POPULATE_WRITE

// Hands out memory that has no pages yet, one behind the other.
class FreshMemory : public ChunkSource {
 public:
  FreshMemory()
      : begin_(static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    // Pages of 4 KB, whatever the machine is set to.
    madvise(begin_, kBytes, MADV_NOHUGEPAGE);
  }
  ~FreshMemory() override { munmap(begin_, kBytes); }

  char* AllocateChunk(size_t bytes) override {
    last_ = begin_ + used_;
    last_bytes_ = bytes;
    used_ += bytes;
    EXPECT_LE(used_, kBytes);
    return last_;
  }
  const char* last() const { return last_; }
  size_t last_bytes() const { return last_bytes_; }

  // How many of the whole pages between these have been provided.
  static size_t Pages(const char* begin, const char* end) {
    const uintptr_t from = (reinterpret_cast<uintptr_t>(begin) + 4095) / 4096;
    const uintptr_t to = reinterpret_cast<uintptr_t>(end) / 4096;
    std::vector<unsigned char> there(to - from);
    EXPECT_EQ(0, mincore(reinterpret_cast<void*>(from * 4096),
                         there.size() * 4096, there.data()));
    return std::count_if(there.begin(), there.end(),
                         [](unsigned char c) { return (c & 1) != 0; });
  }

 private:
  static constexpr size_t kBytes = 64 << 20;
  char* const begin_;
  char* last_ = nullptr;
  size_t last_bytes_ = 0;
  size_t used_ = 0;
};

// Large chunks of fresh memory get their pages before they are written to, a
// piece at a time, and memory behind a chunk is left alone.
TEST(ArenaTest, PagesOfFreshChunksComeInPieces) {
  constexpr size_t kPiece = 64 << 10;
  FreshMemory memory;
  char* const page = memory.AllocateChunk(4096);
  // qemu's emulation of a process accepts the advice and ignores it.
  if (madvise(page, 4096, MADV_POPULATE_WRITE) != 0 ||
      FreshMemory::Pages(page, page + 4096) == 0) {
    GTEST_SKIP() << "this kernel provides no pages on request";
  }
  ShardedArena arena(&memory, 1);
  while (memory.last_bytes() < 2 * kPiece) arena.AllocateEntry(100);
  const char* const chunk = memory.last();
  const char* const end = chunk + memory.last_bytes();
  EXPECT_GE(FreshMemory::Pages(chunk, chunk + kPiece), kPiece / 4096 - 1);
  EXPECT_LE(FreshMemory::Pages(chunk, end), kPiece / 4096 + 1);
  while (arena.AllocateEntry(100) < chunk + kPiece + 4096) {
  }
  EXPECT_GE(FreshMemory::Pages(chunk, chunk + 2 * kPiece),
            2 * kPiece / 4096 - 1);
  EXPECT_EQ(FreshMemory::Pages(end, end + (1 << 20)), 0u);
}

#endif  // MADV_POPULATE_WRITE

TEST(ArenaTest, EveryFailureLeavesItAsItWas) {
  for (uint64_t fail = 0;; ++fail) {
    Random random = MakeRandom();
    HeapChunks chunks;
    chunks.FailAt(fail);
    ShardedArena arena(&chunks, 2);
    Pieces pieces(fail);
    uint64_t failures = 0;
    for (int i = 0; i < 400; ++i) {
      const uint64_t reserved = arena.GetStats().reserved;
      try {
        random.OneIn(5) ? pieces.AddBlock(&arena)
                        : pieces.AddEntry(&arena, RandomBytes(&random));
      } catch (const std::bad_alloc&) {
        ++failures;
        EXPECT_EQ(reserved, arena.GetStats().reserved);
      }
    }
    pieces.CheckPatterns();
    CheckDisjoint(pieces.all(), chunks);
    EXPECT_EQ(pieces.all().size() - pieces.blocks(), arena.GetStats().entries);
    if (chunks.calls() <= fail) break;  // never came so far
    EXPECT_EQ(1u, failures);
  }
}

// The list over a source that fails once: at every call in turn.
TEST(ArenaTest, EveryFailureLeavesTheListValid) {
  constexpr uint64_t kKeys = 1500;
  for (uint64_t fail = 0; fail < 400; ++fail) {
    HeapChunks chunks;
    chunks.FailAt(fail);
    ShardedArena arena(&chunks, 1);
    const TestComparator comparator(CompareBytes);
    EntryStore store;
    std::unique_ptr<BlockSkipList> list;
    try {
      list = std::make_unique<BlockSkipList>(&arena, &comparator,
                                             KnownOrder::kUnknown);
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(0u, fail);
      continue;
    }
    Random random = MakeRandom(fail);
    std::vector<const char*> inserted;
    uint64_t failures = 0;
    for (uint64_t i = 0; i < kKeys; ++i) {
      const char* entry = store.Add(std::to_string(random()), 1);
      try {
        ASSERT_TRUE(list->Insert(entry));
        inserted.push_back(entry);
      } catch (const std::bad_alloc&) {
        ++failures;
        ASSERT_EQ("", list->TEST_Validate());
        ASSERT_FALSE(list->Contains(entry));
        ASSERT_TRUE(list->Insert(entry));
        inserted.push_back(entry);
      }
    }
    ASSERT_EQ("", list->TEST_Validate());
    for (const char* entry : inserted) ASSERT_TRUE(list->Contains(entry));
    BlockSkipList::Iterator it(list.get());
    uint64_t count = 0;
    for (it.SeekToFirst(); it.Valid(); it.Next()) ++count;
    ASSERT_EQ(kKeys, count);
    if (chunks.calls() <= fail) {
      EXPECT_GT(fail, 20u) << "too few calls to mean much";
      return;
    }
    // It was an insert that failed, or a block that no level above learnt of.
    EXPECT_EQ(1u, failures + list->GetStats().unposted);
  }
}

// The source fails for good: whatever is in the list stays, and is found.
TEST(ArenaTest, ListOverAnExhaustedSource) {
  for (const KnownOrder order :
       {KnownOrder::kUnknown, KnownOrder::kBytewise, KnownOrder::kNeither}) {
    class Exhaustible : public HeapChunks {
     public:
      char* AllocateChunk(size_t bytes) override {
        if (exhausted) throw std::bad_alloc();
        return HeapChunks::AllocateChunk(bytes);
      }
      std::atomic<bool> exhausted{false};
    };
    Exhaustible chunks;
    ShardedArena arena(&chunks, 2);
    const TestComparator comparator(CompareBytes);
    BlockSkipList list(&arena, &comparator, order);
    constexpr int kThreads = 4;
    std::atomic<uint64_t> failed{0};
    EntryStore stores[kThreads];
    std::vector<const char*> inserted[kThreads];
    std::vector<std::thread> workers;
    for (int t = 0; t < kThreads; ++t) {
      workers.emplace_back([&, t] {
        Random random = MakeRandom(t);
        for (int i = 0; i < 4000; ++i) {
          if (t == 0 && i == 2000) chunks.exhausted = true;
          const char* entry = stores[t].Add(std::to_string(random()), t);
          try {
            if (list.Insert(entry)) inserted[t].push_back(entry);
          } catch (const std::bad_alloc&) {
            failed.fetch_add(1);
          }
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_GT(failed.load(), 0u);
    ASSERT_EQ("", list.TEST_Validate());
    uint64_t count = 0;
    for (const auto& entries : inserted) {
      count += entries.size();
      for (const char* entry : entries) ASSERT_TRUE(list.Contains(entry));
    }
    BlockSkipList::Iterator it(&list);
    for (it.SeekToFirst(); it.Valid(); it.Next()) --count;
    ASSERT_EQ(0u, count);
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
