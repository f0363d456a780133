// SPDX-License-Identifier: Apache-2.0
//
// What is planned for a new block: discriminators follow the order of keys,
// whatever keys come in later, encodings resolve what they were planned for and
// are shared, and labels lie where they are asked for.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "memtablerep/list/block_plan.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

using test::EncodeEntry;
using test::Random;

// Entries, ascending, and their keys.
struct Keys {
  explicit Keys(std::vector<std::string> entries) : entries(entries) {
    for (const std::string& entry : this->entries) {
      keys.push_back(DecodeKey(entry.data()));
    }
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  std::vector<std::string> entries;
  std::vector<Key> keys;
};

class ListEncodingTest : public ::testing::Test {
 protected:
  // User keys as systems make them: a common prefix, then digits, bytes, or
  // an end; neighbours often differ late, and some are prefixes of others.
  std::string AnyKey(const std::string& prefix) {
    std::string key = random_.OneIn(6)
                          ? prefix.substr(0, random_.Uniform(prefix.size()))
                          : prefix;
    const bool digits = random_.OneIn(2);
    for (uint64_t n = random_.Uniform(12); n > 0; --n) {
      static const std::string kOthers("\0\x01/:\x7f\x80\xfe\xff", 8);
      key.push_back(random_.OneIn(8)
                        ? kOthers[random_.Uniform(kOthers.size())]
                        : static_cast<char>(digits ? '0' + random_.Uniform(10)
                                                   : random_.Uniform(256)));
    }
    return key;
  }

  // Distinct entries in the order of bytes; versions of a key newest first.
  std::vector<std::string> AnyEntries(size_t count) {
    const std::string prefix(random_.Uniform(20), 'p');
    struct Version {
      std::string key;
      uint64_t sequence;
    };
    std::vector<Version> versions;
    while (versions.size() < count) {
      const std::string key = AnyKey(prefix);
      for (uint64_t n = random_.OneIn(5) ? 1 + random_.Uniform(5) : 1; n > 0;
           --n) {
        versions.push_back({key, 1 + versions.size()});
      }
    }
    versions.resize(count);
    std::sort(versions.begin(), versions.end(),
              [](const Version& a, const Version& b) {
                return a.key != b.key ? a.key < b.key : a.sequence > b.sequence;
              });
    std::vector<std::string> entries;
    for (const Version& v : versions) {
      entries.push_back(EncodeEntry(v.key, v.sequence, 1));
    }
    return entries;
  }

  static NewBlockKeys Block(const Key* keys, size_t count) {
    const int n = static_cast<int>(count);
    return {keys, n, nullptr, keys, n, true, false};
  }

  static uint32_t DiscOf(const BlockPlan& plan, const Key& lower_bound,
                         const Key& key) {
    const Encoding& encoding = *plan.encoding;
    return plan.cut.DiscOf(
        DigestOf(encoding, HolderOf(encoding, lower_bound.entry), key));
  }

  // A new list.
  void Renew() {
    chunks_ = std::make_unique<test::HeapChunks>();
    arena_ = std::make_unique<ShardedArena>(chunks_.get(), 1);
    encodings_ = std::make_unique<EncodingStore>(arena_.get());
    last_ = nullptr;
    keys_.clear();
  }

  void SetUp() override { Renew(); }

  static constexpr int kAnyCost = kBlockSlots * kBlockSlots;

  Random random_ = test::MakeRandom();
  std::unique_ptr<test::HeapChunks> chunks_;
  std::unique_ptr<ShardedArena> arena_;
  std::unique_ptr<EncodingStore> encodings_;
  const Encoding* last_ = nullptr;  // that was planned
  std::vector<std::unique_ptr<Keys>> keys_;
};

// Plans for some of the keys, as a split does, then encodes all of them. The
// lists of the rounds share encodings, as blocks do.
TEST_F(ListEncodingTest, DiscriminatorsFollowTheOrderOfAllKeys) {
  int planned = 0;
  int shared = 0;
  for (int round = 0; round < 20000; ++round) {
    if (round % 20 == 0) Renew();
    const Keys& all = *keys_.emplace_back(std::make_unique<Keys>(
        AnyEntries(2 + random_.Uniform(2 * kBlockSlots))));
    std::vector<Key> keys = all.keys;
    const bool reverse = random_.OneIn(3);
    if (reverse) {
      std::stable_sort(keys.begin(), keys.end(),
                       [](const Key& a, const Key& b) {
                         return CompareUserKeyBytes(a, b) > 0;
                       });
    }
    const size_t begin = random_.Uniform(keys.size() - 1);
    const size_t count = 1 + random_.Uniform(std::min<size_t>(
                                 kBlockSlots, keys.size() - 1 - begin));
    const size_t end = begin + count;  // the fence, if there is one
    NewBlockKeys block = Block(&keys[begin], count);
    block.head = random_.OneIn(4);
    if (random_.OneIn(2)) {
      block.fence = &keys[end];
      block.open = false;
    }
    const uint64_t kept = encodings_->kept();
    BlockPlan plan;
    if (!PlanBlock(block, reverse, last_, nullptr, kAnyCost, encodings_.get(),
                   &plan)) {
      continue;
    }
    ++planned;
    shared += encodings_->kept() == kept ? 1 : 0;
    last_ = plan.encoding;
    ASSERT_EQ(reverse, plan.encoding->reverse);
    uint32_t last = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      const uint32_t disc = DiscOf(plan, keys[begin], keys[i]);
      ASSERT_GE(disc, last) << test::DebugString(keys[i].entry);
      ASSERT_GE(disc, kMinDisc);
      ASSERT_LE(disc, kMaxDisc);
      last = disc;
      if (i >= begin && i < end) {
        ASSERT_EQ(disc, plan.discs[i - begin]);
      }
    }
    if (block.fence != nullptr) {
      ASSERT_EQ(plan.fence_disc, DiscOf(plan, keys[begin], keys[end]));
    }
  }
  EXPECT_GT(planned, 5000);
  EXPECT_GT(shared, 500);
}

