// SPDX-License-Identifier: Apache-2.0
// What the tests of the list and of the arena share: entries, comparators,
// chunk sources, random numbers whose seed is printed.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "memtablerep/list/block_skip_list_iterator.h"
#include "memtablerep/list/sharded_arena.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FASTSKIP_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FASTSKIP_TEST_SANITIZED 1
#endif
#endif

namespace fastskip {
namespace test {

// Sizes shrink by this factor under a sanitizer and under emulation.
#if defined(FASTSKIP_TEST_SANITIZED) || defined(FASTSKIP_TEST_EMULATED)
constexpr uint64_t kSlowdown = 5;
#else
constexpr uint64_t kSlowdown = 1;
#endif

// FASTSKIP_TEST_PERCENT scales what a test does, where it can do more.
inline uint64_t TestPercent() {
  const char* given = std::getenv("FASTSKIP_TEST_PERCENT");
  const long percent = given == nullptr ? 100 : std::atol(given);
  return percent < 1 ? 1 : static_cast<uint64_t>(percent);
}

// The seed of this process: FASTSKIP_TEST_SEED, else a fresh one. Printed when
// first asked for.
inline uint64_t ProcessSeed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("FASTSKIP_TEST_SEED");
    const uint64_t s =
        given != nullptr
            ? std::strtoull(given, nullptr, 0)
            : (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    std::printf("FASTSKIP_TEST_SEED=%llu\n",
                static_cast<unsigned long long>(s));
    std::fflush(stdout);
    return s;
  }();
  return seed;
}

// A bijection of 64 bits that scatters (the finisher of splitmix64), and its
// inverse.
inline uint64_t Scatter(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
inline uint64_t Gather(uint64_t x) {
  x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642b2d24d8ec3u;
  x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96de1b173f119089u;
  return x ^ (x >> 30) ^ (x >> 60);
}

// splitmix64.
class Random {
 public:
  // A generator for the standard library's algorithms as well.
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }

  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t operator()() { return Scatter(state_ += 0x9e3779b97f4a7c15u); }
  // 0 .. n-1.
  uint64_t Uniform(uint64_t n) {
    return static_cast<uint64_t>(
        (static_cast<unsigned __int128>((*this)()) * n) >> 64);
  }
  bool OneIn(uint64_t n) { return Uniform(n) == 0; }
  // 0 .. n-1, roughly Zipfian: each doubling of the rank is equally likely.
  uint64_t Zipf(uint64_t n) {
    uint64_t bits = 0;
    while ((n >> bits) != 0) ++bits;
    const uint64_t below = uint64_t{1} << Uniform(bits + 1);
    return Uniform(below < n ? below : n);
  }

 private:
  uint64_t state_;
};

// A generator of its own for each `stream` of the running test.
inline Random MakeRandom(uint64_t stream = 0) {
  uint64_t seed = ProcessSeed();
  if (const auto* info =
          ::testing::UnitTest::GetInstance()->current_test_info()) {
    for (const char* p = info->name(); *p != 0; ++p) {
      seed = Scatter(seed ^ static_cast<unsigned char>(*p));
    }
  }
  return Random(Scatter(seed + stream * 0x9e3779b97f4a7c15u));
}

// --- Entries ---------------------------------------------------------------

constexpr uint64_t kMaxSequence = (uint64_t{1} << 56) - 1;

// `varint32 length | user key | tag, little-endian | value`.
inline std::string EncodeEntry(std::string_view user_key, uint64_t sequence,
                               uint8_t type, std::string_view value = {}) {
  std::string entry;
  auto length = static_cast<uint32_t>(user_key.size() + 8);
  for (; length >= 0x80; length >>= 7) {
    entry.push_back(static_cast<char>(length | 0x80));
  }
  entry.push_back(static_cast<char>(length));
  entry.append(user_key);
  const uint64_t tag = sequence << 8 | type;
  for (int i = 0; i < 8; ++i) {
    entry.push_back(static_cast<char>(tag >> (8 * i)));
  }
  entry.append(value);
  return entry;
}

struct ParsedEntry {
  std::string_view user_key;
  uint64_t sequence = 0;
  uint8_t type = 0;
  const char* value = nullptr;
};

inline ParsedEntry ParseEntry(const char* entry) {
  uint32_t length = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*entry++);
    length |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  ParsedEntry parsed;
  parsed.user_key = std::string_view(entry, length - 8);
  const char* tag_bytes = entry + length - 8;
  uint64_t tag = 0;
  for (int i = 7; i >= 0; --i) {
    tag = tag << 8 | static_cast<unsigned char>(tag_bytes[i]);
  }
  parsed.sequence = tag >> 8;
  parsed.type = static_cast<uint8_t>(tag);
  parsed.value = entry + length;
  return parsed;
}

