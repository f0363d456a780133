// SPDX-License-Identifier: Apache-2.0
//
// ValidatingCursor: an iterator over the list that relies neither on the order
// of the entries it finds nor on their bytes. It serves RocksDB's options
// paranoid_memory_checks and memtable_verify_per_key_checksum_on_seek (RocksDB
// before 11.5 spells it memtable_veirfy_...): corrupt memory must come back as
// Corruption, never as a wrong answer.
//
// When not to use it: for reads without these options. A seek costs two
// searches, a search at each end of a block that it walks over, and some 60
// comparisons.
//
// Thread safety: like BlockSkipList::Iterator, one thread at a time; inserts
// may go on beside it.
//
// What it detects. The list searches by discriminators, which were taken from
// the keys when these were intact. So an entry whose key changes keeps its
// place, or moves among the entries of its block that share its discriminator.
//   1. A seek walks over the blocks of the entries on either side of where its
//      target belongs, and over one entry beyond these. So a seek for the key
//      that a corrupt entry once had passes it, and what it is out of order
//      with.
//   2. A seek that was misled, on a level above or by a corrupt key that an
//      encoding has its prefix from, ends at another result than the walk,
//      which follows the leaves.
//   3. A step compares the entry that it leaves with the one that it reaches.
//
// What it cannot detect:
//   - a key that is in order where it is now, as one that shares the
//     discriminator of the least entry and has become less than that;
//   - entries that share the discriminator of the next block's lower bound,
//     where they or the bound are corrupt: a comparison tells which of them
//     have moved there, and those that it wrongly counts among them are not
//     shown;
//   - a corrupt entry whose block was split since: the split took its
//     discriminator from the corrupt bytes, and it may be anywhere.
// A corrupt entry beyond the walk is not reported: the answer is right without
// it. Entry checks (per-key checksums) do not depend on order.
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

  const EntryComparator* comparator_;
  BlockSkipList::Iterator iter_;
  bool corrupt_ = false;
};

}  // namespace fastskip
