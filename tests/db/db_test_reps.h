// SPDX-License-Identifier: Apache-2.0
//
// Memtable representations that wrap another one: a base that forwards
// everything, and the wrapper that makes them fit for ThreadSanitizer although
// librocksdb is not instrumented.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "memtablerep/rocksdb_compat.h"
#include "rocksdb/memtablerep.h"

// GCC defines the macros, clang has features.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FASTSKIP_UNDER_TSAN 1
#elif __has_feature(address_sanitizer)
#define FASTSKIP_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FASTSKIP_UNDER_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define FASTSKIP_UNDER_ASAN 1
#endif

namespace fastskip {
namespace dbtest {

// Forwards every call of RocksDB 7.8 to `inner`, and lookups with checks.
// MultiGet, which came later too, keeps its default, which works by these.
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
#if FASTSKIP_ROCKSDB_AT_LEAST(10, 7)
  rocksdb::Status GetAndValidate(
      const rocksdb::LookupKey& k, void* arg,
      bool (*callback)(void* arg, const char* entry), bool allow_data_in_errors,
      bool detect_key_out_of_order,
      const compat::EntryCheck& entry_check) override {
    return inner_->GetAndValidate(k, arg, callback, allow_data_in_errors,
                                  detect_key_out_of_order, entry_check);
  }
#elif FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
  rocksdb::Status GetAndValidate(const rocksdb::LookupKey& k, void* arg,
                                 bool (*callback)(void* arg, const char* entry),
                                 bool allow_data_in_errors) override {
    return inner_->GetAndValidate(k, arg, callback, allow_data_in_errors);
  }
#endif
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

 protected:
  std::shared_ptr<rocksdb::MemTableRepFactory> inner_;
};

// --------------------------------------------------------------------------
// ThreadSanitizer and a RocksDB that is not instrumented.
//
// RocksDB gives three guarantees by atomics that ThreadSanitizer does not see:
// a memtable is made before it is used, used before its end (as its factory
// is), and InsertKey and InsertKeyWithHint are called by one thread after the
// other. So it is told to overlook the writes of constructors and destructors,
// and shown the order of those two methods. Everything else is checked as it
// is: concurrent inserts, reads beside inserts, seals; they synchronise by
// fastskip's own atomics alone. (Use after the end is AddressSanitizer's to
// find.)
//
// The other half is tests/sanitizer_defaults.cc: what librocksdb and libstdc++
// do inside of memcpy, malloc and free. It works with librocksdb.so, not with
// librocksdb.a.

#if FASTSKIP_UNDER_TSAN
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#else
inline void AnnotateIgnoreWritesBegin(const char*, int) {}
inline void AnnotateIgnoreWritesEnd(const char*, int) {}
#endif

// Where RocksDB orders what this thread writes after the threads of its own.
class OverlookWrites {
 public:
  OverlookWrites() { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
  OverlookWrites(const OverlookWrites&) = delete;
  OverlookWrites& operator=(const OverlookWrites&) = delete;
  ~OverlookWrites() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
};

#if FASTSKIP_UNDER_TSAN
class ThreadSanitizerRep : public ForwardingRep {
 public:
  using ForwardingRep::ForwardingRep;
  // To the end of operator delete, so that the bases are taken in.
  ~ThreadSanitizerRep() override {
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  bool InsertKey(rocksdb::KeyHandle handle) override {
    Turn turn(&turns_);
    return inner_->InsertKey(handle);
  }
  bool InsertKeyWithHint(rocksdb::KeyHandle handle, void** hint) override {
    Turn turn(&turns_);
    return inner_->InsertKeyWithHint(handle, hint);
  }
  static void operator delete(void* memory) {
    ::operator delete(memory);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  }

 private:
  class Turn {
   public:
    explicit Turn(std::atomic<uint64_t>* turns) : turns_(turns) {
      turns_->load(std::memory_order_acquire);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { turns_->fetch_add(1, std::memory_order_release); }

   private:
    std::atomic<uint64_t>* const turns_;
  };
  std::atomic<uint64_t> turns_{0};
};

class ThreadSanitizerFactory : public WrappingFactory<ThreadSanitizerRep> {
 public:
  using WrappingFactory::CreateMemTableRep;
  using WrappingFactory::WrappingFactory;
  ~ThreadSanitizerFactory() override {
    OverlookWrites overlook;
    inner_.reset();
  }
  rocksdb::MemTableRep* CreateMemTableRep(
      const rocksdb::MemTableRep::KeyComparator& comparator,
      rocksdb::Allocator* allocator, const rocksdb::SliceTransform* transform,
      rocksdb::Logger* logger) override {
    OverlookWrites overlook;
    return WrappingFactory::CreateMemTableRep(comparator, allocator, transform,
                                              logger);
  }
};
#endif

// `factory`, or under ThreadSanitizer a wrapper as described above.
inline std::shared_ptr<rocksdb::MemTableRepFactory> ForThreadSanitizer(
    std::shared_ptr<rocksdb::MemTableRepFactory> factory) {
#if FASTSKIP_UNDER_TSAN
  return std::make_shared<ThreadSanitizerFactory>(std::move(factory));
#else
  return factory;
#endif
}

}  // namespace dbtest
}  // namespace fastskip
