// SPDX-License-Identifier: Apache-2.0
//
// varint32: an unsigned number in groups of 7 bits, the lowest first; every
// byte but the last has its highest bit set. RocksDB's MemTable::Add writes the
// lengths in an entry this way, and calls that format frozen. This is the only
// place that encodes or decodes one. Everything here is a pure function.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastskip {

constexpr size_t kMaxVarint32Bytes = 5;

// Reads the number that starts at `from`; returns the byte behind it. Never
// reads more than kMaxVarint32Bytes, so that bytes which are no varint, of an
// entry gone bad, lead no further.
inline const char* DecodeVarint32(const char* from, uint32_t* value) {
  uint32_t byte = static_cast<unsigned char>(*from++);
  *value = byte;
  if (byte >= 0x80) {
    *value = byte & 0x7f;
    for (int shift = 7; shift <= 28; shift += 7) {
      byte = static_cast<unsigned char>(*from++);
      *value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  return from;
}

// Writes `value` to `to`, which has room for VarintLength(value) bytes; returns
// the byte behind the last one written.
inline char* EncodeVarint32(char* to, uint32_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

// How many bytes EncodeVarint32 writes.
inline size_t VarintLength(uint32_t value) {
  size_t length = 1;
  for (; value >= 0x80; value >>= 7) ++length;
  return length;
}

}  // namespace fastskip
