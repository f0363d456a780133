// SPDX-License-Identifier: Apache-2.0

#include "random_sample.h"

#include <algorithm>
#include <cmath>

#include "list/block_skip_list_iterator.h"
#include "list/random_bits.h"

namespace fastskip {

namespace {

// One pass over the first `num_entries` entries (selection sampling: Knuth, The
// Art of Computer Programming 2, algorithm 3.4.2S). When the list holds more,
// those at its end are left out.
void SampleInOnePass(const BlockSkipList& list, uint64_t num_entries,
                     uint64_t wanted,
                     std::unordered_set<const char*>* entries) {
  uint64_t unseen = num_entries;
  BlockSkipList::Iterator iter(&list);
  for (iter.SeekToFirst(); iter.Valid() && wanted > 0; iter.Next()) {
    if (RandomBits() % unseen < wanted) {
      entries->insert(iter.key());
      --wanted;
    }
    if (--unseen == 0) break;
  }
}

void SampleByPicks(const BlockSkipList& list, uint64_t wanted,
                   std::unordered_set<const char*>* entries) {
  // A pick meets an earlier one with a probability below 1 / sqrt(num_entries).
  constexpr int kTries = 5;
  for (; wanted > 0; --wanted) {
    for (int i = 0; i < kTries; ++i) {
      const char* const entry = list.RandomEntry(RandomBits());
      if (entry == nullptr) return;
      if (entries->insert(entry).second) break;
    }
  }
}

}  // namespace

void UniqueRandomSample(const BlockSkipList& list, uint64_t num_entries,
                        uint64_t target_sample_size,
                        std::unordered_set<const char*>* entries) {
  entries->clear();
  const uint64_t wanted = std::min(num_entries, target_sample_size);
  // Picks often meet when many are wanted; one pass is cheaper then.
  if (static_cast<double>(wanted) >
      std::sqrt(static_cast<double>(num_entries))) {
    SampleInOnePass(list, num_entries, wanted, entries);
  } else {
    SampleByPicks(list, wanted, entries);
  }
}

}  // namespace fastskip
