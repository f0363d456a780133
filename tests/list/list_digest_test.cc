// SPDX-License-Identifier: Apache-2.0
//
// Digests follow the order of keys (invariant 5 rests on it), whatever the
// parameters of the encoding and whatever bytes the keys hold.
//
// One thread, in which there are no races.
// Sanitizers: address
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "memtablerep/list/block_encoding.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

using test::EntryStore;

// What a place of the window is in an encoding made at random.
struct Place {
  bool constant;
  uint8_t least[2];
  uint8_t width[2];
  bool end;
};

class ListDigestTest : public ::testing::Test {
 protected:
  // Few values, so that keys share them, and the extremes.
  uint8_t AnyByte() {
    static const uint8_t kBytes[] = {0,   1,   2,   3,    4,    5,    6,   '0',
                                     '1', 'a', 'b', 0x7F, 0x80, 0xFE, 0xFF};
    return kBytes[random_.Uniform(sizeof(kBytes))];
  }

  Place AnyPlace() {
    Place place{};
    place.constant = random_.OneIn(3);
    place.least[0] = place.least[1] = AnyByte();
    if (place.constant) return place;
    place.end = random_.OneIn(3);
    const auto span = [&](uint64_t most) {
      return static_cast<uint8_t>(
          random_.OneIn(3) ? most
                           : random_.Uniform(std::min<uint64_t>(most, 4) + 1));
    };
    place.width[0] = place.width[1] = span(255 - place.least[0]);
    const int rest = 255 - place.least[0] - place.width[0];
    if (rest >= 2 && random_.OneIn(2)) {
      place.least[1] = static_cast<uint8_t>(
          255 - random_.Uniform(static_cast<uint64_t>(rest) - 1));
      place.width[1] = span(255 - place.least[1]);
    }
    return place;
  }

  // An encoding as none that a plan would make, but a valid one: every byte of
  // its window is constant or a digit.
  Encoding AnyEncoding() {
    Encoding encoding{};
    encoding.reverse = random_.OneIn(3);
    encoding.prefix = static_cast<uint32_t>(random_.Uniform(4));
    std::string prefix;
    for (uint32_t i = 0; i < encoding.prefix; ++i) {
      prefix.push_back(static_cast<char>(AnyByte()));
    }
    encoding.holder = store_.Add(prefix + "h", 1);
    places_.clear();
    const uint64_t length =
        random_.Uniform(random_.OneIn(8) ? Encoding::kWindow + 1 : 7);
    uint64_t digests = 1;
    for (uint64_t i = 0; i < length; ++i) {
      Place place = AnyPlace();
      Digit digit{};
      digit.at = static_cast<uint8_t>(i);
      digit.end = place.end;
      for (int r = 0; r < 2; ++r) {
        digit.least[r] = place.least[r];
        digit.width[r] = place.width[r];
      }
      const int first = place.end ? 1 : 0;
      const bool two = place.least[1] != place.least[0];
      digit.first[0] = static_cast<uint8_t>(first);
      digit.first[1] =
          static_cast<uint8_t>(two ? first + place.width[0] + 1 : first);
      const bool fits =
          (!two || first + place.width[0] + 1 <= 255) &&
          encoding.digits < Encoding::kDigits &&
          digit.radix() <= kMostDigests / kSequenceRanks / digests;
      if (place.constant || !fits) {
        place = Place{true, {place.least[0], place.least[0]}, {}, false};
        encoding.constant[i / 8] |= uint64_t{0xFF} << (8 * (i % 8));
        encoding.expected[i / 8] |= uint64_t{place.least[0]} << (8 * (i % 8));
      } else {
        digests *= digit.radix();
        encoding.digit[encoding.digits++] = digit;
      }
      places_.push_back(place);
    }
    encoding.length = static_cast<uint8_t>(length);
    encoding.tells_versions = random_.OneIn(2);
    encoding.oldest = AnySequence();
    Weigh(&encoding);
    prefix_ = prefix;
    return encoding;
  }

  // The weights of the digits of an encoding that has all else.
  static void Weigh(Encoding* encoding) {
    uint64_t weight = encoding->last_radix();
    for (int i = encoding->digits - 1; i >= 0; --i) {
      encoding->digit[i].weight = weight;
      weight *= encoding->digit[i].radix();
    }
    encoding->greatest = weight - 1;
  }

