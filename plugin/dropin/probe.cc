// SPDX-License-Identifier: Apache-2.0

#include "probe.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../../tools/lib/rocksdb_internals.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::ColumnFamilyOptions;
using ROCKSDB_NAMESPACE::KeyHandle;
using ROCKSDB_NAMESPACE::Logger;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::Slice;

namespace {

constexpr uint32_t kColumnFamily = 0x00FA5751;  // no other one is likely
constexpr size_t kTagBytes = 8;                 // sequence number and type

// Bytewise. All entries of the probe have one sequence number.
class UserKeyOrder final : public MemTableRep::KeyComparator {
 public:
  // The inherited one calls a function that librocksdb need not export:
  // Ubuntu's does not, with link-time optimisation, nor Debian's for arm64.
  DecodedType decode_key(const char* entry) const override {
    return Slice(entry + 1, static_cast<size_t>(entry[0]));
  }
  int operator()(const char* a, const char* b) const override {
    return UserKey(a).compare(UserKey(b));
  }
  int operator()(const char* a, const Slice& internal_key) const override {
    return UserKey(a).compare(
        Slice(internal_key.data(), internal_key.size() - kTagBytes));
  }

 private:
  // The length of an internal key is in front, in one byte if it is short.
  static Slice UserKey(const char* entry) {
    return Slice(entry + 1, static_cast<size_t>(entry[0]) - kTagBytes);
  }
};

class HeapAllocator final : public Allocator {
 public:
  char* Allocate(size_t bytes) override {
    memory_.push_back(std::make_unique<char[]>(bytes));
    return memory_.back().get();
  }
  char* AllocateAligned(size_t bytes, size_t, Logger*) override {
    return Allocate(bytes);
  }
  size_t BlockSize() const override { return 4096; }

 private:
  std::vector<std::unique_ptr<char[]>> memory_;
};

// The entry of a key without a value.
std::string Entry(const std::string& user_key) {
  std::string entry(1, static_cast<char>(user_key.size() + kTagBytes));
  return entry + user_key + std::string("\1\5\0\0\0\0\0\0", kTagBytes) + '\0';
}

bool Insert(MemTableRep* table, const std::string& entry) {
  char* place = nullptr;
  const KeyHandle handle = table->Allocate(entry.size(), &place);
  entry.copy(place, entry.size());
  return table->InsertKey(handle);
}

bool KeepsEntries(MemTableRep* table) {
  return Insert(table, Entry("b")) && Insert(table, Entry("a")) &&
         table->Contains(Entry("a").c_str()) &&
         !table->Contains(Entry("c").c_str());
}

}  // namespace

std::string Probe(DropInMemtables* memtables) {
  // From librocksdb: were it made here, the compiler could leave the vtable
  // out.
  const std::shared_ptr<MemTableRepFactory> factory =
      ColumnFamilyOptions().memtable_factory;
  const UserKeyOrder order;
  HeapAllocator allocator;
  const std::unique_ptr<MemTableRep> range_deletions(
      factory->CreateMemTableRep(order, &allocator, nullptr, nullptr));
  if (!memtables->GetStats(nullptr).empty()) {
    return "the table of range deletions would be replaced too";
  }
  const std::unique_ptr<MemTableRep> points(factory->CreateMemTableRep(
      order, &allocator, nullptr, nullptr, kColumnFamily));
  const std::vector<FastSkipStats> made = memtables->GetStats(nullptr);
  if (made.size() != 1 || made[0].column_family_id != kColumnFamily) {
    return std::string("librocksdb does not call through the vtable of ") +
           factory->Name();
  }
  return KeepsEntries(points.get()) ? "" : "a memtable lost an entry";
}

}  // namespace fastskip
