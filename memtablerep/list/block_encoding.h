// SPDX-License-Identifier: Apache-2.0
//
// How the keys of one block become discriminators.
//
//   digest         64 bits that follow the order of keys:
//                  a < b implies digest(a) <= digest(b)
//   discriminator  a 16-bit order-preserving code of a key within one block:
//                  cut out of the digest of what follows the block's common
//                  prefix. A "poor man's normalized key" after prefix
//                  truncation (Graefe and Larson, 2001; Graefe, 2011)
//   label          a discriminator that is a number dealt out in order (order
//                  maintenance), where no digest resolves the keys
//   encoding       the parameters by which a block does this, fixed at its
//                  birth
//   tie            words of one block with equal discriminators: these are
//                  compared
//
// Everything here is a pure function of keys; nothing knows of blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "key.h"

#ifndef FASTSKIP_BLOCK_SLOTS
#define FASTSKIP_BLOCK_SLOTS 28
#endif

namespace fastskip {

// The slots of a block, and so the words that one encoding has to resolve.
constexpr int kBlockSlots = FASTSKIP_BLOCK_SLOTS;

// The least and the greatest discriminator of a key. One less is left to what
// lies below all keys; the word of an empty slot holds kEmptyDisc, so that it
// sorts behind every entry.
constexpr uint32_t kMinDisc = 1;
constexpr uint32_t kMaxDisc = 0xFFFE;
constexpr uint32_t kEmptyDisc = kMaxDisc + 1;

// For what the hot path calls with an encoding that it has just put together:
// inlined, it stays in registers.
#define FASTSKIP_ALWAYS_INLINE __attribute__((always_inline)) inline

struct Encoding {
  enum class Kind : uint8_t {
    kLabels,    // numbers dealt out in order, found by comparing keys
    kBytes,     // 8 bytes of the user key behind the prefix
    kDigits,    // the same, where they are decimal digits
    kSequence,  // the whole range is one user key: its sequence number,
                // inverted
  };

