// SPDX-License-Identifier: Apache-2.0
#include "sharded_arena.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

#include "block.h"

namespace fastskip {

namespace {

// A cursor: entries (24 bits) | back (20 bits) | front (20 bits).
constexpr int kOffsetBits = 20;
constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;
constexpr uint64_t kOneEntry = uint64_t{1} << (2 * kOffsetBits);

uint64_t MakeCursor(uint64_t front, uint64_t back) {
  return back << kOffsetBits | front;
}
uint64_t FrontOf(uint64_t cursor) { return cursor & kOffsetMask; }
uint64_t BackOf(uint64_t cursor) { return cursor >> kOffsetBits & kOffsetMask; }

uintptr_t RoundUp(uintptr_t address, uintptr_t alignment) {
  return (address + alignment - 1) & ~(alignment - 1);
}

// Prefetches the cache lines that the next entry will be written to. Else its
// stores wait for memory, and the CAS that publishes it waits for them. It may
// lie behind the chunk: nothing is accessed.
void PrefetchForWriting(const char* next_entry) {
  constexpr size_t kTypicalEntry = 192;  // bytes
  for (size_t line = 0; line < kTypicalEntry; line += 64) {
    __builtin_prefetch(next_entry + line, 1);
  }
}

// Of a large chunk, so many bytes are asked of the kernel at a time.
constexpr uint64_t kPiece = 64 << 10;

constexpr uintptr_t kPage = 4 << 10;

// Memory that malloc has just got from the kernel has no pages yet: each is
// provided when it is first written to, which interrupts the writer. One call
// for many of them takes a fraction of that. Where the kernel has no such call
// (Linux before 5.14), or larger pages, nothing is done.
#ifdef MADV_POPULATE_WRITE

bool HasPage(const char* at) {
  const uintptr_t page = reinterpret_cast<uintptr_t>(at) & ~(kPage - 1);
  unsigned char there = 1;
  const int saved = errno;
  mincore(reinterpret_cast<void*>(page), kPage, &there);
  errno = saved;
  return (there & 1) != 0;
}

// From the page of `begin` on, up to that of `end`.
void ProvidePages(const char* begin, const char* end) {
  const uintptr_t from = reinterpret_cast<uintptr_t>(begin) & ~(kPage - 1);
  const uintptr_t to = reinterpret_cast<uintptr_t>(end) & ~(kPage - 1);
  const int saved = errno;
  if (from < to) {
    madvise(reinterpret_cast<void*>(from), to - from, MADV_POPULATE_WRITE);
  }
  errno = saved;
}

#else

bool HasPage(const char*) { return true; }
void ProvidePages(const char*, const char*) {}

#endif

// A number for each thread, dense enough to spread threads over shards.
uint32_t ThreadNumber() {
  static RelaxedAtomic<uint32_t> threads;
  thread_local const uint32_t number = threads.Add(1);
  return number;
}

// Asked once: glibc reads a file of /sys each time, which took as long as the
// rest of making a memtable.
uint32_t UsefulShards(uint32_t wanted) {
  static const uint32_t cores =
      std::max(1u, std::thread::hardware_concurrency());
  return std::min(wanted, cores);
}

}  // namespace

// Stands at the beginning of its own memory. Entries need no alignment, so only
// the end is rounded, for the blocks.
struct ShardedArena::Chunk {
  StepAtomic<uint64_t> cursor;
  Chunk* older = nullptr;
  uint64_t entries_before = 0;  // in older chunks, when this one was installed
  const uint64_t bytes;
  const bool fresh;  // without pages

  Chunk(uint64_t size, bool is_fresh)
      : cursor(MakeCursor(sizeof(Chunk), size)), bytes(size), fresh(is_fresh) {}

