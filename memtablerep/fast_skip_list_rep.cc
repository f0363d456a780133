// SPDX-License-Identifier: Apache-2.0
//
// FastSkipListRep: the list and the arena behind RocksDB's interface of a
// memtable's contents.
//
// Thread safety: as RocksDB asks. Any number of threads may allocate, read, and
// insert by the methods called ...Concurrently at once; the other inserts run
// alone. An iterator and a hint belong to one thread at a time.
//
// Memory: everything comes from RocksDB's allocator, through the arena, and is
// taken by Allocate and the inserts alone. Readers, and iterators that RocksDB
// places in an arena of its own, take nothing.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <unordered_set>

#include "fast_skip_list_factory.h"
#include "list/block_skip_list.h"
#include "list/sharded_arena.h"
#include "live_memtables.h"
#include "memtable_contents.h"
#include "random_bits.h"
#include "rep_comparator.h"
#include "rocksdb/slice.h"
#include "rocksdb_compat.h"
#include "seek_target.h"
#include "validating_cursor.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::Arena;
using ROCKSDB_NAMESPACE::KeyHandle;
using ROCKSDB_NAMESPACE::Logger;
using ROCKSDB_NAMESPACE::LookupKey;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::Slice;
using ROCKSDB_NAMESPACE::SliceTransform;
using ROCKSDB_NAMESPACE::Status;

namespace {

using EntryCallback = bool (*)(void* arg, const char* entry);

// RocksDB's allocator, whose class installed headers only name: the base
// class's Allocate reaches it. Thread-safe as the memtable's allocator is;
// what it returns is not aligned.
class RepChunkSource final : public ChunkSource {
 public:
  explicit RepChunkSource(MemTableRep* rep) : rep_(rep) {}

  char* AllocateChunk(size_t bytes) override {
    char* chunk = nullptr;
    rep_->MemTableRep::Allocate(bytes, &chunk);
    return chunk;
  }

 private:
  MemTableRep* const rep_;
};

// Live: shows what was inserted before the call. Light enough to be made for
// each read: it allocates only when RocksDB seeks without an encoded key.
class FastSkipListIterator final : public MemTableRep::Iterator {
 public:
  FastSkipListIterator(const BlockSkipList* list,
                       const EntryComparator* comparator)
      : list_(list), cursor_(list, comparator) {}

  bool Valid() const override { return cursor_.Valid(); }
  const char* key() const override { return cursor_.key(); }
  void Next() override { cursor_.Unchecked()->Next(); }
  void Prev() override { cursor_.Unchecked()->Prev(); }

  void Seek(const Slice& internal_key, const char* memtable_key) override {
    cursor_.Unchecked()->Seek(Target(internal_key, memtable_key));
  }
  void SeekForPrev(const Slice& internal_key,
                   const char* memtable_key) override {
    cursor_.Unchecked()->SeekForPrev(Target(internal_key, memtable_key));
  }
  void SeekToFirst() override { cursor_.Unchecked()->SeekToFirst(); }
  void SeekToLast() override { cursor_.Unchecked()->SeekToLast(); }

  // To an entry picked at random; not valid when there is none.
  void RandomSeek() override {
    const char* const entry = list_->RandomEntry(RandomBits);
    if (entry != nullptr) {
      cursor_.Unchecked()->Seek(entry);
    } else {
      cursor_.Unchecked()->SeekToFirst();
    }
  }

  Status NextAndValidate(bool allow_data_in_errors) FASTSKIP_OVERRIDE_9_6 {
    return cursor_.Next(allow_data_in_errors);
  }
  Status PrevAndValidate(bool allow_data_in_errors) FASTSKIP_OVERRIDE_9_6 {
    return cursor_.Prev(allow_data_in_errors);
  }
  Status SeekAndValidate(const Slice& internal_key, const char* memtable_key,
                         bool allow_data_in_errors)
      FASTSKIP_OVERRIDE_9_6_TO_10_6 {
    ReadChecks checks;
    checks.show_keys = allow_data_in_errors;
    return cursor_.Seek(Target(internal_key, memtable_key), checks);
  }
  Status SeekAndValidate(
      const Slice& internal_key, const char* memtable_key,
      bool allow_data_in_errors, bool detect_key_out_of_order,
      const compat::EntryCheck& entry_check) FASTSKIP_OVERRIDE_10_7 {
    ReadChecks checks;
    checks.order = detect_key_out_of_order;
    checks.show_keys = allow_data_in_errors;
    checks.entry_check = &entry_check;
    return cursor_.Seek(Target(internal_key, memtable_key), checks);
  }

