// SPDX-License-Identifier: Apache-2.0
//
// A library to be loaded into db_bench and memtable_bench: memtables that are
// skip_list with a fault each, which the tools must notice. "wrong:lost"
// forgets an entry, "wrong:missed" does not find one by Get, "wrong:stale"
// finds an older version of one, "wrong:skipped" leaves one out of scans,
// "wrong:refused" takes one for a duplicate.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "rocksdb/utilities/object_registry.h"
#include "tests/db/db_test_reps.h"

namespace fastskip {
namespace {

using rocksdb::MemTableRep;

// Which insert a fault concerns: late in a thousand, so that its key is seldom
// written again.
constexpr uint64_t kVictim = 900;

// Steps over the entry at `victim`, once it is known.
class SkippingIterator : public MemTableRep::Iterator {
 public:
  SkippingIterator(MemTableRep::Iterator* inner,
                   const std::atomic<const char*>* victim)
      : inner_(inner), victim_(victim) {}
  bool Valid() const override { return inner_->Valid(); }
  const char* key() const override { return inner_->key(); }
  void Next() override {
    inner_->Next();
    if (AtVictim()) inner_->Next();
  }
  void Prev() override {
    inner_->Prev();
    if (AtVictim()) inner_->Prev();
  }
  void Seek(const rocksdb::Slice& key, const char* memtable_key) override {
    inner_->Seek(key, memtable_key);
  }
  void SeekForPrev(const rocksdb::Slice& key,
                   const char* memtable_key) override {
    inner_->SeekForPrev(key, memtable_key);
  }
  void SeekToFirst() override { inner_->SeekToFirst(); }
  void SeekToLast() override { inner_->SeekToLast(); }

 private:
  bool AtVictim() const {
    return inner_->Valid() && inner_->key() == victim_->load();
  }
  const std::unique_ptr<MemTableRep::Iterator> inner_;
  const std::atomic<const char*>* const victim_;
};

class WrongRep : public dbtest::ForwardingRep {
 public:
  WrongRep(rocksdb::Allocator* allocator, std::unique_ptr<MemTableRep> inner,
           const std::string& fault)
      : ForwardingRep(allocator, std::move(inner)), fault_(fault) {}

  bool InsertKey(rocksdb::KeyHandle handle) override {
    const bool is_victim = inserts_.fetch_add(1) == kVictim;
    if (is_victim && fault_ == "refused") return false;
    if (is_victim && fault_ == "lost") return true;
    if (is_victim) victim_ = static_cast<const char*>(handle);
    return inner_->InsertKey(handle);
  }
  bool InsertKeyConcurrently(rocksdb::KeyHandle handle) override {
    const bool is_victim = inserts_.fetch_add(1) == kVictim;
    if (is_victim && fault_ == "lost") return true;
    if (is_victim) victim_ = static_cast<const char*>(handle);
    return inner_->InsertKeyConcurrently(handle);
  }

  void Get(const rocksdb::LookupKey& key, void* arg,
           bool (*callback)(void* arg, const char* entry)) override {
    if (fault_ == "missed" && gets_.fetch_add(1) % 100 == 99) return;
    if (fault_ != "stale") {
      inner_->Get(key, arg, callback);
      return;
    }
    Filter filter{arg, callback, victim_};
    inner_->Get(key, &filter, [](void* f, const char* entry) {
      auto* const self = static_cast<Filter*>(f);
      if (entry == self->victim) return true;  // on to an older version
      return self->callback(self->arg, entry);
    });
  }

  Iterator* GetIterator(rocksdb::Arena* arena) override {
    // (RocksDB only destroys an iterator that lies in an arena: a little memory
    // is lost then.)
    return fault_ == "skipped"
               ? new SkippingIterator(inner_->GetIterator(nullptr), &victim_)
               : inner_->GetIterator(arena);
  }

 private:
  struct Filter {
    void* arg;
    bool (*callback)(void* arg, const char* entry);
    const char* victim;
  };
  const std::string fault_;
  std::atomic<uint64_t> inserts_{0};
  std::atomic<uint64_t> gets_{0};
  std::atomic<const char*> victim_{nullptr};
};

class WrongFactory : public rocksdb::SkipListFactory {
 public:
  explicit WrongFactory(const std::string& fault) : fault_(fault) {}
  const char* Name() const override { return "wrong"; }
  using SkipListFactory::CreateMemTableRep;
  MemTableRep* CreateMemTableRep(const MemTableRep::KeyComparator& comparator,
                                 rocksdb::Allocator* allocator,
                                 const rocksdb::SliceTransform* transform,
                                 rocksdb::Logger* logger) override {
    std::unique_ptr<MemTableRep> inner(SkipListFactory::CreateMemTableRep(
        comparator, allocator, transform, logger));
    return new WrongRep(allocator, std::move(inner), fault_);
  }

 private:
  const std::string fault_;
};

[[maybe_unused]] const bool registered = [] {
  rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::MemTableRepFactory>(
      rocksdb::ObjectLibrary::PatternEntry("wrong").AddSeparator(":"),
      [](const std::string& uri,
         std::unique_ptr<rocksdb::MemTableRepFactory>* guard, std::string*) {
        guard->reset(new WrongFactory(uri.substr(uri.find(':') + 1)));
        return guard->get();
      });
  return true;
}();

}  // namespace
}  // namespace fastskip