  char* At(uint64_t offset) { return reinterpret_cast<char*>(this) + offset; }
  size_t Room() const {
    const uint64_t now = cursor.LoadRelaxed();
    return BackOf(now) - FrontOf(now);
  }
  // When entries come to another piece, and this is fresh memory, that piece is
  // asked for.
  void ProvidePiece(uint64_t from, uint64_t to) {
    if (from / kPiece == to / kPiece || !fresh) return;
    const uint64_t begin = to / kPiece * kPiece;
    ProvidePages(At(begin), At(std::min(begin + kPiece, bytes)));
  }
  // With those of older chunks.
  uint64_t AllEntries() const {
    return entries_before + (cursor.LoadRelaxed() >> (2 * kOffsetBits));
  }
};

static_assert(ShardedArena::kMaxChunk <= kOffsetMask, "an offset is 20 bits");

ShardedArena::ShardedArena(ChunkSource* source, uint32_t shards)
    : source_(source), max_shards_(UsefulShards(shards)) {
  assert(shards >= 1 && shards <= kMaxShards);
}

char* ShardedArena::AllocateEntry(size_t bytes) {
  return Allocate(Part::kEntry, bytes);
}

void* ShardedArena::AllocateAligned(size_t bytes) {
  assert(bytes % 64 == 0);
  return Allocate(Part::kBlock, bytes);
}

// Only advice: where another thread takes the block, or a refill comes first,
// nothing was accessed.
void ShardedArena::PrefetchBlock() {
  Chunk* const chunk = MyShard()->chunk.LoadAcquire();
  if (chunk == nullptr || chunk->Room() < sizeof(Block)) return;
  const char* const end = chunk->At(BackOf(chunk->cursor.LoadRelaxed()));
  for (size_t line = 64; line <= sizeof(Block); line += 64) {
    __builtin_prefetch(end - line, 1);
  }
}

char* ShardedArena::Allocate(Part part, size_t bytes) {
  for (;;) {
    Shard* shard = MyShard();
    Chunk* chunk = shard->chunk.LoadAcquire();
    if (chunk != nullptr) {
      uint64_t cursor = chunk->cursor.LoadRelaxed();
      while (BackOf(cursor) - FrontOf(cursor) >= bytes) {
        const uint64_t desired = part == Part::kEntry
                                     ? cursor + bytes + kOneEntry
                                     : cursor - (bytes << kOffsetBits);
        if (chunk->cursor.ReplaceWeakRelaxed(&cursor, desired)) {
          if (part == Part::kBlock) return chunk->At(BackOf(desired));
          chunk->ProvidePiece(FrontOf(cursor), FrontOf(desired));
          PrefetchForWriting(chunk->At(FrontOf(desired)));
          return chunk->At(FrontOf(cursor));
        }
        NoteCollision();
      }
    }
    if (counted_.Load() < kPiecemeal || bytes > NextChunkSize() / 4) {
      return AllocateAlone(part, bytes);
    }
    Refill(shard, chunk, bytes);
  }
}

// Memory of its own: nothing of it is left unused.
char* ShardedArena::AllocateAlone(Part part, size_t bytes) {
  const size_t whole = part == Part::kEntry ? bytes : bytes + 63;
  char* const memory = TakeFromSource(whole);
  counted_.Add(std::min(whole, kMostCounted));
  if (part == Part::kBlock) {
    return reinterpret_cast<char*>(
        RoundUp(reinterpret_cast<uintptr_t>(memory), 64));
  }
  entries_alone_.Add(1);
  entry_bytes_alone_.Add(bytes);
  return memory;
}

ShardedArena::Shard* ShardedArena::MyShard() {
  // Acquire: whoever sees more shards in use sees them made.
  const uint32_t in_use = shards_in_use_.LoadAcquire();
  if (in_use == 1) return &first_shard_;
  const uint32_t mine = ThreadNumber() % in_use;
  if (mine == 0) return &first_shard_;
  return &more_shards_.LoadAcquire()[mine - 1];
}

// Doubles the shards in use. A stale `in_use` only means that the CAS fails.
void ShardedArena::NoteCollision() {
  uint32_t in_use = shards_in_use_.LoadRelaxed();
  if (in_use >= max_shards_) return;
  if (more_shards_.LoadAcquire() == nullptr) {
    const size_t count = max_shards_ - 1;
    // Not worth failing an allocation for.
    char* memory;
    try {
      memory = TakeFromSource(count * sizeof(Shard) + 63);
    } catch (const std::bad_alloc&) {
      return;
    }
    auto* shards = reinterpret_cast<Shard*>(
        RoundUp(reinterpret_cast<uintptr_t>(memory), 64));
    for (size_t i = 0; i < count; ++i) new (&shards[i]) Shard;
    if (!more_shards_.ReplaceRelease(nullptr, shards)) {
      return;  // another thread made them; a kilobyte is lost, once
    }
  }
  shards_in_use_.ReplaceRelease(in_use, std::min(in_use * 2, max_shards_));
}

size_t ShardedArena::NextChunkSize() const {
  const size_t share =
      counted_.Load() / (kGrowth * shards_in_use_.LoadRelaxed());
  size_t size = kMinChunk;
  while (size < kMaxChunk && size * 2 <= share) size *= 2;
  return size;
}

char* ShardedArena::TakeFromSource(size_t bytes) {
  char* memory = source_->AllocateChunk(bytes);
  if ((reinterpret_cast<uintptr_t>(memory + bytes) & ~kAddressMask) != 0) {
    // The factory has refused processes whose heap lies out of reach; nothing
    // sound can be done with such memory, and an insert cannot report it.
    std::fprintf(stderr, "fastskip: address %p does not fit 48 bits\n",
                 static_cast<void*>(memory));
    std::abort();
  }
  reserved_.Add(bytes);
  return memory;
}

ShardedArena::Chunk* ShardedArena::NewChunk(size_t room) {
  const size_t bytes =
      std::max(NextChunkSize(), room + sizeof(Chunk) + alignof(Chunk) + 63);
  char* memory = TakeFromSource(bytes);
  counted_.Add(bytes);
  const uintptr_t begin =
      RoundUp(reinterpret_cast<uintptr_t>(memory), alignof(Chunk));
  const uintptr_t end =
      reinterpret_cast<uintptr_t>(memory + bytes) & ~uintptr_t{63};
  const bool fresh = bytes >= kPiece && !HasPage(memory + bytes / 2);
  // The first page may be another's as well.
  if (fresh) ProvidePages(memory + kPage, memory + kPiece);
  return new (reinterpret_cast<void*>(begin)) Chunk(end - begin, fresh);
}

// Replaces `exhausted` by a chunk in which `room` bytes fit.
void ShardedArena::Refill(Shard* shard, Chunk* exhausted, size_t room) {
  Chunk* fresh = parked_.TakeAcquire(nullptr);
  if (fresh == nullptr || fresh->Room() < room) {
    fresh = NewChunk(room);
  }
  fresh->older = exhausted;
  fresh->entries_before = exhausted == nullptr ? 0 : exhausted->AllEntries();
  if (!shard->chunk.ReplaceRelease(exhausted, fresh)) {
    parked_.PutRelease(fresh);
  }
}

ShardedArena::Stats ShardedArena::GetStats() const {
  Stats stats;
  stats.reserved = reserved_.Load();
  stats.entries = entries_alone_.Load();
  stats.entry_bytes = entry_bytes_alone_.Load();
  stats.shards_used = shards_in_use_.LoadRelaxed();
  const Shard* more = more_shards_.LoadAcquire();
  const uint32_t shards = more == nullptr ? 1 : max_shards_;
  for (uint32_t i = 0; i < shards; ++i) {
    const Shard& shard = i == 0 ? first_shard_ : more[i - 1];
    const Chunk* chunk = shard.chunk.LoadAcquire();
    bool open = true;
    for (; chunk != nullptr; chunk = chunk->older, open = false) {
      const uint64_t cursor = chunk->cursor.LoadRelaxed();
      stats.entries += cursor >> (2 * kOffsetBits);
      stats.entry_bytes += FrontOf(cursor) - sizeof(Chunk);
      if (open) stats.idle += BackOf(cursor) - FrontOf(cursor);
    }
  }
  return stats;
}

uint64_t ShardedArena::ApproximateEntries() const {
  uint64_t entries = entries_alone_.Load();
  const auto add = [&](const Shard& shard) {
    const Chunk* const chunk = shard.chunk.LoadAcquire();
    if (chunk != nullptr) entries += chunk->AllEntries();
  };
  add(first_shard_);
  const uint32_t in_use = shards_in_use_.LoadAcquire();
  if (in_use == 1) return entries;
  const Shard* const more = more_shards_.LoadAcquire();
  for (uint32_t i = 1; i < in_use; ++i) add(more[i - 1]);
  return entries;
}

}  // namespace fastskip
