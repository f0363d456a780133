// SPDX-License-Identifier: Apache-2.0
//
// User keys in the order of their use, and the random numbers they are made of.
#pragma once

#include <algorithm>
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

constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15u;

// splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Scatter(seed)) {}
  uint64_t Next() { return Scatter(state_ += kGoldenRatio); }
  uint64_t Uniform(uint64_t n) {  // 0 .. n-1
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >>
                                 64);
  }

 private:
  uint64_t state_;
};

// Side by side, so that fetching one costs all memtables the same and next to
// nothing.
class KeyList {
 public:
  void Reserve(size_t keys, size_t bytes) {
    ends_.reserve(keys);
    bytes_.reserve(bytes);
  }
  void Add(const ROCKSDB_NAMESPACE::Slice& key) {
    bytes_.append(key.data(), key.size());
    ends_.push_back(bytes_.size());
    longest_ = std::max(longest_, key.size());
  }
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size(); }
  size_t longest() const { return longest_; }  // bytes
  ROCKSDB_NAMESPACE::Slice operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return ROCKSDB_NAMESPACE::Slice(bytes_.data() + begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
  size_t longest_ = 0;
};

// `count` of `keys`, drawn at random.
KeyList DrawPresent(const KeyList& keys, uint64_t count, uint64_t seed);

}  // namespace bench
}  // namespace fastskip