 private:
  const char* Target(const Slice& internal_key, const char* memtable_key) {
    return memtable_key != nullptr ? memtable_key
                                   : EncodeTarget(internal_key, &space_);
  }

  const BlockSkipList* const list_;
  ValidatingCursor cursor_;
  std::string space_;  // the target of the last seek that came as a slice
};

class FastSkipListRep final : public MemTableRep {
 public:
  FastSkipListRep(const KeyComparator& comparator, Allocator* allocator,
                  const FastSkipListOptions& options,
                  const MemtableOwner& owner,
                  const std::shared_ptr<FactoryState>& factory)
      : MemTableRep(allocator),
        comparator_(comparator),
        source_(this),
        contents_(MemtableContents::Make(
            &source_, &comparator_, options,
            KeyOrderFor(options.key_order, comparator), owner, factory)),
        list_(&contents_->list) {}
  ~FastSkipListRep() override { contents_->~MemtableContents(); }

  // --- Writing. An equal entry (same user key and sequence number, whatever
  // the type) makes the InsertKey family return false.

  KeyHandle Allocate(size_t bytes, char** buffer) override {
    *buffer = contents_->arena.AllocateEntry(bytes);
    return *buffer;
  }

  void Insert(KeyHandle handle) override { InsertKey(handle); }
  // One writer at a time, which RocksDB hands from thread to thread with
  // synchronisation: so the writer's finger may be the rep's, and the list need
  // not expect others (as RocksDB's skip list does not).
  bool InsertKey(KeyHandle handle) override {
    return list_->InsertAlone(static_cast<const char*>(handle),
                              &contents_->finger);
  }

  void InsertWithHint(KeyHandle handle, void** hint) override {
    InsertKeyWithHint(handle, hint);
  }
  bool InsertKeyWithHint(KeyHandle handle, void** hint) override {
    // Else the hint may be the range-delete table's, or become its.
    if (!compat::kPrefixHintsAreOfOneTable) return InsertKey(handle);
    return list_->InsertWithHint(static_cast<const char*>(handle), hint);
  }

  // RocksDB frees the hint of a batch with delete[], and after a DeleteRange
  // hands one table the hint of another: it is neither read nor written.
  void InsertWithHintConcurrently(KeyHandle handle, void**) override {
    InsertKeyConcurrently(handle);
  }
  bool InsertKeyWithHintConcurrently(KeyHandle handle, void**) override {
    return InsertKeyConcurrently(handle);
  }

  void InsertConcurrently(KeyHandle handle) override {
    InsertKeyConcurrently(handle);
  }
  bool InsertKeyConcurrently(KeyHandle handle) override {
    return list_->Insert(static_cast<const char*>(handle));
  }

  // BatchPostProcess and MarkFlushed stay as they are: an insert is complete
  // when it returns, and nothing changes at a flush.
  void MarkReadOnly() override { contents_->Seal(); }

  // --- Reading.

  bool Contains(const char* entry) const override {
    return list_->Contains(entry);
  }

  void Get(const LookupKey& key, void* arg, EntryCallback callback) override {
    GetFrom(compat::EncodedLookupKey(key), arg, callback);
  }

  Status GetAndValidate(const LookupKey& key, void* arg, EntryCallback callback,
                        bool allow_data_in_errors)
      FASTSKIP_OVERRIDE_9_6_TO_10_6 {
    ReadChecks checks;
    checks.show_keys = allow_data_in_errors;
    return GetChecked(compat::EncodedLookupKey(key), arg, callback, checks);
  }
  Status GetAndValidate(const LookupKey& key, void* arg, EntryCallback callback,
                        bool allow_data_in_errors, bool detect_key_out_of_order,
                        const compat::EntryCheck& entry_check)
      FASTSKIP_OVERRIDE_10_7 {
    ReadChecks checks;
    checks.order = detect_key_out_of_order;
    checks.show_keys = allow_data_in_errors;
    checks.entry_check = &entry_check;
    return GetChecked(compat::EncodedLookupKey(key), arg, callback, checks);
  }