// Each byte that varies has the radix of its class, and versions are told apart
// where that leaves room for them.
TEST_F(ListEncodingTest, DigitsAreOfTheClassOfTheirBytes) {
  struct Case {
    std::vector<std::string> keys;
    std::vector<uint64_t> radices;
    bool tells_versions = true;
  };
  const Case cases[] = {
      {{"user:1a", "user:2b", "user:7c"}, {10, 16}},
      {{"user:an", "user:by", "user:cz"}, {16, 26}},
      {{"user:A.", "user:Fz", "user:B~"}, {16, 95}},
      // The binary byte in front may carry, the highest one begins near 0.
      {{std::string("k\x10\xf0\x10", 4), std::string("k\x10\xff\xf0", 4)},
       {4, 256, 256}},
      {{std::string("k\0\x01\x10", 4), std::string("k\0\x02\xf0", 4)},
       {25, 256}},
      // Numbers of two lengths.
      {{"n7", "n8", "n42"}, {10, 11}},
      // Versions of one key: the sequence number alone.
      {{"hot", "hot", "hot"}, {}},
      // 2^40, and 2^48.
      {{std::string(5, '\x01'), std::string(5, '\xfe')},
       {256, 256, 256, 256, 256}},
      {{std::string(6, '\x01'), std::string(6, '\xfe')},
       {256, 256, 256, 256, 256, 256},
       false},
      // Behind the window.
      {{"k1" + std::string(60, 'x'), "k9" + std::string(60, 'x')}, {10}, false},
  };
  for (const Case& c : cases) {
    std::vector<std::string> entries;
    uint64_t sequence = 100;
    for (const std::string& key : c.keys) {
      entries.push_back(EncodeEntry(key, sequence--, 1));
    }
    std::sort(entries.begin(), entries.end());
    const Keys all(entries);
    NewBlockKeys block = Block(all.keys.data(), all.keys.size());
    block.open = false;
    Encoding encoding;
    ASSERT_TRUE(
        PlanEncoding(block, false, PrefixOf::kEncoding, nullptr, &encoding));
    std::vector<uint64_t> radices;
    for (int i = 0; i < encoding.digits; ++i) {
      radices.push_back(encoding.digit[i].radix());
    }
    EXPECT_EQ(c.radices, radices) << c.keys[0];
    EXPECT_EQ(c.tells_versions, encoding.tells_versions) << c.keys[0];
    for (const Key& key : all.keys) {
      EXPECT_TRUE(Covers(encoding, encoding.holder, key));
    }
  }
}

// Keys that the digests put in another order than the one given.
TEST_F(ListEncodingTest, RefusesKeysInAnotherOrder) {
  const Keys all({EncodeEntry("a1", 9, 1), EncodeEntry("c3", 9, 1),
                  EncodeEntry("b2", 9, 1), EncodeEntry("d4", 9, 1)});
  NewBlockKeys block = Block(all.keys.data(), 4);
  BlockPlan plan;
  EXPECT_FALSE(PlanBlock(block, false, nullptr, nullptr, kAnyCost,
                         encodings_.get(), &plan));
  // The fence lies below the last key.
  block.count = block.samples = 2;
  block.fence = &all.keys[2];
  block.open = false;
  EXPECT_FALSE(PlanBlock(block, false, nullptr, nullptr, kAnyCost,
                         encodings_.get(), &plan));
  EXPECT_EQ(0u, encodings_->kept());
}

