// SPDX-License-Identifier: Apache-2.0
//
// How the keys of a block become discriminators.
//
//   digest         64 bits that follow the order of keys:
//                  a < b implies digest(a) <= digest(b)
//   encoding       the function that gives it. Immutable; any number of blocks
//                  share one
//   discriminator  a 16-bit order-preserving code of a key within one block,
//                  cut out of the digest by the block's base and shift. A "poor
//                  man's normalized key" after prefix truncation (Graefe and
//                  Larson, 2001; Graefe, 2011)
//   label          a discriminator that is a number dealt out in order (order
//                  maintenance), where no encoding resolves the keys
//   tie            words of one block with equal discriminators: their keys are
//                  compared
//
// Mixed radix. An encoding skips a prefix and looks at a window of the key
// behind it. Bytes of the window that are the same in all keys are constant.
// The others become digits: a byte's rank in the one or two ranges of bytes
// seen at its place; where keys end in front of it, the end is digit 0. The
// digest is the sum of the digits, each times the product of the radices behind
// it. If there is room, a last digit is taken from the inverted sequence
// number, for keys that end in the window.
//
// Any key has a digest. Its exit is the first place where it leaves what the
// encoding covers: the prefix, a constant byte, the ranges of a digit, an end
// where no key ends, or bytes behind the window. From its exit on all digits,
// the last one included, are the least where it leaves below, and the greatest
// where it leaves above. A byte in no range of its digit counts as the greatest
// covered byte below it, followed by the greatest digits; where there is none
// below, as the least covered byte, followed by the least.
//
// Why digests do not decrease. Let a < b as user keys, and p be the first place
// where they differ, an end counting as less than any byte. If one leaves the
// encoding before p, so does the other, at the same place to the same side:
// their digests are equal. Otherwise their digits before p are equal, and what
// follows lies in the order of their bytes, or end, at p: each covered byte has
// a range of numbers of its own, and one that is not covered the upper end of
// the range below it. Where p lies behind the window, b leaves above. Of
// versions of one user key all digits agree but the last, which has the newest
// least. For greater bytes first the digest is subtracted from the greatest;
// its last digit is the plain rank, so that the newest still comes first.
// DESIGN.md has the proof at length.
//
// Everything here is a pure function of keys; nothing knows of blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "key.h"

#ifndef FASTSKIP_BLOCK_SLOTS
#define FASTSKIP_BLOCK_SLOTS 28
#endif

namespace fastskip {

// The slots of a block, and so the words that one cut has to resolve.
constexpr int kBlockSlots = FASTSKIP_BLOCK_SLOTS;

// The least and the greatest discriminator of a key. One less is left to what
// lies below all keys; the word of an empty slot holds kEmptyDisc, so that it
// sorts behind every entry.
constexpr uint32_t kMinDisc = 1;
constexpr uint32_t kMaxDisc = 0xFFFE;
constexpr uint32_t kEmptyDisc = kMaxDisc + 1;

// For what the hot path calls: inlined, it stays in registers.
#define FASTSKIP_ALWAYS_INLINE __attribute__((always_inline)) inline

// A byte of the window that is not the same in all keys. Its ranges are of
// least[i] to least[i] + width[i], which have the digits from first[i] on.
// With one range, both are that.
struct Digit {
  uint8_t at;  // in the window
  uint8_t least[2];
  uint8_t width[2];
  uint8_t first[2];
  bool end;  // a key may end in front of it: digit 0
  uint64_t weight;

  uint64_t radix() const { return uint64_t{first[1]} + width[1] + 1; }
};

// Digests are less than this.
constexpr uint64_t kMostDigests = uint64_t{1} << 63;

// The last digit ranks sequence numbers by n, how far one lies behind the
// oldest that was seen when the encoding was planned, plus 2^8. The scale is
// logarithmic: each octave, n from 2^k to 2^(k+1), has 2^16 ranks. Below 2^17
// each n has one of its own; above, numbers less than n / 2^16 apart may share
// one. So an encoding that is planned for the first entries tells versions of a
// key apart among a thousand entries as well as among millions. Sequence
// numbers before the oldest have the first rank, n from 2^28 on the last.
constexpr int kOctaveBits = 16;
constexpr int kFirstOctave = 8;
constexpr int kOctaves = 20;
constexpr uint64_t kSequenceRanks = uint64_t{kOctaves} << kOctaveBits;

// Follows the order of sequence numbers; less than kSequenceRanks.
FASTSKIP_ALWAYS_INLINE uint64_t SequenceRank(uint64_t sequence,
                                             uint64_t oldest) {
  if (sequence < oldest) return 0;
  // Does not overflow: sequence numbers have 56 bits.
  const uint64_t n = sequence - oldest + (uint64_t{1} << kFirstOctave);
  const int zeros = __builtin_clzll(n);
  const int octave = 63 - zeros - kFirstOctave;
  if (octave >= kOctaves) return kSequenceRanks - 1;
  // The bits behind the highest one.
  const uint64_t step = n << zeros << 1 >> (64 - kOctaveBits);
  return static_cast<uint64_t>(octave) << kOctaveBits | step;
}

struct alignas(64) Encoding {
  static constexpr int kDigits = 16;
  static constexpr int kWindow = 40;  // bytes
  static constexpr int kWords = kWindow / 8;

