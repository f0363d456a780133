// SPDX-License-Identifier: Apache-2.0

#include "validating_cursor.h"

#include <algorithm>
#include <string>

#include "rocksdb/slice.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::GetLengthPrefixedSlice;
using ROCKSDB_NAMESPACE::Slice;
using ROCKSDB_NAMESPACE::Status;

namespace {

// The bytes of the internal key, for a message. The length is as suspect as
// the key, so only so many bytes are read.
std::string ShowKey(const char* entry) {
  constexpr size_t kMostBytes = 64;
  const Slice key = GetLengthPrefixedSlice(entry);
  return Slice(key.data(), std::min(key.size(), kMostBytes)).ToString(true);
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
    SeekLeftOf(target);
    const Status status = WalkTo(target, checks, &answer);
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

// To the second entry on the left of where a search for `target` ends, and
// further while that is not below `target`; to the first entry when there is
// none.
void ValidatingCursor::SeekLeftOf(const char* target) {
  iter_.Seek(target);
  if (iter_.Valid()) {
    iter_.Prev();
  } else {
    iter_.SeekToLast();
  }
  if (iter_.Valid()) iter_.Prev();
  while (iter_.Valid() && comparator_->Compare(iter_.key(), target) >= 0) {
    iter_.Prev();
  }
  if (!iter_.Valid()) iter_.SeekToFirst();
}

// From where iter_ stands to the entry behind the first one not below
// `target`, checking each on the way. `*answer`: that first one, or null.
Status ValidatingCursor::WalkTo(const char* target, const ReadChecks& checks,
                                const char** answer) {
  const char* previous = nullptr;
  for (; iter_.Valid(); iter_.Next()) {
    const char* const entry = iter_.key();
    if (checks.entry_check != nullptr && *checks.entry_check != nullptr) {
      const Status status = (*checks.entry_check)(entry, checks.show_keys);
      if (!status.ok()) return status;
    }
    if (checks.order && previous != nullptr &&
        comparator_->Compare(previous, entry) >= 0) {
      return OutOfOrder(previous, entry, checks.show_keys);
    }
    if (*answer != nullptr) break;
    if (comparator_->Compare(entry, target) >= 0) *answer = entry;
    previous = entry;
  }
  return Status::OK();
}

Status ValidatingCursor::Next(bool show_keys) {
  const char* const left = iter_.key();
  iter_.Next();
  return iter_.Valid() ? Step(left, iter_.key(), show_keys) : Status::OK();
}

Status ValidatingCursor::Prev(bool show_keys) {
  const char* const left = iter_.key();
  iter_.Prev();
  return iter_.Valid() ? Step(iter_.key(), left, show_keys) : Status::OK();
}

Status ValidatingCursor::Step(const char* smaller, const char* greater,
                              bool show_keys) {
  if (comparator_->Compare(smaller, greater) < 0) return Status::OK();
  return Fail(OutOfOrder(smaller, greater, show_keys));
}

}  // namespace fastskip
