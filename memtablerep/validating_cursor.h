// SPDX-License-Identifier: Apache-2.0
//
// ValidatingCursor: an iterator over the list that trusts neither the order of
// what it finds nor the entries' bytes. It serves RocksDB's options
// paranoid_memory_checks and memtable_veirfy_per_key_checksum_on_seek: memory
// that went bad must come back as Corruption, never as a wrong answer.
//
// What it can see. Search goes by discriminators that were taken from the keys
// when they were intact, so an entry whose key has changed since stays where
// it was, or moves among those that share its discriminator. A seek therefore
// walks through some entries on either side of its answer: a bad entry that
// changed the answer is out of order there. A seek that was led astray further
// above is told by its answer, which the walk does not bear out. A step
// compares the entry that it leaves with the one that it reaches.
//
// What it cannot see: an entry that shares its discriminator with dozens of
// others, or with the bound of the next block, behind which its bad key puts
// it. Entry checks (per-key checksums) do not depend on order.
//
// When not to use it: a seek costs two searches and some 20 comparisons.
//
// Thread safety: like BlockSkipList::Iterator. Inserts may go on beside it.
#pragma once

#include "list/block_skip_list_iterator.h"
#include "rocksdb_compat.h"

namespace fastskip {

// What a read checks, and what its messages may tell.
struct ReadChecks {
  bool order = true;
  bool show_keys = false;
  // Called for each entry that a seek passes; null or empty for none.
  const compat::EntryCheck* entry_check = nullptr;
};

class ValidatingCursor {
 public:
  using Status = ROCKSDB_NAMESPACE::Status;

  ValidatingCursor(const BlockSkipList* list, const EntryComparator* comparator)
      : comparator_(comparator), iter_(list) {}

  bool Valid() const { return !corrupt_ && iter_.Valid(); }
  // Requires: Valid().
  const char* key() const { return iter_.key(); }

  // Moves to the first entry not below `target`, an entry of which only the
  // internal key is read. Not OK: Corruption, or what the entry check said,
  // and the cursor is not valid.
  Status Seek(const char* target, const ReadChecks& checks);

  // Require: Valid(). Same errors.
  Status Next(bool show_keys);
  Status Prev(bool show_keys);

  // For moves without checks.
  BlockSkipList::Iterator* Unchecked() {
    corrupt_ = false;
    return &iter_;
  }

 private:
  Status SeekLeftOf(const char* target, bool show_keys);
  Status StepBack(bool show_keys);
  Status WalkTo(const char* target, const ReadChecks& checks,
                const char** answer);
  Status Fail(Status status) {
    corrupt_ = true;
    return status;
  }

  // Entries that a seek looks at on either side of its answer.
  static constexpr int kNeighbours = 8;

  const EntryComparator* comparator_;
  BlockSkipList::Iterator iter_;
  bool corrupt_ = false;
};

}  // namespace fastskip