inline std::string DebugString(const char* entry) {
  if (entry == nullptr) return "none";
  const ParsedEntry parsed = ParseEntry(entry);
  std::string text = "'";
  for (const char c : parsed.user_key) {
    char hex[8];
    const bool plain = c > 32 && c < 127 && c != '\\';
    std::snprintf(hex, sizeof(hex), plain ? "%c" : "\\x%02x",
                  static_cast<unsigned char>(c));
    text += hex;
  }
  return text + "'@" + std::to_string(parsed.sequence);
}

// Keeps copies of entries, each in heap memory of exactly its size, so that
// AddressSanitizer sees every read beyond an end.
class EntryStore {
 public:
  const char* Add(const std::string& entry) {
    entries_.push_back(std::make_unique<char[]>(entry.size()));
    std::memcpy(entries_.back().get(), entry.data(), entry.size());
    return entries_.back().get();
  }
  const char* Add(std::string_view user_key, uint64_t sequence,
                  uint8_t type = 1) {
    return Add(EncodeEntry(user_key, sequence, type));
  }

 private:
  std::vector<std::unique_ptr<char[]>> entries_;
};

// --- Comparators -----------------------------------------------------------

using UserCompare = int (*)(std::string_view, std::string_view);

inline int CompareBytes(std::string_view a, std::string_view b) {
  return a.compare(b);
}
inline int CompareReverse(std::string_view a, std::string_view b) {
  return b.compare(a);
}
inline int CompareLengthFirst(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}
inline int CompareIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? c + 32 : static_cast<unsigned char>(c);
  };
  const size_t n = a.size() < b.size() ? a.size() : b.size();
  for (size_t i = 0; i < n; ++i) {
    const int difference = lower(a[i]) - lower(b[i]);
    if (difference != 0) return difference;
  }
  return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
}
inline int CompareLastByteFirst(std::string_view a, std::string_view b) {
  size_t i = a.size(), j = b.size();
  while (i > 0 && j > 0) {
    const auto x = static_cast<unsigned char>(a[--i]);
    const auto y = static_cast<unsigned char>(b[--j]);
    if (x != y) return x < y ? -1 : 1;
  }
  return i == j ? 0 : (i < j ? -1 : 1);
}
inline int CompareWithZFirst(std::string_view a, std::string_view b) {
  const bool a_has = a.find('z') != a.npos, b_has = b.find('z') != b.npos;
  if (a_has != b_has) return a_has ? -1 : 1;
  return a.compare(b);
}

struct UserOrder {
  const char* name;
  UserCompare compare;
};
inline bool operator==(const UserOrder& a, const UserOrder& b) {
  return a.compare == b.compare;
}
inline void PrintTo(const UserOrder& order, std::ostream* out) {
  *out << order.name;
}
constexpr UserOrder kUserOrders[] = {
    {"Bytewise", CompareBytes},
    {"Reverse", CompareReverse},
    {"LengthFirst", CompareLengthFirst},
    {"IgnoringCase", CompareIgnoringCase},
    {"LastByteFirst", CompareLastByteFirst},
    {"WithZFirst", CompareWithZFirst},
};

inline int CompareNewestFirst(uint64_t a_sequence, uint64_t b_sequence) {
  return a_sequence == b_sequence ? 0 : (a_sequence > b_sequence ? -1 : 1);
}

// User keys by `compare`, then the newest sequence number first; the type does
// not count. Counts its calls per thread.
class TestComparator : public EntryComparator {
 public:
  explicit TestComparator(UserCompare compare) : compare_(compare) {}

  int Compare(const char* a, const char* b) const override {
    calls_.store(calls() + 1, std::memory_order_relaxed);
    const ParsedEntry x = ParseEntry(a), y = ParseEntry(b);
    const int order = compare_(x.user_key, y.user_key);
    return order != 0 ? order : CompareNewestFirst(x.sequence, y.sequence);
  }

