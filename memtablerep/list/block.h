// SPDX-License-Identifier: Apache-2.0
//
// Block: four cache lines of the list, the unit that is searched, filled and
// split. A block of level 0 (a leaf) holds entries, a block of level i + 1
// holds blocks of level i.
//
//   byte   0  next     word: the right neighbour, with the discriminator of
//                      its `anchor` in *this* block; kNoNext at the end
//          8  base     64 bits  \  how digests become discriminators here
//         16  anchor   entry     | the lower bound of the block's keys (`low`);
//                                | in a head, which is bounded by nothing, only
//                                | the holder of the prefix
//         24  prefix   32 bits   | bytes skipped before the digest
//         28  shift, kind, level, flags
//         32  slots    28 words, in no order
//
//   word      discriminator (16 bits) | address (48 bits)
//             a discriminator of kEmptyDisc marks an empty slot; its address
//             is that of the right block made by the split that emptied the
//             slot, null at birth
//
// Everything but `next` and `slots` is written before the block is published
// and never again.
//
// Thread safety: any number of threads, under the protocol of
// block_skip_list.h. This file holds the atomic accesses of the list, `root`
// apart, with the memory order in each name:
//   - a slot or `next` that is followed is loaded with acquire: it pairs with
//     the release CAS that published the entry or the block;
//   - every CAS, and a lone writer's store, releases: of an entry, so that its
//     bytes come with it; of `next`, so that the right block comes with it; of
//     a *clear* too, since whoever sees the empty word must also see the `next`
//     that explains it;
//   - a failed CAS is relaxed: its result is dropped, the caller looks again;
//   - the relaxed loads serve an iterator's watch, which only asks whether a
//     word differs from one that it has acquired before. A stale value says
//     "unchanged" a little longer, which is as if the iterator had stepped a
//     little earlier; what happened before the step in the same thread, or was
//     handed to it by synchronisation, coherence lets it see.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "key_digest.h"

// Test builds interrupt a thread before each of its atomic steps.
#ifdef FASTSKIP_TEST_STEPS
extern "C" void FastskipTestStep();
#define FASTSKIP_STEP() FastskipTestStep()
#else
#define FASTSKIP_STEP() ((void)0)
#endif

#ifndef FASTSKIP_BLOCK_SLOTS
#define FASTSKIP_BLOCK_SLOTS 28
#endif

namespace fastskip {

constexpr uint32_t kEmptyDisc = kMaxDisc + 1;
constexpr int kDiscShift = 48;
constexpr uint64_t kAddressMask = (uint64_t{1} << kDiscShift) - 1;
constexpr uint64_t kNoNext = uint64_t{kEmptyDisc} << kDiscShift;

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

// What the discriminators of a block are.
enum class BlockKind : uint8_t {
  kLabels,    // numbers dealt out in order, found by comparing keys
  kBytes,     // 8 bytes of the user key behind the prefix
  kDigits,    // the same, where they are decimal digits
  kSequence,  // the whole range is one user key: its sequence number, inverted
};

struct alignas(64) Block {
  static constexpr int kSlots = FASTSKIP_BLOCK_SLOTS;
  enum Flags : uint8_t {
    kHead = 1,          // leftmost of its level
    kVerifyPrefix = 2,  // a key of the block's range may lack the prefix
    // Of the words that moved here out of the left neighbour only `low` has its
    // discriminator there: which of the ties have moved need not be compared.
    kLowStoodAlone = 4,
    kReverse = 8,  // greater bytes come first: digests of bytes are inverted
  };

  std::atomic<uint64_t> next{kNoNext};
  uint64_t base = 0;
  const char* anchor = nullptr;
  uint32_t prefix = 0;
  uint8_t shift = 0;
  BlockKind kind = BlockKind::kLabels;
  uint8_t level = 0;
  uint8_t flags = 0;
  std::atomic<uint64_t> slots[kSlots];

  Block() {
    for (auto& slot : slots) {
      slot.store(kNoNext, std::memory_order_relaxed);  // not published yet
    }
  }

  bool is_head() const { return (flags & kHead) != 0; }
  bool is_reverse() const { return (flags & kReverse) != 0; }

  uint64_t NextAcquire() const {
    FASTSKIP_STEP();
    return next.load(std::memory_order_acquire);
  }
  uint64_t NextRelaxed() const {
    FASTSKIP_STEP();
    return next.load(std::memory_order_relaxed);
  }
  bool ReplaceNextRelease(uint64_t expected, uint64_t desired) {
    FASTSKIP_STEP();
    return next.compare_exchange_strong(expected, desired,
                                        std::memory_order_release,
                                        std::memory_order_relaxed);
  }
  uint64_t SlotAcquire(int i) const {
    FASTSKIP_STEP();
    return slots[i].load(std::memory_order_acquire);
  }
  uint64_t SlotRelaxed(int i) const {
    FASTSKIP_STEP();
    return slots[i].load(std::memory_order_relaxed);
  }
  bool ReplaceSlotRelease(int i, uint64_t expected, uint64_t desired,
                          Writers writers) {
    FASTSKIP_STEP();
    if (writers == Writers::kOne) {
      if (slots[i].load(std::memory_order_relaxed) != expected) return false;
      slots[i].store(desired, std::memory_order_release);
      return true;
    }
    return slots[i].compare_exchange_strong(expected, desired,
                                            std::memory_order_release,
                                            std::memory_order_relaxed);
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

static_assert(FASTSKIP_BLOCK_SLOTS != 28 || sizeof(Block) == 256,
              "a block is four cache lines");
static_assert(offsetof(Block, slots) == 32, "the header is half a cache line");
static_assert(std::atomic<uint64_t>::is_always_lock_free,
              "a word is one machine word");

}  // namespace fastskip
