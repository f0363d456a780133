// SPDX-License-Identifier: Apache-2.0
#include "encoding_store.h"

#include <new>

#include "sharded_arena.h"

namespace fastskip {

const Encoding* EncodingStore::Keep(const Encoding& encoding) {
  const auto* const kept =
      new (arena_->AllocateAligned(sizeof(Encoding))) Encoding(encoding);
  kept_.Add(1);
  latest_.PutRelease(kept);
  return kept;
}

}  // namespace fastskip
