// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_rep.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <string>

#include "fast_skip_list_iterator.h"
#include "random_sample.h"
#include "seek_target.h"
#include "validating_cursor.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::KeyHandle;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::Status;

namespace {

using EntryCallback = FastSkipListRep::EntryCallback;

// Nearly every lookup ends with its first entry: an iterator is set up only
// when the callback wants more.
// Hands over `first` and what follows it, until the callback has enough.
void HandOver(const BlockSkipList& list, const char* first, void* arg,
              EntryCallback callback) {
  if (first == nullptr || !callback(arg, first)) return;
  BlockSkipList::Iterator iter(&list);
  iter.Seek(first);
  for (iter.Next(); iter.Valid() && callback(arg, iter.key()); iter.Next()) {
  }
}

Status GetChecked(ValidatingCursor cursor, const char* target, void* arg,
                  EntryCallback callback, const ReadChecks& checks) {
  Status status = cursor.Seek(target, checks);
  while (cursor.Valid() && callback(arg, cursor.key())) {
    status = cursor.Next(checks.show_keys);
  }
  return status;
}

}  // namespace

FastSkipListRep::FastSkipListRep(const KeyComparator& comparator,
                                 Allocator* allocator,
                                 const FastSkipListOptions& options,
                                 const MemtableOwner& owner,
                                 const std::shared_ptr<FactoryState>& factory)
    : MemTableRep(allocator),
      comparator_(comparator),
      source_(this),
      contents_(MemtableContents::Make(
          &source_, &comparator_, options,
          KnownOrderOf(options.key_order, comparator), owner, factory)),
      list_(&contents_->list) {}

FastSkipListRep::~FastSkipListRep() { contents_->~MemtableContents(); }

KeyHandle FastSkipListRep::Allocate(size_t bytes, char** buffer) {
  *buffer = contents_->arena.AllocateEntry(bytes);
  return *buffer;
}

// RocksDB has one writer at a time here, and synchronises when another thread
// becomes the writer. So one finger serves them all, and the list need not
// expect concurrent inserts (as RocksDB's own skip list does not).
bool FastSkipListRep::InsertKey(KeyHandle handle) {
  return list_->InsertAlone(static_cast<const char*>(handle),
                            &contents_->finger);
}

bool FastSkipListRep::InsertKeyWithHint(KeyHandle handle, void** hint) {
  // Elsewhere the hint may belong to the table of range deletions.
  if (!compat::kPrefixHintsAreOfOneTable) return InsertKey(handle);
  return list_->InsertWithHint(static_cast<const char*>(handle), hint);
}

bool FastSkipListRep::InsertKeyConcurrently(KeyHandle handle) {
  return list_->Insert(static_cast<const char*>(handle));
}

void FastSkipListRep::Get(const LookupKey& key, void* arg,
                          EntryCallback callback) {
  HandOver(*list_, list_->FindGreaterOrEqual(compat::EncodedLookupKey(key)),
           arg, callback);
}

Status FastSkipListRep::GetAndValidate(const LookupKey& key, void* arg,
                                       EntryCallback callback,
                                       bool allow_data_in_errors) {
  const ReadChecks checks{true, allow_data_in_errors, nullptr};
  return GetChecked(ValidatingCursor(list_, &comparator_),
                    compat::EncodedLookupKey(key), arg, callback, checks);
}

Status FastSkipListRep::GetAndValidate(const LookupKey& key, void* arg,
                                       EntryCallback callback,
                                       bool allow_data_in_errors,
                                       bool detect_key_out_of_order,
                                       const compat::EntryCheck& entry_check) {
  const ReadChecks checks{detect_key_out_of_order, allow_data_in_errors,
                          &entry_check};
  return GetChecked(ValidatingCursor(list_, &comparator_),
                    compat::EncodedLookupKey(key), arg, callback, checks);
}

Status FastSkipListRep::MultiGet(size_t num_keys, const char* const* keys,
                                 void** args, EntryCallback callback,
                                 bool allow_data_in_errors,
                                 bool detect_key_out_of_order,
                                 const compat::EntryCheck& entry_check) {
  const ReadChecks checks{detect_key_out_of_order, allow_data_in_errors,
                          &entry_check};
  const bool checked = detect_key_out_of_order || entry_check != nullptr;
  if (!checked) {
    MultiGetUnchecked(num_keys, keys, args, callback);
    return Status::OK();
  }
  for (size_t i = 0; i < num_keys; ++i) {
    Status status = GetChecked(ValidatingCursor(list_, &comparator_), keys[i],
                               args[i], callback, checks);
    if (!status.ok()) return status;
  }
  return Status::OK();
}

// Searches for many keys at once, and each from the root: a search touches so
// few cold cache lines that starting where the key before was found would save
// little.
void FastSkipListRep::MultiGetUnchecked(size_t num_keys,
                                        const char* const* keys, void** args,
                                        EntryCallback callback) {
  const char* found[BlockSkipList::kLookupsAtOnce];
  for (size_t i = 0; i < num_keys;) {
    const int count = static_cast<int>(
        std::min<size_t>(num_keys - i, BlockSkipList::kLookupsAtOnce));
    list_->FindGreaterOrEqual(keys + i, count, found);
    for (int k = 0; k < count; ++k, ++i) {
      HandOver(*list_, found[k], args[i], callback);
    }
  }
}

uint64_t FastSkipListRep::ApproximateNumEntries(const Slice& start_key,
                                                const Slice& end_key) {
  std::string start_space, end_space;
  const char* const start = EncodeTarget(start_key, &start_space);
  const char* const end = EncodeTarget(end_key, &end_space);
  return comparator_.Compare(start, end) < 0
             ? list_->ApproximateCount(start, end)
             : 0;
}

void FastSkipListRep::UniqueRandomSample(
    uint64_t num_entries, uint64_t target_sample_size,
    std::unordered_set<const char*>* entries) {
  fastskip::UniqueRandomSample(*list_, num_entries, target_sample_size,
                               entries);
}

MemTableRep::Iterator* FastSkipListRep::GetIterator(Arena* arena) {
  static_assert(alignof(FastSkipListIterator) <= alignof(std::max_align_t),
                "an arena aligns no further");
  if (arena == nullptr) return new FastSkipListIterator(list_, &comparator_);
  void* const place =
      compat::AllocateFromArena(arena, sizeof(FastSkipListIterator));
  return new (place) FastSkipListIterator(list_, &comparator_);
}

}  // namespace fastskip
