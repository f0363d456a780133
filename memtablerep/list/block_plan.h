// SPDX-License-Identifier: Apache-2.0
//
// Discriminators for a new block: which encoding, and which cut of its digests.
// Policy alone, as in encoding_plan.h.
#pragma once

#include <cstdint>

#include "block_encoding.h"
#include "encoding_plan.h"
#include "encoding_store.h"

namespace fastskip {

struct BlockPlan {
  const Encoding* encoding = nullptr;
  Cut cut;
  uint32_t discs[kBlockSlots];  // of the words
  uint32_t fence_disc = kMaxDisc;
  int cost = 0;  // TieCost of the words, or of the sample if that is tested
};

// Cuts the digests of `encoding` for the block. False when they decrease along
// the keys, as under a comparator that does not order by bytes, or the block's
// holder is too short for a prefix.
bool PlanCut(const NewBlockKeys& keys, const Encoding& encoding,
             BlockPlan* plan);

// Chooses an encoding for the block: one that is at hand (`own`, that of the
// block it is split from, `next`, its neighbour's; either may be null), or a
// new one, which `encodings` keeps. False when none resolves the words at a
// TieCost of at most `most_cost`. Throws what the arena throws.
bool PlanBlock(const NewBlockKeys& keys, bool reverse, const Encoding* own,
               const Encoding* next, int most_cost, EncodingStore* encodings,
               BlockPlan* plan);

}  // namespace fastskip
