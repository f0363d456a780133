// SPDX-License-Identifier: Apache-2.0
#include "block_search.h"

#include <algorithm>
#include <cassert>

#include "saved_order.h"

namespace fastskip {

namespace {

bool WantsPredecessor(Exact exact) {
  return exact == Exact::kPredecessor || exact == Exact::kBoth;
}
bool WantsSuccessor(Exact exact) {
  return exact == Exact::kSuccessor || exact == Exact::kBoth;
}

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
             Neighbours* neighbours)
      : ordering_(ordering),
        level_(level),
        key_(key),
        neighbours_(*neighbours) {}

  void Add(uint64_t word) {
    const char* const entry = KeyEntryOf(level_, word);
    if (entry == nullptr) {
      if (!neighbours_.predecessor_compared) SetPredecessor(word, Key());
      return;
    }
    const Key other = DecodeKey(entry);
    const int c = ordering_.CompareTied(other, key_);
    if (c < 0) {
      if (!neighbours_.predecessor_compared || predecessor_.entry == nullptr ||
          ordering_.CompareTied(other, predecessor_) > 0) {
        SetPredecessor(word, other);
      }
    } else if (!neighbours_.successor_compared ||
               ordering_.CompareTied(other, successor_) < 0) {
      neighbours_.successor = word;
      neighbours_.equal = c == 0;
      neighbours_.successor_compared = true;
      successor_ = other;
    }
  }

 private:
  void SetPredecessor(uint64_t word, const Key& key) {
    neighbours_.predecessor = word;
    neighbours_.predecessor_compared = true;
    predecessor_ = key;
  }

  const Ordering& ordering_;
  const int level_;
  const Key& key_;
  Neighbours& neighbours_;
  Key predecessor_{}, successor_{};  // of neighbours_; no entry: minus infinity
};

// Whether one of the words of `slots` has the very key, where keys order by
// bytes. Sequence numbers distinguish nearly all others from it.
bool AnyEquals(uint32_t slots, int level, const Key& key, const Words& words) {
  for (; slots != 0; slots &= slots - 1) {
    const char* const entry =
        KeyEntryOf(level, words.slot[__builtin_ctz(slots)]);
    if (entry == nullptr) continue;
    const Key other = DecodeKey(entry);
    if (other.sequence == key.sequence && SameUserKey(other, key)) return true;
  }
  return false;
}

// Turns round the runs of `ties` that lie upside down, of words that are in the
// order of their slots: that is right for a load in key order, and wrong for
// versions of one key. Two words in the middle tell.
void TurnRuns(const Ordering& ordering, int level, uint32_t ties,
              SortedWords* sorted) {
  uint8_t* const slots = sorted->order.slot;
  while (ties != 0) {
    const int first = __builtin_ctz(ties) - 1;
    const int length = __builtin_ctz(~(ties >> (first + 1))) + 1;
    const int middle = first + length / 2;
    if (length > 2 && CompareWords(ordering, level, sorted->word(middle - 1),
                                   sorted->word(middle)) > 0) {
      std::reverse(slots + first, slots + first + length);
    }
    ties &= ~BitsBelow(first + length);
  }
}

// Prefetches all words' entries, or blocks.
void PrefetchWords(const Words& words, const Key& instead_of_none) {
  for (const uint64_t w : words.slot) {
    __builtin_prefetch(IsEmpty(w) ? instead_of_none.entry : EntryOf(w));
  }
}

// Prefetches the keys of the words that an order lists.
void PrefetchKeys(const Block& block, const PackedOrder& order) {
  for (int i = 0; i < order.count(); ++i) {
    const uint64_t word = block.slots[order.slot(i)].LoadAcquire();
    if (!IsEmpty(word)) __builtin_prefetch(KeyEntryOf(block.level(), word));
  }
}

// Whether `word`, which has the discriminator of `right`, has moved there.
bool TieHasMoved(const Ordering& ordering, int level, uint64_t word,
                 const Block& right) {
  const char* const entry = KeyEntryOf(level, word);
  if (entry == nullptr || entry == right.lower_bound()) return entry != nullptr;
  return ordering.CompareTied(entry, right.lower_bound()) >= 0;
}

}  // namespace