  // The window, eight bytes to a word, the first one lowest: 0xFF for each
  // constant byte, and what it is.
  uint64_t constant[kWords];
  uint64_t expected[kWords];

  Digit digit[kDigits];  // from the most significant one on
  uint8_t digits;
  uint8_t length;  // of the window, in bytes

  bool reverse;         // greater bytes come first
  bool tells_versions;  // there is a last digit
  uint32_t prefix;      // bytes in front of the window
  // An entry that has the prefix. Null: each block has a prefix of its own,
  // that of its lower bound.
  const char* holder;

  uint64_t oldest;    // sequence number that the last digit's scale begins with
  uint64_t greatest;  // digest of any key

  // The number of values of the last digit.
  uint64_t last_radix() const { return tells_versions ? kSequenceRanks : 1; }

  // The number of digests of keys that agree in front of `from`, a digit or the
  // end of them.
  uint64_t DigestsFrom(const Digit* from) const {
    return from == digit ? greatest + 1 : from[-1].weight;
  }
};
static_assert(sizeof(Encoding) == 384, "six cache lines");

// The digest of `key`, where `holder` has the prefix.
uint64_t DigestOf(const Encoding& encoding, const char* holder, const Key& key);

// Whether `key` has no exit.
bool Covers(const Encoding& encoding, const char* holder, const Key& key);

// The entry that has the prefix, for a block with this lower bound.
inline const char* HolderOf(const Encoding& encoding, const char* lower_bound) {
  return encoding.holder != nullptr ? encoding.holder : lower_bound;
}

// How a block cuts discriminators out of digests: `base`, and what lies below
// it, has kMinDisc.
struct Cut {
  uint64_t base = 0;
  uint8_t shift = 0;

  FASTSKIP_ALWAYS_INLINE uint32_t DiscOf(uint64_t digest) const {
    if (digest < base) return kMinDisc;
    const uint64_t d = (digest - base) >> shift;
    return d < kMaxDisc - kMinDisc ? static_cast<uint32_t>(d) + kMinDisc
                                   : kMaxDisc;
  }
};

// What ties cost a search by discriminators: a key that meets a run of n words
// of its own discriminator is compared with all of them, and the n words of the
// run attract that many keys.
class TieCost {
 public:
  // Mean comparisons of a search. From here on a block is collision-heavy: it
  // pays to look for better discriminators. Where there are none, a new block
  // gets labels, which take four or five comparisons: it is half full, and what
  // ties now doubles before it is split again.
  static constexpr int kCollisionHeavy = 4;
  // A new block's own discriminators are to be better than that; those of a
  // block that is born empty, for the keys of the full one beside it.
  static constexpr int kWellSpread = kCollisionHeavy / 2;

  // In ascending order.
  void Add(uint64_t disc) {
    run_ = count_ > 0 && disc == last_ ? run_ + 1 : 1;
    cost_ += 2 * run_ - 1;  // the squares of the runs, summed up
    last_ = disc;
    ++count_;
  }
  // Whether a search makes more than `comparisons` on average.
  bool Above(int comparisons) const { return cost_ > comparisons * count_; }
  int sum() const { return cost_; }

 private:
  uint64_t last_ = 0;
  int run_ = 0;
  int count_ = 0;
  int cost_ = 0;
};

// Deals out labels, in order, to `count` words of a new block; its fence, if
// there is one, has kMaxDisc.
void PlanLabels(int count, bool fence, uint32_t* discs);

// A label between two discriminators, either of which may be kEmptyDisc: the
// end of the list, or of its head.
uint32_t LabelBetween(uint32_t below, uint32_t above);

}  // namespace fastskip
