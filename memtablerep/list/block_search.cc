// SPDX-License-Identifier: Apache-2.0
#include "block_search.h"

#include <cassert>

namespace fastskip {

namespace {

// The greatest (sign 1) or least (sign -1) of the words that share the
// discriminator of `word`. Nearly always there is but one.
uint64_t ExtremeOfTies(const Ordering& ordering, int level, const Words& words,
                       uint64_t word, int sign) {
  uint32_t ties = SlotsWithDisc(words, DiscOf(word));
  if ((ties & (ties - 1)) == 0) return word;
  for (; ties != 0; ties &= ties - 1) {
    const uint64_t w = words.slot[__builtin_ctz(ties)];
    if (w != word && CompareWords(ordering, level, w, word) * sign > 0) {
      word = w;
    }
  }
  return word;
}

// Finds the neighbours of a key among the words of its own discriminator.
class TieBreaker {
 public:
  TieBreaker(const Ordering& ordering, int level, const Key& key,
             Neighbours* near)
      : ordering_(ordering), level_(level), key_(key), near_(*near) {}

  void Add(uint64_t word) {
    const char* low = LowOf(level_, word);
    if (low == nullptr) {
      if (!near_.pred_compared) SetPred(word, Key());
      return;
    }
    const Key other = DecodeKey(low);
    const int c = ordering_.Compare(other, key_);
    if (c < 0) {
      if (!near_.pred_compared || pred_.entry == nullptr ||
          ordering_.Compare(other, pred_) > 0) {
        SetPred(word, other);
      }
    } else if (!near_.succ_compared || ordering_.Compare(other, succ_) < 0) {
      near_.succ = word;
      near_.equal = c == 0;
      near_.succ_compared = true;
      succ_ = other;
    }
  }

 private:
  void SetPred(uint64_t word, const Key& key) {
    near_.pred = word;
    near_.pred_compared = true;
    pred_ = key;
  }

