// SPDX-License-Identifier: Apache-2.0
#include "block_plan.h"

#include <algorithm>

namespace fastskip {

namespace {

// `span` scaled to leave room for keys beyond those seen.
uint64_t HeadRoom(uint64_t span) {
  constexpr uint64_t kTimes = 64;
  return std::min(span, kMostDigests / kTimes) * kTimes;
}

Cut CutBetween(uint64_t base, uint64_t top) {
  Cut cut{base, 0};
  while (((top - base) >> cut.shift) > kMaxDisc - kMinDisc) ++cut.shift;
  return cut;
}

bool IsWellSpread(const NewBlockKeys& keys, const BlockPlan& plan) {
  return 2 * plan.cost <= 3 * keys.tested();
}

// By a third: what serves fewer keys, or takes memory, is to be worth it.
bool IsBetter(const BlockPlan& a, const BlockPlan& b) {
  return 3 * a.cost < 2 * b.cost;
}

// The digests of a new block under one encoding.
class BlockDigests {
 public:
  BlockDigests(const NewBlockKeys& keys, const Encoding& encoding)
      : keys_(keys),
        encoding_(encoding),
        holder_(HolderOf(encoding, keys.holder().entry)) {
    for (int i = 0; i < keys.count; ++i) words_[i] = Of(keys.words[i]);
    fence_ = keys.fence != nullptr ? Of(*keys.fence) : encoding.greatest;
    low_ = Of(keys.sample[0]);
    high_ = Of(keys.sample[keys.samples - 1]);
  }

  // Whether they follow the order of the keys.
  bool Ascend() const {
    for (int i = 1; i < keys_.count; ++i) {
      if (words_[i] < words_[i - 1]) return false;
    }
    return low_ <= high_ && (keys_.count == 0 || Last() <= fence_);
  }

  // Between the bounds of the block, or with room where it has none.
  Cut BetweenBounds() const {
    const uint64_t room = HeadRoom(high_ - low_);
    uint64_t base = keys_.count > 0 ? words_[0] : fence_;
    uint64_t top = fence_;
    if (keys_.open && keys_.count > 0) {
      top = std::min(encoding_.greatest, std::max(high_, base) + room);
    }
    top = std::max(base, top);
    if (keys_.head) base -= std::min(base, room);
    return CutBetween(base, top);
  }

  // By the scale of the keys, and by that of the lower half of them: the upper
  // ones may be another table's. REQUIRES: two words or more
  Cut AtScaleOfKeys() const {
    constexpr uint64_t kTimes = 16;
    const uint64_t span = std::min(Last() - words_[0], kMostDigests / kTimes);
    return CutBetween(words_[0], Last() + kTimes * span);
  }
  Cut AtScaleOfLowerHalf() const {
    const uint64_t middle = words_[keys_.count / 2];
    return CutBetween(words_[0], middle + HeadRoom(middle - words_[0]));
  }

  // What ties would cost in a block of the sample alone, at the scale of `cut`,
  // which need not be wide enough for all of it. Versions of one key do not
  // count: descents go left of them.
  int CostOfSample(const Cut& cut) const {
    TieCost ties;
    for (int i = 0; i < keys_.samples; ++i) {
      if (i > 0 && SameUserKey(keys_.sample[i], keys_.sample[i - 1])) continue;
      ties.Add((Of(keys_.sample[i]) - low_) >> cut.shift);
    }
    return ties.sum();
  }

  void Apply(const Cut& cut, BlockPlan* plan) const {
    TieCost ties;
    plan->encoding = &encoding_;
    plan->cut = cut;
    for (int i = 0; i < keys_.count; ++i) {
      plan->discs[i] = cut.DiscOf(words_[i]);
      ties.Add(plan->discs[i]);
    }
    plan->fence_disc = cut.DiscOf(fence_);
    plan->cost = ties.sum();
  }

  // Whether more keys beyond the sample will be told apart like those in it.
  // Where not all of these are words, they lie half a block or more apart.
  bool GoOn() const {
    const uint64_t span = high_ - low_;
    if (keys_.count < 2 && span < kBlockSlots / 2) return false;
    return Covers(encoding_, holder_, keys_.sample[keys_.samples - 1]) &&
           (!keys_.open || encoding_.greatest - high_ >= HeadRoom(span) / 4);
  }

 private:
  uint64_t Of(const Key& key) const {
    return DigestOf(encoding_, holder_, key);
  }
  uint64_t Last() const { return words_[keys_.count - 1]; }

