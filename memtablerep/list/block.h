// SPDX-License-Identifier: Apache-2.0
//
// Block: four cache lines of the list, the unit that is searched, filled and
// split. A block of level 0 (a leaf) holds entries, a block of level i + 1
// holds blocks of level i.
//
//   byte   0  next         word: the right neighbour, under the discriminator
//                          of its lower bound in *this* block; kNoNext at the
//                          end of the level
//          8  base         64 bits, of the cut
//         16  lower_bound  48 bits, an entry: the least key that the block may
//                          hold. A head has none: here it is null, or one that
//                          the head once began with. level, flags
//         24  encoding     48 bits; null: the block has labels. shift, of the
//                          cut
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
//   - the relaxed loads serve prefetching and hints, and an iterator's watch,
//     which only asks whether a word differs from one that it has acquired
//     before. A stale value says "unchanged" a little longer, which is as if
//     the iterator had stepped a little earlier; what happened before the step
//     in the same thread, or was handed to it by synchronisation, coherence
//     lets it see.
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
    kHead = 1,  // leftmost of its level
    // Of the entries that moved here out of the left neighbour only the lower
    // bound has its discriminator there: which of the ties have moved need not
    // be compared, if what earlier splits have moved was cleared before.
    kLowerBoundUntied = 2,
    kReverse = 4,       // greater bytes come first
    kSecondOfPair = 8,  // of a BlockPair (saved_order.h)
  };

  StepAtomic<uint64_t> next{kNoNext};

 private:
  uint64_t base_ = 0;
  uint64_t lower_bound_ : 48;
  uint64_t level_ : 8;
  uint64_t flags_ : 8;
  uint64_t encoding_ : 48;
  uint64_t shift_ : 16;

 public:
  StepAtomic<uint64_t> slots[kSlots];

  explicit Block(int level = 0, uint8_t flags = 0)
      : lower_bound_(0),
        level_(static_cast<uint8_t>(level)),
        flags_(flags),
        encoding_(0),
        shift_(0) {
    for (auto& slot : slots) slot.Init(kNoNext);
  }

  int level() const { return static_cast<int>(level_); }
  const char* lower_bound() const {
    return reinterpret_cast<const char*>(lower_bound_);
  }
  // Null: the discriminators are labels.
  const Encoding* encoding() const {
    return reinterpret_cast<const Encoding*>(encoding_);
  }
  // An entry that has the prefix. REQUIRES: there is an encoding
  const char* holder() const { return HolderOf(*encoding(), lower_bound()); }
  Cut cut() const { return Cut{base_, static_cast<uint8_t>(shift_)}; }
  bool has_labels() const { return encoding_ == 0; }
  bool is_head() const { return (flags_ & kHead) != 0; }
  bool is_reverse() const { return (flags_ & kReverse) != 0; }
  bool is_lower_bound_untied() const {
    return (flags_ & kLowerBoundUntied) != 0;
  }

  int pair_flag() const { return flags_ & kSecondOfPair; }

  // REQUIRES of the next three: the block is not published yet
  void SetFlag(Flags flag) { flags_ = static_cast<uint8_t>(flags_ | flag); }
  void SetLowerBound(const char* entry) {
    lower_bound_ = reinterpret_cast<uintptr_t>(entry) & kAddressMask;
  }
  void SetEncoding(const Encoding* encoding, const Cut& cut) {
    encoding_ = reinterpret_cast<uintptr_t>(encoding) & kAddressMask;
    base_ = cut.base;
    shift_ = cut.shift;
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
  return child->is_head() ? nullptr : child->lower_bound();
}

// The discriminator of `key` in `block`. REQUIRES: it has an encoding
FASTSKIP_ALWAYS_INLINE uint32_t DiscOfKey(const Block& block, const Key& key) {
  return block.cut().DiscOf(DigestOf(*block.encoding(), block.holder(), key));
}

static_assert(kBlockSlots != 28 || sizeof(Block) == 256,
              "a block is four cache lines");
static_assert(sizeof(StepAtomic<uint64_t>) == sizeof(uint64_t),
              "a vector load sees words alone");

}  // namespace fastskip
