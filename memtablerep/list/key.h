// SPDX-License-Identifier: Apache-2.0
//
// An entry's internal key: taking it apart, comparing and prefixing its bytes.
//
//   entry  varint32 length | user key | tag (8 bytes, little-endian)
//          | whatever RocksDB put behind it
//   tag    sequence number << 8 | value type
//
// The length counts user key and tag. Nothing here reads past the end of a tag.
// Every function is pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "varint.h"

namespace fastskip {

// The internal key of an entry, taken apart once per operation. Has no default
// values: a split has a block's worth of keys and reads few of them.
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

// Where `key` lies relative to the keys that start with the first `length`
// bytes of `holder`: below (-), among (0) or above (+) them.
inline int ComparePrefix(const Key& key, const Key& holder, size_t length) {
  return CompareBytes(key.data, std::min(key.size, length), holder.data,
                      length);
}

inline size_t CommonPrefix(const Key& a, const Key& b) {
  const size_t limit = std::min(a.size, b.size);
  size_t i = 0;
  while (i < limit && a.data[i] == b.data[i]) ++i;
  return i;
}

}  // namespace fastskip
