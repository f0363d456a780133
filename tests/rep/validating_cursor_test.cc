// SPDX-License-Identifier: Apache-2.0
// Reads that trust nothing: silent on sound memory, beside inserts too, and
// never wrong without saying so when the bytes of an entry have gone bad.

#include "memtablerep/validating_cursor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

using Status = ROCKSDB_NAMESPACE::Status;

class ValidatingCursorTest : public ::testing::TestWithParam<KnownOrder> {
 protected:
  // A new list with keys 2, 4, ..., 2n as 4 bytes, big-endian, in random order.
  void Fill(uint64_t n) {
    f_ = std::make_unique<ListFixture>(CompareBytes, GetParam());
    std::vector<uint64_t> values;
    for (uint64_t i = 1; i <= n; ++i) values.push_back(2 * i);
    Random random = MakeRandom();
    std::shuffle(values.begin(), values.end(), random);
    entries_.assign(n + 1, nullptr);
    for (const uint64_t value : values) {
      const char* entry = f_->Copy(Entry(value));
      ASSERT_TRUE(f_->list.Insert(entry));
      entries_[value / 2] = const_cast<char*>(entry);
    }
  }

  static std::string Entry(uint64_t value) {
    return EncodeEntry(BigEndian(value, 4), 7, 1, ";");
  }
  static void Overwrite(char* entry, uint64_t value) {
    const std::string key = BigEndian(value, 4);
    std::memcpy(entry + 1, key.data(), key.size());
  }

  // Whether the discriminator of `entry` is that of another word of its block,
  // or of its block's fence, on any level: then a search may have to compare
  // it, and knows no more of its place than its bytes say.
  bool Ties(const char* entry) const { return Ties(*f_, entry); }
  static bool Ties(const ListFixture& f, const char* entry) {
    for (const Block* row = f.list.TEST_Root();; row = LeftmostChild(*row)) {
      for (const Block* block = row; block != nullptr; block = Next(*block)) {
        if (TiesIn(*block, entry)) return true;
      }
      if (row->level() == 0) return false;
    }
  }

  std::unique_ptr<ListFixture> f_;
  std::vector<char*> entries_;  // of value 2i at i

 private:
  static const Block* LeftmostChild(const Block& block) {
    return BlockOf(block.slots[0].LoadAcquire());
  }
  static const Block* Next(const Block& block) {
    const uint64_t next = block.next.LoadAcquire();
    return IsEmpty(next) ? nullptr : BlockOf(next);
  }
  static bool TiesIn(const Block& block, const char* entry) {
    std::vector<uint64_t> words;
    uint64_t own = kNoWord;
    for (const auto& slot : block.slots) {
      const uint64_t word = slot.LoadAcquire();
      if (IsEmpty(word)) continue;
      if (KeyEntryOf(block.level(), word) == entry) own = word;
      words.push_back(word);
    }
    const uint64_t fence = block.next.LoadAcquire();
    if (!IsEmpty(fence)) {
      if (BlockOf(fence)->lower_bound() == entry) own = fence;
      words.push_back(fence);
    }
    return !IsEmpty(own) &&
           std::count_if(words.begin(), words.end(), [&](uint64_t word) {
             return DiscOf(word) == DiscOf(own);
           }) > 1;
  }
};

INSTANTIATE_TEST_SUITE_P(List, ValidatingCursorTest,
                         ::testing::Values(KnownOrder::kUnknown,
                                           KnownOrder::kBytewise,
                                           KnownOrder::kNeither),
                         [](const auto& info) {
                           return KnownOrderName(info.param);
                         });

TEST_P(ValidatingCursorTest, AgreesWithThePlainIteratorOnSoundMemory) {
  constexpr uint64_t kEntries = 3000;
  Fill(kEntries);
  uint64_t checked = 0;
  const compat::EntryCheck count = [&](const char*, bool) {
    ++checked;
    return Status::OK();
  };
  ReadChecks checks;
  checks.entry_check = &count;
  ValidatingCursor cursor(&f_->list, &f_->comparator);
  BlockSkipList::Iterator plain(&f_->list);
  for (uint64_t value = 0; value <= 2 * kEntries + 2; ++value) {
    const std::string target = Entry(value);
    ASSERT_TRUE(cursor.Seek(target.data(), checks).ok()) << value;
    plain.Seek(target.data());
    ASSERT_EQ(cursor.Valid(), plain.Valid());
    if (!plain.Valid()) continue;
    ASSERT_EQ(cursor.key(), plain.key());
    ASSERT_TRUE(cursor.Next(false).ok());
    plain.Next();
    ASSERT_EQ(cursor.Valid(), plain.Valid());
    if (!plain.Valid()) continue;
    ASSERT_EQ(cursor.key(), plain.key());
    ASSERT_TRUE(cursor.Prev(false).ok());
  }
  EXPECT_GE(checked, kEntries);
}

TEST_P(ValidatingCursorTest, EmptyList) {
  Fill(0);
  ValidatingCursor cursor(&f_->list, &f_->comparator);
  const std::string target = Entry(1);
  EXPECT_TRUE(cursor.Seek(target.data(), ReadChecks()).ok());
  EXPECT_FALSE(cursor.Valid());
}

