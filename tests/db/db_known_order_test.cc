// SPDX-License-Identifier: Apache-2.0
//
// What key_order=auto finds out about the comparator that RocksDB hands to a
// memtable: the order of bytes where it is one of RocksDB's own two, and
// nothing in all other cases.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "memtablerep/rep_comparator.h"
#include "rocksdb/comparator.h"
#include "rocksdb/db.h"
#include "rocksdb/memtablerep.h"
#include "tests/db/db_test_util.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

using ROCKSDB_NAMESPACE::Comparator;
using ROCKSDB_NAMESPACE::Slice;
using KeyComparator = ROCKSDB_NAMESPACE::MemTableRep::KeyComparator;

KnownOrder OrderFound(const KeyComparator& comparator) {
  return KnownOrderOf(FastSkipListOptions::KeyOrder::kAuto, comparator);
}

// Asks what is found out for each memtable that RocksDB makes, then goes on
// with RocksDB's own.
class AskingFactory : public ROCKSDB_NAMESPACE::MemTableRepFactory {
 public:
  using MemTableRepFactory::CreateMemTableRep;
  const char* Name() const override { return "AskingFactory"; }
  bool IsInsertConcurrentlySupported() const override { return true; }
  ROCKSDB_NAMESPACE::MemTableRep* CreateMemTableRep(
      const KeyComparator& comparator, ROCKSDB_NAMESPACE::Allocator* allocator,
      const ROCKSDB_NAMESPACE::SliceTransform* transform,
      ROCKSDB_NAMESPACE::Logger* logger) override {
    orders.push_back(OrderFound(comparator));
    return skip_list_.CreateMemTableRep(comparator, allocator, transform,
                                        logger);
  }

  std::vector<KnownOrder> orders;

 private:
  ROCKSDB_NAMESPACE::SkipListFactory skip_list_;
};

// In order and name RocksDB's, but another object.
class Wrapped : public Comparator {
 public:
  const char* Name() const override {
    return ROCKSDB_NAMESPACE::BytewiseComparator()->Name();
  }
  int Compare(const Slice& a, const Slice& b) const override {
    return ROCKSDB_NAMESPACE::BytewiseComparator()->Compare(a, b);
  }
  void FindShortestSeparator(std::string*, const Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

void ExpectFound(KnownOrder expected, const Comparator* comparator) {
  dbtest::TempDir dir;
  ROCKSDB_NAMESPACE::Options options;
  options.create_if_missing = true;
  options.comparator = comparator;
  const auto factory = std::make_shared<AskingFactory>();
  options.memtable_factory = factory;
  std::unique_ptr<ROCKSDB_NAMESPACE::DB> db;
  const ROCKSDB_NAMESPACE::Status status =
      ROCKSDB_NAMESPACE::DB::Open(options, dir.path(), OpenInto(&db));
  ASSERT_TRUE(status.ok()) << status.ToString();
  db.reset();
  ASSERT_FALSE(factory->orders.empty());
  for (const KnownOrder order : factory->orders) EXPECT_EQ(expected, order);
}

TEST(DbKnownOrderTest, RocksDbsOwnComparatorsAreRecognised) {
  ExpectFound(KnownOrder::kBytewise, ROCKSDB_NAMESPACE::BytewiseComparator());
  ExpectFound(KnownOrder::kReverse,
              ROCKSDB_NAMESPACE::ReverseBytewiseComparator());
}

TEST(DbKnownOrderTest, OthersAreNot) {
  const Wrapped wrapped;
  ExpectFound(KnownOrder::kUnknown, &wrapped);
}

// An object of another class, with what lies in RocksDB's third word, and in
// RocksDB's order.
class Foreign : public KeyComparator {
 public:
  explicit Foreign(const Comparator* in_third_word)
      : third_word_(in_third_word) {}
  // Nobody calls it. The inherited one needs more than every librocksdb
  // exports.
  DecodedType decode_key(const char*) const override { abort(); }
  int operator()(const char* a, const char* b) const override {
    return Compare(test::ParseEntry(a), test::ParseEntry(b));
  }
  int operator()(const char*, const Slice&) const override { abort(); }

  static int Compare(const test::ParsedEntry& a, const test::ParsedEntry& b) {
    const int c = a.user_key.compare(b.user_key);
    if (c != 0) return c;
    return a.sequence > b.sequence ? -1 : (a.sequence < b.sequence ? 1 : 0);
  }

 private:
  [[maybe_unused]] const void* second_word_ = nullptr;
  [[maybe_unused]] const Comparator* const third_word_;
};

TEST(DbKnownOrderTest, ForeignKeyComparatorsAreNot) {
  const Foreign foreign(ROCKSDB_NAMESPACE::BytewiseComparator());
  const void* words[3];
  std::memcpy(words, static_cast<const void*>(&foreign), sizeof(words));
  ASSERT_EQ(words[2], ROCKSDB_NAMESPACE::BytewiseComparator());
  EXPECT_EQ(KnownOrder::kUnknown, OrderFound(foreign));
}

}  // namespace
}  // namespace fastskip
