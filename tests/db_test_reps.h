// SPDX-License-Identifier: Apache-2.0
//
// Memtable representations that wrap another one: a base that forwards
// everything, and the wrapper that lets ThreadSanitizer see what RocksDB
// guarantees although its library is not instrumented.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "rocksdb/memtablerep.h"

namespace fastskip {
namespace dbtest {

#if defined(__SANITIZE_THREAD__)
constexpr bool kUnderThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kUnderThreadSanitizer = true;
#else
constexpr bool kUnderThreadSanitizer = false;
#endif
#else
constexpr bool kUnderThreadSanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kUnderAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kUnderAddressSanitizer = true;
#else
constexpr bool kUnderAddressSanitizer = false;
#endif
#else
constexpr bool kUnderAddressSanitizer = false;
#endif

// Forwards every call of RocksDB 7.8 to `inner`. (The calls that later
// versions added keep their defaults: wrappers are used with 7.8 only.)
class ForwardingRep : public rocksdb::MemTableRep {
 public:
  ForwardingRep(rocksdb::Allocator* allocator,
                std::unique_ptr<rocksdb::MemTableRep> inner)
      : MemTableRep(allocator), inner_(std::move(inner)) {}

  rocksdb::KeyHandle Allocate(const size_t len, char** buf) override {
    return inner_->Allocate(len, buf);
  }
  void Insert(rocksdb::KeyHandle handle) override { inner_->Insert(handle); }
  bool InsertKey(rocksdb::KeyHandle handle) override {
    return inner_->InsertKey(handle);
  }
  void InsertWithHint(rocksdb::KeyHandle handle, void** hint) override {
    inner_->InsertWithHint(handle, hint);
  }
  bool InsertKeyWithHint(rocksdb::KeyHandle handle, void** hint) override {
    return inner_->InsertKeyWithHint(handle, hint);
  }
  void InsertWithHintConcurrently(rocksdb::KeyHandle handle,
                                  void** hint) override {
    inner_->InsertWithHintConcurrently(handle, hint);
  }
  bool InsertKeyWithHintConcurrently(rocksdb::KeyHandle handle,
                                     void** hint) override {
    return inner_->InsertKeyWithHintConcurrently(handle, hint);
  }
  void InsertConcurrently(rocksdb::KeyHandle handle) override {
    inner_->InsertConcurrently(handle);
  }
  bool InsertKeyConcurrently(rocksdb::KeyHandle handle) override {
    return inner_->InsertKeyConcurrently(handle);
  }
  bool Contains(const char* key) const override {
    return inner_->Contains(key);
  }
  void MarkReadOnly() override { inner_->MarkReadOnly(); }
  void MarkFlushed() override { inner_->MarkFlushed(); }
  void Get(const rocksdb::LookupKey& k, void* arg,
           bool (*callback)(void* arg, const char* entry)) override {
    inner_->Get(k, arg, callback);
  }
  uint64_t ApproximateNumEntries(const rocksdb::Slice& start,
                                 const rocksdb::Slice& end) override {
    return inner_->ApproximateNumEntries(start, end);
  }
  void UniqueRandomSample(const uint64_t num_entries,
                          const uint64_t target_sample_size,
                          std::unordered_set<const char*>* entries) override {
    inner_->UniqueRandomSample(num_entries, target_sample_size, entries);
  }
  size_t ApproximateMemoryUsage() override {
    return inner_->ApproximateMemoryUsage();
  }
  rocksdb::MemTableRep::Iterator* GetIterator(rocksdb::Arena* arena) override {
    return inner_->GetIterator(arena);
  }
  rocksdb::MemTableRep::Iterator* GetDynamicPrefixIterator(
      rocksdb::Arena* arena) override {
    return inner_->GetDynamicPrefixIterator(arena);
  }
  bool IsMergeOperatorSupported() const override {
    return inner_->IsMergeOperatorSupported();
  }
  bool IsSnapshotSupported() const override {
    return inner_->IsSnapshotSupported();
  }

 protected:
  std::unique_ptr<rocksdb::MemTableRep> inner_;
};

// Makes each rep of `inner` into a Wrapper(allocator, rep).
template <typename Wrapper>
class WrappingFactory : public rocksdb::MemTableRepFactory {
 public:
  explicit WrappingFactory(std::shared_ptr<rocksdb::MemTableRepFactory> inner)
      : inner_(std::move(inner)) {}

  const char* Name() const override { return inner_->Name(); }
  std::string GetId() const override { return inner_->GetId(); }
  rocksdb::Status ValidateOptions(
      const rocksdb::DBOptions& db_options,
      const rocksdb::ColumnFamilyOptions& family_options) const override {
    return inner_->ValidateOptions(db_options, family_options);
  }
  using rocksdb::MemTableRepFactory::CreateMemTableRep;
  rocksdb::MemTableRep* CreateMemTableRep(
      const rocksdb::MemTableRep::KeyComparator& comparator,
      rocksdb::Allocator* allocator, const rocksdb::SliceTransform* transform,
      rocksdb::Logger* logger) override {
    std::unique_ptr<rocksdb::MemTableRep> rep(
        inner_->CreateMemTableRep(comparator, allocator, transform, logger));
    return new Wrapper(allocator, std::move(rep));
  }
  bool IsInsertConcurrentlySupported() const override {
    return inner_->IsInsertConcurrentlySupported();
  }
  bool CanHandleDuplicatedKey() const override {
    return inner_->CanHandleDuplicatedKey();
  }

 private:
  std::shared_ptr<rocksdb::MemTableRepFactory> inner_;
};

inline std::shared_ptr<rocksdb::MemTableRepFactory> VisibleToThreadSanitizer(
    std::shared_ptr<rocksdb::MemTableRepFactory> factory) {
  return factory;
}

}  // namespace dbtest
}  // namespace fastskip