  // Of any magnitude, and often near others.
  uint64_t AnySequence() {
    return random_.OneIn(2) ? 1000 + random_.Uniform(64)
                            : random_() >> (8 + random_.Uniform(56));
  }

  // Keys that stay in the encoding for a while, and leave it anywhere.
  std::string AnyKey() {
    if (random_.OneIn(20)) {
      std::string key;
      for (uint64_t n = random_.Uniform(6); n > 0; --n) {
        key.push_back(static_cast<char>(AnyByte()));
      }
      return key;
    }
    std::string key = prefix_;
    for (const Place& place : places_) {
      if (random_.OneIn(10)) return key;
      const int range = static_cast<int>(random_.Uniform(2));
      int byte = place.least[range] +
                 static_cast<int>(random_.Uniform(place.width[range] + 1u));
      if (random_.OneIn(6)) byte = place.least[range] - 1;
      if (random_.OneIn(6)) byte = place.least[range] + place.width[range] + 1;
      if (random_.OneIn(12)) byte = AnyByte();
      key.push_back(static_cast<char>(byte));
    }
    for (uint64_t n = random_.Uniform(3); n > 0; --n) {
      key.push_back(static_cast<char>(AnyByte()));
    }
    return key;
  }

  test::Random random_ = test::MakeRandom();
  EntryStore store_;
  std::vector<Place> places_;
  std::string prefix_;
};

TEST_F(ListDigestTest, FollowsTheOrderOfKeys) {
  const uint64_t rounds = 20000 * test::TestPercent() / 100 / test::kSlowdown;
  uint64_t covered = 0;
  uint64_t told_apart = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    const Encoding encoding = AnyEncoding();
    EntryStore entries;
    std::vector<Key> keys;
    for (int i = 0; i < 24; ++i) {
      const std::string user_key = AnyKey();
      for (uint64_t n = random_.OneIn(4) ? 3 : 1; n > 0; --n) {
        keys.push_back(DecodeKey(entries.Add(user_key, AnySequence())));
      }
    }
    std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
      const int c = CompareUserKeyBytes(a, b);
      if (c != 0) return encoding.reverse ? c > 0 : c < 0;
      return CompareVersions(a, b) < 0;
    });
    uint64_t last = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      const uint64_t digest = DigestOf(encoding, encoding.holder, keys[i]);
      ASSERT_LE(digest, encoding.greatest);
      ASSERT_GE(digest, last)
          << test::DebugString(keys[i - 1].entry) << " before "
          << test::DebugString(keys[i].entry) << ", prefix " << encoding.prefix
          << ", length " << int{encoding.length};
      covered += Covers(encoding, encoding.holder, keys[i]) ? 1 : 0;
      told_apart += digest > last ? 1 : 0;
      last = digest;
    }
  }
  // Keys that are out at once would follow any order.
  EXPECT_GT(covered, rounds);
  EXPECT_GT(told_apart, rounds);
}

// Covered keys that differ have different digests, where every byte behind the
// prefix is constant or a digit.
TEST_F(ListDigestTest, TellsCoveredKeysApart) {
  uint64_t pairs = 0;
  for (int round = 0; round < 20000; ++round) {
    Encoding encoding = AnyEncoding();
    encoding.tells_versions = true;
    encoding.oldest = 0;
    Weigh(&encoding);
    for (int i = 0; i < 10; ++i) {
      const Key a = DecodeKey(store_.Add(AnyKey(), random_.Uniform(4000)));
      const Key b = DecodeKey(store_.Add(AnyKey(), random_.Uniform(4000)));
      if (!Covers(encoding, encoding.holder, a) ||
          !Covers(encoding, encoding.holder, b)) {
        continue;
      }
      const bool same = SameUserKey(a, b) && a.sequence == b.sequence;
      ASSERT_EQ(same, DigestOf(encoding, encoding.holder, a) ==
                          DigestOf(encoding, encoding.holder, b))
          << test::DebugString(a.entry) << " " << test::DebugString(b.entry);
      pairs += same ? 0 : 1;
    }
  }
  EXPECT_GT(pairs, 1000u);
}

