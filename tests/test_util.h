// SPDX-License-Identifier: Apache-2.0
// What the tests of the memtable representation share: RocksDB's comparators
// and allocator as a rep sees them, and reps filled with the same entries.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "memtablerep/fast_skip_list_factory.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/slice.h"
#include "tests/list/list_test_util.h"
#include "tools/lib/open_db.h"
#include "tools/lib/rocksdb_internals.h"

namespace fastskip {
namespace test {

namespace rdb = ROCKSDB_NAMESPACE;

// --- Comparators -----------------------------------------------------------

// Decimal numbers by value; a key that is none counts as 0 with a tie broken
// by its bytes.
inline int CompareNumbers(std::string_view a, std::string_view b) {
  const auto number = [](std::string_view s) {
    uint64_t value = 0;
    for (const char c : s) {
      if (c < '0' || c > '9') return uint64_t{0};
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    return value;
  };
  const uint64_t x = number(a), y = number(b);
  if (x != y) return x < y ? -1 : 1;
  return a.compare(b);
}

// A user's comparator around a plain function.
class FunctionComparator : public rdb::Comparator {
 public:
  FunctionComparator(const char* name, UserCompare compare)
      : name_(name), compare_(compare) {}

  const char* Name() const override { return name_; }
  int Compare(const rdb::Slice& a, const rdb::Slice& b) const override {
    return compare_({a.data(), a.size()}, {b.data(), b.size()});
  }
  void FindShortestSeparator(std::string*, const rdb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}

 private:
  const char* name_;
  UserCompare compare_;
};

// Newer RocksDB declares a function for it, older ones know only its name.
inline const rdb::Comparator* BytewiseWithTimestamps() {
  static const rdb::Comparator* const comparator = [] {
    const rdb::Comparator* made = nullptr;
    const rdb::Status status = rdb::Comparator::CreateFromString(
        rdb::ConfigOptions(), "leveldb.BytewiseComparator.u64ts", &made);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return made;
  }();
  return comparator;
}

struct NamedComparator {
  const char* name;
  const rdb::Comparator* (*get)();
};

template <UserCompare compare>
const rdb::Comparator* Custom() {
  static const FunctionComparator comparator("fastskip.test.Custom", compare);
  return &comparator;
}

constexpr NamedComparator kComparators[] = {
    {"Bytewise", rdb::BytewiseComparator},
    {"Reverse", rdb::ReverseBytewiseComparator},
    {"Timestamps", BytewiseWithTimestamps},
    {"Numeric", Custom<CompareNumbers>},
    {"IgnoringCase", Custom<CompareIgnoringCase>},
    {"LastByteFirst", Custom<CompareLastByteFirst>},
};

// The order of entries that a memtable hands to its rep: user keys by the
// user's comparator, then the newest sequence number; the type does not count.
class EntryOrder : public rdb::MemTableRep::KeyComparator {
 public:
  explicit EntryOrder(const rdb::Comparator* user) : user_(user) {}

  // The inherited one calls a function that librocksdb need not export:
  // Debian's for arm64 does not.
  DecodedType decode_key(const char* entry) const override {
    const std::string_view user_key = ParseEntry(entry).user_key;
    return {user_key.data(), user_key.size() + 8};
  }
  int operator()(const char* a, const char* b) const override {
    return Compare(ParseEntry(a), ParseEntry(b));
  }
  int operator()(const char* a, const rdb::Slice& internal_key) const override {
    ParsedEntry b;
    const size_t size = internal_key.size() - 8;
    b.user_key = std::string_view(internal_key.data(), size);
    uint64_t tag = 0;
    for (int i = 7; i >= 0; --i) {
      tag = tag << 8 | static_cast<unsigned char>(
                           internal_key[size + static_cast<size_t>(i)]);
    }
    b.sequence = tag >> 8;
    return Compare(ParseEntry(a), b);
  }

 private:
  int Compare(const ParsedEntry& a, const ParsedEntry& b) const {
    const int order =
        user_->Compare(rdb::Slice(a.user_key.data(), a.user_key.size()),
                       rdb::Slice(b.user_key.data(), b.user_key.size()));
    if (order != 0) return order;
    if (a.sequence == b.sequence) return 0;
    return a.sequence > b.sequence ? -1 : 1;
  }

  const rdb::Comparator* user_;
};

// --- Memory ----------------------------------------------------------------

// Every request gets heap memory of its own, so that AddressSanitizer sees what
// lies beyond it; unaligned requests lie at odd addresses. Thread-safe.
class CountingAllocator : public rdb::Allocator {
 public:
  char* Allocate(size_t bytes) override { return Take(bytes, 1); }
  char* AllocateAligned(size_t bytes, size_t, rdb::Logger*) override {
    return Take(bytes, 0);
  }
  size_t BlockSize() const override { return 4096; }

  uint64_t calls() const { return calls_.load(); }
  uint64_t bytes() const { return bytes_.load(); }

 private:
  char* Take(size_t bytes, size_t offset) {
    calls_.fetch_add(1);
    bytes_.fetch_add(bytes);
    std::lock_guard<std::mutex> lock(mutex_);
    memory_.push_back(std::make_unique<char[]>(bytes + offset));
    return memory_.back().get() + offset;
  }

  std::atomic<uint64_t> calls_{0};
  std::atomic<uint64_t> bytes_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> memory_;
};

// --- Reps ------------------------------------------------------------------

// How an entry is inserted.
enum class InsertBy { kPlain, kHint, kConcurrent, kConcurrentHint };

// A rep with all that it stands on. Only kPlain and kHint need one writer.
class TestRep {
 public:
  TestRep(rdb::MemTableRepFactory* factory, const rdb::Comparator* comparator)
      : order_(comparator),
        rep_(factory->CreateMemTableRep(order_, &allocator_, nullptr,
                                        nullptr)) {}
  ~TestRep() { delete[] batch_hint_; }

  // False for a duplicate.
  bool Insert(std::string_view user_key, uint64_t sequence, uint8_t type,
              std::string_view value = {}, InsertBy by = InsertBy::kPlain) {
    const std::string entry = EncodeEntry(user_key, sequence, type, value);
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep_->Allocate(entry.size(), &buffer);
    std::memcpy(buffer, entry.data(), entry.size());
    switch (by) {
      case InsertBy::kPlain:
        return rep_->InsertKey(handle);
      case InsertBy::kHint:
        return rep_->InsertKeyWithHint(handle, &hint_);
      case InsertBy::kConcurrent:
        return rep_->InsertKeyConcurrently(handle);
      case InsertBy::kConcurrentHint:
        break;
    }
    // As RocksDB keeps and frees it.
    return rep_->InsertKeyWithHintConcurrently(
        handle, reinterpret_cast<void**>(&batch_hint_));
  }

  rdb::MemTableRep* operator->() const { return rep_.get(); }
  rdb::MemTableRep* get() const { return rep_.get(); }
  const CountingAllocator& allocator() const { return allocator_; }
  const char* batch_hint() const { return batch_hint_; }
  const EntryOrder& order() const { return order_; }

 private:
  EntryOrder order_;
  CountingAllocator allocator_;
  std::unique_ptr<rdb::MemTableRep> rep_;
  void* hint_ = nullptr;
  char* batch_hint_ = nullptr;
};

// An entry's internal key and value in a form that compares, "end" for none.
// Values of these tests end with ';'.
inline std::string Describe(const char* entry) {
  if (entry == nullptr) return "end";
  const ParsedEntry parsed = ParseEntry(entry);
  const char* end = parsed.value;
  while (*end != ';') ++end;
  std::string text(parsed.user_key);
  text += "@" + std::to_string(parsed.sequence) + "/" +
          std::to_string(parsed.type) + "=";
  return text.append(parsed.value, end);
}

inline std::string Describe(const rdb::MemTableRep::Iterator& iter) {
  return Describe(iter.Valid() ? iter.key() : nullptr);
}

// What a Get calls back with, up to `most` entries.
inline std::vector<std::string> GetEntries(rdb::MemTableRep* rep,
                                           std::string_view user_key,
                                           uint64_t sequence, size_t most) {
  struct Collector {
    std::vector<std::string> found;
    size_t most;
  } collector{{}, most};
  const rdb::LookupKey key(rdb::Slice(user_key.data(), user_key.size()),
                           sequence, nullptr);
  rep->Get(key, &collector, [](void* arg, const char* entry) {
    auto* const c = static_cast<Collector*>(arg);
    c->found.push_back(Describe(entry));
    return c->found.size() < c->most;
  });
  return collector.found;
}

inline std::unique_ptr<rdb::MemTableRepFactory> FastSkipFactory(
    FastSkipListOptions::KeyOrder order = FastSkipListOptions::KeyOrder::kAuto,
    uint32_t shards = 4) {
  FastSkipListOptions options;
  options.key_order = order;
  options.shards = shards;
  return std::unique_ptr<rdb::MemTableRepFactory>(
      NewFastSkipListRepFactory(options));
}

inline const char* OrderName(FastSkipListOptions::KeyOrder order) {
  switch (order) {
    case FastSkipListOptions::KeyOrder::kAuto:
      return "Auto";
    case FastSkipListOptions::KeyOrder::kBytewise:
      return "KnownBytewise";
    default:
      return "Comparator";
  }
}

}  // namespace test
}  // namespace fastskip
