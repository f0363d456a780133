// SPDX-License-Identifier: Apache-2.0
// Block slots: 3 28
//
// What review found in the list once, kept from coming back. A second thread is
// played by a function that runs in the middle of the first one's operation.

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "list_test_util.h"

namespace {

std::function<void()> interruption;
int steps_left = -1;

// Runs `f` just before the atomic step number `step`, counted from 1, of what
// this thread does next.
void InterruptAt(int step, std::function<void()> f) {
  steps_left = step;
  interruption = std::move(f);
}

}  // namespace

extern "C" void FastskipTestStep() {
  if (steps_left > 0 && --steps_left == 0) {
    steps_left = -1;
    interruption();
  }
}

namespace fastskip {
namespace test {
namespace {

// An operation loads the mode first and the root second: whatever runs at its
// second step finds it committed to digests.
constexpr int kAfterModeIsLoaded = 2;

std::string RandomKey(Random* random) {
  return "k" + std::to_string(1000000000 + random->Uniform(1000000000));
}

// A list in digest mode whose keys all lie where digests serve well.
void FillByDigests(ListFixture* f, EntryStore* store, Random* random) {
  for (int i = 0; i < 300; ++i) {
    f->list.Insert(store->Add(RandomKey(random), 1));
  }
}

TEST(ListRegression, DuplicateUnderALabelIsRefusedByDigestMode) {
  int raced = 0;
  for (int round = 0; round < 200; ++round) {
    Random random = MakeRandom(round);
    EntryStore store;
    ListFixture f(CompareWithZFirst, KnownOrder::kUnknown);
    FillByDigests(&f, &store, &random);
    if (f.list.GetStats().uses_labels) continue;
    const std::string key = RandomKey(&random);
    bool other = false;
    InterruptAt(kAfterModeIsLoaded, [&] {
      f.list.Insert(store.Add("z1", 1));  // switches to labels
      other = f.list.Insert(store.Add(key, 1));
    });
    const bool mine = f.list.Insert(store.Add(key, 1));
    raced += f.list.GetStats().uses_labels;
    ASSERT_NE(other, mine) << key;
    ASSERT_EQ(f.list.TEST_Validate(), "");
  }
  EXPECT_GT(raced, 0) << "no round switched to labels in mid-insert";
}

TEST(ListRegression, OtherBytesThatCompareEqualAreADuplicate) {
  EntryStore store;
  ListFixture f(CompareIgnoringCase, KnownOrder::kUnknown);
  for (int i = 0; i < 26 * 26; ++i) {
    const int j = i * 379 % (26 * 26);
    const char key[] = {static_cast<char>('a' + j / 26),
                        static_cast<char>('a' + j % 26)};
    ASSERT_TRUE(f.list.Insert(store.Add(std::string_view(key, 2), 1)));
  }
  for (const char* key : {"mA", "Ma", "MA", "aZ", "Zz"}) {
    EXPECT_FALSE(f.list.Insert(store.Add(key, 1))) << key;
    EXPECT_TRUE(f.list.Contains(store.Add(key, 1))) << key;
  }
  EXPECT_EQ(f.list.TEST_Validate(), "");
}

// The keys of a root's two ends share 200 bytes, the key that would hold that
// prefix has one. AddressSanitizer sees the read beyond it.
TEST(ListRegression, PrefixIsNoLongerThanTheKeyThatHoldsIt) {
  EntryStore store;
  ListFixture f(CompareLastByteFirst, KnownOrder::kUnknown);
  const std::string prefix(200, 'p');
  for (int i = 0; i < 28; ++i) {
    const std::string last(1, static_cast<char>('A' + i));
    const bool is_short = i == 3 || i == 14;
    ASSERT_TRUE(f.list.Insert(store.Add(is_short ? last : prefix + last, 1)));
  }
  for (int i = 0; i < 28; ++i) {
    const std::string last(1, static_cast<char>('A' + i));
    ASSERT_TRUE(f.list.Insert(store.Add(prefix + "x" + last, 1)));
  }
  EXPECT_EQ(f.list.TEST_Validate(), "");
}

// A split by digests kept the prefix for a block whose least key, one of one
// byte, another thread had put there by a label. That one inserts more keys in
// each attempt, so that in one of them it leaves a block full.
TEST(ListRegression, KeptPrefixIsNoLongerThanTheKeyThatHoldsIt) {
  constexpr int kKeys = 120, kNear = 14;
  const std::string prefix(200, 'p');
  int raced = 0;
  for (int round = 0; round < 100; ++round) {
    for (int others = 1; others <= Block::kSlots; ++others) {
      Random random(round);
      EntryStore store;
      ListFixture f(CompareLastByteFirst, KnownOrder::kUnknown);
      const auto insert = [&](const std::string& before, int last) {
        f.list.Insert(store.Add(before + static_cast<char>(last), 1));
      };
      const auto draw = [&](int low, int high) {
        return low + static_cast<int>(random.Uniform(high - low));
      };
      const int mine = draw(kNear, kKeys - kNear);
      for (int i = 0; i < 3 * kKeys; ++i) {
        const int n = draw(0, kKeys);
        if (n != mine) insert(prefix, 2 * n + 2);
      }
      if (f.list.GetStats().uses_labels) continue;
      InterruptAt(kAfterModeIsLoaded, [&] {
        for (int i = 0; i < others; ++i) {  // the first switches to labels
          insert("", 2 * draw(mine - kNear, mine + kNear) + 3);
        }
      });
      insert(prefix, 2 * mine + 2);
      raced += f.list.GetStats().uses_labels;
      ASSERT_EQ(f.list.TEST_Validate(), "");
    }
  }
  EXPECT_GT(raced, 0) << "no round switched to labels in mid-insert";
}

// An insert under a known order asks of the words it ties with no more than
// whether one is equal. Here each key ties with its other versions, and with
// those of a key that differs behind the bytes of a digest.
TEST(ListRegression, EqualEntriesAreFoundAmongTies) {
  constexpr int kNumbers = 500, kVersions = 4;
  for (const bool reverse : {false, true}) {
    EntryStore store;
    ListFixture f(reverse ? CompareReverse : CompareBytes,
                  reverse ? KnownOrder::kReverse : KnownOrder::kBytewise);
    Random random = MakeRandom(reverse);
    std::vector<const char*> entries;
    for (int i = 0; i < kNumbers; ++i) {
      const std::string number = std::to_string(10000000 + i * 179987);
      for (int version = 1; version <= kVersions; ++version) {
        entries.push_back(store.Add(number + "a", version));
        entries.push_back(store.Add(number + "b", version));
      }
    }
    std::shuffle(entries.begin(), entries.end(), random);
    for (const char* entry : entries) ASSERT_TRUE(f.list.Insert(entry));
    for (const char* entry : entries) ASSERT_FALSE(f.list.Insert(entry));
    EXPECT_EQ(f.list.GetStats().duplicates, entries.size());
    EXPECT_EQ(f.list.TEST_Validate(), "");
  }
}

// A lone insert under a new sequence number looks for no equal entry. So a
// number must not count as new any more once an entry has it, whoever inserted
// that.
TEST(ListRegression, EqualEntriesOfLoneWritersAreFound) {
  constexpr int kEntries = 2000;
  enum class First { kAlone, kAmongOthers, kWithHint };
  for (const First first :
       {First::kAlone, First::kAmongOthers, First::kWithHint}) {
    EntryStore store;
    ListFixture f(CompareBytes, KnownOrder::kBytewise);
    Random random = MakeRandom(static_cast<uint64_t>(first));
    BlockSkipList::Finger finger;
    void* hint = nullptr;
    for (int sequence = 1; sequence <= kEntries; ++sequence) {
      const char* entry =
          store.Add(std::to_string(random.Uniform(kEntries)), sequence);
      ASSERT_TRUE(first == First::kAlone ? f.list.InsertAlone(entry, &finger)
                  : first == First::kWithHint
                      ? f.list.InsertWithHint(entry, &hint)
                      : f.list.Insert(entry));
      ASSERT_FALSE(f.list.InsertAlone(entry, &finger)) << DebugString(entry);
    }
    EXPECT_EQ(f.list.GetStats().duplicates, kEntries);
    EXPECT_EQ(f.list.TEST_Validate(), "");
  }
}

// The first request of a shard, of about 1 MiB: it did not fit a cursor.
TEST(ListRegression, LargeFirstEntryOfAShardOverlapsNothing) {
  for (size_t size = (1 << 20) - 200; size < (1 << 20) + 200; size += 8) {
    HeapChunks chunks;
    ShardedArena arena(&chunks, 4);
    while (arena.reserved() < 2 * ShardedArena::kPiecemeal) {
      arena.AllocateAligned(sizeof(Block));
    }
    // Two allocations collide, at whichever step they can, so that a second
    // shard comes into use.
    for (int step = 1; arena.GetStats().shards_used == 1; ++step) {
      ASSERT_LT(step, 20) << "no collision";
      InterruptAt(step, [&] { arena.AllocateEntry(8); });
      arena.AllocateEntry(8);
      steps_left = -1;
    }
    for (int thread = 0; thread < 2; ++thread) {
      std::thread([&] {
        std::vector<std::pair<char*, size_t>> got;
        got.emplace_back(arena.AllocateEntry(size), size);
        for (int i = 0; i < 6; ++i) {
          got.emplace_back(arena.AllocateEntry(100), 100);
        }
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_TRUE(chunks.Owns(got[i].first, got[i].second));
          for (size_t j = 0; j < i; ++j) {
            ASSERT_TRUE(got[i].first + got[i].second <= got[j].first ||
                        got[j].first + got[j].second <= got[i].first);
          }
        }
      }).join();
    }
  }
}

}  // namespace
}  // namespace test
}  // namespace fastskip