// An encoding whose blocks have prefixes of their own, and a block whose lower
// bound is shorter than that.
TEST_F(ListEncodingTest, RefusesAHolderThatIsTooShort) {
  const Keys all({EncodeEntry("prefix1", 9, 1), EncodeEntry("prefix2", 9, 1),
                  EncodeEntry("q", 9, 1), EncodeEntry("r", 9, 1)});
  NewBlockKeys block = Block(all.keys.data(), 2);
  Encoding encoding;
  ASSERT_TRUE(PlanEncoding(block, false, PrefixOf::kBlock, nullptr, &encoding));
  ASSERT_GT(encoding.prefix, 1u);
  BlockPlan plan;
  EXPECT_TRUE(PlanCut(block, encoding, &plan));
  const NewBlockKeys other = Block(&all.keys[2], 2);
  EXPECT_FALSE(PlanCut(other, encoding, &plan));
}

// Of a table whose keys ascend and the first key of the next one, under an
// encoding of both.
TEST_F(ListEncodingTest, BoundsFarApartDoNotHideTheScale) {
  std::vector<std::string> entries;
  for (int i = 0; i < kBlockSlots / 2; ++i) {
    entries.push_back(
        EncodeEntry("t1" + std::string(6, '\0') + static_cast<char>(i), 1, 1));
  }
  entries.push_back(EncodeEntry("t9" + std::string(6, '\xFF') + "\xFF", 1, 1));
  const Keys all(entries);
  const int count = kBlockSlots / 2;
  Encoding encoding;
  ASSERT_TRUE(PlanEncoding(Block(all.keys.data(), count + 1), false,
                           PrefixOf::kEncoding, nullptr, &encoding));
  NewBlockKeys block = Block(all.keys.data(), count);
  block.fence = &all.keys[count];
  block.open = false;
  BlockPlan plan;
  ASSERT_TRUE(PlanCut(block, encoding, &plan));
  for (int i = 1; i < count; ++i) EXPECT_LT(plan.discs[i - 1], plan.discs[i]);
  EXPECT_LE(plan.discs[count - 1], plan.fence_disc);
}

// Where versions are told apart, it counts where keys end.
TEST_F(ListEncodingTest, AWiderEncodingCoversWhereKeysEnded) {
  const Keys shorter(
      {EncodeEntry("id10/x", 9, 1), EncodeEntry("id19/x", 8, 1)});
  const Keys longer(
      {EncodeEntry("id50/xxx", 7, 1), EncodeEntry("id59/xxx", 6, 1)});
  Encoding old, wider;
  ASSERT_TRUE(PlanEncoding(Block(shorter.keys.data(), 2), false,
                           PrefixOf::kEncoding, nullptr, &old));
  ASSERT_TRUE(old.tells_versions);
  EXPECT_FALSE(Covers(old, old.holder, longer.keys[0]));
  ASSERT_TRUE(PlanEncoding(Block(longer.keys.data(), 2), false,
                           PrefixOf::kEncoding, &old, &wider));
  ASSERT_TRUE(wider.tells_versions);
  for (const Keys* keys : {&shorter, &longer}) {
    for (const Key& key : keys->keys) {
      EXPECT_TRUE(Covers(wider, wider.holder, key))
          << test::DebugString(key.entry);
    }
  }
}

// A counter that goes on needs a new encoding from time to time, each of which
// takes in what the one before it covered.
TEST_F(ListEncodingTest, AWiderEncodingServesWhatTheOldOneServed) {
  const Encoding* encoding = nullptr;
  std::vector<std::unique_ptr<Keys>> blocks;
  for (int i = 0; i < 1500; ++i) {
    std::vector<std::string> entries;
    for (int j = 0; j < 2; ++j) {
      char digits[16];
      std::snprintf(digits, sizeof(digits), "%d", 100000 + 14 * (37 * i + j));
      entries.push_back(EncodeEntry(std::string("id") + digits, 1, 1));
    }
    blocks.push_back(std::make_unique<Keys>(entries));
    const std::vector<Key>& keys = blocks.back()->keys;
    NewBlockKeys block = Block(keys.data(), 2);
    block.words = &keys[1];
    block.count = 1;
    BlockPlan plan;
    ASSERT_TRUE(PlanBlock(block, false, encoding, nullptr, kAnyCost,
                          encodings_.get(), &plan));
    encoding = plan.encoding;
    EXPECT_TRUE(Covers(*encoding, HolderOf(*encoding, keys[1].entry), keys[1]));
  }
  EXPECT_LE(encodings_->kept(), 4u);
  for (const auto& keys : blocks) {
    EXPECT_TRUE(Covers(*encoding, encoding->holder, keys->keys[0]));
  }
}