// One entry's key goes bad. A seek for any key near it either says Corruption,
// or gives what the list should give, unless the damage left the entry in
// order. Where discriminators tie, which these keys make rare, some damage
// cannot be seen.
TEST_P(ValidatingCursorTest, OneBadKeyGivesNoWrongAnswerInSilence) {
  constexpr uint64_t kEntries = 2000;
  Fill(kEntries);
  Random random = MakeRandom(1);
  uint64_t caught = 0;
  uint64_t silent = 0;
  const uint64_t rounds = 3000 / kSlowdown;
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint64_t victim = 1 + random.Uniform(kEntries);
    const uint64_t bad =
        random.OneIn(2) ? random.Uniform(2 * kEntries + 4)
                        : (2 * victim) ^ (uint64_t{1} << random.Uniform(32));
    const bool still_in_order = (victim == 1 || bad > 2 * victim - 2) &&
                                (victim == kEntries || bad < 2 * victim + 2);
    Overwrite(entries_[victim], bad);
    ValidatingCursor cursor(&f_->list, &f_->comparator);
    for (uint64_t value = 2 * victim < 12 ? 0 : 2 * victim - 12;
         value <= 2 * victim + 12; ++value) {
      const std::string target = Entry(value);
      const Status status = cursor.Seek(target.data(), ReadChecks());
      if (!status.ok()) {
        EXPECT_TRUE(status.IsCorruption()) << status.ToString();
        EXPECT_FALSE(cursor.Valid());
        ++caught;
        continue;
      }
      if (still_in_order) continue;
      const uint64_t right = value == 0 ? 1 : (value + 1) / 2;
      const char* const expected = right > kEntries ? nullptr : entries_[right];
      const char* const found = cursor.Valid() ? cursor.key() : nullptr;
      if (right != victim && found == expected) continue;
      ++silent;
      EXPECT_TRUE(Ties(entries_[victim]))
          << "victim " << 2 * victim << " now " << bad << ", sought " << value
          << ", found " << DebugString(found);
    }
    Overwrite(entries_[victim], 2 * victim);
    // A saved order may be that of the bad key.
    if (Ties(entries_[victim])) Fill(kEntries);
  }
  EXPECT_GT(caught, rounds);
  EXPECT_LE(silent, rounds / 20);
}

// The greater keys come first, and the block that they leave to the least ones
// tells these apart by comparisons alone: a bad key moves to its end.
TEST_P(ValidatingCursorTest, ABadKeyAmongTiesIsCorruption) {
  constexpr uint64_t kEntries = 1000;
  constexpr uint64_t kLeast = 24;
  const auto entry_of = [](uint64_t i) {
    const std::string prefix = i < kLeast ? std::string(30, 'a') : "key";
    return EncodeEntry(prefix + std::to_string(100000 + 2 * i), 7, 1, ";");
  };
  Random random = MakeRandom();
  uint64_t ties = 0;
  for (uint64_t victim = 1; victim < kLeast; ++victim) {
    std::vector<uint64_t> order;
    for (uint64_t i = 0; i < kEntries; ++i) order.push_back(i);
    std::shuffle(order.begin() + kLeast, order.end(), random);
    std::rotate(order.begin(), order.begin() + kLeast, order.end());
    ListFixture f(CompareBytes, GetParam());
    char* bytes = nullptr;
    for (const uint64_t i : order) {
      const char* const entry = f.Copy(entry_of(i));
      ASSERT_TRUE(f.list.Insert(entry));
      if (i == victim) bytes = const_cast<char*>(entry) + 1;
    }
    ties += Ties(f, bytes - 1) ? 1 : 0;
    *bytes = '\xff';
    ValidatingCursor cursor(&f.list, &f.comparator);
    const Status status = cursor.Seek(entry_of(victim).data(), ReadChecks());
    EXPECT_TRUE(status.IsCorruption()) << "victim " << victim;
  }
  EXPECT_LT(0U, ties);
}

// The key that an encoding has its prefix from goes bad: no search for the
// lower bound of a block finds anything on its left any more.
TEST_P(ValidatingCursorTest, AStepBackEndsWhateverIsFound) {
  constexpr uint64_t kEntries = 1500;
  ListFixture f(CompareBytes, GetParam());
  const std::string key = "one and the same key";
  char* holder = nullptr;
  const auto insert = [&](const std::string& user_key, uint64_t sequence) {
    const std::string entry = EncodeEntry(user_key, sequence, 1, ";");
    const char* const copy = f.Copy(entry);
    f.list.Insert(copy);
    return const_cast<char*>(copy);
  };
  for (uint64_t i = 1; i <= kEntries; ++i) {
    char* const entry = insert(key, i);
    if (i == Block::kSlots) holder = entry + 1;
  }
  *holder = '\xff';
  for (uint64_t i = 1; i <= kEntries; ++i) insert(key, kEntries + i);
  for (int c = 0; c < 256; ++c) {
    insert(key + static_cast<char>(c), Block::kSlots);
  }
  BlockSkipList::Iterator iter(&f.list);
  for (uint64_t i = 1; i <= kEntries; ++i) {
    iter.Seek(EncodeEntry(key, i, 1).data());
    for (int step = 0; step < 2 * Block::kSlots && iter.Valid(); ++step) {
      iter.Prev();
    }
  }
}

