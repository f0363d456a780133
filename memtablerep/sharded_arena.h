// ShardedArena: bump allocation for one memtable, shared by any number of
// threads.
//
// Purpose. Hands out the bytes of entries and the blocks of the list. Memory
// comes in chunks from a ChunkSource (RocksDB's allocator) and goes back all
// at once when RocksDB drops the memtable: the arena frees nothing.
//
// When not to use it. Where single objects must be freed.
//
// Thread safety. AllocateEntry, AllocateBlock and the counters may be called
// by any number of threads at once, whatever the number of shards.
//
// Invariants
//   1. A chunk's cursor holds two offsets, `front` (entries grow up from it)
//      and `back` (blocks grow down to it), in one word; front <= back. Every
//      byte below `front` or at and above `back` belongs to exactly one
//      allocation.
//   2. A cursor only ever moves inwards, and only by a CAS from the state in
//      which the request was seen to fit: allocations never overlap.
//   3. A shard's word names one chunk; it is replaced, never reset, and a
//      chunk that loses the race is left with the room it has for the next
//      refill of any shard (`parked_`), not leaked.
//   4. No chunk is larger than 1/kGrowth of what is allocated already, divided
//      by the shards in use, beyond a first chunk of kFirstChunk bytes:
//      RocksDB counts unused tails as used when it decides to flush.
//
// Memory orders. A chunk's header is written before the release CAS that puts
// the chunk into a shard's word, and that word is loaded with acquire. The
// cursor itself is relaxed: it orders nothing but its own allocations, and
// what is written into the bytes is published by the list.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fastskip {

struct Block;

// Where chunks come from. Thread-safe; the memory need not be aligned; it
// stays valid, at its place, until the arena's owner goes. May throw
// std::bad_alloc, and then has taken nothing.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual char* AllocateChunk(size_t bytes) = 0;
};

class ShardedArena {
 public:
  static constexpr size_t kFirstChunk = 1024;   // bytes
  static constexpr size_t kMaxChunk = 256 << 10;  // bytes, of the ordinary kind
  static constexpr size_t kGrowth = 32;
  static constexpr uint32_t kMaxShards = 1024;

  // `shards`: the most shards that may come into use, 1 to kMaxShards. One is
  // in use from the start; another one comes into use when threads are seen to
  // collide. Allocates nothing before the first request.
  ShardedArena(ChunkSource* source, uint32_t shards);
  ShardedArena(const ShardedArena&) = delete;
  ShardedArena& operator=(const ShardedArena&) = delete;

  // `bytes` bytes, not aligned, valid until the arena goes. Throws what the
  // source throws; the arena is as before then.
  char* AllocateEntry(size_t bytes);

  // Room for one block, aligned to a cache line. Same errors.
  void* AllocateBlock();

  struct Stats {
    uint64_t reserved = 0;   // bytes taken from the source
    uint64_t idle = 0;       // of these, not handed out yet
    uint32_t shards_used = 0;
  };
  // Any thread, any time; a snapshot that concurrent allocations may outdate.
  Stats GetStats() const;

 private:
  struct Chunk;
  struct alignas(64) Shard {
    std::atomic<Chunk*> chunk{nullptr};
  };
  // DETAILS BELOW ARE PROVISIONAL
  ChunkSource* source_;
  uint32_t max_shards_;
};

}  // namespace fastskip
