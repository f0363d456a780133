// SPDX-License-Identifier: Apache-2.0
//
// ShardedArena: bump allocation for one memtable, shared by any number of
// threads.
//
// Purpose. Hands out the bytes of entries and the blocks of the list. Memory
// comes in chunks from a ChunkSource (RocksDB's allocator) and goes back all
// at once when RocksDB drops the memtable: the arena itself frees nothing.
//
// When not to use it. Where single objects must be freed.
//
// Thread safety. Any number of threads may allocate and ask for statistics at
// once, whatever the number of shards. Allocation is lock-free but for the
// refill of a shard, which takes whatever lock the source takes.
//
// Invariants
//   1. A chunk's cursor holds two offsets, `front` (entries grow up from it)
//      and `back` (blocks grow down to it), and the number of entries, in one
//      word; front <= back. Every byte below `front`, or at and above `back`,
//      belongs to exactly one allocation.
//   2. A cursor changes only by a CAS from the very state in which the request
//      was seen to fit: allocations never overlap.
//   3. A shard's word points to the chunk in use; it only ever moves on to one
//      not used before, which points to the old one as `older`. A chunk that
//      loses the race to be installed is parked for the next refill; one that
//      is parked already, or too small for that refill, is forgotten until the
//      source goes. (Refills are rare, lost races among them rarer.)
//   4. RocksDB counts the unused tail of a chunk as used when it decides to
//      flush. So until kPiecemeal bytes are reserved each request gets memory
//      of its own; then chunks are at most 1/kGrowth of what is reserved,
//      divided by the shards in use. A request of more than a quarter of the
//      next chunk gets memory of its own at any time. Of such memory, at most
//      kMostCounted bytes a request count as reserved here: a few large values
//      do not announce many entries. Chunk sizes are powers of two, which fill
//      RocksDB's arena blocks without remainder.
//   5. Every address handed out fits 48 bits, so that a word of the list can
//      hold it.
//   6. The kernel is asked for pages of this arena's chunks only, and a piece
//      at a time: for what will be written to next.
//
// Memory orders. A chunk's header is written before the release CAS that
// installs it, and the shard's word is loaded with acquire; the same holds for
// `parked_` and `more_shards_`. Cursors are relaxed: a cursor orders nothing
// but its own allocations, each of which is the outcome of one CAS, and the
// bytes are published by the list. The counters are relaxed: they are read for
// sizes and statistics, where a value a moment old is as good.
#pragma once

#include <cstddef>
#include <cstdint>

#include "step_atomic.h"

namespace fastskip {

// Where chunks come from. Thread-safe; the memory need not be aligned; it
// stays in place until the source goes. May throw std::bad_alloc, and then has
// taken nothing.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual char* AllocateChunk(size_t bytes) = 0;
};

class ShardedArena {
 public:
  static constexpr size_t kPiecemeal = 64 << 10;   // bytes
  static constexpr size_t kMinChunk = 2 << 10;     // bytes
  static constexpr size_t kMaxChunk = 128 << 10;   // bytes
  static constexpr size_t kMostCounted = 4 << 10;  // bytes
  static constexpr size_t kGrowth = 32;
  static constexpr uint32_t kMaxShards = 1024;

  // `shards`: the most shards that may come into use, 1 to kMaxShards; never
  // more than the machine has hardware threads. One is in use from the start,
  // others come into use when threads are seen to collide. Nothing is
  // allocated before the first request.
  ShardedArena(ChunkSource* source, uint32_t shards);
  ShardedArena(const ShardedArena&) = delete;
  ShardedArena& operator=(const ShardedArena&) = delete;

  // `bytes` bytes, not aligned, valid until the source goes. Throws what the
  // source throws; the arena is as before then.
  char* AllocateEntry(size_t bytes);

  // The same for blocks and encodings: aligned to a cache line.
  // REQUIRES: whole cache lines
  void* AllocateAligned(size_t bytes);

  // Prefetches the cache lines that the next block will be written to.
  void PrefetchBlock();

  struct Stats {
    uint64_t reserved = 0;     // bytes taken from the source
    uint64_t idle = 0;         // of these, bytes in open chunks not handed out
    uint64_t entries = 0;      // calls of AllocateEntry that succeeded
    uint64_t entry_bytes = 0;  // handed out by these
    uint32_t shards_used = 0;
  };
  // A snapshot, which concurrent allocations may outdate. Walks the chunks.
  Stats GetStats() const;

  // Two of these without the walk: bytes taken from the source, and nearly all
  // entries (an allocation from a chunk that is being replaced is missed).
  uint64_t reserved() const { return reserved_.Load(); }
  uint64_t ApproximateEntries() const;

 private:
  struct Chunk;
  struct alignas(64) Shard {
    StepAtomic<Chunk*> chunk{nullptr};
  };
  enum class Part { kEntry, kBlock };

  char* Allocate(Part part, size_t bytes);
  char* AllocateAlone(Part part, size_t bytes);
  Shard* MyShard();
  void NoteCollision();
  size_t NextChunkSize() const;
  char* TakeFromSource(size_t bytes);
  Chunk* NewChunk(size_t room);
  void Refill(Shard* shard, Chunk* exhausted, size_t room);

  ChunkSource* const source_;
  const uint32_t max_shards_;
  StepAtomic<uint32_t> shards_in_use_{1};
  RelaxedAtomic<uint64_t> reserved_;
  RelaxedAtomic<uint64_t> counted_;  // of these, for the sizes of chunks
  RelaxedAtomic<uint64_t> entries_alone_;
  RelaxedAtomic<uint64_t> entry_bytes_alone_;
  StepAtomic<Chunk*> parked_{nullptr};
  // Shards 1 and up, made when threads first collide.
  StepAtomic<Shard*> more_shards_{nullptr};
  Shard first_shard_;
};

}  // namespace fastskip