// Bad keys that no neighbour can have: every pass over one is told, unless
// comparisons alone decide where the entry is (see what validating_cursor.h
// says of entries that share the discriminator of the next block's bound). That
// is so for the entries of one block, in one list of 500.
TEST_P(ValidatingCursorTest, StepsOverABadKeyAreCorruption) {
  constexpr uint64_t kEntries = 500;
  Fill(kEntries);
  uint64_t silent = 0;
  for (uint64_t victim = 2; victim < kEntries; ++victim) {
    Overwrite(entries_[victim], victim % 2 == 0 ? 0 : 0xfffffff0);
    ValidatingCursor cursor(&f_->list, &f_->comparator);
    for (const bool forward : {true, false}) {
      forward ? cursor.Unchecked()->SeekToFirst()
              : cursor.Unchecked()->SeekToLast();
      Status status;
      uint64_t steps = 0;
      for (; cursor.Valid() && status.ok(); ++steps) {
        status = forward ? cursor.Next(true) : cursor.Prev(true);
      }
      ASSERT_LE(steps, kEntries);
      EXPECT_FALSE(cursor.Valid());
      if (status.ok()) {
        ++silent;
        EXPECT_TRUE(Ties(entries_[victim])) << victim;
      } else {
        EXPECT_TRUE(status.IsCorruption()) << status.ToString();
      }
    }
    Overwrite(entries_[victim], 2 * victim);
  }
  EXPECT_LE(silent,
            GetParam() == KnownOrder::kBytewise ? 0 : 2 * Block::kSlots);
}

TEST_P(ValidatingCursorTest, MessagesShowKeysOnlyWhenAllowed) {
  Fill(100);
  Overwrite(entries_[50], 0xabcdef01);
  const std::string target = Entry(100);
  ValidatingCursor cursor(&f_->list, &f_->comparator);
  ReadChecks checks;
  const std::string hidden = cursor.Seek(target.data(), checks).ToString();
  checks.show_keys = true;
  const std::string shown = cursor.Seek(target.data(), checks).ToString();
  EXPECT_NE(hidden.find("Corruption"), std::string::npos) << hidden;
  EXPECT_EQ(hidden.find("ABCDEF01"), std::string::npos) << hidden;
  EXPECT_NE(shown.find("ABCDEF01"), std::string::npos) << shown;
}

TEST_P(ValidatingCursorTest, AFailedEntryCheckIsTheAnswer) {
  Fill(1000);
  const char* bad = entries_[400];
  const compat::EntryCheck check = [&](const char* entry, bool show) {
    EXPECT_TRUE(show);
    return entry == bad ? Status::Corruption("bad checksum") : Status::OK();
  };
  ReadChecks checks;
  checks.show_keys = true;
  checks.entry_check = &check;
  ValidatingCursor cursor(&f_->list, &f_->comparator);
  for (const bool order : {true, false}) {
    checks.order = order;
    const std::string at = Entry(800), far = Entry(900);
    const Status status = cursor.Seek(at.data(), checks);
    EXPECT_NE(status.ToString().find("bad checksum"), std::string::npos);
    EXPECT_FALSE(cursor.Valid());
    EXPECT_TRUE(cursor.Seek(far.data(), checks).ok());
    EXPECT_TRUE(cursor.Valid());
  }
}

TEST_P(ValidatingCursorTest, WithoutChecksItIsThePlainIterator) {
  Fill(100);
  Overwrite(entries_[50], 0xfffffff0);
  ReadChecks checks;
  checks.order = false;
  ValidatingCursor cursor(&f_->list, &f_->comparator);
  for (uint64_t value = 0; value < 204; ++value) {
    const std::string target = Entry(value);
    EXPECT_TRUE(cursor.Seek(target.data(), checks).ok());
  }
}

// Inserts right at the targets must not look like damage.
TEST_P(ValidatingCursorTest, SilentBesideConcurrentInserts) {
  Fill(0);
  const uint64_t kEntries = 30000 / kSlowdown;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      Random random = MakeRandom(t);
      for (uint64_t i = 0; i < kEntries; ++i) {
        f_->list.Insert(f_->Copy(Entry(random.Uniform(4 * kEntries))));
      }
      done = true;
    });
  }
  threads.emplace_back([&] {
    Random random = MakeRandom(2);
    ValidatingCursor cursor(&f_->list, &f_->comparator);
    while (!done) {
      const std::string target = Entry(random.Uniform(4 * kEntries));
      Status status = cursor.Seek(target.data(), ReadChecks());
      for (int i = 0; i < 5 && cursor.Valid() && status.ok(); ++i) {
        status = random.OneIn(2) ? cursor.Next(true) : cursor.Prev(true);
      }
      ASSERT_TRUE(status.ok()) << status.ToString();
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(f_->list.TEST_Validate(), "");
}

}  // namespace
}  // namespace test
}  // namespace fastskip
