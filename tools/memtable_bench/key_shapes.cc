// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/key_shapes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "tools/memtable_bench/key_encodings.h"

namespace fastskip {
namespace bench {
namespace {

constexpr size_t kMaxKey = 40;
constexpr size_t kPrefix = 20;
constexpr uint64_t kTables = 8;
constexpr uint32_t kValueSize = 100;

void AppendBigEndian(std::string* to, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    to->push_back(static_cast<char>(value >> shift));
  }
}

// As db_bench writes a number: 8 bytes, filled up with '0' to 16.
std::string NumberKey(uint64_t value) {
  std::string key;
  AppendBigEndian(&key, value);
  key.append(8, '0');
  return key;
}

// Ranks 0 .. n-1 with a probability of (rank + 1) ^ -kTheta, after Gray et al.,
// "Quickly generating billion-record synthetic databases", as YCSB draws them.
class Zipf {
 public:
  explicit Zipf(uint64_t n) : n_(n), zeta_(Zeta(n)) {
    const double two = Zeta(std::min<uint64_t>(n, 2));
    eta_ = (1 - std::pow(2.0 / static_cast<double>(n), 1 - kTheta)) /
           (1 - two / zeta_);
  }
  // `uniform`: in [0, 1).
  uint64_t Rank(double uniform) const {
    const double scaled = uniform * zeta_;
    if (scaled < 1 || n_ < 3) return 0;
    if (scaled < 1 + std::pow(0.5, kTheta)) return 1;
    const double rank = static_cast<double>(n_) *
                        std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - kTheta));
    return std::min(static_cast<uint64_t>(rank), n_ - 1);
  }

 private:
  static constexpr double kTheta = 0.99;
  static double Zeta(uint64_t n) {
    double sum = 0;
    for (uint64_t i = 1; i <= n; ++i) {
      sum += std::pow(static_cast<double>(i), -kTheta);
    }
    return sum;
  }

  const uint64_t n_;
  const double zeta_;
  double eta_;
};

// Key number `i` of a shape depends on the seed and on `i` alone.
class Maker {
 public:
  Maker(const std::string& shape, uint64_t entries, uint64_t seed)
      : shape_(shape), entries_(entries), seed_(Scatter(seed)) {
    if (shape == "zipf") zipf_ = std::make_unique<Zipf>(entries);
    encoding_ = FindEncoding(shape);
  }

  std::string Key(uint64_t i) const {
    const uint64_t bits = Scatter(seed_ + i * kGoldenRatio);
    if (encoding_ != nullptr) {
      Random random(bits);
      return encoding_->key(
          i, entries_, [&](uint64_t limit) { return random.Uniform(limit); });
    }
    if (shape_ == "random") return NumberKey(bits % entries_);
    if (shape_ == "ycsb") return "user" + std::to_string(bits);
    if (shape_ == "prefix") return WithPrefix("shop/orders/2026/08/", bits);
    if (shape_ == "tables") return InTable(i % kTables, bits);
    if (shape_ == "appends") return InTable(i % kTables, i / kTables);
    if (shape_ == "uuid") return Uuid(bits, Scatter(bits + seed_));
    if (shape_ == "sequential") return NumberKey(i);
    if (shape_ == "descending") return NumberKey(entries_ - 1 - i);
    if (shape_ == "zipf") {
      const uint64_t rank =
          zipf_->Rank(std::ldexp(static_cast<double>(bits >> 11), -53));
      return NumberKey(Scatter(rank + seed_) % entries_);
    }
    return NumberKey(0);  // onekey
  }

  // Whether keys beyond the first `entries` differ from those.
  bool HasMore() const {
    return shape_ == "ycsb" || shape_ == "prefix" || shape_ == "tables" ||
           shape_ == "appends" || shape_ == "uuid";
  }

