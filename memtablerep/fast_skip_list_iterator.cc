// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_iterator.h"

#include "list/random_bits.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Status;

void FastSkipListIterator::Next() { cursor_.Unchecked()->Next(); }

void FastSkipListIterator::Prev() { cursor_.Unchecked()->Prev(); }

void FastSkipListIterator::Seek(const Slice& internal_key,
                                const char* memtable_key) {
  cursor_.Unchecked()->Seek(Target(internal_key, memtable_key));
}

void FastSkipListIterator::SeekForPrev(const Slice& internal_key,
                                       const char* memtable_key) {
  cursor_.Unchecked()->SeekForPrev(Target(internal_key, memtable_key));
}

void FastSkipListIterator::SeekToFirst() { cursor_.Unchecked()->SeekToFirst(); }

void FastSkipListIterator::SeekToLast() { cursor_.Unchecked()->SeekToLast(); }

void FastSkipListIterator::RandomSeek() {
  const char* const entry = list_->RandomEntry(RandomBits());
  if (entry != nullptr) {
    cursor_.Unchecked()->Seek(entry);
  } else {
    cursor_.Unchecked()->SeekToFirst();
  }
}

Status FastSkipListIterator::NextAndValidate(bool allow_data_in_errors) {
  return cursor_.Next(allow_data_in_errors);
}

Status FastSkipListIterator::PrevAndValidate(bool allow_data_in_errors) {
  return cursor_.Prev(allow_data_in_errors);
}

Status FastSkipListIterator::SeekAndValidate(const Slice& internal_key,
                                             const char* memtable_key,
                                             bool allow_data_in_errors) {
  const ReadChecks checks{true, allow_data_in_errors, nullptr};
  return cursor_.Seek(Target(internal_key, memtable_key), checks);
}

Status FastSkipListIterator::SeekAndValidate(
    const Slice& internal_key, const char* memtable_key,
    bool allow_data_in_errors, bool detect_key_out_of_order,
    const compat::EntryCheck& entry_check) {
  const ReadChecks checks{detect_key_out_of_order, allow_data_in_errors,
                          &entry_check};
  return cursor_.Seek(Target(internal_key, memtable_key), checks);
}

}  // namespace fastskip