  const Ordering& ordering_;
  const int level_;
  const Key& key_;
  Neighbours& near_;
  Key pred_{}, succ_{};  // of near_; no entry: minus infinity
};

// Compares the key with the words of `slots`, which nothing tells apart.
void LocateAmong(uint32_t slots, const Ordering& ordering, int level,
                 const Key& key, Visit* visit) {
  TieBreaker breaker(ordering, level, key, &visit->near);
  if (level == 0) {
    for (uint32_t rest = slots; rest != 0; rest &= rest - 1) {
      __builtin_prefetch(EntryOf(visit->words.slot[__builtin_ctz(rest)]));
    }
  }
  for (uint32_t rest = slots; rest != 0; rest &= rest - 1) {
    breaker.Add(visit->words.slot[__builtin_ctz(rest)]);
  }
}

// Whether one of the words of `slots` has the very key, where keys order by
// bytes. The others are told from it by their sequence numbers, nearly all.
bool AnyEquals(uint32_t slots, int level, const Key& key, const Words& words) {
  for (; slots != 0; slots &= slots - 1) {
    const char* const low = LowOf(level, words.slot[__builtin_ctz(slots)]);
    if (low == nullptr) continue;
    const Key other = DecodeKey(low);
    if (other.sequence == key.sequence && SameUserKey(other, key)) return true;
  }
  return false;
}

void LocateByDisc(const Ordering& ordering, int level, const Key& key,
                  unsigned need, Visit* visit) {
  const uint64_t below = visit->nearest.below;
  uint64_t above = visit->nearest.not_below;
  const bool ties = DiscOf(above) == visit->disc;
  if (level == 0 && (need & kNeedPred) && !IsEmpty(below)) {
    // Compared last, behind others that wait for memory.
    __builtin_prefetch(EntryOf(below));
  }
  Neighbours& near = visit->near;
  near = Neighbours();
  if (ties && (need & kGuess) && !IsEmpty(below)) {
    visit->guessed = true;
    above = kNoWord;
  } else if (ties && (need & kOnlyEqual)) {
    near.equal = AnyEquals(SlotsWithDisc(visit->words, visit->disc), level, key,
                           visit->words);
  } else if (ties) {
    LocateAmong(SlotsWithDisc(visit->words, visit->disc), ordering, level, key,
                visit);
    if (!near.succ_compared) {
      above = Scan().nearest(visit->words, visit->disc + 1).not_below;
    }
  }
  if (!near.pred_compared && !IsEmpty(below)) {
    near.pred = (need & kNeedPred)
                    ? ExtremeOfTies(ordering, level, visit->words, below, 1)
                    : below;
  }
  if (!near.succ_compared && !IsEmpty(above)) {
    near.succ = (need & kNeedSucc)
                    ? ExtremeOfTies(ordering, level, visit->words, above, -1)
                    : above;
  }
}

// Asks for all words' entries, or blocks.
void PrefetchWords(const Words& words, const Key& instead_of_none) {
  for (const uint64_t w : words.slot) {
    __builtin_prefetch(IsEmpty(w) ? instead_of_none.entry : EntryOf(w));
  }
}

// A binary search over the labels. Its comparisons wait for one another, so
// memory is asked for all keys at once: the words' own before they are sorted,
// those of the blocks' keys after that. Words that share a label, which is
// rare, are compared one by one, as ties of a discriminator are; and so are
// those of a young root.
void LocateByLabel(const Ordering& ordering, int level, const Key& key,
                   Visit* visit) {
  constexpr int kFew = std::min(3, Block::kSlots - 1);
  const Words& words = visit->words;
  Neighbours& near = visit->near;
  near = Neighbours();
  const uint32_t filled = SlotsFromDisc(words, 0);
  if (__builtin_popcount(filled) <= kFew) {
    LocateAmong(filled, ordering, level, key, visit);
    near.pred_compared = near.succ_compared = true;
    return;
  }
  if (ordering.far()) PrefetchWords(words, key);
  SortedWords sorted;
  Scan().sort(words, &sorted);
  if (level > 0 && ordering.far()) {
    for (int i = 0; i < sorted.count; ++i) {
      __builtin_prefetch(LowOf(level, sorted.word[i]));
    }
  }
  int low = 0;
  int high = sorted.count;
  while (low < high) {
    const int middle = (low + high) / 2;
    int begin = middle;
    int end = middle + 1;
    while (begin > low && (sorted.ties >> begin & 1) != 0) --begin;
    while (end < high && (sorted.ties >> end & 1) != 0) ++end;
    const uint64_t word = sorted.word[middle];
    if (end - begin > 1) {
      near.pred_compared = near.succ_compared = false;
      LocateAmong(SlotsWithDisc(words, DiscOf(word)), ordering, level, key,
                  visit);
      if (near.pred_compared) low = end;
      if (near.succ_compared) high = begin;
      continue;
    }
    const int c = CompareWord(ordering, level, word, key);
    // Selected, not branched to: either way is as likely as the other.
    const bool below = c < 0;
    near.pred = below ? word : near.pred;
    near.succ = below ? near.succ : word;
    near.equal = below ? near.equal : c == 0;
    low = below ? middle + 1 : low;
    high = below ? high : middle;
  }
  near.pred_compared = near.succ_compared = true;
}

}  // namespace

int CompareWords(const Ordering& ordering, int level, uint64_t a, uint64_t b) {
  if (a == b) return 0;
  const char* low_a = LowOf(level, a);
  const char* low_b = LowOf(level, b);
  if (low_a == nullptr) return -1;
  if (low_b == nullptr) return 1;
  return ordering.Compare(low_a, low_b);
}

namespace {

// In the order of the block's keys.
uint64_t DigestOf(const Block& block, const Key& key) {
  if (block.kind == BlockKind::kSequence) return SequenceDigest(key);
  const uint64_t digest = block.kind == BlockKind::kDigits
                              ? DigitsDigest(key, block.prefix)
                              : BytesDigest(key, block.prefix);
  return block.is_reverse() ? ~digest : digest;
}

}  // namespace

uint32_t DiscOfKey(const Block& block, const Key& key, bool has_prefix) {
  const bool sequence = block.kind == BlockKind::kSequence;
  if (!has_prefix && (block.prefix > 0 || sequence)) {
    const Key holder = DecodeKey(block.anchor);
    const int c = sequence ? CompareUserKeyBytes(key, holder)
                           : ComparePrefix(key, holder, block.prefix);
    if (c != 0) return (c < 0) == block.is_reverse() ? kMaxDisc : kMinDisc;
  }
  return Discriminator(DigestOf(block, key), block.base, block.shift);
}

void OrderTies(const Ordering& ordering, int level, SortedWords* sorted) {
  for (uint32_t ties = sorted->ties; ties != 0; ties &= ties - 1) {
    int at = __builtin_ctz(ties);
    const uint64_t w = sorted->word[at];
    for (; at > 0 && DiscOf(sorted->word[at - 1]) == DiscOf(w) &&
           CompareWords(ordering, level, sorted->word[at - 1], w) > 0;
         --at) {
      sorted->word[at] = sorted->word[at - 1];
    }
    sorted->word[at] = w;
  }
}

void Sort(const Ordering& ordering, int level, const Words& words,
          SortedWords* sorted) {
  Scan().sort(words, sorted);
  OrderTies(ordering, level, sorted);
}

void TieCost::Add(uint32_t disc) {
  run_ = count_ > 0 && disc == last_ ? run_ + 1 : 1;
  cost_ += 2 * run_ - 1;  // the squares of the runs, summed up
  last_ = disc;
  ++count_;
}

void Prepare(const Ordering& ordering, const Block& block, const Key& key,
             uint64_t fence, Visit* visit) {
  visit->digest = ordering.GoesBy(block);
  if (!visit->digest) return;
  // The parent has the key below `fence`. When that is the neighbour still,
  // the key lies between the block's bounds. At birth these shared the prefix,
  // or else the neighbour has it when its discriminator is not the greatest.
  const bool bounded = !IsEmpty(fence) && !IsEmpty(visit->next) &&
                       BlockOf(fence) == BlockOf(visit->next);
  const bool has_prefix =
      bounded && ((block.flags & Block::kVerifyPrefix) == 0 ||
                  (!block.is_head() && DiscOf(visit->next) < kMaxDisc));
  visit->disc = DiscOfKey(block, key, has_prefix);
}

void LoadWords(const Block& block, Visit* visit) {
  if (visit->digest) {
    visit->nearest = Scan().load_nearest(block, visit->disc, &visit->words);
  } else {
    LoadWords(block, &visit->words);
  }
}

void Locate(const Ordering& ordering, const Block& block, const Key& key,
            unsigned need, Visit* visit) {
  visit->guessed = false;
  if (visit->digest) {
    LocateByDisc(ordering, block.level, key, need, visit);
  } else {
    LocateByLabel(ordering, block.level, key, visit);
  }
}

bool NextIsAbove(const Ordering& ordering, uint64_t next, const Key& key,
                 Bound bound) {
  if (IsEmpty(next)) return true;
  if (IsReplaced(next)) return false;
  const int c = ordering.Compare(BlockOf(next)->anchor, key);
  return bound == Bound::kBelow ? c >= 0 : c > 0;
}

bool BelongsRight(const Ordering& ordering, const Visit& visit, const Key& key,
                  Bound bound) {
  if (IsEmpty(visit.next)) return false;
  const uint32_t fence = DiscOf(visit.next);
  if (visit.digest) {
    if (visit.disc != fence) return visit.disc > fence;
  } else if (!IsEmpty(visit.near.succ) && DiscOf(visit.near.succ) < fence) {
    return false;  // key <= succ < next.low
  }
  return !NextIsAbove(ordering, visit.next, key, bound);
}

namespace {

// Whether `word`, which has the discriminator of `right`, has moved there.
bool HasMoved(const Ordering& ordering, int level, uint64_t word,
              const Block& right) {
  const char* const low = LowOf(level, word);
  if (low == nullptr || low == right.anchor) return low != nullptr;
  return (right.flags & Block::kLowStoodAlone) == 0 &&
         ordering.Compare(low, right.anchor) >= 0;
}

}  // namespace

bool IsMoved(const Ordering& ordering, int level, uint64_t word,
             uint64_t next) {
  if (IsEmpty(next) || IsEmpty(word)) return false;
  if (DiscOf(word) != DiscOf(next)) return DiscOf(word) > DiscOf(next);
  return HasMoved(ordering, level, word, *BlockOf(next));
}

bool AnyMoved(const Ordering& ordering, int level, const Visit& visit) {
  if (IsEmpty(visit.next)) return false;
  if (SlotsFromDisc(visit.words, DiscOf(visit.next) + 1) != 0) return true;
  uint32_t ties = SlotsWithDisc(visit.words, DiscOf(visit.next));
  for (; ties != 0; ties &= ties - 1) {
    const uint64_t word = visit.words.slot[__builtin_ctz(ties)];
    if (HasMoved(ordering, level, word, *BlockOf(visit.next))) return true;
  }
  return false;
}

bool PlaceHolds(const Ordering& ordering, const Block& block, const Key& key,
                Visit* visit) {
  Neighbours& near = visit->near;
  if (near.equal) return true;
  const bool in_block = !IsEmpty(near.succ) &&
                        !IsMoved(ordering, block.level, near.succ, visit->next);
  if (!in_block) {
    if (!IsEmpty(visit->next) &&
        ordering.Compare(BlockOf(visit->next)->anchor, key) <= 0) {
      return false;
    }
  } else if (!near.succ_compared) {
    const int c = CompareWord(ordering, block.level, near.succ, key);
    if (c < 0) return false;
    // An equal entry under another discriminator: one that goes by a label, or
    // other bytes that the comparator calls equal.
    near.equal = c == 0;
  }
  if (IsEmpty(near.pred)) return near.equal || block.is_head();
  return near.pred_compared ||
         CompareWord(ordering, block.level, near.pred, key) < 0;
}

const Block* VisitOwner(const Ordering& ordering, const Block* block,
                        const Key& key, Bound bound, unsigned need,
                        uint64_t fence, Visit* visit) {
  for (;;) {
    visit->next = block->NextAcquire();
    Prepare(ordering, *block, key, fence, visit);
    if (!visit->digest || visit->disc <= DiscOf(visit->next)) {
      LoadWords(*block, visit);
      // After the words: what lies below the neighbour's bound as it is now was
      // in its slot all through the scan.
      visit->next = block->NextAcquire();
      Locate(ordering, *block, key, need, visit);
      if (!BelongsRight(ordering, *visit, key, bound)) return block;
    }
    if ((need & kStay) != 0) return nullptr;
    block = BlockOf(visit->next);
    fence = kNoWord;
  }
}

uint32_t LabelBetween(uint64_t below, uint64_t above) {
  constexpr uint32_t kStride = kMaxDisc / (Block::kSlots + 1);
  // Below a head's least entry: a load in descending order goes on there.
  constexpr uint32_t kHeadStride = std::max(kStride / 8, 1u);
  const uint32_t low = IsEmpty(below) ? 0 : DiscOf(below);
  const uint32_t high = IsEmpty(above) ? kMaxDisc : DiscOf(above);
  const uint32_t middle = low + (high - low) / 2;
  if (IsEmpty(below) && IsEmpty(above)) return kMaxDisc / 2;
  if (IsEmpty(above)) return std::min(low + kStride, middle);
  if (IsEmpty(below)) {
    return high > kHeadStride ? std::max(high - kHeadStride, middle) : middle;
  }
  return middle;
}

namespace {

// `span` scaled to leave head room for keys beyond those seen.
uint64_t HeadRoom(uint64_t span) {
  constexpr uint64_t kTimes = 64;
  return span > UINT64_MAX / kTimes ? UINT64_MAX : span * kTimes;
}

// Bytes, or decimal digits, that head room may add in front of those that keys
// differ in.
constexpr size_t kCarry = 2;

// From this span on, eight bytes from the start of the key tell enough; a
// prefix would only have to be compared.
constexpr uint64_t kWideSpan = uint64_t{1} << 24;

// Whether the block's anchor, which holds the prefix, has it. Keys that do not
// order by their bytes need not share what those around them share.
bool AnchorHasPrefix(const Block& block, const Key& sample) {
  const Key anchor = DecodeKey(block.anchor);
  return block.kind == BlockKind::kSequence
             ? CompareUserKeyBytes(anchor, sample) == 0
             : ComparePrefix(anchor, sample, block.prefix) == 0;
}

bool AllHaveDigits(const BirthPlan& plan, size_t offset) {
  bool all =
      HasDigits(plan.scale_low, offset) && HasDigits(plan.scale_high, offset);
  for (int i = 0; all && i < plan.count; ++i) {
    all = HasDigits(plan.keys[i], offset);
  }
  return all;
}

// Whether keys may come in that lie outside of what is seen of the range now.
bool ReachesBeyond(const BirthPlan& plan, const Block& block) {
  return plan.open || block.is_head();
}

// Chooses digest and prefix; false when no eight bytes tell the scale apart.
bool ChooseDigest(const BirthPlan& plan, Block* block, uint64_t* low,
                  uint64_t* high) {
  const Key& a = plan.scale_low;
  const Key& z = plan.scale_high;
  const auto choose = [&](BlockKind kind, size_t prefix) {
    block->kind = kind;
    block->prefix = static_cast<uint32_t>(prefix);
    *low = DigestOf(*block, a);
    *high = DigestOf(*block, z);
    return *low < *high;
  };
  if (a.size == z.size && CompareUserKeyBytes(a, z) == 0) {
    return choose(BlockKind::kSequence, a.size);
  }
  const size_t common = CommonPrefix(a, z);
  // Keys outside, within reach of head room, have to share the prefix too: it
  // ends before what a carry into them would change.
  size_t carry = ReachesBeyond(plan, *block) ? std::min(common, kCarry) : 0;
  const size_t bytes = common - carry;
  const size_t shorter = std::min(a.size, z.size);
  // Not beyond the end of keys that differ in their last bytes only.
  size_t digits = shorter < common + 8 && shorter >= 8 ? shorter - 8 : common;
  while (carry > 0 && !HasDigits(a, std::min(digits, common - carry))) --carry;
  digits = std::min(digits, common - carry);
  if (AllHaveDigits(plan, digits)) return choose(BlockKind::kDigits, digits);
  if (choose(BlockKind::kBytes, 0) && *high - *low >= kWideSpan) return true;
  return choose(BlockKind::kBytes, bytes);
}

}  // namespace

bool PlanDigests(const BirthPlan& plan, int most_ties, Block* block,
                 uint32_t* discs, uint32_t* fence_disc) {
  const uint8_t flags = block->flags;
  uint64_t low = 0;
  uint64_t high = 0;
  bool good = ChooseDigest(plan, block, &low, &high) &&
              AnchorHasPrefix(*block, plan.scale_low);
  if (good) {
    const uint64_t room = HeadRoom(high - low);
    if (plan.count == 0) high = low;  // up to the fence, which is scale_low
    if (plan.open) high += std::min(room, UINT64_MAX - high);
    if (block->is_head()) low -= std::min(room, low);
    block->base = low;
    block->shift = static_cast<uint8_t>(ShiftForSpan(high - low));
    // Between `low` and the fence all keys share what those two share; a key
    // of an open range may be any.
    if (ReachesBeyond(plan, *block)) {
      block->flags |= Block::kVerifyPrefix;
    }
    TieCost ties;
    for (int i = 0; good && i < plan.count; ++i) {
      discs[i] = DiscOfKey(*block, plan.keys[i], false);
      good = i == 0 || discs[i - 1] <= discs[i];
      ties.Add(discs[i]);
    }
    if (good && plan.fence != nullptr) {
      *fence_disc = DiscOfKey(*block, *plan.fence, false);
      good = plan.count == 0 || discs[plan.count - 1] <= *fence_disc;
    }
    good = good && !ties.Above(most_ties);
  }
  if (!good) {
    block->kind = BlockKind::kLabels;
    block->flags = flags;
    block->prefix = 0;
  }
  return good;
}

bool InheritDigests(const Ordering& ordering, const Block& left, Block* block) {
  block->base = left.base;
  block->shift = left.shift;
  block->kind = left.kind;
  block->prefix = left.prefix;
  // A key that came in by a label need not have it.
  return !ordering.checks() || AnchorHasPrefix(*block, DecodeKey(left.anchor));
}

void PlanLabels(const BirthPlan& plan, uint32_t* discs, uint32_t* fence_disc) {
  const uint32_t parts = plan.fence != nullptr
                             ? static_cast<uint32_t>(plan.count)
                             : static_cast<uint32_t>(Block::kSlots) + 1;
  const uint32_t stride = kMaxDisc / parts;
  for (int i = 0; i < plan.count; ++i) discs[i] = i * stride;
  *fence_disc = kMaxDisc;
}

}  // namespace fastskip