  uint64_t base = 0;    // the digest with the least discriminator
  uint32_t prefix = 0;  // bytes skipped before the digest
  uint8_t shift = 0;    // digests are divided by 2^shift
  Kind kind = Kind::kLabels;
  bool reverse = false;        // greater bytes come first: digests are inverted
  bool verify_prefix = false;  // a key of the block's range may lack the prefix
};

// The 8 bytes of the user key that follow its first `offset`, big-endian, zero
// padded.
inline uint64_t BytesDigest(const Key& key, size_t offset) {
  if (key.size <= offset) return 0;
  const size_t have = key.size - offset;
  if (have >= 8) return LoadBigEndian64(key.data + offset);
  char padded[8] = {};
  std::memcpy(padded, key.data + offset, have);
  return LoadBigEndian64(padded);
}

// Whether the 8 bytes that follow the first `offset` are there and all digits.
inline bool HasDigits(const Key& key, size_t offset) {
  if (key.size < offset + 8) return false;
  const uint64_t v = LoadBigEndian64(key.data + offset) - 0x3030303030303030u;
  // The high bit of a byte says that it is below '0', or 10 and more.
  return ((v | (v + 0x7676767676767676u)) & 0x8080808080808080u) == 0;
}

// The same 8 bytes read as decimal digits: plain bytes would use ten of 256
// values. Any key has a digest: what follows a byte below '0', or the key's
// end, counts as zeros, and a byte above '9' as nines to the end.
inline uint64_t DigitsDigest(const Key& key, size_t offset) {
  if (HasDigits(key, offset)) {
    // Neighbours are joined three times: digits to pairs, fours, eight.
    uint64_t v = LoadBigEndian64(key.data + offset) - 0x3030303030303030u;
    v = (v & 0x0F0F0F0F0F0F0F0Fu) + 10 * (v >> 8 & 0x000F000F000F000Fu) -
        (v & 0x0F000F000F000F00u);
    v = (v & 0x000000FF000000FFu) + 100 * (v >> 16 & 0x000000FF000000FFu);
    return (v & 0xFFFF) + 10000 * (v >> 32);
  }
  uint64_t v = 0;
  for (size_t i = offset; i < offset + 8; ++i) {
    const unsigned char byte =
        i < key.size ? static_cast<unsigned char>(key.data[i]) : 0;
    uint64_t rest = 1;  // the weight of what follows this byte
    for (size_t j = i; j < offset + 8; ++j) rest *= 10;
    if (byte < '0') return v * rest;
    if (byte > '9') return v * rest + (rest - 1);
    v = v * 10 + (byte - '0');
  }
  return v;
}

// Versions of one user key: newest first.
inline uint64_t SequenceDigest(const Key& key) { return ~key.sequence; }

// The digest of `key` in the order of the block's keys.
// REQUIRES: the kind is not kLabels
FASTSKIP_ALWAYS_INLINE uint64_t DigestOf(const Encoding& encoding,
                                         const Key& key) {
  if (encoding.kind == Encoding::Kind::kSequence) return SequenceDigest(key);
  const uint64_t digest = encoding.kind == Encoding::Kind::kDigits
                              ? DigitsDigest(key, encoding.prefix)
                              : BytesDigest(key, encoding.prefix);
  return encoding.reverse ? ~digest : digest;
}

inline uint32_t Discriminator(uint64_t digest, uint64_t base, uint32_t shift) {
  if (digest < base) return kMinDisc;
  const uint64_t d = (digest - base) >> shift;
  return d < kMaxDisc - kMinDisc ? static_cast<uint32_t>(d) + kMinDisc
                                 : kMaxDisc;
}

// The least shift that spreads digests `base` to `base + span` over the
// discriminators without running into the greatest.
inline uint32_t ShiftForSpan(uint64_t span) {
  uint32_t shift = 0;
  while ((span >> shift) > kMaxDisc - kMinDisc) ++shift;
  return shift;
}

// The discriminator of `key`. `holder`: an entry that has the prefix.
// `has_prefix`: the key is known to have it, so that it need not be compared.
// REQUIRES: the kind is not kLabels
FASTSKIP_ALWAYS_INLINE uint32_t DiscOfKey(const Encoding& encoding,
                                          const char* holder, const Key& key,
                                          bool has_prefix) {
  const bool sequence = encoding.kind == Encoding::Kind::kSequence;
  if (!has_prefix && (encoding.prefix > 0 || sequence)) {
    const Key other = DecodeKey(holder);
    const int c = sequence ? CompareUserKeyBytes(key, other)
                           : ComparePrefix(key, other, encoding.prefix);
    if (c != 0) return (c < 0) == encoding.reverse ? kMaxDisc : kMinDisc;
  }
  return Discriminator(DigestOf(encoding, key), encoding.base, encoding.shift);
}

// Whether `holder`, which is to hold the prefix of keys like `sample`, has it.
// Keys that do not order by their bytes need not share what those around them
// share.
bool HolderHasPrefix(const Encoding& encoding, const Key& holder,
                     const Key& sample);

// What ties cost a search by discriminators: a key that meets a run of n words
// of its own discriminator is compared with all of them, and the n words of the
// run attract that many keys.
class TieCost {
 public:
  // Mean comparisons of a search. From here on a block is collision-heavy: it
  // pays to look for better discriminators.
  static constexpr int kCollisionHeavy = 4;
  // What a block may have at birth that takes all but the lowest word of a
  // collision-heavy one: it is one short of full, and must not be
  // collision-heavy again when full, or the next insert would leave another
  // block behind with a single word.
  static constexpr int kWellSpread = kCollisionHeavy / 2;
  // From here on a search by labels is cheaper, though its four or five
  // comparisons wait for one another, and those with a run do not.
  static constexpr int kWorseThanLabels = 16;

  void Add(uint32_t disc);  // in ascending order
  // Whether a search makes more than `comparisons` on average.
  bool Above(int comparisons) const { return cost_ > comparisons * count_; }

 private:
  uint32_t last_ = 0;
  int run_ = 0;
  int count_ = 0;
  int cost_ = 0;
};

// The keys of a block about to be born.
struct NewBlockKeys {
  const Key* keys;            // of its words, ascending
  int count;                  // 0 where only the fence is known
  const Key* fence;           // the right neighbour's lower bound; null: none
  Key scale_low, scale_high;  // keys that show the scale of the range
  bool open;  // the range may go on beyond scale_high: leave room for that
  bool head;  // the block is the leftmost of its level: leave room below
};

// Chooses the encoding of a new block, of which `reverse` is set, and the
// discriminators of its words (`discs`, one a key) and of its fence. False, and
// the encoding as before, when no digest resolves the keys in their true order,
// or only with more than `most_comparisons` (see TieCost).
bool PlanDigests(const NewBlockKeys& keys, int most_comparisons,
                 Encoding* encoding, uint32_t* discs, uint32_t* fence_disc);

// The same for a block between two bounds. Where these are so far apart that
// its keys tie, as at the end of a table whose keys ascend, the lower half of
// the keys gives the scale: the upper ones may be another table's.
bool PlanDigestsBetween(const NewBlockKeys& bounded, int most_comparisons,
                        Encoding* encoding, uint32_t* discs,
                        uint32_t* fence_disc);

// Deals out labels to the words of a new block, and to its fence.
void PlanLabels(const NewBlockKeys& keys, uint32_t* discs,
                uint32_t* fence_disc);

// A label between two discriminators, either of which may be kEmptyDisc: the
// end of the list, or of its head.
uint32_t LabelBetween(uint32_t below, uint32_t above);

}  // namespace fastskip
