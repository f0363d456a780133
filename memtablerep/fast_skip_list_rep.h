// SPDX-License-Identifier: Apache-2.0
//
// FastSkipListRep: the list and the arena behind MemTableRep, RocksDB's
// interface of a memtable's contents.
//
// Thread safety: as memtablerep.h requires. Any number of threads may allocate,
// read, and insert by the methods named ...Concurrently at once. Every other
// insert runs alone: no other insert beside it, readers may go on. An iterator
// and a hint belong to one thread at a time.
//
// Memory: everything comes from RocksDB's allocator, through the arena, and
// only Allocate and the inserts take any. Reads take none, nor do iterators
// that RocksDB places in an arena of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_set>

#include "factory_state.h"
#include "fast_skip_list_options.h"
#include "list/block_skip_list.h"
#include "list/sharded_arena.h"
#include "memtable_contents.h"
#include "rep_comparator.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"
#include "rocksdb_compat.h"

namespace fastskip {

class FastSkipListRep final : public ROCKSDB_NAMESPACE::MemTableRep {
 public:
  using Arena = ROCKSDB_NAMESPACE::Arena;
  using KeyHandle = ROCKSDB_NAMESPACE::KeyHandle;
  using LookupKey = ROCKSDB_NAMESPACE::LookupKey;
  using Slice = ROCKSDB_NAMESPACE::Slice;
  using Status = ROCKSDB_NAMESPACE::Status;
  // Called with each entry that a read finds; true asks for the next one.
  using EntryCallback = bool (*)(void* arg, const char* entry);

  // REQUIRES: `options` are valid; `comparator`, `allocator` and the logger of
  // `owner` outlive the rep.
  FastSkipListRep(const KeyComparator& comparator,
                  ROCKSDB_NAMESPACE::Allocator* allocator,
                  const FastSkipListOptions& options,
                  const MemtableOwner& owner,
                  const std::shared_ptr<FactoryState>& factory);
  ~FastSkipListRep() override;

  // --- Writing. The InsertKey methods return false, and insert nothing, for an
  // entry whose user key and sequence number are there already, whatever its
  // type. A handle is what Allocate returned: the address of the entry.

  KeyHandle Allocate(size_t bytes, char** buffer) override;

  void Insert(KeyHandle handle) override { InsertKey(handle); }
  bool InsertKey(KeyHandle handle) override;

  void InsertWithHint(KeyHandle handle, void** hint) override {
    InsertKeyWithHint(handle, hint);
  }
  bool InsertKeyWithHint(KeyHandle handle, void** hint) override;

  void InsertConcurrently(KeyHandle handle) override {
    InsertKeyConcurrently(handle);
  }
  bool InsertKeyConcurrently(KeyHandle handle) override;

  // These neither read nor write the hint: RocksDB frees the hint of a batch
  // with delete[], and after a DeleteRange passes one table the hint of
  // another.
  void InsertWithHintConcurrently(KeyHandle handle, void**) override {
    InsertKeyConcurrently(handle);
  }
  bool InsertKeyWithHintConcurrently(KeyHandle handle, void**) override {
    return InsertKeyConcurrently(handle);
  }

  // Seals the memtable. BatchPostProcess and MarkFlushed stay RocksDB's, which
  // do nothing: an insert is complete when it returns, and a flush changes
  // nothing here. So it does not matter either that RocksDB 11.8 and later call
  // BatchPostProcess from readers' threads, beside inserts
  // (min_tombstones_for_range_conversion). They go on to ask for
  // ApproximateMemoryUsage, as any thread may.
  void MarkReadOnly() override { contents_->Seal(); }

  // --- Reading.

  bool Contains(const char* entry) const override {
    return list_->Contains(entry);
  }

  void Get(const LookupKey& key, void* arg, EntryCallback callback) override;

  // With checks (validating_cursor.h). Corruption, or the entry check's error,
  // and no callback for the entry that it concerns.
  Status GetAndValidate(const LookupKey& key, void* arg, EntryCallback callback,
                        bool allow_data_in_errors)
      FASTSKIP_OVERRIDE_9_6_TO_10_6;
  Status GetAndValidate(const LookupKey& key, void* arg, EntryCallback callback,
                        bool allow_data_in_errors, bool detect_key_out_of_order,
                        const compat::EntryCheck& entry_check)
      FASTSKIP_OVERRIDE_10_7;

  // Get or GetAndValidate for each of `keys`, which are entries; ends with the
  // first error.
  Status MultiGet(size_t num_keys, const char* const* keys, void** args,
                  EntryCallback callback, bool allow_data_in_errors,
                  bool detect_key_out_of_order,
                  const compat::EntryCheck& entry_check) FASTSKIP_OVERRIDE_11_1;

  // Of entries from `start_key` on and below `end_key`, both internal keys.
  uint64_t ApproximateNumEntries(const Slice& start_key,
                                 const Slice& end_key) override;

  void UniqueRandomSample(uint64_t num_entries, uint64_t target_sample_size,
                          std::unordered_set<const char*>* entries) override;

  // Bytes beyond those that the allocator knows: none, unless the memtable
  // requests its flush (entry_limit.h). Any thread.
  size_t ApproximateMemoryUsage() override {
    return contents_->UnaccountedBytes();
  }

  Iterator* GetIterator(Arena* arena) override;

 private:
  void MultiGetUnchecked(size_t num_keys, const char* const* keys, void** args,
                         EntryCallback callback);

  // Chunks for the arena, from RocksDB's allocator. Installed headers only name
  // that class; the base class's Allocate reaches it. As thread-safe as the
  // allocator is; what it returns is not aligned.
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

  const RepComparator comparator_;
  RepChunkSource source_;
  MemtableContents* const contents_;  // in the allocator's memory
  BlockSkipList* const list_;         // of contents_

  // With this a memtable takes one cache line more of the heap than skip_list's
  // does. RocksDB walks its column families at each flush, and how long that
  // takes depends on how far apart they lie: without, put and flush among 4,000
  // families took 2.2 times as long (docs/measuring.md).
  [[maybe_unused]] char padding_[16];
};

}  // namespace fastskip
