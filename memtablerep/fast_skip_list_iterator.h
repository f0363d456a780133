// SPDX-License-Identifier: Apache-2.0
//
// FastSkipListIterator: RocksDB's iterator over a memtable. Live: it shows
// entries that are inserted after it was made. RocksDB makes one for each
// iterator and for some reads, so it is light: it allocates memory only when
// RocksDB seeks without an encoded key.
//
// Thread safety: one thread at a time; inserts may go on beside it. The list
// outlives it.
#pragma once

#include <string>

#include "list/block_skip_list.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"
#include "rocksdb_compat.h"
#include "seek_target.h"
#include "validating_cursor.h"

namespace fastskip {

class FastSkipListIterator final
    : public ROCKSDB_NAMESPACE::MemTableRep::Iterator {
 public:
  using Slice = ROCKSDB_NAMESPACE::Slice;
  using Status = ROCKSDB_NAMESPACE::Status;

  // Both outlive the iterator.
  FastSkipListIterator(const BlockSkipList* list,
                       const EntryComparator* comparator)
      : list_(list), cursor_(list, comparator) {}

  // As RocksDB's memtablerep.h documents them. `memtable_key` may be null, and
  // is `internal_key` in the form of an entry otherwise.
  bool Valid() const override { return cursor_.Valid(); }
  const char* key() const override { return cursor_.key(); }
  void Next() override;
  void Prev() override;
  void Seek(const Slice& internal_key, const char* memtable_key) override;
  void SeekForPrev(const Slice& internal_key,
                   const char* memtable_key) override;
  void SeekToFirst() override;
  void SeekToLast() override;
  // To a random entry; not valid when there is none.
  void RandomSeek() override;

  // The same moves with checks (validating_cursor.h). After an error, which is
  // Corruption or that of the entry check, the iterator is not valid.
  Status NextAndValidate(bool allow_data_in_errors) FASTSKIP_OVERRIDE_9_6;
  Status PrevAndValidate(bool allow_data_in_errors) FASTSKIP_OVERRIDE_9_6;
  Status SeekAndValidate(const Slice& internal_key, const char* memtable_key,
                         bool allow_data_in_errors)
      FASTSKIP_OVERRIDE_9_6_TO_10_6;
  Status SeekAndValidate(
      const Slice& internal_key, const char* memtable_key,
      bool allow_data_in_errors, bool detect_key_out_of_order,
      const compat::EntryCheck& entry_check) FASTSKIP_OVERRIDE_10_7;

 private:
  const char* Target(const Slice& internal_key, const char* memtable_key) {
    return memtable_key != nullptr ? memtable_key
                                   : EncodeTarget(internal_key, &space_);
  }

  const BlockSkipList* const list_;
  ValidatingCursor cursor_;
  std::string space_;  // the target of the last seek without an encoded key
};

}  // namespace fastskip