int CompareWords(const Ordering& ordering, int level, uint64_t a, uint64_t b) {
  if (a == b) return 0;
  const char* const entry_a = KeyEntryOf(level, a);
  const char* const entry_b = KeyEntryOf(level, b);
  if (entry_a == nullptr) return -1;
  if (entry_b == nullptr) return 1;
  return ordering.CompareTied(entry_a, entry_b);
}

bool IsVersionOf(int level, uint64_t word, const Key& key) {
  const char* const entry = KeyEntryOf(level, word);
  return entry != nullptr && SameUserKey(DecodeKey(entry), key);
}

void OrderTies(const Ordering& ordering, int level, SortedWords* sorted) {
  OrderTies(ordering, level, 0, sorted->count(), sorted);
}

void OrderTies(const Ordering& ordering, int level, int begin, int end,
               SortedWords* sorted) {
  uint32_t ties = sorted->order.ties & BitsBelow(end) & ~BitsBelow(begin);
  if (sorted->order.in_slot_order) TurnRuns(ordering, level, ties, sorted);
  uint8_t* const slots = sorted->order.slot;
  for (; ties != 0; ties &= ties - 1) {
    int at = __builtin_ctz(ties);
    const uint8_t slot = slots[at];
    const uint64_t w = sorted->word(at);
    while (at > 0 && DiscOf(sorted->word(at - 1)) == DiscOf(w) &&
           CompareWords(ordering, level, sorted->word(at - 1), w) > 0) {
      slots[at] = slots[at - 1];
      --at;
    }
    slots[at] = slot;
  }
}

void Sort(const Ordering& ordering, int level, SortedWords* sorted) {
  Scan().sort(sorted->words, &sorted->order);
  if (sorted->order.ties != 0) OrderTies(ordering, level, sorted);
}

bool NextIsAbove(const Ordering& ordering, uint64_t next, const Key& key,
                 Bound bound) {
  if (IsEmpty(next)) return true;
  if (IsReplaced(next)) return false;
  const int c = ordering.Compare(BlockOf(next)->lower_bound(), key);
  return bound == Bound::kBelow ? c >= 0 : c > 0;
}

bool IsMoved(const Ordering& ordering, int level, uint64_t word,
             uint64_t next) {
  if (IsEmpty(next) || IsEmpty(word)) return false;
  if (DiscOf(word) != DiscOf(next)) return DiscOf(word) > DiscOf(next);
  return TieHasMoved(ordering, level, word, *BlockOf(next));
}

uint32_t MovedSlots(const Ordering& ordering, int level, const Words& words,
                    uint64_t next) {
  if (IsEmpty(next)) return 0;
  uint32_t moved = SlotsFromDisc(words, DiscOf(next));
  if (moved == 0) return 0;
  const Block& right = *BlockOf(next);
  uint32_t ties = SlotsWithDisc(words, DiscOf(next));
  for (; ties != 0; ties &= ties - 1) {
    const int i = __builtin_ctz(ties);
    const uint64_t word = words.slot[i];
    const bool has_moved = right.is_lower_bound_untied()
                               ? KeyEntryOf(level, word) == right.lower_bound()
                               : TieHasMoved(ordering, level, word, right);
    if (!has_moved) moved &= ~(uint32_t{1} << i);
  }
  return moved;
}

BlockState StateOf(const Ordering& ordering, const Words& words,
                   uint64_t next) {
  const uint32_t reaching = SlotsReaching(words, DiscOf(next));
  if (reaching == 0) return {next, Block::kSlots};
  const int lowest = __builtin_ctz(reaching);
  if (IsEmpty(words.slot[lowest])) return {next, lowest};
  const uint32_t open =
      SlotsWithDisc(words, kEmptyDisc) | MovedSlots(ordering, 0, words, next);
  return {next, open == 0 ? Block::kSlots : __builtin_ctz(open)};
}

// --- Probe ------------------------------------------------------------------

// Chooses between discriminator and labels, and encodes the key.
inline void Probe::ChooseSearch(const Block& block) {
  visit_.by_digest = ordering_.UsesDigestsOf(block);
  if (!visit_.by_digest) return;
  const Encoding* const encoding = block.encoding();
  const char* const holder = HolderOf(*encoding, block.lower_bound());
  if (encoding_ != encoding || holder_ != holder) {
    encoding_ = encoding;
    holder_ = holder;
    digest_ = DigestOf(*encoding, holder, key_);
  }
  visit_.disc = block.cut().DiscOf(digest_);
}

