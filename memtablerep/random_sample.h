// SPDX-License-Identifier: Apache-2.0
//
// Random samples of a list's entries: RocksDB's UniqueRandomSample.
// Thread safety: any number of threads, also beside inserts.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "list/block_skip_list.h"

namespace fastskip {

// Replaces `*entries` by about `target_sample_size` different entries of
// `list`, each equally likely. `num_entries` is the caller's estimate of how
// many entries there are. Fewer entries result when there are fewer, or when
// random picks meet.
void UniqueRandomSample(const BlockSkipList& list, uint64_t num_entries,
                        uint64_t target_sample_size,
                        std::unordered_set<const char*>* entries);

}  // namespace fastskip
