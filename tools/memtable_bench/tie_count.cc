// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/tie_count.h"

#include "memtablerep/list/block_search.h"

namespace fastskip {
namespace bench {
namespace {

// The block of the level of `block`, or right of it, that owns the key.
const Block* OwnerFrom(const Block* block, const EntryComparator& comparator,
                       const char* key) {
  for (;;) {
    const uint64_t next = block->next.LoadAcquire();
    if (IsEmpty(next)) return block;
    const Block* const right = BlockOf(next);
    if (!right->is_head() &&
        comparator.Compare(right->lower_bound(), key) > 0) {
      return block;
    }
    block = right;
  }
}

// The child that the key's search goes on with.
const Block* ChildFor(const Block& block, const Words& words,
                      const EntryComparator& comparator, const char* key) {
  const char* greatest = nullptr;  // of the lower bounds not above the key
  const Block* child = nullptr;
  for (const uint64_t word : words.slot) {
    if (IsEmpty(word)) continue;
    const char* const bound = KeyEntryOf(block.level(), word);
    if (bound != nullptr &&
        (comparator.Compare(bound, key) > 0 ||
         (greatest != nullptr && comparator.Compare(bound, greatest) < 0))) {
      continue;
    }
    if (bound == nullptr && child != nullptr) continue;
    greatest = bound;
    child = BlockOf(word);
  }
  return child;
}

uint32_t SlotsThatTie(const Block& block, const Words& words, const Key& key) {
  if (block.has_labels()) return 0;
  return SlotsWithDisc(words, DiscOfKey(block, key));
}

// Whether one of the slots holds the user key.
bool AnyHas(uint32_t slots, const Words& words, const Key& key) {
  for (; slots != 0; slots &= slots - 1) {
    const char* const entry = EntryOf(words.slot[__builtin_ctz(slots)]);
    if (SameUserKey(DecodeKey(entry), key)) return true;
  }
  return false;
}

}  // namespace

void TieCount::Add(const BlockSkipList& list, const EntryComparator& comparator,
                   const char* key, SearchFor purpose) {
  const Key decoded = DecodeKey(key);
  ++searches_;
  for (const Block* block = list.TEST_Root(); block != nullptr;) {
    block = OwnerFrom(block, comparator, key);
    Words words;
    LoadWords(*block, &words);
    const uint32_t slots = SlotsThatTie(*block, words, decoded);
    const auto ties = static_cast<uint64_t>(__builtin_popcount(slots));
    if (block->level() == 0) {
      in_leaf_ += ties;
      if (purpose == SearchFor::kLookup && AnyHas(slots, words, decoded)) {
        --in_leaf_;
      }
      return;
    }
    above_ += ties;
    block = ChildFor(*block, words, comparator, key);
  }
}

void TieCount::Add(const TieCount& other) {
  searches_ += other.searches_;
  in_leaf_ += other.in_leaf_;
  above_ += other.above_;
}

}  // namespace bench
}  // namespace fastskip