inline void Probe::LoadWords(const Block& block) {
  if (visit_.by_digest) {
    visit_.nearest = Scan().load_nearest(block, visit_.disc, &visit_.words);
  } else {
    fastskip::LoadWords(block, &visit_.words);
  }
}

// Compares the key with the words of `slots`, which nothing distinguishes.
void Probe::LocateAmong(uint32_t slots, int level) {
  TieBreaker breaker(ordering_, level, key_, &visit_.neighbours);
  if (level == 0) {
    for (uint32_t rest = slots; rest != 0; rest &= rest - 1) {
      __builtin_prefetch(EntryOf(visit_.words.slot[__builtin_ctz(rest)]));
    }
  }
  for (uint32_t rest = slots; rest != 0; rest &= rest - 1) {
    breaker.Add(visit_.words.slot[__builtin_ctz(rest)]);
  }
}

void Probe::LocateByDisc(int level, Exact exact) {
  const uint64_t below = visit_.nearest.below;
  uint64_t above = visit_.nearest.not_below;
  if (level == 0 && WantsPredecessor(exact) && !IsEmpty(below)) {
    // Compared last, behind others that wait for memory.
    __builtin_prefetch(EntryOf(below));
  }
  Neighbours& neighbours = visit_.neighbours;
  neighbours = Neighbours();
  if (DiscOf(above) == visit_.disc) {
    LocateAmong(SlotsWithDisc(visit_.words, visit_.disc), level);
    if (!neighbours.successor_compared) {
      above = Scan().nearest(visit_.words, visit_.disc + 1).not_below;
    }
  }
  if (!neighbours.predecessor_compared && !IsEmpty(below)) {
    neighbours.predecessor =
        WantsPredecessor(exact)
            ? ExtremeOfTies(ordering_, level, visit_.words, below, 1)
            : below;
  }
  if (!neighbours.successor_compared && !IsEmpty(above)) {
    neighbours.successor =
        WantsSuccessor(exact)
            ? ExtremeOfTies(ordering_, level, visit_.words, above, -1)
            : above;
  }
}

void Probe::LocateLeftOfTies(int level) {
  const uint64_t below = visit_.nearest.below;
  const uint64_t tie = visit_.nearest.not_below;
  if (IsEmpty(below) || DiscOf(tie) != visit_.disc ||
      !IsVersionOf(level, tie, key_)) {
    LocateByDisc(level, Exact::kNeither);
    return;
  }
  skipped_ties_ = true;
  visit_.neighbours = Neighbours();
  visit_.neighbours.predecessor = below;
}

// Of the words of the key's own discriminator, finds no more than whether one
// equals the key: equal keys are equal bytes where the order is known. A word
// goes to its slot wherever it lies among ties. Where the key is unique, no
// entry is read.
void Probe::LocateEqual(int level) {
  const uint64_t above = visit_.nearest.not_below;
  Neighbours& neighbours = visit_.neighbours;
  neighbours = Neighbours();
  neighbours.predecessor = visit_.nearest.below;
  neighbours.successor = above;
  if (!unique_ && DiscOf(above) == visit_.disc) {
    neighbours.equal = AnyEquals(SlotsWithDisc(visit_.words, visit_.disc),
                                 level, key_, visit_.words);
  }
}

// A step of a binary search, by the word at `middle`.
inline void Probe::Halve(int level, uint64_t word, int middle, int* low,
                         int* high) {
  assert(!IsEmpty(word));
  Neighbours& neighbours = visit_.neighbours;
  const int c = CompareWord(ordering_, level, word, key_);
  const bool below = c < 0;
  neighbours.predecessor = below ? word : neighbours.predecessor;
  neighbours.successor = below ? neighbours.successor : word;
  neighbours.equal = below ? neighbours.equal : c == 0;
  *low = below ? middle + 1 : *low;
  *high = below ? *high : middle;
}