  const NewBlockKeys& keys_;
  const Encoding& encoding_;
  const char* const holder_;
  uint64_t words_[kBlockSlots];
  uint64_t fence_;
  uint64_t low_, high_;  // of the sample
};

bool HasPrefix(const NewBlockKeys& keys, const Encoding& encoding) {
  return encoding.holder != nullptr || keys.holder().size >= encoding.prefix;
}

// Whether the words are told apart, and those to come will be.
bool Resolves(const NewBlockKeys& keys, const BlockPlan& plan) {
  if (keys.tested() > 0 && !IsWellSpread(keys, plan)) return false;
  if (keys.count > 1 && !keys.open) return true;
  return BlockDigests(keys, *plan.encoding).GoOn();
}

// Plans with one of the encodings at hand, the best of them; true when that
// resolves the keys.
bool PlanWithOneAtHand(const NewBlockKeys& keys, bool reverse,
                       const Encoding* const* at_hand, int count,
                       BlockPlan* plan) {
  for (int i = 0; i < count; ++i) {
    const Encoding* const encoding = at_hand[i];
    if (encoding == nullptr || encoding->reverse != reverse ||
        std::find(at_hand, at_hand + i, encoding) != at_hand + i) {
      continue;
    }
    BlockPlan other;
    if (!PlanCut(keys, *encoding, &other)) continue;
    const bool resolves = Resolves(keys, other);
    if (resolves || plan->encoding == nullptr || other.cost < plan->cost) {
      *plan = other;
    }
    if (resolves) return true;
  }
  return false;
}

// Plans with new encodings, from the one that serves most blocks to the one
// that suits this one best, and keeps those that are better by a third than
// what there was. False when none was.
bool PlanWithNewOne(const NewBlockKeys& keys, bool reverse,
                    const Encoding* wider, EncodingStore* encodings,
                    BlockPlan* plan) {
  // The upper keys may be another table's.
  NewBlockKeys lower = keys;
  lower.samples = std::max(keys.samples / 2, std::min(keys.samples, 2));
  if (wider != nullptr && wider->reverse != reverse) wider = nullptr;
  const struct {
    const NewBlockKeys& keys;
    PrefixOf prefix;
    const Encoding* wider;
  } ways[] = {{keys, PrefixOf::kEncoding, wider},
              {keys, PrefixOf::kBlock, nullptr},
              {lower, PrefixOf::kBlock, nullptr}};
  bool better = false;
  for (const auto& way : ways) {
    Encoding encoding;
    BlockPlan other;
    if (!PlanEncoding(way.keys, reverse, way.prefix, way.wider, &encoding) ||
        !PlanCut(keys, encoding, &other)) {
      continue;
    }
    const bool resolves = Resolves(keys, other);
    if (resolves || plan->encoding == nullptr || IsBetter(other, *plan)) {
      better = true;
      *plan = other;
      plan->encoding = encodings->Keep(encoding);
    }
    if (resolves) break;
  }
  return better;
}

}  // namespace

bool PlanCut(const NewBlockKeys& keys, const Encoding& encoding,
             BlockPlan* plan) {
  if (!HasPrefix(keys, encoding)) return false;
  const BlockDigests digests(keys, encoding);
  if (!digests.Ascend()) return false;
  digests.Apply(digests.BetweenBounds(), plan);
  if (keys.tests_sample()) plan->cost = digests.CostOfSample(plan->cut);
  if (keys.open || keys.count < 2 || IsWellSpread(keys, *plan)) return true;
  // The fence lies so far away that the keys tie, as at the end of a table.
  for (const Cut& cut :
       {digests.AtScaleOfKeys(), digests.AtScaleOfLowerHalf()}) {
    BlockPlan other;
    digests.Apply(cut, &other);
    if (other.cost < plan->cost) *plan = other;
  }
  return true;
}

bool PlanBlock(const NewBlockKeys& keys, bool reverse, const Encoding* own,
               const Encoding* next, int most_cost, EncodingStore* encodings,
               BlockPlan* plan) {
  const Encoding* const latest = encodings->Latest();
  const Encoding* const at_hand[] = {own, next, latest};
  plan->encoding = nullptr;
  if (PlanWithOneAtHand(keys, reverse, at_hand, 3, plan)) return true;
  if (encodings->MayPlan()) {
    encodings->NotePlan(PlanWithNewOne(
        keys, reverse, own != nullptr ? own : latest, encodings, plan));
  }
  return plan->encoding != nullptr && plan->cost <= most_cost;
}

}  // namespace fastskip
