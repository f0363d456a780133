// SPDX-License-Identifier: Apache-2.0
//
// The user keys that memtable_bench writes and looks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rocksdb/slice.h"

namespace fastskip {
namespace bench {

// A bijection of 64 bits that scatters (the finisher of splitmix64).
inline uint64_t Scatter(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Scatter(seed)) {}
  uint64_t Next() { return Scatter(state_ += 0x9e3779b97f4a7c15u); }
  uint64_t Uniform(uint64_t n) {  // 0 .. n-1
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >>
                                 64);
  }

 private:
  uint64_t state_;
};

// Keys in the order of their use, contiguous in memory: reading one is cheap,
// and costs the same whatever the memtable.
class KeyList {
 public:
  void Reserve(size_t keys, size_t max_size);
  void Add(const std::string& key);
  size_t size() const { return size_; }
  size_t max_key() const { return stride_ - 1; }  // bytes
  ROCKSDB_NAMESPACE::Slice operator[](size_t i) const {
    const char* const at = &bytes_[i * stride_];
    return ROCKSDB_NAMESPACE::Slice(at + 1, static_cast<unsigned char>(*at));
  }

 private:
  std::vector<char> bytes_;  // each key behind its length, padded
  size_t stride_ = 0;
  size_t size_ = 0;
};

struct KeyShape {
  const char* name;
  const char* what;
};
const std::vector<KeyShape>& KeyShapes();

// `entries` keys of the shape, which KeyShapes() names, as `seed` gives them.
// With those that occur twice, an entry for each.
KeyList MakeKeys(const std::string& shape, uint64_t entries, uint64_t seed);

// `count` of `keys`, drawn at random.
KeyList DrawPresent(const KeyList& keys, uint64_t count, uint64_t seed);
// `count` keys that are none of MakeKeys(shape, keys.size(), seed), and lie
// scattered among them.
KeyList DrawMissing(const std::string& shape, const KeyList& keys,
                    uint64_t count, uint64_t seed);

}  // namespace bench
}  // namespace fastskip
