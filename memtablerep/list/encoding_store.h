// SPDX-License-Identifier: Apache-2.0
//
// The encodings of one list: as few as will do, in the arena.
//
// Thread safety: any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "block_encoding.h"
#include "step_atomic.h"

namespace fastskip {

class ShardedArena;

class EncodingStore {
 public:
  // Encodings take memory, and each has to be in the cache: there is one for so
  // many blocks that were made, give or take a few, and some to begin with.
  static constexpr uint64_t kBlocksPerEncoding = 8;
  static constexpr uint64_t kFirst = 8;
  static constexpr uint64_t kMostFruitless = 5;

  explicit EncodingStore(ShardedArena* arena) : arena_(arena) {}

  // Whether to plan another one. Where plans led to nothing, as for keys that
  // tie however they are encoded, fewer and fewer are made.
  bool MayPlan() {
    return kept_.Load() < kFirst + blocks_.Load() / kBlocksPerEncoding &&
           asked_.Add(1) % (uint64_t{1} << fruitless_.Load()) == 0;
  }
  void NotePlan(bool kept) {
    const uint64_t before = fruitless_.Load();
    fruitless_.Store(kept ? 0 : std::min(before + 1, kMostFruitless));
  }

  // A copy that lives as long as the arena. Throws what the arena throws.
  const Encoding* Keep(const Encoding& encoding);

  // The one kept last, or null: what made it necessary may be met elsewhere.
  const Encoding* Latest() const { return latest_.LoadAcquire(); }

  // A block has been made.
  void NoteBlock() { blocks_.Add(1); }

  uint64_t blocks() const { return blocks_.Load(); }
  uint64_t kept() const { return kept_.Load(); }

 private:
  ShardedArena* const arena_;
  // Written by a release, so that who loads it with acquire sees its bytes.
  StepAtomic<const Encoding*> latest_{nullptr};
  RelaxedAtomic<uint64_t> asked_;
  RelaxedAtomic<uint64_t> fruitless_;  // plans in a row
  RelaxedAtomic<uint64_t> blocks_;
  RelaxedAtomic<uint64_t> kept_;
};

}  // namespace fastskip