  // Each key is searched by itself: a search touches so few cold lines that a
  // start from the place of the key before would save little.
  Status MultiGet(size_t num_keys, const char* const* keys, void** args,
                  EntryCallback callback, bool allow_data_in_errors,
                  bool detect_key_out_of_order,
                  const compat::EntryCheck& entry_check)
      FASTSKIP_OVERRIDE_11_1 {
    ReadChecks checks;
    checks.order = detect_key_out_of_order;
    checks.show_keys = allow_data_in_errors;
    checks.entry_check = &entry_check;
    const bool checked = detect_key_out_of_order || entry_check != nullptr;
    for (size_t i = 0; i < num_keys; ++i) {
      if (!checked) {
        GetFrom(keys[i], args[i], callback);
        continue;
      }
      const Status status = GetChecked(keys[i], args[i], callback, checks);
      if (!status.ok()) return status;
    }
    return Status::OK();
  }

  uint64_t ApproximateNumEntries(const Slice& start_key,
                                 const Slice& end_key) override {
    std::string start_space, end_space;
    const char* const start = EncodeTarget(start_key, &start_space);
    const char* const end = EncodeTarget(end_key, &end_space);
    return comparator_.Compare(start, end) < 0
               ? list_->ApproximateCount(start, end)
               : 0;
  }

  void UniqueRandomSample(uint64_t num_entries, uint64_t target_sample_size,
                          std::unordered_set<const char*>* entries) override;

  // All memory is RocksDB's arena's, and counted there.
  size_t ApproximateMemoryUsage() override {
    return contents_->UnaccountedBytes();
  }

  Iterator* GetIterator(Arena* arena) override {
    static_assert(alignof(FastSkipListIterator) <= alignof(std::max_align_t),
                  "an arena aligns no further");
    if (arena == nullptr) {
      return new FastSkipListIterator(list_, &comparator_);
    }
    void* const place =
        compat::AllocateFromArena(arena, sizeof(FastSkipListIterator));
    return new (place) FastSkipListIterator(list_, &comparator_);
  }

 private:
  // Nearly every lookup ends with its first entry: only when the callback asks
  // for more is an iterator set up.
  void GetFrom(const char* target, void* arg, EntryCallback callback) const {
    const char* const first = list_->FindGreaterOrEqual(target);
    if (first == nullptr || !callback(arg, first)) return;
    BlockSkipList::Iterator iter(list_);
    iter.Seek(first);
    for (iter.Next(); iter.Valid() && callback(arg, iter.key()); iter.Next()) {
    }
  }

  Status GetChecked(const char* target, void* arg, EntryCallback callback,
                    const ReadChecks& checks) const {
    ValidatingCursor cursor(list_, &comparator_);
    Status status = cursor.Seek(target, checks);
    while (cursor.Valid() && callback(arg, cursor.key())) {
      status = cursor.Next(checks.show_keys);
    }
    return status;
  }

  const RepComparator comparator_;
  RepChunkSource source_;
  MemtableContents* const contents_;
  BlockSkipList* const list_;  // of contents_
};

// About `target_sample_size` different entries out of about `num_entries`, each
// equally likely. Small samples are picked one by one; for larger ones, where
// picks would often meet, one pass over all entries is cheaper.
void FastSkipListRep::UniqueRandomSample(
    uint64_t num_entries, uint64_t target_sample_size,
    std::unordered_set<const char*>* entries) {
  entries->clear();
  uint64_t wanted = std::min(num_entries, target_sample_size);
  if (wanted > std::sqrt(static_cast<double>(num_entries))) {
    uint64_t unseen = num_entries;
    BlockSkipList::Iterator iter(list_);
    for (iter.SeekToFirst(); iter.Valid() && wanted > 0; iter.Next()) {
      if (RandomBits() % unseen < wanted) {
        entries->insert(iter.key());
        --wanted;
      }
      // More entries than announced: those behind the last are left out.
      if (--unseen == 0) break;
    }
    return;
  }
  constexpr int kTries = 5;  // a pick meets an earlier one once in 1 / sqrt(n)
  for (; wanted > 0; --wanted) {
    for (int i = 0; i < kTries; ++i) {
      const char* const entry = list_->RandomEntry(RandomBits);
      if (entry == nullptr) return;
      if (entries->insert(entry).second) break;
    }
  }
}

}  // namespace

MemTableRep* FastSkipListRepFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform* prefix_extractor, Logger* logger) {
  return CreateMemTableRep(comparator, allocator, prefix_extractor, logger,
                           FastSkipStats::kNoColumnFamily);
}

MemTableRep* FastSkipListRepFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform*, Logger* logger, uint32_t column_family_id) {
  return new FastSkipListRep(comparator, allocator, options_,
                             MemtableOwner{column_family_id, logger}, state_);
}

}  // namespace fastskip
