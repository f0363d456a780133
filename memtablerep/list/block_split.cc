// SPDX-License-Identifier: Apache-2.0
#include "block_split.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "block_plan.h"

namespace fastskip {

namespace {

// The sequence number under which `word` was inserted, or its block split off;
// the greatest for the leftmost block.
uint64_t SequenceOf(int level, uint64_t word) {
  const char* const entry = KeyEntryOf(level, word);
  return entry == nullptr ? UINT64_MAX : DecodeKey(entry).sequence;
}

// Whether `key` goes on a run that ascends up to the word `last` of a full
// block: what lies above, inserted under `above`, is older, and the words up to
// `last`, none of which tie, were written one after the other. (In random order
// by chance, in less than one of 120 blocks.)
bool Ascends(int level, const Words& words, const SlotOrder& order, int last,
             uint64_t above, const Key& key) {
  constexpr int kRun = std::min(5, Block::kSlots);
  if (last + 1 < kRun) return false;
  const uint32_t pairs = BitsBelow(last + 1) & ~BitsBelow(last + 2 - kRun);
  if ((order.ties & pairs) != 0) return false;
  if (above >= SequenceOf(level, order.WordOf(words, last))) return false;
  uint64_t newer = key.sequence;
  for (int i = last; i > last - kRun; --i) {
    const uint64_t sequence = SequenceOf(level, order.WordOf(words, i));
    if (sequence >= newer) return false;
    newer = sequence;
  }
  return true;
}

// Gives `block` the right neighbour that `next` leads to, if any, under `disc`.
void SetNeighbour(Block* block, uint32_t disc, uint64_t next) {
  if (!IsEmpty(next)) block->next.Init(MakeWord(disc, BlockOf(next)));
}

// The slot of a new block that the word of place `i` among `count` goes to:
// backwards, as BlockScan::sort expects of ties.
StepAtomic<uint64_t>& SlotFor(int i, int count, Block* block) {
  return block->slots[count - 1 - i];
}

enum class Labels : uint8_t { kNo, kYes };

// Fills `right` with the words of `full` from `from` on as they are in `left`,
// which reads hardly any key. False when that will not do, and FillRight is to
// begin anew.
bool CopyRight(const Ordering& ordering, const Block& left, FullBlock* full,
               int from, uint64_t next, Block* right) {
  if (!full->IsBoundary(from) || !full->IsWellSpread(from)) return false;
  full->PutLeastAt(ordering, from);
  const char* const lower_bound =
      KeyEntryOf(left.level(), full->sorted.word(from));
  const Encoding& encoding = *left.encoding();
  // Where blocks have prefixes of their own, it has to be the same.
  if (encoding.holder == nullptr &&
      ComparePrefix(DecodeKey(lower_bound), DecodeKey(left.lower_bound()),
                    encoding.prefix) != 0) {
    return false;
  }
  right->SetLowerBound(lower_bound);
  right->SetEncoding(&encoding, left.cut());
  const int count = Block::kSlots - from;
  for (int i = 0; i < count; ++i) {
    SlotFor(i, count, right).Init(full->sorted.word(from + i));
  }
  right->next.Init(next);
  return true;
}

// Chooses an encoding for `right`, whose direction is set, from what its left
// and right neighbours have or anew, and gives it that. False when none will
// do.
bool Encode(const Ordering& ordering, const NewBlockKeys& keys,
            const Encoding* own, uint64_t next, int most_cost,
            EncodingStore* encodings, BlockPlan* plan, Block* right) {
  const Encoding* const other =
      IsEmpty(next) ? nullptr : BlockOf(next)->encoding();
  if (!ordering.digests() || !PlanBlock(keys, right->is_reverse(), own, other,
                                        most_cost, encodings, plan)) {
    return false;
  }
  right->SetEncoding(plan->encoding, plan->cut);
  return true;
}

// Fills `right` with the words of `full`, which are in order, from `from` on,
// under discriminators of its own. False, and nothing done, when these would
// have to be labels and `labels` does not permit it.
bool FillRight(const Ordering& ordering, const Block& left, FullBlock* full,
               int from, uint64_t next, Labels labels, int most_cost,
               EncodingStore* encodings, Block* right) {
  const Key* const keys = full->KeysFrom(from);
  const int count = Block::kSlots - from;
  Key fence;
  NewBlockKeys plan{keys, count, nullptr, keys, count, true, false};
  if (!IsEmpty(next)) {
    fence = DecodeKey(BlockOf(next)->lower_bound());
    plan.fence = &fence;
    plan.open = false;
  }
  right->SetLowerBound(keys[0].entry);
  BlockPlan planned;
  if (!Encode(ordering, plan, left.encoding(), next, most_cost, encodings,
              &planned, right)) {
    if (labels == Labels::kNo) return false;
    PlanLabels(count, plan.fence != nullptr, planned.discs);
    planned.fence_disc = kMaxDisc;
  }
  for (int i = 0; i < count; ++i) {
    SlotFor(i, count, right)
        .Init(MakeWord(planned.discs[i], EntryOf(full->sorted.word(from + i))));
  }
  SetNeighbour(right, planned.fence_disc, next);
  return true;
}

// The leftmost child of an index level never leaves its head.
int FirstToMove(const Block& head) { return head.level() == 0 ? 0 : 1; }

// Copies the keys of `full`, whose words are in order, and returns their
// number. Above level 0 it leaves out the first, which in a head is that of the
// leftmost child.
int CopyKeys(FullBlock* full, Key* to) {
  const int from = FirstToMove(full->block());
  std::copy_n(full->KeysFrom(from), Block::kSlots - from, to);
  return Block::kSlots - from;
}

}  // namespace

// --- FullBlock --------------------------------------------------------------

FullBlock::FullBlock(const Ordering& ordering, const Block& block,
                     const Words& words)
    : block_(block),
      level_(block.level()),
      digests_(ordering.UsesDigestsOf(block)) {
  sorted.words = words;
  Scan().sort(words, &sorted.order);
  assert(sorted.count() == Block::kSlots);
  if (level_ == 0) {
    // Most splits read some of these, which would come from memory one after
    // the other.
    for (int i = Block::kSlots / 2; i < Block::kSlots; ++i) {
      __builtin_prefetch(EntryOf(sorted.word(i)));
    }
  }
  for (int i = 0; i < Block::kSlots; ++i) ties_.Add(DiscOf(sorted.word(i)));
}

bool FullBlock::IsWellSpread(int from) const {
  if (!digests_) return false;
  constexpr uint32_t kPlenty = 32 * Block::kSlots;
  const int quarter = (Block::kSlots - 1 - from) / 4;
  if (block_.cut().shift > 0 &&
      DiscOf(sorted.word(Block::kSlots - 1 - quarter)) <
          DiscOf(sorted.word(from + quarter)) + kPlenty) {
    return false;
  }
  for (int i = from + 1; i < Block::kSlots; ++i) {
    if (!IsBoundary(i) &&
        !IsVersionOf(level_, sorted.word(i - 1),
                     DecodeKey(KeyEntryOf(level_, sorted.word(i))))) {
      return false;
    }
  }
  return true;
}

void FullBlock::Order(const Ordering& ordering, int from) {
  while (from > 0 && !IsBoundary(from)) --from;
  if (from >= ordered_from_) return;
  OrderTies(ordering, level_, from, ordered_from_, &sorted);
  ordered_from_ = from;
}

void FullBlock::PutLeastAt(const Ordering& ordering, int i) {
  const int first = i;
  for (++i; i < Block::kSlots && !IsBoundary(i); ++i) {
    if (CompareWords(ordering, level_, sorted.word(i), sorted.word(first)) <
        0) {
      std::swap(sorted.order.slot[i], sorted.order.slot[first]);
    }
  }
}

const Key* FullBlock::KeysFrom(int from) {
  for (int i = from; i < decoded_; ++i) {
    __builtin_prefetch(KeyEntryOf(level_, sorted.word(i)));
  }
  while (decoded_ > from) {
    --decoded_;
    keys_[decoded_] = DecodeKey(KeyEntryOf(level_, sorted.word(decoded_)));
  }
  return &keys_[from];
}

bool FullBlock::IsNextReverse(const Ordering& ordering, uint64_t next) const {
  return IsReverse(ordering, block_, next, EntryOf(sorted.word(0)),
                   EntryOf(sorted.last()));
}

// Not within a run of ties, if it can be helped, since every key of the run
// would have to be compared with the new bound. One under one label means
// nothing.
int FullBlock::Middle() const {
  constexpr int kHalf = Block::kSlots / 2;
  constexpr int kQuarter = Block::kSlots / 4;
  const int most_off = digests_ ? kHalf - 1 : kQuarter;
  for (int off = 0; off <= most_off; ++off) {
    if (IsBoundary(kHalf + off)) return kHalf + off;
    if (IsBoundary(kHalf - off)) return kHalf - off;
  }
  return kHalf;
}

// As in a prefix B-tree (Bayer and Unterauer, 1977).
int FullBlock::ShortestSeparator() {
  constexpr int kHalf = Block::kSlots / 2;
  constexpr int kQuarter = Block::kSlots / 4;
  int best = kHalf;
  size_t shortest = SIZE_MAX;
  const int lowest = std::max(kHalf - kQuarter, 2);
  if (lowest > kHalf) return kHalf;
  const Key* const keys = KeysFrom(lowest - 1);
  for (int off = 0; off <= kQuarter; ++off) {
    for (const int at : {kHalf + off, kHalf - off}) {
      if (at < lowest || at >= Block::kSlots) continue;
      const size_t common =
          CommonPrefix(keys[at - lowest], keys[at - lowest + 1]);
      if (common < shortest) {
        shortest = common;
        best = at;
      }
    }
  }
  return best;
}

int FullBlock::EndOfAscent(const Visit& visit, const Key& key) const {
  constexpr int kMostAbove = Block::kSlots / 4;
  const uint64_t below = visit.neighbours.predecessor;
  const uint64_t above_key = visit.neighbours.successor;
  if (IsEmpty(below) || IsEmpty(above_key) ||
      DiscOf(below) == DiscOf(above_key)) {
    return Block::kSlots;
  }
  int end = Block::kSlots - 1;  // the first word above the key
  while (DiscOf(sorted.word(end - 1)) >= DiscOf(above_key)) --end;
  if (end <= Block::kSlots - kMostAbove) return Block::kSlots;
  return Ascends(level_, sorted.words, sorted.order, end - 1,
                 SequenceOf(level_, sorted.word(end)), key)
             ? end
             : Block::kSlots;
}

const char* FullBlock::Greatest() const {
  return KeyEntryOf(level_, sorted.last());
}

bool IsWorthTesting(const Block& left, const Words& words, uint64_t blocks) {
  constexpr uint64_t kBlocksPerTest = 32;
  if (left.has_labels()) return left.is_head() || blocks % kBlocksPerTest == 0;
  constexpr int kQuarter = Block::kSlots / 4;
  for (int i = kQuarter; i < Block::kSlots - kQuarter; i += kQuarter + 1) {
    const uint32_t ties = SlotsWithDisc(words, DiscOf(words.slot[i]));
    if (__builtin_popcount(ties) <= TieCost::kCollisionHeavy) continue;
    // Versions of one key tie whatever is tested.
    const uint64_t first = words.slot[__builtin_ctz(ties)];
    const uint64_t last = words.slot[31 - __builtin_clz(ties)];
    const char* const entry = KeyEntryOf(left.level(), first);
    if (entry == nullptr ||
        !IsVersionOf(left.level(), last, DecodeKey(entry))) {
      return true;
    }
  }
  return false;
}

bool IsReverse(const Ordering& ordering, const Block& block, uint64_t next,
               const char* least, const char* greatest) {
  if (ordering.mode() != DigestMode::kBothDirections) return false;
  if (ordering.checks() && IsEmpty(next) && block.is_head() &&
      block.level() == 0 && block.has_labels()) {
    return CompareUserKeyBytes(DecodeKey(least), DecodeKey(greatest)) > 0;
  }
  return block.is_reverse() || (!IsEmpty(next) && BlockOf(next)->is_reverse());
}

// --- Appends ----------------------------------------------------------------

bool AscendsBelowNext(const Visit& visit, int level, const Key& key) {
  SlotOrder order;
  Scan().sort(visit.words, &order);
  const Key bound = DecodeKey(BlockOf(visit.next)->lower_bound());
  return Ascends(level, visit.words, order, Block::kSlots - 1, bound.sequence,
                 key);
}

const char* ScaleOfAppend(const Block& left, const AppendPoint& point) {
  // The lower bound of a block that is not the last one may have little in
  // common with what ascends there.
  if (!IsEmpty(point.next)) {
    return KeyEntryOf(left.level(), point.words.slot[Block::kSlots / 2]);
  }
  // The first head has none.
  return left.lower_bound() != nullptr
             ? left.lower_bound()
             : KeyEntryOf(left.level(),
                          Scan().nearest(point.words, 0).not_below);
}

uint64_t FillAppended(const Ordering& ordering, const Block& left,
                      const AppendPoint& point, const Key& key,
                      const void* address, FullBlock* full,
                      EncodingStore* encodings, Block* right) {
  Key fence;
  Key sample[Block::kSlots + 1];
  int samples = 0;
  if (full != nullptr) {
    samples = CopyKeys(full, sample);
  } else {
    sample[samples++] = DecodeKey(ScaleOfAppend(left, point));
  }
  sample[samples++] = key;
  NewBlockKeys plan{&key, 1, nullptr, sample, samples, true, false};
  if (!IsEmpty(point.next)) {
    fence = DecodeKey(BlockOf(point.next)->lower_bound());
    plan.fence = &fence;
  }
  right->SetFlag(Block::kLowerBoundUntied);
  right->SetLowerBound(key.entry);
  BlockPlan planned;
  if ((left.has_labels() && full == nullptr) ||
      !Encode(ordering, plan, left.encoding(), point.next,
              TieCost::kWellSpread * samples, encodings, &planned, right)) {
    PlanLabels(1, plan.fence != nullptr, planned.discs);
    planned.fence_disc = kMaxDisc;
  }
  const uint64_t word = MakeWord(planned.discs[0], address);
  right->slots[0].Init(word);
  SetNeighbour(right, planned.fence_disc, point.next);
  return word;
}

// --- Splits -----------------------------------------------------------------

int FillRightHalf(const Ordering& ordering, const Block& left,
                  const Visit& visit, const Key& key, FullBlock* full,
                  EncodingStore* encodings, Block* right) {
  const uint64_t next = visit.next;
  int from = full->EndOfAscent(visit, key);
  if (from == Block::kSlots) {
    from = full->Middle();
    if (!full->collision_heavy() &&
        CopyRight(ordering, left, full, from, next, right)) {
      return from;
    }
    // Index blocks are few: a new one that is better takes all it can.
    if (left.level() > 0 && !left.is_head() && full->collision_heavy() &&
        FillRight(ordering, left, full, 1, next, Labels::kNo,
                  full->cost() * 2 / 3, encodings, right)) {
      return 1;
    }
    if (full->collision_heavy() && ordering.digests()) {
      from = full->ShortestSeparator();
    }
    // What comes in below everything in a head is the sign of a load in
    // descending order, which is to leave full blocks behind. On level 0 a head
    // has no lower bound to keep.
    const uint64_t below = left.level() == 0 ? kNoWord : full->sorted.word(0);
    if (left.is_head() && visit.neighbours.predecessor == below) {
      from = FirstToMove(left);
    }
  }
  full->Order(ordering, from);
  FillRight(ordering, left, full, from, next, Labels::kYes,
            TieCost::kCollisionHeavy * (Block::kSlots - from), encodings,
            right);
  return from;
}

bool FillRightOfNewHead(const Ordering& ordering, const Block& head,
                        uint64_t next, FullBlock* full,
                        EncodingStore* encodings, Block* right) {
  const int from = FirstToMove(head);
  const bool used_up = DiscOf(full->sorted.word(from)) < Block::kSlots;
  const int most_comparisons =
      used_up ? TieCost::kCollisionHeavy : TieCost::kWellSpread;
  return FillRight(ordering, head, full, from, next,
                   used_up ? Labels::kYes : Labels::kNo,
                   most_comparisons * (Block::kSlots - from), encodings, right);
}

void FillNewHead(const Ordering& ordering, FullBlock* full,
                 EncodingStore* encodings, Block* right, Block* head) {
  const int from = FirstToMove(full->block());
  const Key* const keys = full->KeysFrom(from);
  const NewBlockKeys plan{nullptr, 0,   &keys[0], keys, Block::kSlots - from,
                          false,   true};
  head->SetFlag(Block::kHead);
  head->SetLowerBound(right->lower_bound());
  BlockPlan planned;
  if (!Encode(ordering, plan, right->encoding(), kNoNext,
              TieCost::kWellSpread * plan.samples, encodings, &planned, head)) {
    planned.fence_disc = kMaxDisc;
  }
  if (from > 0) {
    head->slots[0].Init(MakeWord(0, BlockOf(full->sorted.word(0))));
  }
  head->next.Init(MakeWord(planned.fence_disc, right));
}

void FillRoot(const Ordering& ordering, Block* root, Block* child,
              FullBlock* full, const char* low, const char* high,
              EncodingStore* encodings, Block* grown) {
  const Key key = DecodeKey(child->lower_bound());
  Key sample[Block::kSlots + 1];
  int samples = 0;
  int most_comparisons = TieCost::kCollisionHeavy;
  if (full != nullptr) {
    full->Order(ordering);
    samples = CopyKeys(full, sample);
    // Where keys ascend, those to come lie beyond all of these.
    if (ordering.CompareTied(full->Greatest(), key.entry) < 0) {
      sample[samples++] = key;
      most_comparisons = TieCost::kWellSpread;
    }
  } else {
    sample[samples++] = DecodeKey(low);
    sample[samples++] = DecodeKey(high);
  }
  const NewBlockKeys plan{&key, 1, nullptr, sample, samples, true, true};
  grown->SetFlag(Block::kHead);
  grown->SetLowerBound(child->lower_bound());
  BlockPlan planned;
  if (!Encode(ordering, plan, child->encoding(), kNoNext,
              most_comparisons * samples, encodings, &planned, grown)) {
    planned.discs[0] = kMaxDisc / 2;
  }
  grown->slots[0].Init(MakeWord(0, root));
  if (Block::kSlots > 1) {
    grown->slots[1].Init(MakeWord(planned.discs[0], child));
  }
}

}  // namespace fastskip
