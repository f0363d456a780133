// SPDX-License-Identifier: Apache-2.0
//
// The encoding of a block, as a pure function: discriminators follow the order
// of keys, whatever keys come in later, and labels lie where they are asked
// for.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "memtablerep/list/block_encoding.h"
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

  Random random_ = test::MakeRandom();
};

// Plans for some of the keys, as a split does, then encodes all of them. Where
// the plan says that a key of the range has the prefix, it need not be
// verified.
TEST_F(ListEncodingTest, DiscriminatorsFollowTheOrderOfAllKeys) {
  int planned = 0;
  for (int round = 0; round < 20000; ++round) {
    Keys all(AnyEntries(2 + random_.Uniform(2 * kBlockSlots)));
    const bool reverse = random_.OneIn(3);
    if (reverse) {
      std::stable_sort(all.keys.begin(), all.keys.end(),
                       [](const Key& a, const Key& b) {
                         return CompareUserKeyBytes(a, b) > 0;
                       });
    }
    const size_t begin = random_.Uniform(all.keys.size() - 1);
    const size_t count = 1 + random_.Uniform(std::min<size_t>(
                                 kBlockSlots, all.keys.size() - 1 - begin));
    const size_t end = begin + count;  // the fence, if there is one
    NewBlockKeys keys{&all.keys[begin],
                      static_cast<int>(count),
                      nullptr,
                      all.keys[begin],
                      all.keys[end - 1],
                      true,
                      false};
    keys.head = random_.OneIn(4);
    if (random_.OneIn(2)) {
      keys.fence = &all.keys[end];
      keys.scale_high = all.keys[end];
      keys.open = false;
    }
    Encoding encoding;
    encoding.reverse = reverse;
    std::vector<uint32_t> discs(count);
    uint32_t fence_disc = kMaxDisc;
    if (!PlanDigests(keys, TieCost::kWorseThanLabels, &encoding, discs.data(),
                     &fence_disc)) {
      ASSERT_EQ(encoding.kind, Encoding::Kind::kLabels);
      continue;
    }
    ++planned;
    const char* const holder = all.keys[begin].entry;
    uint32_t last = 0;
    for (size_t i = 0; i < all.keys.size(); ++i) {
      const uint32_t disc = DiscOfKey(encoding, holder, all.keys[i], false);
      ASSERT_GE(disc, last) << test::DebugString(all.keys[i].entry);
      ASSERT_GE(disc, kMinDisc);
      ASSERT_LE(disc, kMaxDisc);
      last = disc;
      if (i < begin || i >= end) continue;
      ASSERT_EQ(disc, discs[i - begin]);
      if (!encoding.verify_prefix) {
        ASSERT_EQ(disc, DiscOfKey(encoding, holder, all.keys[i], true));
      }
    }
    if (keys.fence != nullptr) {
      ASSERT_EQ(fence_disc, DiscOfKey(encoding, holder, all.keys[end], false));
    }
  }
  EXPECT_GT(planned, 5000);
}

TEST_F(ListEncodingTest, ChoosesWhatResolvesTheKeys) {
  const auto kind_of = [](const std::vector<std::string>& user_keys) {
    std::vector<std::string> entries;
    uint64_t sequence = 100;
    for (const std::string& key : user_keys) {
      entries.push_back(EncodeEntry(key, sequence--, 1));
    }
    const Keys all(entries);
    const int count = static_cast<int>(all.keys.size());
    const NewBlockKeys keys{all.keys.data(),     count, nullptr, all.keys[0],
                            all.keys[count - 1], true,  false};
    Encoding encoding;
    std::vector<uint32_t> discs(count);
    uint32_t fence_disc;
    PlanDigests(keys, TieCost::kWorseThanLabels, &encoding, discs.data(),
                &fence_disc);
    return encoding.kind;
  };
  EXPECT_EQ(Encoding::Kind::kDigits,
            kind_of({"user00001234", "user00005678", "user00009012"}));
  EXPECT_EQ(Encoding::Kind::kBytes, kind_of({std::string("k\x01\x02", 3),
                                             std::string("k\x81\x02", 3)}));
  EXPECT_EQ(Encoding::Kind::kSequence, kind_of({"hot", "hot", "hot"}));
}

// Keys that the digests put in another order than the one given.
TEST_F(ListEncodingTest, RefusesKeysInAnotherOrder) {
  const Keys all({EncodeEntry("a1", 9, 1), EncodeEntry("c3", 9, 1),
                  EncodeEntry("b2", 9, 1), EncodeEntry("d4", 9, 1)});
  NewBlockKeys keys{all.keys.data(), 4,    nullptr, all.keys[0],
                    all.keys[3],     true, false};
  Encoding encoding;
  uint32_t discs[4];
  uint32_t fence_disc = 0;
  EXPECT_FALSE(PlanDigests(keys, TieCost::kWorseThanLabels, &encoding, discs,
                           &fence_disc));
  EXPECT_EQ(Encoding::Kind::kLabels, encoding.kind);
  // The fence lies below the last key.
  keys.count = 2;
  keys.fence = &all.keys[2];
  keys.scale_high = all.keys[3];
  EXPECT_FALSE(PlanDigests(keys, TieCost::kWorseThanLabels, &encoding, discs,
                           &fence_disc));
}

// Of a table whose keys ascend and the first key of the next one.
TEST_F(ListEncodingTest, BoundsFarApartDoNotHideTheScale) {
  std::vector<std::string> entries;
  for (int i = 0; i < kBlockSlots / 2; ++i) {
    entries.push_back(
        EncodeEntry("t1" + std::string(6, '\0') + static_cast<char>(i), 1, 1));
  }
  entries.push_back(EncodeEntry("t9", 1, 1));
  const Keys all(entries);
  const int count = kBlockSlots / 2;
  const NewBlockKeys keys{
      all.keys.data(), count, &all.keys[count], all.keys[0], all.keys[count],
      false,           false};
  Encoding bounds;
  Encoding between;
  uint32_t discs[kBlockSlots];
  uint32_t fence_disc = 0;
  EXPECT_FALSE(
      PlanDigests(keys, TieCost::kCollisionHeavy, &bounds, discs, &fence_disc));
  ASSERT_TRUE(PlanDigestsBetween(keys, TieCost::kCollisionHeavy, &between,
                                 discs, &fence_disc));
  for (int i = 1; i < count; ++i) EXPECT_LT(discs[i - 1], discs[i]);
  EXPECT_LE(discs[count - 1], fence_disc);
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
  const Keys all(AnyEntries(kBlockSlots));
  for (int count = 1; count <= kBlockSlots; ++count) {
    NewBlockKeys keys{all.keys.data(),     count, nullptr, all.keys[0],
                      all.keys[count - 1], true,  false};
    for (const bool fenced : {false, true}) {
      keys.fence = fenced ? &all.keys[count - 1] : nullptr;
      uint32_t discs[kBlockSlots];
      uint32_t fence_disc = 0;
      PlanLabels(keys, discs, &fence_disc);
      for (int i = 1; i < count; ++i) {
        ASSERT_GT(discs[i], discs[i - 1] + kBlockSlots);
      }
      ASSERT_GT(fence_disc, discs[count - 1] + kBlockSlots);
    }
  }
}

}  // namespace
}  // namespace fastskip
