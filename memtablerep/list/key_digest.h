// SPDX-License-Identifier: Apache-2.0
//
// From an entry to the numbers that blocks are searched by.
//
//   entry          varint32 length | user key | tag (8 bytes, little-endian)
//                  | whatever RocksDB put behind it; the tag is sequence
//                  number << 8 | value type
//   digest         64 bits that follow the order of keys:
//                  a < b implies digest(a) <= digest(b)
//   discriminator  16 bits cut out of a digest for one block's range
//
// Nothing here reads past the end of a tag. Everything is a pure function.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "varint.h"

namespace fastskip {

// The internal key of an entry, taken apart once per operation. Not set by
// itself: a split has a block's worth of keys, few of which it looks at.
struct Key {
  const char* entry;
  const char* data;   // the user key
  size_t size;        // of the user key, in bytes
  uint64_t sequence;  // without the type, which takes no part in order
};

inline uint64_t LoadLittleEndian64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof(v));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

inline Key DecodeKey(const char* entry) {
  uint32_t length;
  Key key;
  key.entry = entry;
  key.data = DecodeVarint32(entry, &length);
  key.size = length - 8;
  key.sequence = LoadLittleEndian64(key.data + key.size) >> 8;
  return key;
}

inline uint64_t LoadBigEndian64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof(v));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

// REQUIRES: eight bytes can be read behind each, as behind user keys: the tag.
inline int CompareBytes(const char* a, size_t a_size, const char* b,
                        size_t b_size) {
  const size_t common = std::min(a_size, b_size);
  // Keys are short: a call of memcmp would take longer than these.
  constexpr size_t kShort = 64;
  if (common < 8) {
    if (common > 0) {
      const uint64_t x = LoadBigEndian64(a) >> (64 - 8 * common);
      const uint64_t y = LoadBigEndian64(b) >> (64 - 8 * common);
      if (x != y) return x < y ? -1 : 1;
    }
  } else if (common <= kShort) {
    for (size_t i = 0;;) {
      const uint64_t x = LoadBigEndian64(a + i);
      const uint64_t y = LoadBigEndian64(b + i);
      if (x != y) return x < y ? -1 : 1;
      if (i + 8 == common) break;
      i = std::min(i + 8, common - 8);  // the last two may overlap
    }
  } else {
    const int c = std::memcmp(a, b, common);
    if (c != 0) return c;
  }
  return a_size < b_size ? -1 : (a_size > b_size ? 1 : 0);
}

inline int CompareUserKeyBytes(const Key& a, const Key& b) {
  return CompareBytes(a.data, a.size, b.data, b.size);
}

inline bool SameUserKey(const Key& a, const Key& b) {
  return a.size == b.size && CompareUserKeyBytes(a, b) == 0;
}

// Of entries with the same user key: newest first.
inline int CompareVersions(const Key& a, const Key& b) {
  return a.sequence > b.sequence ? -1 : (a.sequence < b.sequence ? 1 : 0);
}

// Where `key` stands to the keys that start with the first `length` bytes of
// `holder`: below (-), among (0) or above (+) them.
inline int ComparePrefix(const Key& key, const Key& holder, size_t length) {
  const int c =
      CompareBytes(key.data, std::min(key.size, length), holder.data, length);
  return c;
}

inline size_t CommonPrefix(const Key& a, const Key& b) {
  const size_t limit = std::min(a.size, b.size);
  size_t i = 0;
  while (i < limit && a.data[i] == b.data[i]) ++i;
  return i;
}

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
  // The high bit of a byte tells that it is below '0', or 10 and more.
  return ((v | (v + 0x7676767676767676u)) & 0x8080808080808080u) == 0;
}

// The same 8 bytes read as decimal digits, which fills the discriminators where
// plain bytes would leave most of them unused. Any key has a digest: what
// follows a byte below '0', or the key's end, counts as zeros, and a byte above
// '9' as nines to the end.
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

// The least and the greatest discriminator of a key. One less is left to what
// lies below all keys; the word of an empty slot holds one more than the
// greatest, so that it sorts behind every entry.
constexpr uint32_t kMinDisc = 1;
constexpr uint32_t kMaxDisc = 0xFFFE;

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

}  // namespace fastskip
