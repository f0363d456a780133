// SPDX-License-Identifier: Apache-2.0
// The shapes of keys that the list's tests insert.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {

struct ShapedKey {
  std::string user_key;
  uint64_t sequence;
};

// The `i`-th of `n` keys of a shape. Not all are distinct.
struct KeyShape {
  const char* name;
  ShapedKey (*make)(Random& random, uint64_t i, uint64_t n);
};

inline void PrintTo(const KeyShape& shape, std::ostream* out) {
  *out << shape.name;
}

inline std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text.push_back(static_cast<char>(value >> (8 * bytes)));
  return text;
}

// `length` bytes of an alphabet that has upper and lower case, 'z', NUL and
// 0xff in it.
inline std::string RandomBytes(Random& random, size_t length) {
  static const char kAlphabet[] = "aAbBzZyY01\0\xff~ ";
  std::string text;
  while (text.size() < length) {
    text.push_back(kAlphabet[random.Uniform(sizeof(kAlphabet) - 1)]);
  }
  return text;
}

inline std::string CommonPrefix(size_t length) {
  std::string prefix = "tenant/";
  while (prefix.size() < length) {
    prefix.push_back(static_cast<char>('a' + prefix.size() % 26));
  }
  prefix.resize(length);
  return prefix;
}

template <size_t kLength>
ShapedKey PrefixedKey(Random& random, uint64_t i, uint64_t n) {
  return {CommonPrefix(kLength) + BigEndian(random.Uniform(4 * n), 4), i + 1};
}

inline ShapedKey EmptyKey(Random& random, uint64_t, uint64_t n) {
  return {"", random.Uniform(2 * n) + 1};
}
inline ShapedKey OneByteKey(Random& random, uint64_t, uint64_t n) {
  return {std::string(1, static_cast<char>(random.Uniform(256))),
          random.Uniform(n / 64 + 2)};
}
inline ShapedKey ShortKey(Random& random, uint64_t, uint64_t n) {
  return {RandomBytes(random, random.Uniform(5)), random.Uniform(n / 64 + 2)};
}
inline ShapedKey LongKey(Random& random, uint64_t i, uint64_t) {
  return {RandomBytes(random, random.Uniform(200)), i};
}
// Keys that differ in their length only, and what padding confuses.
inline ShapedKey PaddedKey(Random& random, uint64_t, uint64_t n) {
  std::string key = CommonPrefix(random.Uniform(3));
  key.append(random.Uniform(20), random.OneIn(4) ? '\xff' : '\0');
  return {key, random.Uniform(n / 32 + 2)};
}
inline ShapedKey InterleavedPrefixesKey(Random& random, uint64_t i,
                                        uint64_t n) {
  static const size_t kLengths[] = {0, 3, 8, 9, 20, 41, 64};
  const uint64_t which = random.Uniform(7);
  return {std::to_string(which * 5) + CommonPrefix(kLengths[which]) +
              BigEndian(random.Uniform(2 * n), 6),
          i};
}
inline ShapedKey DecimalKey(Random&, uint64_t i, uint64_t) {
  return {"counter" + std::to_string(i), 7};
}
inline ShapedKey BareDecimalKey(Random& random, uint64_t, uint64_t n) {
  return {std::to_string(random.Uniform(2 * n)), random.Uniform(2)};
}
inline ShapedKey VersionsUpKey(Random&, uint64_t i, uint64_t) {
  return {"one and the same key", i + 1};
}
inline ShapedKey VersionsRandomKey(Random& random, uint64_t, uint64_t n) {
  return {"one and the same key", random.Uniform(3 * n)};
}
inline ShapedKey VersionsOfFewKey(Random& random, uint64_t i, uint64_t) {
  return {"hot key number " + std::to_string(random.Zipf(30)), i + 1};
}
inline ShapedKey AscendingKey(Random&, uint64_t i, uint64_t) {
  return {BigEndian(i, 8), 1};
}
inline ShapedKey DescendingKey(Random&, uint64_t i, uint64_t n) {
  return {BigEndian(n - i, 8) + "suffix", 1};
}
inline ShapedKey RandomKey(Random& random, uint64_t i, uint64_t) {
  return {BigEndian(random(), 8) + BigEndian(random(), 8), i};
}
inline ShapedKey ZipfKey(Random& random, uint64_t i, uint64_t n) {
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%016llu",
                static_cast<unsigned long long>(random.Zipf(n)));
  return {digits, i + 1};
}
inline ShapedKey YcsbKey(Random& random, uint64_t i, uint64_t n) {
  return {"user" + std::to_string(Scatter(random.Uniform(n))), i + 1};
}
// Mostly ascending, with an outlier now and then: wide ranges beside narrow
// ones, so that discriminators stop distinguishing entries.
inline ShapedKey ClusteredKey(Random& random, uint64_t i, uint64_t) {
  if (random.OneIn(50)) return {BigEndian(random(), 8), i};
  return {BigEndian(0x7000000000000000u + i % 7 * 0x1000000, 8) +
              BigEndian(random.Uniform(5), 1) + BigEndian(i, 3),
          i};
}
// Tables whose rows ascend side by side, some of them with few rows.
inline ShapedKey AscendingTablesKey(Random& random, uint64_t i, uint64_t) {
  return {"shop/table" + std::to_string(random.Zipf(8)) + "/rows/" +
              BigEndian(i, 8),
          i + 1};
}

constexpr KeyShape kKeyShapes[] = {
    {"Empty", EmptyKey},
    {"OneByte", OneByteKey},
    {"Short", ShortKey},
    {"Long", LongKey},
    {"Padded", PaddedKey},
    {"Prefix8", PrefixedKey<8>},
    {"Prefix13", PrefixedKey<13>},
    {"Prefix32", PrefixedKey<32>},
    {"Prefix64", PrefixedKey<64>},
    {"InterleavedPrefixes", InterleavedPrefixesKey},
    {"Decimal", DecimalKey},
    {"BareDecimal", BareDecimalKey},
    {"VersionsUp", VersionsUpKey},
    {"VersionsRandom", VersionsRandomKey},
    {"VersionsOfFew", VersionsOfFewKey},
    {"Ascending", AscendingKey},
    {"Descending", DescendingKey},
    {"Random", RandomKey},
    {"Zipf", ZipfKey},
    {"Ycsb", YcsbKey},
    {"Clustered", ClusteredKey},
    {"AscendingTables", AscendingTablesKey},
};

}  // namespace test
}  // namespace fastskip