// A binary search of the block's words in the order that was saved of them.
// False where there is none, or where it is not true, or ceased to be while it
// was searched.
bool Probe::LocateBySavedOrder(const Block& block) {
  PackedOrder order;
  if (!SavedOrderOf(block)->Load(visit_.next, &order) ||
      !order.IsTrueOf(block)) {
    return false;
  }
  const int level = block.level();
  if (footprint_ == Footprint::kExceedsCache) PrefetchKeys(block, order);
  visit_.neighbours = Neighbours();
  int low = 0;
  int high = order.count();
  while (low < high) {
    const int middle = (low + high) / 2;
    const uint64_t word = block.slots[order.slot(middle)].LoadAcquire();
    if (IsEmpty(word)) return false;
    Halve(level, word, middle, &low, &high);
  }
  visit_.neighbours.predecessor_compared = true;
  visit_.neighbours.successor_compared = true;
  return block.next.LoadAcquire() == visit_.next;
}

// Saves an order of labels, unless words share one or have moved.
void Probe::SaveOrder(const Block& block, const SlotOrder& order) const {
  const Words& words = visit_.words;
  if (order.ties != 0 ||
      SlotsReaching(words, DiscOf(visit_.next)) != order.empty) {
    return;
  }
  const int open =
      order.empty == 0 ? Block::kSlots : __builtin_ctz(order.empty);
  SavedOrderOf(block)->Save(words, {visit_.next, open}, order);
}

// A binary search over the labels. Its comparisons wait for one another, so all
// keys are prefetched at once: the words' own before they are sorted, those of
// the blocks' lower bounds after that. Words that share a label, which is rare,
// are compared one by one, as ties of a discriminator are.
void Probe::LocateByLabel(const Block& block, bool save) {
  const int level = block.level();
  const Words& words = visit_.words;
  Neighbours& neighbours = visit_.neighbours;
  neighbours = Neighbours();
  const bool prefetch = footprint_ == Footprint::kExceedsCache;
  if (prefetch) PrefetchWords(words, key_);
  SlotOrder order;
  Scan().sort(words, &order);
  if (save) SaveOrder(block, order);
  if (level > 0 && prefetch) {
    for (int i = 0; i < order.count; ++i) {
      __builtin_prefetch(KeyEntryOf(level, order.WordOf(words, i)));
    }
  }
  int low = 0;
  int high = order.count;
  while (low < high) {
    const int middle = (low + high) / 2;
    int begin = middle;
    int end = middle + 1;
    while (begin > low && (order.ties >> begin & 1) != 0) --begin;
    while (end < high && (order.ties >> end & 1) != 0) ++end;
    const uint64_t word = order.WordOf(words, middle);
    if (end - begin == 1) {
      Halve(level, word, middle, &low, &high);
      continue;
    }
    neighbours.predecessor_compared = neighbours.successor_compared = false;
    LocateAmong(SlotsWithDisc(words, DiscOf(word)), level);
    if (neighbours.predecessor_compared) low = end;
    if (neighbours.successor_compared) high = begin;
  }
  neighbours.predecessor_compared = neighbours.successor_compared = true;
}

template <Probe::Purpose purpose>
inline void Probe::Locate(const Block& block, Exact exact, bool one_state) {
  const int level = block.level();
  if (!visit_.by_digest) {
    // Inserts change the block that they look at: no order of it would last.
    return LocateByLabel(block, one_state && purpose != Purpose::kInsert);
  }
  if constexpr (purpose == Purpose::kLeftOfTies) {
    LocateLeftOfTies(level);
  } else if (purpose == Purpose::kInsert && ordering_.known() && slot_ >= 0 &&
             !IsEmpty(visit_.next)) {
    // Only splits and the end of the list ask for more.
    LocateEqual(level);
  } else {
    LocateByDisc(level, exact);
  }
}

// Whether the right neighbour owns the key, by discriminators where they
// decide.
inline bool Probe::BelongsRight() const {
  if (IsEmpty(visit_.next)) return false;
  const uint32_t fence = DiscOf(visit_.next);
  const uint64_t successor = visit_.neighbours.successor;
  if (visit_.by_digest) {
    if (visit_.disc != fence) return visit_.disc > fence;
  } else if (!IsEmpty(successor) && DiscOf(successor) < fence) {
    return false;  // the key is not above it, and it is below the fence
  }
  return !NextIsAbove(ordering_, visit_.next, key_, bound_);
}

