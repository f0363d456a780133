// SPDX-License-Identifier: Apache-2.0
//
// What tests of databases with comparators of their own share: comparators, and
// user-defined timestamps.
#pragma once

#include <cstdint>
#include <string>

#include "rocksdb/comparator.h"
#include "tests/db/db_test_util.h"
#include "tests/test_util.h"

namespace fastskip {
namespace dbtest {

class TestComparator : public rocksdb::Comparator {
 public:
  explicit TestComparator(const char* name) : name_(name) {}
  const char* Name() const override { return name_; }
  void FindShortestSeparator(std::string*, const Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
  bool CanKeysWithDifferentByteContentsBeEqual() const override {
    return false;
  }

 private:
  const char* const name_;
};

// "9" before "10": shorter keys first.
class LengthFirst : public TestComparator {
 public:
  LengthFirst() : TestComparator("fastskip.test.LengthFirst") {}
  int Compare(const Slice& a, const Slice& b) const override {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return a.compare(b);
  }
};

// --------------------------------------------------------------------------
// User-defined timestamps: part of the key, newest first.

// As RocksDB's comparator of them has it: eight bytes, little-endian.
inline std::string Timestamp(uint64_t t) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(t >> (8 * i)));
  return bytes;
}

// Before run.Open(): keys with timestamps, reads at the latest time unless they
// say another.
inline void UseTimestamps(DbRun& run) {
  static const std::string latest_bytes(8, '\xff');
  static const Slice latest(latest_bytes);
  run.options.comparator = test::BytewiseWithTimestamps();
  run.Expect(run.options.comparator != nullptr, "the comparator");
  run.read_options.timestamp = &latest;
}

// All that there was at time `t`, then `gets` of the keys Key(0), Key(1), …
inline void NoteAtTime(DbRun& run, uint64_t t, uint64_t gets = 0) {
  const std::string bytes = Timestamp(t);
  const Slice at(bytes);
  ReadOptions read;
  read.timestamp = &at;
  run.NoteContents(read);
  for (uint64_t k = 0; k < gets; ++k) run.NoteGet(Key(k), read);
}

}  // namespace dbtest
}  // namespace fastskip
