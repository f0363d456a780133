// SPDX-License-Identifier: Apache-2.0
//
// The ties that a search of fastskip's list meets: words of a block that have
// the discriminator of the key looked for, whose keys are therefore compared
// (but for those that a lone writer's insert meets in a leaf). Recomputed from
// the blocks, so that the list itself need not count.
#pragma once

#include <cstdint>

#include "memtablerep/list/block_ordering.h"
#include "memtablerep/list/block_skip_list.h"

namespace fastskip {
namespace bench {

// What a search is for.
enum class SearchFor : uint8_t {
  kInsert,  // the place of an entry that is not in the list yet
  kLookup,  // the newest version of a key that is there: that one is no tie
};

// Sums over searches. A search begins at the root, as that of a lookup does,
// and passes one block of each level. Blocks ordered by labels have no ties.
class TieCount {
 public:
  // One search of `key`, which is an entry. Inserts may run meanwhile.
  void Add(const BlockSkipList& list, const EntryComparator& comparator,
           const char* key, SearchFor purpose);
  void Add(const TieCount& other);

  // Means of a search.
  double InAllBlocks() const { return Mean(in_leaf_ + above_); }
  double InLeaf() const { return Mean(in_leaf_); }

 private:
  double Mean(uint64_t ties) const {
    return searches_ == 0
               ? 0
               : static_cast<double>(ties) / static_cast<double>(searches_);
  }

  uint64_t searches_ = 0;
  uint64_t in_leaf_ = 0;
  uint64_t above_ = 0;
};

}  // namespace bench
}  // namespace fastskip