// Whether the key really lies between its neighbours: the check where the order
// is unknown. False means that the comparator does not order by digests. Sets
// `equal` when the successor turns out to equal the key.
bool Probe::PlaceHolds(const Block& block) {
  Neighbours& neighbours = visit_.neighbours;
  if (neighbours.equal) return true;
  const bool in_block =
      !IsEmpty(neighbours.successor) &&
      !IsMoved(ordering_, block.level(), neighbours.successor, visit_.next);
  if (!in_block) {
    if (!IsEmpty(visit_.next) &&
        ordering_.Compare(BlockOf(visit_.next)->lower_bound(), key_) <= 0) {
      return false;
    }
  } else if (!neighbours.successor_compared) {
    const int c =
        CompareWordTied(ordering_, block.level(), neighbours.successor, key_);
    if (c < 0) return false;
    // An equal entry under another discriminator: one that has a label, or
    // other bytes that the comparator calls equal.
    neighbours.equal = c == 0;
  }
  if (IsEmpty(neighbours.predecessor)) {
    return neighbours.equal || block.is_head();
  }
  return neighbours.predecessor_compared ||
         CompareWord(ordering_, block.level(), neighbours.predecessor, key_) <
             0;
}

// The outcome, when the neighbours are known.
template <Probe::Purpose purpose>
inline Probe::Outcome Probe::Judge(const Block& block) {
  if (BelongsRight()) return Outcome::kMoveRight;
  if constexpr (purpose == Purpose::kInsert) {
    if (!alone_ &&
        MovedSlots(ordering_, block.level(), visit_.words, visit_.next) != 0) {
      return Outcome::kMovedEntries;
    }
  }
  if constexpr (purpose == Purpose::kInsert || purpose == Purpose::kRead) {
    if (ordering_.checks() && !PlaceHolds(block)) return Outcome::kViolation;
  }
  if constexpr (purpose == Purpose::kInsert) {
    if (visit_.neighbours.equal) return Outcome::kDuplicate;
  }
  return Outcome::kHere;
}

template <Probe::Purpose purpose>
inline Probe::Outcome Probe::VisitFor(const Block& block, Exact exact) {
  visit_.next = block.next.LoadAcquire();
  ChooseSearch(block);
  if (visit_.by_digest && visit_.disc > DiscOf(visit_.next)) {
    return Outcome::kMoveRight;
  }
  if constexpr (purpose != Purpose::kInsert) {
    if (!visit_.by_digest && LocateBySavedOrder(block)) {
      return Judge<purpose>(block);
    }
  }
  LoadWords(block);
  const uint64_t next = block.next.LoadAcquire();
  if constexpr (purpose == Purpose::kInsert) {
    if (next != visit_.next) return Outcome::kRetry;
    slot_ = FirstEmptySlot(visit_.words);
  }
  const bool one_state = next == visit_.next;  // which the words show
  visit_.next = next;
  Locate<purpose>(block, exact, one_state);
  return Judge<purpose>(block);
}

void Probe::PrefetchForRead(const Block& block) {
  ChooseSearch(block);
  if (!visit_.by_digest) return;  // LocateByLabel prefetches for itself
  LoadWords(block);
  const uint64_t above = visit_.nearest.not_below;
  if (IsEmpty(above)) return;
  uint32_t slots = SlotsWithDisc(visit_.words, DiscOf(above));
  for (; slots != 0; slots &= slots - 1) {
    __builtin_prefetch(EntryOf(visit_.words.slot[__builtin_ctz(slots)]));
  }
}

Probe::Outcome Probe::VisitForDescent(const Block& block, Exact exact) {
  return VisitFor<Purpose::kDescent>(block, exact);
}

Probe::Outcome Probe::VisitLeftOfTies(const Block& block) {
  skipped_ties_ = false;
  return VisitFor<Purpose::kLeftOfTies>(block, Exact::kNeither);
}

Probe::Outcome Probe::VisitForRead(const Block& block, Exact exact) {
  return VisitFor<Purpose::kRead>(block,
                                  ordering_.checks() ? Exact::kBoth : exact);
}

Probe::Outcome Probe::VisitForInsert(const Block& block) {
  return VisitFor<Purpose::kInsert>(
      block, ordering_.checks() ? Exact::kBoth : Exact::kNeither);
}

uint32_t Probe::DiscForInsert() const {
  if (visit_.by_digest) return visit_.disc;
  const Neighbours& neighbours = visit_.neighbours;
  const uint64_t above =
      IsEmpty(neighbours.successor) ? visit_.next : neighbours.successor;
  return LabelBetween(DiscOf(neighbours.predecessor), DiscOf(above));
}

}  // namespace fastskip
