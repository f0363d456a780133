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

// The bytes of the internal key, for a message. The length is as suspect as
// the key, so only so many bytes are read.
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

Status LedAstray(const char* target, bool show_keys) {
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
  // An insert between the walk and the search after it may come to lie between
  // the target and the walk's answer: then both are right, and the walk is
  // repeated. In an intact list each round needs such an insert.
  constexpr int kMostRounds = 1000;
  for (int round = 0; round < kMostRounds; ++round) {
    const char* answer = nullptr;
    Status status = SeekLeftOf(target, checks.show_keys);
    if (status.ok()) status = WalkTo(target, checks, &answer);
    if (!status.ok()) return Fail(status);
    iter_.Seek(target);
    const char* const found = iter_.Valid() ? iter_.key() : nullptr;
    if (found == answer) return Status::OK();
    const bool may_be_new =
        found != nullptr &&
        (answer == nullptr || comparator_->Compare(found, answer) < 0);
    if (!may_be_new) break;
  }
  return Fail(LedAstray(target, checks.show_keys));
}

// To kNeighbours entries left of where a search for `target` ends, and further
// while that is not below `target`; to the first entry when there are fewer.
Status ValidatingCursor::SeekLeftOf(const char* target, bool show_keys) {
  Status status;
  int steps = 0;
  iter_.Seek(target);
  if (!iter_.Valid()) {
    iter_.SeekToLast();
    ++steps;
  }
  while (
      status.ok() && iter_.Valid() &&
      (steps < kNeighbours || comparator_->Compare(iter_.key(), target) >= 0)) {
    status = StepBack(show_keys);
    ++steps;
  }
  if (status.ok() && !iter_.Valid()) iter_.SeekToFirst();
  return status;
}

// Prev, checked. A step back across the edge of a block is a search for the
// key of the entry that it leaves; when that key is bad, it may lead anywhere.
// Steps forward follow the blocks themselves. So the way forward must lead
// from the entry that was reached to the one that was left, with nothing
// between them but what was inserted meanwhile, and in order.
Status ValidatingCursor::StepBack(bool show_keys) {
  const char* const left = iter_.key();
  iter_.Prev();
  if (iter_.Valid() && iter_.key() == left) return LedAstray(left, show_keys);
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
  return ahead.Valid() ? Status::OK() : LedAstray(left, show_keys);
}

// From where iter_ stands to kNeighbours entries behind the first one not below
// `target`, checking each on the way. `*answer`: that first one, or null.
Status ValidatingCursor::WalkTo(const char* target, const ReadChecks& checks,
                                const char** answer) {
  const char* previous = nullptr;
  for (int left = kNeighbours; iter_.Valid() && left >= 0; iter_.Next()) {
    const char* const entry = iter_.key();
    if (checks.entry_check != nullptr && *checks.entry_check != nullptr) {
      const Status status = (*checks.entry_check)(entry, checks.show_keys);
      if (!status.ok()) return status;
    }
    if (checks.order && previous != nullptr &&
        comparator_->Compare(previous, entry) >= 0) {
      return OutOfOrder(previous, entry, checks.show_keys);
    }
    if (*answer == nullptr && comparator_->Compare(entry, target) >= 0) {
      *answer = entry;
    }
    if (*answer != nullptr) --left;
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
