// SPDX-License-Identifier: Apache-2.0
//
// ValidatingCursor: an iterator over the list that relies neither on the order
// of the entries it finds nor on their bytes. It serves RocksDB's options
// paranoid_memory_checks and memtable_verify_per_key_checksum_on_seek (RocksDB
// before 11.5 spells it memtable_veirfy_...): corrupt memory must come back as
// Corruption, never as a wrong answer.
//
// When not to use it: for reads without these options. A seek costs two
// searches and some 20 comparisons.
//
// Thread safety: like BlockSkipList::Iterator, one thread at a time; inserts
// may go on beside it.
//
// What it detects. The list searches by discriminators, which were taken from
// the keys when these were intact. So an entry whose key has changed since
// keeps its place, or moves among the entries that share its discriminator.
//   1. A seek walks over some entries on either side of its result: a corrupt
//      entry that changed the result is out of order there.
//   2. A seek that was misled on a level above ends at another result than the
//      walk, which follows the leaves.
//   3. A step compares the entry that it leaves with the one that it reaches.
//
// What it cannot detect: a corrupt entry that shares its discriminator with
// dozens of others or with the lower bound of the next block, where its changed
// key puts it beyond the walk. Entry checks (per-key checksums) do not depend
// on order.
#pragma once

#include "list/block_skip_list_iterator.h"
#include "rocksdb_compat.h"

namespace fastskip {

// What a read checks.
struct ReadChecks {
  // That entries are in order (detect_key_out_of_order).
  bool order = true;
  // Whether messages may show keys (allow_data_in_errors).
  bool show_keys = false;
  // Called with each entry that a seek passes; null or empty: none.
  const compat::EntryCheck* entry_check = nullptr;
};

class ValidatingCursor {
 public:
  using Status = ROCKSDB_NAMESPACE::Status;

  // Both outlive the cursor.
  ValidatingCursor(const BlockSkipList* list, const EntryComparator* comparator)
      : comparator_(comparator), iter_(list) {}

  bool Valid() const { return !corrupt_ && iter_.Valid(); }
  // REQUIRES: Valid()
  const char* key() const { return iter_.key(); }

  // Moves to the first entry not below `target`, an entry of which only the
  // internal key is read. Errors: Corruption, or the entry check's error; the
  // cursor is not valid then.
  Status Seek(const char* target, const ReadChecks& checks);

  // One entry on, or back, with the order checked. The errors of Seek.
  // REQUIRES: Valid()
  Status Next(bool show_keys);
  Status Prev(bool show_keys);

  // The iterator itself, for moves without checks. An earlier error is
  // forgotten, so the next call has to be one that does not require Valid().
  BlockSkipList::Iterator* Unchecked() {
    corrupt_ = false;
    return &iter_;
  }

 private:
  Status SeekLeftOf(const char* target, bool show_keys);
  Status StepBack(bool show_keys);
  Status WalkTo(const char* target, const ReadChecks& checks,
                const char** result);
  Status Fail(Status status) {
    corrupt_ = true;
    return status;
  }

  // Entries that a seek checks on either side of its result.
  static constexpr int kNeighbours = 8;

  const EntryComparator* comparator_;
  BlockSkipList::Iterator iter_;
  bool corrupt_ = false;
};

}  // namespace fastskip