TEST_F(ListEncodingTest, AWiderEncodingServesTwoTables) {
  std::vector<std::unique_ptr<Keys>> tables;
  const Encoding* encoding = nullptr;
  for (const char* const table : {"table-a/", "table-x/"}) {
    std::vector<std::string> entries;
    for (int i = 0; i < kBlockSlots; ++i) {
      entries.push_back(EncodeEntry(
          table + std::string(1, 'A' + i % 26) + static_cast<char>('a' + i), 1,
          1));
    }
    std::sort(entries.begin(), entries.end());
    tables.push_back(std::make_unique<Keys>(entries));
    BlockPlan plan;
    ASSERT_TRUE(PlanBlock(Block(tables.back()->keys.data(), kBlockSlots), false,
                          encoding, nullptr, kAnyCost, encodings_.get(),
                          &plan));
    encoding = plan.encoding;
  }
  EXPECT_EQ(2u, encodings_->kept());
  for (const auto& table : tables) {
    for (const Key& key : table->keys) {
      EXPECT_TRUE(Covers(*encoding, encoding->holder, key));
    }
  }
}

TEST_F(ListEncodingTest, KeepsOneEncodingForSoManyBlocks) {
  for (uint64_t i = 0; i < EncodingStore::kFirst; ++i) {
    ASSERT_TRUE(encodings_->MayPlan());
    encodings_->Keep(Encoding{});
  }
  EXPECT_FALSE(encodings_->MayPlan());
  for (uint64_t i = 1; i < EncodingStore::kBlocksPerEncoding; ++i) {
    encodings_->NoteBlock();
    ASSERT_FALSE(encodings_->MayPlan());
  }
  encodings_->NoteBlock();
  EXPECT_TRUE(encodings_->MayPlan());
  EXPECT_EQ(EncodingStore::kFirst, encodings_->kept());
}

TEST_F(ListEncodingTest, PlansLessOftenWhereNothingComesOfIt) {
  const auto asked_until_allowed = [&] {
    int asked = 1;
    while (!encodings_->MayPlan()) ++asked;
    return asked;
  };
  EXPECT_EQ(1, asked_until_allowed());
  for (int i = 0; i < 10; ++i) encodings_->NotePlan(false);
  asked_until_allowed();
  EXPECT_EQ(1 << EncodingStore::kMostFruitless, asked_until_allowed());
  encodings_->NotePlan(true);
  EXPECT_EQ(1, asked_until_allowed());
}

TEST_F(ListEncodingTest, TiesCostTheSquaresOfTheirRuns) {
  TieCost distinct;
  for (uint32_t i = 1; i <= 10; ++i) distinct.Add(i);
  EXPECT_FALSE(distinct.Above(1));
  EXPECT_TRUE(distinct.Above(0));
  TieCost run;  // six of one discriminator, four alone: (36 + 4) / 10 = 4
  for (int i = 0; i < 6; ++i) run.Add(7);
  for (uint32_t i = 8; i < 12; ++i) run.Add(i);
  EXPECT_TRUE(run.Above(3));
  EXPECT_FALSE(run.Above(4));
}

TEST_F(ListEncodingTest, LabelsLieBetweenTheirNeighbours) {
  EXPECT_EQ(kMaxDisc / 2, LabelBetween(kEmptyDisc, kEmptyDisc));
  for (int i = 0; i < 100000; ++i) {
    uint32_t below = static_cast<uint32_t>(random_.Uniform(kMaxDisc + 1));
    uint32_t above = static_cast<uint32_t>(random_.Uniform(kMaxDisc + 1));
    if (below > above) std::swap(below, above);
    const uint32_t between = LabelBetween(below, above);
    ASSERT_GE(between, below);
    ASSERT_LE(between, above);
    if (above - below > 1) {
      ASSERT_GT(between, below);
      ASSERT_LT(between, above);
    }
    ASSERT_GE(LabelBetween(below, kEmptyDisc), below);
    ASSERT_LE(LabelBetween(below, kEmptyDisc), kMaxDisc);
    ASSERT_LE(LabelBetween(kEmptyDisc, above), above);
  }
}

TEST_F(ListEncodingTest, LabelsOfANewBlockLeaveRoom) {
  for (int count = 1; count <= kBlockSlots; ++count) {
    for (const bool fenced : {false, true}) {
      uint32_t discs[kBlockSlots];
      PlanLabels(count, fenced, discs);
      for (int i = 1; i < count; ++i) {
        ASSERT_GT(discs[i], discs[i - 1] + kBlockSlots);
      }
      ASSERT_GT(kMaxDisc, discs[count - 1] + kBlockSlots);
    }
  }
}

}  // namespace
}  // namespace fastskip
