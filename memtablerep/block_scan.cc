// SPDX-License-Identifier: Apache-2.0
#include "block_scan.h"

#include <algorithm>
#include <atomic>

// Whether the vector form is built.
#if defined(__SANITIZE_THREAD__) || defined(FASTSKIP_TEST_STEPS)
#define FASTSKIP_VECTORS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FASTSKIP_VECTORS 0
#endif
#endif
#ifndef FASTSKIP_VECTORS
#if defined(__x86_64__) && defined(__GNUC__) && FASTSKIP_BLOCK_SLOTS == 28
#define FASTSKIP_VECTORS 1
#else
#define FASTSKIP_VECTORS 0
#endif
#endif

#if FASTSKIP_VECTORS
#include <immintrin.h>
#endif

namespace fastskip {

namespace {

// All forms find both neighbours with one minimum and one maximum: with the
// bound subtracted modulo 2^64, the words not below it come first, in order,
// and those below it last.
Nearest FromExtremes(uint64_t least, uint64_t greatest, uint64_t bound) {
  const uint64_t first = least + bound;
  const uint64_t last = greatest + bound;
  Nearest nearest;
  if (last < bound) nearest.below = last;
  if (first >= bound) nearest.not_below = first;
  return nearest;
}

namespace portable {

Nearest FindNearest(const Words& words, uint64_t bound) {
  constexpr int kLanes = 4;  // independent chains of minima and maxima
  constexpr int kWhole = Block::kSlots / kLanes * kLanes;
  uint64_t least[kLanes];
  uint64_t greatest[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    least[lane] = greatest[lane] = words.slot[lane % Block::kSlots] - bound;
  }
  for (int i = 0; i < kWhole; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t x = words.slot[i + lane] - bound;
      least[lane] = x < least[lane] ? x : least[lane];
      greatest[lane] = x > greatest[lane] ? x : greatest[lane];
    }
  }
  for (int i = kWhole; i < Block::kSlots; ++i) {
    least[0] = std::min(least[0], words.slot[i] - bound);
    greatest[0] = std::max(greatest[0], words.slot[i] - bound);
  }
  return FromExtremes(*std::min_element(least, least + kLanes),
                      *std::max_element(greatest, greatest + kLanes), bound);
}

Nearest LoadNearest(const Block& block, uint64_t bound, Words* words) {
  for (int i = 0; i < Block::kSlots; ++i) words->slot[i] = block.SlotAcquire(i);
  return FindNearest(*words, bound);
}

uint32_t InRange(const Words& words, uint64_t begin, uint64_t length) {
  uint32_t mask = 0;
  for (int i = 0; i < Block::kSlots; ++i) {
    mask |= uint32_t{words.slot[i] - begin < length} << i;
  }
  return mask;
}

constexpr BlockScan kScan{LoadNearest, FindNearest, InRange};

}  // namespace portable

#if FASTSKIP_VECTORS

// Between the loads of a block's slots and what comes before and after.
inline void KeepOrder() { asm volatile("" ::: "memory"); }

inline const uint64_t* SlotsOf(const Block& block) {
  return reinterpret_cast<const uint64_t*>(block.slots);
}

namespace avx2 {

#define FASTSKIP_TARGET __attribute__((target("avx2")))

constexpr int kLanes = 4;
constexpr int kVectors = Block::kSlots / kLanes;
constexpr uint64_t kSign = uint64_t{1} << 63;

FASTSKIP_TARGET inline __m256i LoadFour(const uint64_t* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

// The instruction set compares signed numbers only: the sign bit is flipped
// together with the subtraction of the bound.
template <bool kCopy>
FASTSKIP_TARGET inline Nearest FindNearestIn(const uint64_t* slots,
                                             uint64_t bound, Words* words) {
  const __m256i bias =
      _mm256_set1_epi64x(static_cast<long long>(bound - kSign));
  __m256i least = _mm256_setzero_si256();
  __m256i greatest = _mm256_setzero_si256();
  for (int v = 0; v < kVectors; ++v) {
    const __m256i raw = LoadFour(slots + v * kLanes);
    if (kCopy) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(words->slot + v * kLanes),
                         raw);
    }
    const __m256i x = _mm256_sub_epi64(raw, bias);
    if (v == 0) {
      least = greatest = x;
      continue;
    }
    least = _mm256_blendv_epi8(least, x, _mm256_cmpgt_epi64(least, x));
    greatest = _mm256_blendv_epi8(greatest, x, _mm256_cmpgt_epi64(x, greatest));
  }
  alignas(32) int64_t low[kLanes];
  alignas(32) int64_t high[kLanes];
  _mm256_store_si256(reinterpret_cast<__m256i*>(low), least);
  _mm256_store_si256(reinterpret_cast<__m256i*>(high), greatest);
  const int64_t a =
      std::min(std::min(low[0], low[1]), std::min(low[2], low[3]));
  const int64_t z =
      std::max(std::max(high[0], high[1]), std::max(high[2], high[3]));
  return FromExtremes(static_cast<uint64_t>(a) ^ kSign,
                      static_cast<uint64_t>(z) ^ kSign, bound);
}

FASTSKIP_TARGET Nearest FindNearest(const Words& words, uint64_t bound) {
  return FindNearestIn<false>(words.slot, bound, nullptr);
}

FASTSKIP_TARGET Nearest LoadNearest(const Block& block, uint64_t bound,
                                    Words* words) {
  KeepOrder();
  const Nearest nearest = FindNearestIn<true>(SlotsOf(block), bound, words);
  KeepOrder();
  return nearest;
}

FASTSKIP_TARGET uint32_t InRange(const Words& words, uint64_t begin,
                                 uint64_t length) {
  const __m256i bias =
      _mm256_set1_epi64x(static_cast<long long>(begin - kSign));
  const __m256i limit =
      _mm256_set1_epi64x(static_cast<long long>(length ^ kSign));
  uint32_t mask = 0;
  for (int v = 0; v < kVectors; ++v) {
    const __m256i x = _mm256_sub_epi64(LoadFour(words.slot + v * kLanes), bias);
    const int in =
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, x)));
    mask |= static_cast<uint32_t>(in) << (v * kLanes);
  }
  return mask;
}

constexpr BlockScan kScan{LoadNearest, FindNearest, InRange};

#undef FASTSKIP_TARGET

}  // namespace avx2

#endif  // FASTSKIP_VECTORS

struct Available {
  Available() {
#if FASTSKIP_VECTORS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) scans[count++] = &avx2::kScan;
#endif
  }

  const BlockScan* scans[3] = {&portable::kScan};
  int count = 1;
};

const Available& TheAvailable() {
  static const Available available;
  return available;
}

// Starts as the portable form, for lists made by other initialisers; relaxed,
// since what it points to is constant.
std::atomic<const BlockScan*> best{&portable::kScan};

[[maybe_unused]] const bool best_is_chosen = [] {
  const Available& available = TheAvailable();
  best.store(available.scans[available.count - 1], std::memory_order_relaxed);
  return true;
}();

}  // namespace

const BlockScan* const* AvailableBlockScans() { return TheAvailable().scans; }

const BlockScan& Scan() { return *best.load(std::memory_order_relaxed); }

}  // namespace fastskip