// Numbers have ranks of their own until an octave has more of them than ranks;
// from there on each rank of an octave has as many numbers. What lies out of
// the scale has the first rank or the last.
TEST_F(ListDigestTest, RanksOfSequencesAreLogarithmic) {
  constexpr uint64_t kOldest = 12345;
  const auto rank_of = [](uint64_t n) {  // n counts as the scale does
    return SequenceRank(kOldest + n - (uint64_t{1} << kFirstOctave), kOldest);
  };
  EXPECT_EQ(0u, SequenceRank(0, kOldest));
  EXPECT_EQ(0u, SequenceRank(kOldest - 1, kOldest));
  EXPECT_EQ(0u, SequenceRank(kOldest, kOldest));
  uint64_t last = 0;
  for (uint64_t n = (uint64_t{1} << kFirstOctave) + 1;
       n < uint64_t{1} << (kOctaveBits + 1); ++n) {
    ASSERT_GT(rank_of(n), last) << n;
    last = rank_of(n);
  }
  for (int octave = kOctaveBits + 1; octave < kFirstOctave + kOctaves;
       ++octave) {
    const uint64_t step = uint64_t{1} << (octave - kOctaveBits);
    for (uint64_t i = 0; i < uint64_t{1} << kOctaveBits; ++i) {
      const uint64_t first = (uint64_t{1} << octave) + i * step;
      ASSERT_EQ(last + 1, rank_of(first)) << octave << " " << i;
      last = rank_of(first);
      ASSERT_EQ(last, rank_of(first + step - 1)) << octave << " " << i;
    }
  }
  EXPECT_EQ(kSequenceRanks - 1, last);
  EXPECT_EQ(last, rank_of(uint64_t{1} << (kFirstOctave + kOctaves)));
  constexpr uint64_t kGreatestSequence = (uint64_t{1} << 56) - 1;
  EXPECT_EQ(last, SequenceRank(kGreatestSequence, kOldest));
  EXPECT_EQ(last, SequenceRank(kGreatestSequence, 0));
}

TEST_F(ListDigestTest, CutsFollowTheOrderOfDigests) {
  for (int round = 0; round < 1000; ++round) {
    const Cut cut{random_.Uniform(kMostDigests),
                  static_cast<uint8_t>(random_.Uniform(48))};
    std::vector<uint64_t> digests = {0, kMostDigests - 1, cut.base};
    for (int i = 0; i < 30; ++i) {
      digests.push_back(cut.base + (random_() >> random_.Uniform(64)) / 2 -
                        std::min(cut.base, random_() >> random_.Uniform(64)));
    }
    std::sort(digests.begin(), digests.end());
    uint32_t last = kMinDisc;
    for (const uint64_t digest : digests) {
      const uint32_t disc = cut.DiscOf(digest);
      ASSERT_GE(disc, last);
      ASSERT_LE(disc, kMaxDisc);
      last = disc;
    }
  }
}

// What follows a key, its tag, takes no part, whether it agrees or not.
TEST_F(ListDigestTest, ComparesKeysToTheLastByteAndNoFurther) {
  for (size_t size = 0; size < 100; ++size) {
    const std::string key(size, 'x');
    const std::string a = key + "ttttuuuu";
    for (size_t at = 0; at < size; ++at) {
      std::string b = a;
      b[at] = static_cast<char>(0x80);
      ASSERT_EQ(CommonPrefix(a.data(), size, b.data(), size), at);
      ASSERT_LT(CompareBytes(a.data(), size, b.data(), size), 0) << at;
      ASSERT_GT(CompareBytes(b.data(), size, a.data(), size), 0) << at;
    }
    for (const char* const tag : {"ttttuuuu", "ttttvvvv", "ssssuuuu"}) {
      const std::string same = key + tag;
      const std::string longer = key + "t" + tag;
      ASSERT_EQ(CommonPrefix(a.data(), size, same.data(), size), size);
      ASSERT_EQ(CompareBytes(a.data(), size, same.data(), size), 0);
      ASSERT_EQ(CommonPrefix(a.data(), size, longer.data(), size + 1), size);
      ASSERT_LT(CompareBytes(a.data(), size, longer.data(), size + 1), 0);
      ASSERT_GT(CompareBytes(longer.data(), size + 1, a.data(), size), 0);
    }
  }
}

}  // namespace
}  // namespace fastskip
