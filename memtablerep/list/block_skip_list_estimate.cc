// SPDX-License-Identifier: Apache-2.0
//
// Estimates and samples: how many entries a range holds, and entries at random.
// Nothing here writes to the list but the orders that descents save.
#include <algorithm>

#include "block_skip_list.h"
#include "block_skip_list_iterator.h"
#include "random_bits.h"

namespace fastskip {

// Some of the blocks that a walk passes, each of them as likely as any other
// (reservoir sampling, algorithm R of Vitter, 1985). Evenly spaced ones would
// not do: where keys ascend, full blocks and nearly empty ones can take turns.
class BlockSkipList::Sample {
 public:
  void Add(const Block* block) {
    ++passed_;
    if (count_ < kMost) {
      blocks_[count_++] = block;
      return;
    }
    const uint64_t at = NextRandomBits(&seed_) % passed_;
    if (at < kMost) blocks_[at] = block;
  }
  int count() const { return count_; }
  const Block* operator[](int i) const { return blocks_[i]; }

 private:
  static constexpr int kMost = 256;
  uint64_t passed_ = 0;
  uint64_t seed_ = 0;
  int count_ = 0;
  const Block* blocks_[kMost];
};

// The words of `level` whose keys lie in [from, to).
uint64_t BlockSkipList::CountChildren(const Ordering& ordering, int level,
                                      const Key& from, const Key& to,
                                      Sample* sample) const {
  Probe probe(ordering, from, Footprint::kFitsCache);
  Route route;
  const Block* block = CurrentHead(Descend(&probe, level, &route));
  uint64_t count = 0;
  bool inside = false;  // everything in this block is at or above `from`
  while (block != nullptr) {
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->next.LoadAcquire();
    const bool last = IsEmpty(next) ||
                      (!IsReplaced(next) &&
                       ordering.Compare(BlockOf(next)->lower_bound(), to) >= 0);
    for (uint64_t w : words.slot) {
      if (IsEmpty(w) || IsMoved(ordering, level, w, next)) continue;
      if ((inside || CompareWord(ordering, level, w, from) >= 0) &&
          (!last || CompareWord(ordering, level, w, to) < 0)) {
        ++count;
        if (level > 0) sample->Add(BlockOf(w));
      }
    }
    if (last) break;
    block = BlockOf(next);
    inside =
        !block->is_head() && ordering.Compare(block->lower_bound(), from) >= 0;
  }
  return count;
}

// Counts on the highest level that has enough blocks in the range to stand out
// from noise, and multiplies by the mean of what some of them hold.
uint64_t BlockSkipList::ApproximateCount(const char* from,
                                         const char* to) const {
  constexpr uint64_t kEnough = 256;
  const Key first = DecodeKey(from);
  const Key end = DecodeKey(to);
  if (comparator_->Compare(from, to) >= 0) return 0;
  // Labels: an estimate is not worth a check of every place.
  const Ordering ordering(
      comparator_, order_,
      IsKnown(order_) ? DigestMode::kBothDirections : DigestMode::kNone);
  int level = root_.LoadAcquire()->level();
  for (; level > 0; --level) {
    Sample sample;
    const uint64_t count = CountChildren(ordering, level, first, end, &sample);
    if (count < kEnough) continue;
    double entries = 0;
    for (int i = 0; i < sample.count(); ++i) {
      entries += EstimateEntries(ordering, sample[i], i);
    }
    return static_cast<uint64_t>(static_cast<double>(count) * entries /
                                 sample.count());
  }
  return CountChildren(ordering, 0, first, end, nullptr);
}

// The entries under `block`, from one way down that is picked with `seed`: the
// product of the words passed on each level, whose expectation is the number of
// entries (Knuth, 1975, on the size of search trees).
double BlockSkipList::EstimateEntries(const Ordering& ordering,
                                      const Block* block, uint64_t seed) {
  double entries = 1;
  for (;;) {
    block = CurrentHead(block);
    Words words;
    LoadWords(*block, &words);
    const uint64_t next = block->next.LoadAcquire();
    uint64_t* const end =
        std::remove_if(words.slot, words.slot + Block::kSlots, [&](uint64_t w) {
          return IsEmpty(w) || IsMoved(ordering, block->level(), w, next);
        });
    const auto count = static_cast<uint64_t>(end - words.slot);
    entries *= static_cast<double>(count);
    if (block->level() == 0 || count == 0) return entries;
    seed = (seed + 1) * 0x9e3779b97f4a7c15u;  // spread over the high bits
    block = BlockOf(words.slot[(seed >> 32) % count]);
  }
}

// Goes down by one word picked with `bits`; at a leaf, returns its entry. Null
// and a null block when the slot picked is empty.
const char* BlockSkipList::RandomStep(const Block** block, uint64_t bits,
                                      Draw draw) {
  const Block& from = *CurrentHead(*block);
  *block = nullptr;
  Words words;
  LoadWords(from, &words);
  if (draw == Draw::kFilledSlot) {
    uint64_t* const end = std::remove_if(words.slot, words.slot + Block::kSlots,
                                         [](uint64_t w) { return IsEmpty(w); });
    if (end == words.slot) return nullptr;
    bits %= static_cast<uint64_t>(end - words.slot);
  }
  const uint64_t word = words.slot[bits % Block::kSlots];
  if (IsEmpty(word)) return nullptr;
  if (from.level() == 0) return EntryOf(word);
  *block = BlockOf(word);
  return nullptr;
}

const char* BlockSkipList::RandomEntry(uint64_t seed) const {
  // Below the root any slot is drawn, and a draw that meets an empty one begins
  // again: so an entry of a sparse block is as likely as one of a full block.
  // About one draw in five gets through.
  constexpr int kMostDraws = 256;
  for (int draw = 0; draw < kMostDraws; ++draw) {
    const Block* block = root_.LoadAcquire();
    const char* entry =
        RandomStep(&block, NextRandomBits(&seed), Draw::kFilledSlot);
    while (block != nullptr) {
      entry = RandomStep(&block, NextRandomBits(&seed), Draw::kSlot);
    }
    if (entry != nullptr) return entry;
  }
  Iterator first(this);  // hardly anything there
  first.SeekToFirst();
  return first.Valid() ? first.key() : nullptr;
}

}  // namespace fastskip
