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

inline void StoreLittleEndian64(uint64_t v, uint8_t* p) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  std::memcpy(p, &v, sizeof(v));
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

// How many bytes two strings have in common at their beginning.
// REQUIRES: eight bytes can be read behind each, as behind user keys: the tag
inline size_t CommonPrefix(const char* a, size_t a_size, const char* b,
                           size_t b_size) {
  const size_t limit = std::min(a_size, b_size);
  // Nothing but eight bytes at a time: a call of memcmp, or larger steps for
  // long prefixes, cost more in mispredicted branches than they save.
  for (size_t i = 0; i < limit; i += 8) {
    const uint64_t differs =
        LoadLittleEndian64(a + i) ^ LoadLittleEndian64(b + i);
    if (differs != 0) {
      const auto bit = static_cast<size_t>(__builtin_ctzll(differs));
      return std::min(limit, i + bit / 8);
    }
  }
  return limit;
}

// REQUIRES: as CommonPrefix
inline int CompareBytes(const char* a, size_t a_size, const char* b,
                        size_t b_size) {
  const size_t common = CommonPrefix(a, a_size, b, b_size);
  if (common < a_size && common < b_size) {
    return static_cast<unsigned char>(a[common]) -
           static_cast<unsigned char>(b[common]);
  }
  return a_size < b_size ? -1 : (a_size > b_size ? 1 : 0);
}

inline size_t CommonPrefix(const Key& a, const Key& b) {
  return CommonPrefix(a.data, a.size, b.data, b.size);
}

inline int CompareUserKeyBytes(const Key& a, const Key& b) {
  return CompareBytes(a.data, a.size, b.data, b.size);
}

inline bool SameUserKey(const Key& a, const Key& b) {
  return a.size == b.size && CommonPrefix(a, b) == a.size;
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

}  // namespace fastskip
