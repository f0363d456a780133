// BlockSkipList: an ordered set of entries for many concurrent writers and
// readers, insert only. (Header comment to be completed: purpose, thread
// safety, invariants, memory orders, ancestry.)
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fastskip {

class ShardedArena;
struct Block;

// The order of entries. `a` and `b` are entries: varint32 length of the
// internal key, internal key (user key, then 8 bytes of sequence number and
// type, little-endian), then bytes the list never reads. Negative, zero,
// positive like memcmp. Thread-safe, a strict weak order, never throws.
class EntryComparator {
 public:
  virtual ~EntryComparator() = default;
  virtual int Compare(const char* a, const char* b) const = 0;
};

// What the list may assume of the comparator.
enum class KeyOrder : uint8_t {
  kAuto,        // nothing; digests are used as long as checks bear them out
  kBytewise,    // user keys order by their bytes: no checks
  kComparator,  // digests are of no use: order labels from the start
};

class BlockSkipList {
 public:
  // What the list counted, since it was made. Any thread may ask.
  struct Stats {
    uint64_t entries = 0;
    uint64_t insert_attempts = 0;  // entries and refused duplicates
    uint64_t leaf_blocks = 0;
    uint64_t index_blocks = 0;     // of all levels above the leaves
    uint64_t splits = 0;
    uint64_t cas_retries = 0;      // a CAS of a slot, next or root that lost
    uint32_t levels = 0;
    bool uses_labels = false;      // the whole list switched to order labels
  };

  // `arena` and `comparator` outlive the list. Allocates the first block.
  BlockSkipList(ShardedArena* arena, const EntryComparator* comparator,
                KeyOrder order);
  BlockSkipList(const BlockSkipList&) = delete;
  BlockSkipList& operator=(const BlockSkipList&) = delete;

  // Inserts `entry`, whose bytes stay in place until the list goes. False,
  // and nothing changed, when an equal entry is there. Any number of threads
  // may insert at once. May throw std::bad_alloc (from the arena); the entry
  // is not inserted then.
  bool Insert(const char* entry);

  // The same, starting from where `*hint` left off; null is a hint without
  // knowledge. `*hint` is valid until the list goes; it needs no freeing. The
  // hint is written without synchronisation: one thread at a time for a hint.
  bool InsertWithHint(const char* entry, void** hint);

  // Readers: any number of threads, beside inserts. `key` is an entry, of
  // which only the internal key is read. They allocate nothing.
  bool Contains(const char* key) const;
  // The first entry not below `key`, or null.
  const char* FindGreaterOrEqual(const char* key) const;

  // About how many entries lie in [from, to); exact for up to some hundred.
  uint64_t ApproximateCount(const char* from, const char* to) const;
  // An entry picked at random (about uniformly), or null when empty. `random`
  // is any source of 64 random bits.
  template <typename Random>
  const char* RandomEntry(Random&& random) const {
    uint64_t bits[kMaxLevels];
    for (uint64_t& b : bits) b = random();
    return RandomEntryFromBits(bits);
  }

  Stats GetStats() const;

  // Every invariant on every level; "" when all hold, else what does not.
  // Only while nothing is being inserted. For tests.
  std::string TEST_Validate() const;

  // Live: shows what was inserted before the call, wherever the iterator
  // stands. One thread at a time for each iterator. Valid() is false at first.
  class Iterator;

  static constexpr int kMaxLevels = 24;

 private:
  const char* RandomEntryFromBits(const uint64_t* bits) const;
};

}  // namespace fastskip