 private:
  static std::string InTable(uint64_t table, uint64_t row) {
    char prefix[kPrefix + 1];
    std::snprintf(prefix, sizeof(prefix), "shop/table%02u/rows//",
                  static_cast<unsigned>(table));
    return WithPrefix(prefix, row);
  }
  static std::string WithPrefix(const char* prefix, uint64_t bits) {
    std::string key(prefix, kPrefix);
    AppendBigEndian(&key, bits);
    return key;
  }
  // Version 4: random.
  static std::string Uuid(uint64_t high, uint64_t low) {
    char text[kMaxKey];
    std::snprintf(text, sizeof(text), "%08x-%04x-4%03x-%04x-%012llx",
                  static_cast<unsigned>(high >> 32),
                  static_cast<unsigned>(high >> 16 & 0xffff),
                  static_cast<unsigned>(high & 0xfff),
                  static_cast<unsigned>(low >> 48 & 0x3fff) | 0x8000,
                  static_cast<unsigned long long>(low & 0xffffffffffff));
    return text;
  }

  const std::string shape_;
  const uint64_t entries_;
  const uint64_t seed_;
  std::unique_ptr<Zipf> zipf_;
  const KeyEncoding* encoding_;  // null for the keys of benchmarks
};

}  // namespace

const std::vector<KeyShape>& KeyShapes() {
  static const std::vector<KeyShape> shapes = [] {
    std::vector<KeyShape> all = {
        {"random", "db_bench's keys of 16 bytes, as many numbers as entries",
         kValueSize},
        {"ycsb", "\"user\" and the digits of a hash", kValueSize},
        {"prefix", "a common prefix of 20 bytes, 8 random bytes", kValueSize},
        {"tables", "8 tables in turn, 20-byte prefixes of their own",
         kValueSize},
        {"appends", "the same tables, each with ascending numbers", kValueSize},
        {"uuid", "random UUIDs as text", kValueSize},
        {"sequential", "db_bench's keys, ascending", kValueSize},
        {"descending", "db_bench's keys, descending", kValueSize},
        {"zipf", "db_bench's keys, Zipfian (0.99): many versions of hot keys",
         kValueSize},
        {"onekey", "one key, overwritten", kValueSize}};
    for (const KeyEncoding& encoding : KeyEncodings()) {
      all.push_back({encoding.name, encoding.what, encoding.value_size});
    }
    return all;
  }();
  return shapes;
}

const KeyShape* FindShape(const std::string& name) {
  for (const KeyShape& shape : KeyShapes()) {
    if (name == shape.name) return &shape;
  }
  return nullptr;
}

KeyList MakeKeys(const std::string& shape, uint64_t entries, uint64_t seed) {
  const Maker maker(shape, entries, seed);
  KeyList keys;
  keys.Reserve(entries, entries * maker.Key(0).size());
  for (uint64_t i = 0; i < entries; ++i) keys.Add(maker.Key(i));
  return keys;
}

KeyList DrawPresent(const KeyList& keys, uint64_t count, uint64_t seed) {
  Random random(seed);
  KeyList drawn;
  drawn.Reserve(count, count * keys.bytes() / keys.size());
  for (uint64_t i = 0; i < count; ++i) {
    drawn.Add(keys[random.Uniform(keys.size())]);
  }
  return drawn;
}

KeyList DrawMissing(const std::string& shape, const KeyList& keys,
                    uint64_t count, uint64_t seed) {
  const Maker maker(shape, keys.size(), seed);
  // As db_bench's readmissing: longer by a byte. It is no digit where other
  // keys may go on with one.
  const char more = FindEncoding(shape) != nullptr ? '!' : '0';
  Random random(seed);
  KeyList drawn;
  drawn.Reserve(count, count * (keys.bytes() / keys.size() + 1));
  for (uint64_t i = 0; i < count; ++i) {
    drawn.Add(maker.HasMore()
                  ? maker.Key(keys.size() + i)
                  : keys[random.Uniform(keys.size())].ToString() + more);
  }
  return drawn;
}

}  // namespace bench
}  // namespace fastskip