  // Calls made by this thread, to any TestComparator.
  static uint64_t calls() { return calls_.load(std::memory_order_relaxed); }

 private:
  UserCompare compare_;
  // Atomic for the fibers of a scheduler, which share a thread.
  static inline thread_local std::atomic<uint64_t> calls_{0};
};

inline const char* KnownOrderName(KnownOrder order) {
  switch (order) {
    case KnownOrder::kUnknown:
      return "Auto";
    case KnownOrder::kBytewise:
      return "KnownBytewise";
    case KnownOrder::kReverse:
      return "KnownReverse";
    default:
      return "Comparator";
  }
}

// A comparator, and what the list is told of it: kUnknown and kNeither suit
// any.
using Mode = std::tuple<UserOrder, KnownOrder>;

inline std::vector<Mode> AllModes() {
  std::vector<Mode> modes;
  for (const UserOrder& order : kUserOrders) {
    modes.emplace_back(order, KnownOrder::kUnknown);
    modes.emplace_back(order, KnownOrder::kNeither);
    if (order.compare == CompareBytes) {
      modes.emplace_back(order, KnownOrder::kBytewise);
    }
    if (order.compare == CompareReverse) {
      modes.emplace_back(order, KnownOrder::kReverse);
    }
  }
  return modes;
}

inline std::string ModeName(const Mode& mode) {
  return std::string(std::get<0>(mode).name) +
         KnownOrderName(std::get<1>(mode));
}

// --- Memory ----------------------------------------------------------------

// Chunks from the heap, at odd addresses. Can be told to fail.
class HeapChunks : public ChunkSource {
 public:
  char* AllocateChunk(size_t bytes) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (calls_++ == fail_at_) throw std::bad_alloc();
    chunks_.push_back({std::make_unique<char[]>(bytes + 1), bytes});
    total_ += bytes;
    return chunks_.back().memory.get() + 1;
  }

  // The call with this number, counted from 0 since the start, fails.
  void FailAt(uint64_t call) { fail_at_ = call; }
  uint64_t calls() const { return calls_; }
  uint64_t total() const { return total_; }

  // Whether [p, p+n) lies in one chunk.
  bool Owns(const char* p, size_t n) const {
    for (const Memory& chunk : chunks_) {
      const char* begin = chunk.memory.get() + 1;
      if (p >= begin && p + n <= begin + chunk.bytes) return true;
    }
    return false;
  }
  std::vector<size_t> sizes() const {
    std::vector<size_t> sizes;
    for (const Memory& chunk : chunks_) sizes.push_back(chunk.bytes);
    return sizes;
  }

 private:
  struct Memory {
    std::unique_ptr<char[]> memory;
    size_t bytes;
  };
  std::mutex mutex_;
  std::vector<Memory> chunks_;
  uint64_t calls_ = 0;
  uint64_t total_ = 0;
  uint64_t fail_at_ = ~uint64_t{0};
};

// A list with all that it stands on.
struct ListFixture {
  ListFixture(UserCompare compare, KnownOrder order, uint32_t shards = 4)
      : comparator(compare),
        arena(&chunks, shards),
        list(&arena, &comparator, order) {}

  // A copy of `entry` in the arena.
  const char* Copy(const std::string& entry) {
    char* p = arena.AllocateEntry(entry.size());
    std::memcpy(p, entry.data(), entry.size());
    return p;
  }

  TestComparator comparator;
  HeapChunks chunks;
  ShardedArena arena;
  BlockSkipList list;
};

// A list whose blocks are counted while versions are inserted.
class CountedList {
 public:
  explicit CountedList(KnownOrder order) : fixture_(CompareBytes, order) {}

  void Insert(const std::string& key, bool newer = true) {
    if (newer) ++sequence_;
    ASSERT_TRUE(
        fixture_.list.Insert(fixture_.Copy(EncodeEntry(key, sequence_, 1))));
  }
  uint64_t leaf_blocks() const { return fixture_.list.GetStats().leaf_blocks; }

 private:
  ListFixture fixture_;
  uint64_t sequence_ = 0;
};

}  // namespace test
}  // namespace fastskip
