// SPDX-License-Identifier: Apache-2.0
//
// TEST_Validate: what a list at rest must look like, block by block.
#include <algorithm>
#include <sstream>
#include <unordered_set>

#include "block_skip_list.h"
#include "saved_order.h"

namespace fastskip {

namespace {

class Validator {
 public:
  explicit Validator(const Ordering& ordering) : ordering_(ordering) {}

  std::string error() const { return error_.str(); }
  bool ok() const { return error_.str().empty(); }

  // Walks one level from its head, or from one that this has replaced; returns
  // the head of the level below, or one that this has replaced.
  const Block* CheckLevel(const Block* head) {
    if (!head->is_head()) Fail(*head, "is not the head of its level");
    for (; IsReplaced(head->next.LoadAcquire());
         head = BlockOf(head->next.LoadAcquire())) {
      CheckReplaced(*head);
    }
    const Block* below = nullptr;
    std::unordered_set<const Block*> children;
    for (const Block* block = head; block != nullptr && ok();) {
      CheckBlock(*block, head->level());
      for (const auto& slot : block->slots) {
        const uint64_t word = slot.LoadAcquire();
        if (IsEmpty(word) || block->level() == 0) continue;
        const Block* child = BlockOf(word);
        if (child->is_head()) {
          below = child;
          if (&slot != &block->slots[0]) {
            Fail(*block, "has the leftmost child in a later slot");
          }
        }
        if (!children.insert(child).second) Fail(*block, "posts a child again");
      }
      const uint64_t next = block->next.LoadAcquire();
      block = IsEmpty(next) ? nullptr : BlockOf(next);
      if (block != nullptr && block->is_head()) {
        Fail(*block, "is a second head");
      }
    }
    if (head->level() > 0 && ok()) CheckChildren(*head, below, children);
    return below;
  }

  uint64_t unposted = 0;

 private:
  // What a head held when it was replaced belongs to its successors for good.
  void CheckReplaced(const Block& block) {
    Words words;
    LoadWords(block, &words);
    if (FirstEmptySlot(words) >= 0) Fail(block, "was replaced, but not full");
    if (DiscOf(block.next.LoadAcquire()) != 0) {
      Fail(block, "was replaced for a part of its range");
    }
    if (BlockOf(block.next.LoadAcquire())->level() != block.level()) {
      Fail(block, "was replaced by a block of another level");
    }
  }

  void Fail(const Block& block, const char* what) {
    error_ << "block " << &block << " of level " << int{block.level()} << " "
           << what << "\n";
  }

  void CheckBlock(const Block& block, int level) {
    if (block.level() != level) Fail(block, "is on another level");
    SortedWords sorted;
    LoadWords(block, &sorted.words);
    const uint64_t next = block.next.LoadAcquire();
    Sort(ordering_, level, &sorted);
    CheckSavedOrder(block, sorted, next);
    bool holds_bound = block.is_head();
    for (int i = 0; i < sorted.count() && ok(); ++i) {
      const uint64_t word = sorted.word(i);
      const char* const entry = KeyEntryOf(level, word);
      if (IsMoved(ordering_, level, word, next)) {
        Fail(block, "holds an entry that its neighbour owns");
      }
      if (!IsEmpty(next) && entry != nullptr &&
          ordering_.CompareTied(entry, BlockOf(next)->lower_bound()) >= 0) {
        Fail(block, "holds a key not below its neighbour's lower bound");
      }
      if (i > 0 &&
          CompareWords(ordering_, level, sorted.word(i - 1), word) >= 0) {
        Fail(block, "has discriminators out of order");
      }
      if (entry == nullptr
              ? !block.is_head()
              : (!block.is_head() &&
                 ordering_.CompareTied(entry, block.lower_bound()) < 0)) {
        Fail(block, "holds a key below its lower bound");
      }
      holds_bound = holds_bound || entry == block.lower_bound();
      if (level > 0 && BlockOf(word)->level() != level - 1) {
        Fail(block, "has a child of another level");
      }
    }
    if (!holds_bound) Fail(block, "has lost its lower bound");
    if (!IsEmpty(next) && sorted.count() > 0 &&
        DiscOf(sorted.last()) > DiscOf(next)) {
      Fail(block, "has a discriminator above that of next");
    }
    CheckEmptySlots(block, sorted.words);
  }

  // An order that would be taken for that of `sorted` is that.
  void CheckSavedOrder(const Block& block, const SortedWords& sorted,
                       uint64_t next) {
    PackedOrder packed;
    if (!SavedOrderOf(block)->Load(next, &packed) ||
        !packed.IsTrueOf(sorted.words)) {
      return;
    }
    SlotOrder order;
    packed.Unpack(&order);
    if (order.count != sorted.count() ||
        !std::equal(order.slot, order.slot + order.count, sorted.order.slot)) {
      Fail(block, "has an order saved that is not its own");
    }
  }

  // An empty slot carries the address of the right block of a split of this
  // one: a block of its level.
  void CheckEmptySlots(const Block& block, const Words& words) {
    for (uint64_t word : words.slot) {
      if (!IsEmpty(word) || word == kNoWord) continue;
      const Block* right = BlockOf(word);
      if (right->level() != block.level() || right->is_head()) {
        Fail(block, "has an empty slot without a split");
      }
    }
  }

  // Every block below has exactly one parent, but for those whose
  // post was given up for want of memory.
  void CheckChildren(const Block& head, const Block* below,
                     const std::unordered_set<const Block*>& children) {
    if (below == nullptr) {
      Fail(head, "does not lead to the head of the level below");
      return;
    }
    size_t seen = 0;
    bool reached = false;  // by way of the heads that the head has replaced
    for (const Block* child = below; child != nullptr;) {
      const uint64_t next = child->next.LoadAcquire();
      reached = reached || children.count(child) != 0;
      if (children.count(child) != 0) {
        ++seen;
      } else if (!reached || !child->is_head()) {
        ++unposted;
      }
      child = IsEmpty(next) ? nullptr : BlockOf(next);
    }
    if (seen != children.size()) Fail(head, "posts a block not on the level");
  }

  const Ordering& ordering_;
  std::ostringstream error_;
};

}  // namespace

std::string BlockSkipList::TEST_Validate() const {
  // The real comparator, whatever the list was told of it.
  const Ordering ordering(comparator_, KnownOrder::kNeither, DigestMode::kNone);
  Validator validator(ordering);
  const Block* head = root_.LoadAcquire();
  int level = head->level();
  for (; head != nullptr && validator.ok(); --level) {
    const Block* first = head;
    while (IsReplaced(first->next.LoadAcquire())) {
      first = BlockOf(first->next.LoadAcquire());
    }
    if (head->level() == 0 && first != FirstLeaf()) return "wrong first leaf";
    head = validator.CheckLevel(head);
  }
  if (validator.ok() && level != -1) return "the levels end above the leaves";
  if (validator.ok() && validator.unposted > unposted_.Load()) {
    return "blocks were never posted: " + std::to_string(validator.unposted);
  }
  return validator.error();
}

}  // namespace fastskip
