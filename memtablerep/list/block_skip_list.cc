// SPDX-License-Identifier: Apache-2.0
//
// Inserts: probe and publish. Descents are in block_skip_list_descend.cc, what
// happens to full blocks in block_skip_list_split.cc, inserts that need no
// descent in block_skip_list_finger.cc, reads in block_skip_list_read.cc.
#include "block_skip_list.h"

#include <new>

#include "sharded_arena.h"

namespace fastskip {

namespace {

// A memtable up to this size is likely to be in the processor's caches.
constexpr size_t kCachedBytes = size_t{2} << 20;

}  // namespace

BlockSkipList::BlockSkipList(ShardedArena* arena,
                             const EntryComparator* comparator,
                             KnownOrder order)
    : arena_(arena),
      encodings_(arena),
      comparator_(comparator),
      order_(order),
      digest_mode_(order == KnownOrder::kNeither
                       ? DigestMode::kNone
                       : DigestMode::kBothDirections) {
  Block* const head = NewBlock(0, order == KnownOrder::kReverse);
  head->SetFlag(Block::kHead);
  CountBlock(0);
  first_leaf_.Init(head);
  root_.Init(head);
}

Footprint BlockSkipList::CurrentFootprint() const {
  return arena_->reserved() > kCachedBytes ? Footprint::kExceedsCache
                                           : Footprint::kFitsCache;
}

// Digests of the kind that `ordering` used have led to a place that the
// comparator contradicts. Where the order is known, memory was damaged: digests
// are given up there too, and checked reads find what is wrong.
void BlockSkipList::FallBack(const Ordering& ordering) const {
  digest_mode_.ReplaceRelaxed(ordering.mode(),
                              ordering.mode() == DigestMode::kBothDirections
                                  ? DigestMode::kForwardOnly
                                  : DigestMode::kNone);
}

// Notes the sequence number of an insert that begins. Whether its key is known
// to equal no entry.
inline bool BlockSkipList::NoteSequence(uint64_t sequence, Writers writers) {
  const uint64_t new_from = new_from_.Load();
  if (writers == Writers::kMany) {
    if (new_from != kNeverNew) new_from_.Store(kNeverNew);
    return false;
  }
  if (sequence < new_from) return false;
  new_from_.Store(sequence + 1);
  return true;
}

bool BlockSkipList::InsertAt(const Key& key, Finger* finger, Writers writers) {
  const bool unique = NoteSequence(key.sequence, writers);
  for (;;) {
    const Ordering ordering = CurrentOrdering();
    if (finger != nullptr && InsertAtEnd(ordering, key, writers, finger)) {
      return true;
    }
    Probe probe(ordering, key, CurrentFootprint());
    if (unique) probe.SetUnique();
    if (writers == Writers::kOne) probe.SetAlone();
    Route route;
    Block* at = nullptr;
    if (finger != nullptr && finger->warm) {
      at = LeafFromFinger(ordering, key, *finger);
    }
    if (at == nullptr) at = Descend(&probe, 0, &route);
    End end;
    const Outcome outcome =
        InsertInto({key, key.entry, writers, &route}, &probe, &at, &end);
    if (outcome != Outcome::kViolation) {
      if (finger != nullptr) {
        finger->warm = finger->leaf != nullptr &&
                       (finger->leaf == at ||
                        BlockOf(finger->leaf->next.LoadRelaxed()) == at);
        finger->leaf = at;
        finger->parent = route.At(1);
        finger->end = end;
      }
      return outcome == Outcome::kInserted;
    }
    FallBack(ordering);
  }
}

// Inserts into the owner of the key, which is `*at` or lies to its right; `*at`
// becomes that owner. Sets `*end` when the word is the last one of
// level 0.
BlockSkipList::Outcome BlockSkipList::InsertInto(const Insertion& insertion,
                                                 Probe* probe, Block** at,
                                                 End* end) {
  for (;;) {
    Block* const block = *at;
    switch (probe->VisitForInsert(*block)) {
      case Probe::Outcome::kRetry:
        continue;
      case Probe::Outcome::kMoveRight:
        *at = BlockOf(probe->next());
        continue;
      case Probe::Outcome::kMovedEntries:
        ClearMoved(probe->ordering(), block, probe->visit().words,
                   probe->next(), insertion.writers);
        continue;
      case Probe::Outcome::kViolation:
        return Outcome::kViolation;
      case Probe::Outcome::kDuplicate:
        duplicates_.Add(1);
        return Outcome::kDuplicate;
      case Probe::Outcome::kHere:
        break;
    }
    const int slot = probe->slot();
    if (slot < 0) {
      Block* const right = AddToFull(insertion, *probe, block, end);
      if (right == nullptr) continue;
      *at = right;
      return Outcome::kInserted;
    }
    const uint64_t word = MakeWord(probe->DiscForInsert(), insertion.address);
    if (block->ReplaceSlot(slot, probe->visit().words.slot[slot], word,
                           insertion.writers)) {
      if (block->level() == 0 && IsEmpty(probe->next()) &&
          IsEmpty(probe->neighbours().successor)) {
        *end = End{slot, word};
      }
      return Outcome::kInserted;
    }
    cas_retries_.Add(1);
  }
}

BlockSkipList::Stats BlockSkipList::GetStats() const {
  Stats stats;
  stats.leaf_blocks = leaf_blocks_.Load();
  stats.index_blocks = index_blocks_.Load();
  stats.levels = static_cast<uint32_t>(root_.LoadAcquire()->level()) + 1;
  stats.encodings = encodings_.kept();
  stats.duplicates = duplicates_.Load();
  stats.splits = splits_.Load();
  stats.cas_retries = cas_retries_.Load();
  stats.unposted = unposted_.Load();
  stats.uses_labels = digest_mode_.LoadRelaxed() == DigestMode::kNone;
  return stats;
}

}  // namespace fastskip
