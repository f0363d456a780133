// SPDX-License-Identifier: Apache-2.0

#include "validating_cursor.h"

#include <algorithm>
#include <string>

#include "list/varint.h"
#include "rocksdb/slice.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Slice;
using ROCKSDB_NAMESPACE::Status;

namespace {

// The bytes of the internal key in hexadecimal, for a message. The length may
// be as corrupt as the key, so at most kMaxBytes are read.
std::string ShowKey(const char* entry) {
  constexpr uint32_t kMaxBytes = 64;
  uint32_t length;
  const char* const key = DecodeVarint32(entry, &length);
  return Slice(key, std::min(length, kMaxBytes)).ToString(true);
}

Status OutOfOrder(const char* a, const char* b, bool show_keys) {
  std::string message = "fastskip: entries of a memtable are out of order";
  if (show_keys) message += ": " + ShowKey(a) + " before " + ShowKey(b);
  return Status::Corruption(message);
}

Status Misled(const char* target, bool show_keys) {
  std::string message = "fastskip: a search in a memtable went astray";
  if (show_keys) message += ": " + ShowKey(target);
  return Status::Corruption(message);
}

}  // namespace

Status ValidatingCursor::Seek(const char* target, const ReadChecks& checks) {
  corrupt_ = false;
  const bool checks_entries =
      checks.entry_check != nullptr && *checks.entry_check != nullptr;
  if (!checks.order && !checks_entries) {
    iter_.Seek(target);
    return Status::OK();
  }
  // An entry inserted between the walk and the search behind it may lie between
  // the target and the walk's result: then both are right, and the walk is
  // repeated. In an intact list each further round needs such an insert.
  constexpr int kMaxRounds = 1000;
  for (int round = 0; round < kMaxRounds; ++round) {
    const char* result = nullptr;
    Status status = SeekLeftOf(target, checks.show_keys);
    if (status.ok()) status = WalkTo(target, checks, &result);
    if (!status.ok()) return Fail(status);
    iter_.Seek(target);
    const char* const found = iter_.Valid() ? iter_.key() : nullptr;
    if (found == result) return Status::OK();
    const bool may_be_new =
        found != nullptr && comparator_->Compare(found, target) >= 0 &&
        (result == nullptr || comparator_->Compare(found, result) < 0);
    if (!may_be_new) break;
  }
  return Fail(Misled(target, checks.show_keys));
}

// Moves back from the result of a search for `target` to an entry below
// `target`, and out of the block of that; to the first entry where there is no
// such one.
Status ValidatingCursor::SeekLeftOf(const char* target, bool show_keys) {
  Status status;
  iter_.Seek(target);
  if (!iter_.Valid()) iter_.SeekToLast();
  while (status.ok() && iter_.Valid() &&
         comparator_->Compare(iter_.key(), target) >= 0) {
    status = StepBack(show_keys);
  }
  const Block* const block = iter_.Valid() ? iter_.block() : nullptr;
  while (status.ok() && iter_.Valid() && iter_.block() == block) {
    status = StepBack(show_keys);
  }
  if (status.ok() && !iter_.Valid()) iter_.SeekToFirst();
  return status;
}

// Prev with checks. A step back into the block on the left is a search for the
// key of the entry that it leaves, and a corrupt key may lead it anywhere.
// Steps forward follow the blocks' own links. So steps forward must lead from
// the entry reached to the entry left, past nothing but entries that were
// inserted meanwhile, and in order.
Status ValidatingCursor::StepBack(bool show_keys) {
  const char* const left = iter_.key();
  iter_.Prev();
  if (iter_.Valid() && iter_.key() == left) return Misled(left, show_keys);
  BlockSkipList::Iterator ahead = iter_;
  if (!ahead.Valid()) ahead.SeekToFirst();
  const char* previous = nullptr;
  for (; ahead.Valid() && ahead.key() != left; ahead.Next()) {
    const char* const entry = ahead.key();
    if (comparator_->Compare(entry, left) >= 0) {
      return OutOfOrder(entry, left, show_keys);
    }
    if (previous != nullptr && comparator_->Compare(previous, entry) >= 0) {
      return OutOfOrder(previous, entry, show_keys);
    }
    previous = entry;
    iter_ = ahead;
  }
  return ahead.Valid() ? Status::OK() : Misled(left, show_keys);
}

// Walks from iter_'s position to the first entry not below `target`, and out of
// the block of that. Checks each entry on the way. Sets `*result` to that first
// one, or leaves it null.
Status ValidatingCursor::WalkTo(const char* target, const ReadChecks& checks,
                                const char** result) {
  const char* previous = nullptr;
  const Block* block = nullptr;  // of the result
  for (; iter_.Valid(); iter_.Next()) {
    const char* const entry = iter_.key();
    if (checks.entry_check != nullptr && *checks.entry_check != nullptr) {
      Status status = (*checks.entry_check)(entry, checks.show_keys);
      if (!status.ok()) return status;
    }
    if (checks.order && previous != nullptr &&
        comparator_->Compare(previous, entry) >= 0) {
      return OutOfOrder(previous, entry, checks.show_keys);
    }
    if (*result == nullptr && comparator_->Compare(entry, target) >= 0) {
      *result = entry;
      block = iter_.block();
    }
    if (*result != nullptr && iter_.block() != block) break;
    previous = entry;
  }
  return Status::OK();
}

Status ValidatingCursor::Next(bool show_keys) {
  const char* const left = iter_.key();
  iter_.Next();
  if (!iter_.Valid() || comparator_->Compare(left, iter_.key()) < 0) {
    return Status::OK();
  }
  return Fail(OutOfOrder(left, iter_.key(), show_keys));
}

Status ValidatingCursor::Prev(bool show_keys) {
  const Status status = StepBack(show_keys);
  return status.ok() ? status : Fail(status);
}

}  // namespace fastskip
