// SPDX-License-Identifier: Apache-2.0
//
// What is known of the comparator, and how keys are compared with its help.
#pragma once

#include <cstdint>

#include "block.h"
#include "key.h"

namespace fastskip {

// The order of entries. Negative, zero, positive like memcmp. Thread-safe, a
// strict weak order, never throws. Entries whose user keys have the same bytes
// go newest first, as RocksDB's InternalKeyComparator has it for every user
// comparator: these the list orders by itself where they are likely to meet.
class EntryComparator {
 public:
  virtual ~EntryComparator() = default;
  virtual int Compare(const char* a, const char* b) const = 0;
};

// What is known of the order that the comparator makes.
enum class KnownOrder : uint8_t {
  kUnknown,   // nothing: digests are used as long as checks confirm them
  kBytewise,  // user keys order by their bytes
  kReverse,   // the same the other way round
  kNeither,   // digests are of no use: labels from the start
};

inline bool IsKnown(KnownOrder order) {
  return order == KnownOrder::kBytewise || order == KnownOrder::kReverse;
}

// Which digests a list uses. One that knows nothing of the comparator falls
// back by one step with each contradiction, and never returns.
enum class DigestMode : uint8_t {
  kBothDirections,
  kForwardOnly,  // none that are inverted
  kNone,         // labels
};

// How one attempt of an operation compares keys, and which discriminators it
// searches by. An attempt that uses digests where the order is unknown checks
// each place that it found against its neighbours, with the comparator, before
// it relies on it; so attempts that use digests and attempts that use labels
// may share a list.
class Ordering {
 public:
  Ordering(const EntryComparator* comparator, KnownOrder order, DigestMode mode)
      : comparator_(comparator),
        known_(IsKnown(order)),
        reverse_(order == KnownOrder::kReverse),
        mode_(mode),
        checks_(mode != DigestMode::kNone && order == KnownOrder::kUnknown) {}

  bool known() const { return known_; }
  DigestMode mode() const { return mode_; }
  bool digests() const { return mode_ != DigestMode::kNone; }
  // Whether the discriminators of `block` are digests that may be used.
  bool UsesDigestsOf(const Block& block) const {
    return !block.has_labels() &&
           (block.is_reverse() ? mode_ == DigestMode::kBothDirections
                               : digests());
  }
  // Whether each place found has to be checked.
  bool checks() const { return checks_; }

  int Compare(const char* a, const Key& b) const {
    return known_ ? CompareKnown(DecodeKey(a), b)
                  : comparator_->Compare(a, b.entry);
  }
  // The same where versions of one user key are likely: these need no
  // comparator.
  int CompareTied(const Key& a, const Key& b) const {
    if (known_) return CompareKnown(a, b);
    return SameUserKey(a, b) ? CompareVersions(a, b)
                             : comparator_->Compare(a.entry, b.entry);
  }
  int CompareTied(const char* a, const char* b) const {
    return CompareTied(DecodeKey(a), DecodeKey(b));
  }

 private:
  int CompareKnown(const Key& a, const Key& b) const {
    const int c = CompareUserKeyBytes(a, b);
    if (c == 0) return CompareVersions(a, b);
    return reverse_ ? -c : c;
  }

  const EntryComparator* comparator_;
  bool known_;  // the order of bytes
  bool reverse_;
  DigestMode mode_;
  bool checks_;
};

inline int CompareWord(const Ordering& ordering, int level, uint64_t word,
                       const Key& key) {
  const char* const other = KeyEntryOf(level, word);
  return other == nullptr ? -1 : ordering.Compare(other, key);
}
// The same where a version of the key is likely.
inline int CompareWordTied(const Ordering& ordering, int level, uint64_t word,
                           const Key& key) {
  const char* const other = KeyEntryOf(level, word);
  return other == nullptr ? -1 : ordering.CompareTied(DecodeKey(other), key);
}

}  // namespace fastskip
