// SPDX-License-Identifier: Apache-2.0
//
// Block: four cache lines of the list, the unit that is searched, filled and
// split. A block of level 0 (a leaf) holds entries, a block of level i + 1
// holds blocks of level i.
//
//   byte   0  next         word: the right neighbour, under the discriminator
//                          of its lower bound in *this* block; kNoNext at the
//                          end of the level
//          8  base         64 bits, of the encoding
//         16  lower_bound  entry: the least key that the block may hold. A
//                          head has none: here it holds a key with the prefix
//         24  prefix       32 bits, of the encoding
//         28  shift, kind, level, flags
//         32  slots        28 words, in no order
//
//   word      discriminator (16 bits) | address (48 bits)
//             a discriminator of kEmptyDisc marks an empty slot; its address
//             is that of the right block made by the split that emptied the
//             slot, null initially
//
// Everything but `next` and `slots` is written before the block is published
// and never again.
//
// Thread safety: any number of threads, under the protocol of
// block_skip_list.h, with these memory orders:
//   - a slot or `next` that is followed is loaded with acquire: it pairs with
//     the release CAS that published the entry or the block;
//   - every CAS, and a lone writer's store, releases: of an entry, so that its
//     bytes come with it; of `next`, so that the right block comes with it; of
//     a *clear* too, since whoever sees the empty word must also see the `next`
//     that explains it;
//   - a failed CAS is relaxed: its result is dropped, the caller retries;
//   - the relaxed loads serve an iterator's watch, which only asks whether a
//     word differs from one that it has acquired before. A stale value says
//     "unchanged" a little longer, which is as if the iterator had stepped a
//     little earlier; what happened before the step in the same thread, or was
//     handed to it by synchronisation, coherence lets it see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "block_encoding.h"
#include "step_atomic.h"

namespace fastskip {

constexpr int kDiscShift = 48;
constexpr uint64_t kAddressMask = (uint64_t{1} << kDiscShift) - 1;
constexpr uint64_t kNoNext = uint64_t{kEmptyDisc} << kDiscShift;

// No word: sorts behind every word that holds something.
constexpr uint64_t kNoWord = kNoNext;

struct Block;

// Whether other threads may be inserting as well. When not, what an insert has
// seen is still there when it writes, and a store does for a CAS, which on
// x86-64 would first wait until the entry's bytes have reached the cache.
enum class Writers : uint8_t { kMany, kOne };

inline uint64_t MakeWord(uint32_t disc, const void* address) {
  return uint64_t{disc} << kDiscShift | reinterpret_cast<uintptr_t>(address);
}
inline uint32_t DiscOf(uint64_t word) {
  return static_cast<uint32_t>(word >> kDiscShift);
}
inline bool IsEmpty(uint64_t word) { return word >= kNoNext; }
inline const char* EntryOf(uint64_t word) {
  return reinterpret_cast<const char*>(word & kAddressMask);
}
inline Block* BlockOf(uint64_t word) {
  return reinterpret_cast<Block*>(word & kAddressMask);
}

struct alignas(64) Block {
  static constexpr int kSlots = kBlockSlots;
  enum Flags : uint8_t {
    kHead = 1,          // leftmost of its level
    kVerifyPrefix = 2,  // Encoding::verify_prefix
    // Of the entries that moved here out of the left neighbour only the lower
    // bound has its discriminator there: which of the ties have moved need not
    // be compared.
    kLowerBoundUntied = 4,
    kReverse = 8,  // Encoding::reverse
  };

  StepAtomic<uint64_t> next{kNoNext};
  uint64_t base = 0;
  const char* lower_bound = nullptr;
  uint32_t prefix = 0;
  uint8_t shift = 0;
  Encoding::Kind kind = Encoding::Kind::kLabels;
  uint8_t level = 0;
  uint8_t flags = 0;
  StepAtomic<uint64_t> slots[kSlots];

  Block() {
    for (auto& slot : slots) slot.Init(kNoNext);
  }

  bool is_head() const { return (flags & kHead) != 0; }
  bool is_reverse() const { return (flags & kReverse) != 0; }
  bool verifies_prefix() const { return (flags & kVerifyPrefix) != 0; }

  Encoding encoding() const {
    Encoding e;
    e.base = base;
    e.prefix = prefix;
    e.shift = shift;
    e.kind = kind;
    e.reverse = is_reverse();
    e.verify_prefix = verifies_prefix();
    return e;
  }
  // REQUIRES: the block is not published yet
  void SetEncoding(const Encoding& e) {
    base = e.base;
    prefix = e.prefix;
    shift = e.shift;
    kind = e.kind;
    flags &= static_cast<uint8_t>(~(kReverse | kVerifyPrefix));
    if (e.reverse) flags |= kReverse;
    if (e.verify_prefix) flags |= kVerifyPrefix;
  }

  // Puts `desired` where `expected` is in slot `i`; false when it is not.
  bool ReplaceSlot(int i, uint64_t expected, uint64_t desired,
                   Writers writers) {
    return writers == Writers::kOne
               ? slots[i].ReplaceAloneRelease(expected, desired)
               : slots[i].ReplaceRelease(expected, desired);
  }

  void Prefetch() const {
    for (size_t line = 0; line < sizeof(Block); line += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(this) + line);
    }
  }
};

// Whether `next` is that of a head that was replaced by another: the new head
// owns everything, and the old one is only passed through.
inline bool IsReplaced(uint64_t next) {
  return !IsEmpty(next) && BlockOf(next)->is_head();
}

// The entry whose key `word` is keyed by in a block of `level`: the entry
// itself, or the child's lower bound. Null, minus infinity, for the leftmost
// block of a level.
inline const char* KeyEntryOf(int level, uint64_t word) {
  if (level == 0) return EntryOf(word);
  const Block* child = BlockOf(word);
  return child->is_head() ? nullptr : child->lower_bound;
}

// The discriminator of `key` in `block`. REQUIRES: the kind is not kLabels
FASTSKIP_ALWAYS_INLINE uint32_t DiscOfKey(const Block& block, const Key& key,
                                          bool has_prefix) {
  return DiscOfKey(block.encoding(), block.lower_bound, key, has_prefix);
}

static_assert(kBlockSlots != 28 || sizeof(Block) == 256,
              "a block is four cache lines");
static_assert(offsetof(Block, slots) == 32, "the header is half a cache line");
static_assert(sizeof(StepAtomic<uint64_t>) == sizeof(uint64_t),
              "a vector load sees words alone");

}  // namespace fastskip
