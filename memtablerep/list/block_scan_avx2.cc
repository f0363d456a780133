// SPDX-License-Identifier: Apache-2.0
//
// The AVX2 form of block_scan.h. Nearest words are found as in the portable
// one.
#include "block_scan.h"

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

#if FASTSKIP_VECTORS

// Between the loads of a block's slots and what comes before and after.
#define FASTSKIP_KEEP_ORDER() asm volatile("" ::: "memory")

namespace {

#define FASTSKIP_TARGET __attribute__((target("avx2"), always_inline)) inline
#define FASTSKIP_ENTRY __attribute__((target("avx2")))

// The discriminators of a block, in the order of its slots.
struct Discs {
  __m256i front;  // of slots 0 to 15
  __m256i back;   // of slots 16 to 31
};

// The discriminators of four times four words: the highest 16 bits of each,
// moved to one of the four places of a 64-bit lane, then put in order.
FASTSKIP_TARGET __m256i Pack(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i ab = _mm256_blend_epi16(_mm256_srli_epi64(a, 48),
                                        _mm256_srli_epi64(b, 32), 0x22);
  const __m256i cd = _mm256_blend_epi16(_mm256_srli_epi64(c, 16), d, 0x88);
  const __m256i mixed = _mm256_blend_epi16(ab, cd, 0xCC);
  // In each half, from a0 b0 c0 d0 a1 b1 c1 d1 to a0 a1 b0 b1 c0 c1 d0 d1.
  const __m256i pairs =
      _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15,  //
                       0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(mixed, pairs),
                                     _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

FASTSKIP_TARGET Discs LoadDiscs(const Words& words) {
  const auto* const from = reinterpret_cast<const __m256i*>(words.disc);
  return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}

constexpr uint32_t kAllSlots = BitsBelow(Block::kSlots);

// A bit for each slot whose 16 bits are set.
FASTSKIP_TARGET uint32_t MaskOf(__m256i front, __m256i back) {
  const __m256i bytes = _mm256_permute4x64_epi64(
      _mm256_packs_epi16(front, back), _MM_SHUFFLE(3, 1, 2, 0));
  return static_cast<uint32_t>(_mm256_movemask_epi8(bytes)) & kAllSlots;
}

FASTSKIP_TARGET uint32_t LeastOf(__m256i x) {
  const __m128i halves =
      _mm_min_epu16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_minpos_epu16(halves))) &
         0xFFFF;
}

FASTSKIP_TARGET uint64_t AnyWordWith(const Words& words, const Discs& discs,
                                     uint32_t disc) {
  const __m256i wanted = _mm256_set1_epi16(static_cast<int16_t>(disc));
  const uint32_t mask = MaskOf(_mm256_cmpeq_epi16(discs.front, wanted),
                               _mm256_cmpeq_epi16(discs.back, wanted));
  return words.slot[__builtin_ctz(mask)];
}

FASTSKIP_TARGET Nearest NearestOf(const Words& words, const Discs& discs,
                                  uint32_t disc) {
  const __m256i bias = _mm256_set1_epi16(static_cast<int16_t>(disc));
  const __m256i front = _mm256_sub_epi16(discs.front, bias);
  const __m256i back = _mm256_sub_epi16(discs.back, bias);
  const __m256i ones = _mm256_set1_epi16(-1);
  const uint32_t least = LeastOf(_mm256_min_epu16(front, back));
  const uint32_t greatest =
      0xFFFF & ~LeastOf(_mm256_xor_si256(ones, _mm256_max_epu16(front, back)));
  const uint32_t first = (least + disc) & 0xFFFF;
  const uint32_t last = (greatest + disc) & 0xFFFF;
  Nearest nearest;
  if (last < disc) nearest.below = AnyWordWith(words, discs, last);
  if (first >= disc && first < kEmptyDisc) {
    nearest.not_below = AnyWordWith(words, discs, first);
  }
  return nearest;
}

FASTSKIP_ENTRY Nearest FindNearest(const Words& words, uint32_t disc) {
  return NearestOf(words, LoadDiscs(words), disc);
}

// The discriminators of four times four words, which it copies.
FASTSKIP_TARGET __m256i CopyAndPack(const __m256i* from, __m256i* to) {
  const __m256i a = _mm256_load_si256(from);
  const __m256i b = _mm256_load_si256(from + 1);
  const __m256i c = _mm256_load_si256(from + 2);
  const __m256i d = _mm256_load_si256(from + 3);
  _mm256_storeu_si256(to, a);
  _mm256_storeu_si256(to + 1, b);
  _mm256_storeu_si256(to + 2, c);
  _mm256_storeu_si256(to + 3, d);
  return Pack(a, b, c, d);
}

// The same of three times four; the rest is kEmptyDisc.
FASTSKIP_TARGET __m256i CopyAndPackLast(const __m256i* from, __m256i* to) {
  const __m256i a = _mm256_load_si256(from);
  const __m256i b = _mm256_load_si256(from + 1);
  const __m256i c = _mm256_load_si256(from + 2);
  _mm256_storeu_si256(to, a);
  _mm256_storeu_si256(to + 1, b);
  _mm256_storeu_si256(to + 2, c);
  return Pack(a, b, c, _mm256_set1_epi64x(-1));
}

FASTSKIP_TARGET Discs CopyBlock(const Block& block, Words* words) {
  static_assert(Block::kSlots == 16 + 12, "two packs, less one vector");
  const auto* const from = reinterpret_cast<const __m256i*>(block.slots);
  auto* const to = reinterpret_cast<__m256i*>(words->slot);
  auto* const discs_to = reinterpret_cast<__m256i*>(words->disc);
  FASTSKIP_KEEP_ORDER();
  const Discs discs{CopyAndPack(from, to), CopyAndPackLast(from + 4, to + 4)};
  FASTSKIP_KEEP_ORDER();
  _mm256_storeu_si256(discs_to, discs.front);
  _mm256_storeu_si256(discs_to + 1, discs.back);
  return discs;
}

FASTSKIP_ENTRY void Load(const Block& block, Words* words) {
  CopyBlock(block, words);
}

FASTSKIP_ENTRY Nearest LoadNearest(const Block& block, uint32_t disc,
                                   Words* words) {
  return NearestOf(*words, CopyBlock(block, words), disc);
}

FASTSKIP_ENTRY uint32_t SlotsWith(const Words& words, uint32_t first,
                                  uint32_t count) {
  if (count == 0) return 0;
  const Discs discs = LoadDiscs(words);
  const __m256i bias = _mm256_set1_epi16(static_cast<int16_t>(first));
  const __m256i most = _mm256_set1_epi16(static_cast<int16_t>(count - 1));
  const __m256i front = _mm256_sub_epi16(discs.front, bias);
  const __m256i back = _mm256_sub_epi16(discs.back, bias);
  return MaskOf(_mm256_cmpeq_epi16(_mm256_min_epu16(front, most), front),
                _mm256_cmpeq_epi16(_mm256_min_epu16(back, most), back));
}

// 32 numbers: eight lanes of four, each lane a sequence down the rows.
struct Rows {
  __m256i a, b, c, d;
};

FASTSKIP_TARGET void MinMax(__m256i* low, __m256i* high) {
  const __m256i least = _mm256_min_epu32(*low, *high);
  *high = _mm256_max_epu32(*low, *high);
  *low = least;
}

// Compares each number with its partner; lanes of the mask `kUpper` keep the
// greater one, the others the lesser.
template <int kUpper>
FASTSKIP_TARGET __m256i MinMaxWith(__m256i partners, __m256i x) {
  return _mm256_blend_epi32(_mm256_min_epu32(x, partners),
                            _mm256_max_epu32(x, partners), kUpper);
}
template <int kUpper>
FASTSKIP_TARGET Rows MinMaxWith(const Rows& partners, const Rows& x) {
  return {
      MinMaxWith<kUpper>(partners.a, x.a), MinMaxWith<kUpper>(partners.b, x.b),
      MinMaxWith<kUpper>(partners.c, x.c), MinMaxWith<kUpper>(partners.d, x.d)};
}

constexpr int kOddLanes = 0xAA, kUpperPairs = 0xCC, kUpperHalf = 0xF0;
constexpr int kSwapLanes = _MM_SHUFFLE(2, 3, 0, 1);
constexpr int kSwapPairs = _MM_SHUFFLE(1, 0, 3, 2);
constexpr int kTurnFours = _MM_SHUFFLE(0, 1, 2, 3);

// The lanes of each half moved.
template <int kMove>
FASTSKIP_TARGET Rows MoveLanes(const Rows& x) {
  return {_mm256_shuffle_epi32(x.a, kMove), _mm256_shuffle_epi32(x.b, kMove),
          _mm256_shuffle_epi32(x.c, kMove), _mm256_shuffle_epi32(x.d, kMove)};
}

FASTSKIP_TARGET Rows SwapHalves(const Rows& x) {
  return {_mm256_permute2x128_si256(x.a, x.a, 1),
          _mm256_permute2x128_si256(x.b, x.b, 1),
          _mm256_permute2x128_si256(x.c, x.c, 1),
          _mm256_permute2x128_si256(x.d, x.d, 1)};
}

FASTSKIP_TARGET Rows UpsideDown(const Rows& x) { return {x.d, x.c, x.b, x.a}; }

// The last steps of every merge, within lanes.
FASTSKIP_TARGET Rows MergeLanes(Rows x) {
  MinMax(&x.a, &x.c);
  MinMax(&x.b, &x.d);
  MinMax(&x.a, &x.b);
  MinMax(&x.c, &x.d);
  return x;
}

// Batcher's bitonic network: sorted lanes are merged to pairs of lanes, fours,
// and all eight. The first number of one sequence is compared with the last of
// the other, and so on; then numbers at half the distance, and half of that.
FASTSKIP_TARGET Rows SortRows(Rows x) {
  x = MergeLanes(x);
  MinMax(&x.b, &x.c);

  x = MinMaxWith<kOddLanes>(MoveLanes<kSwapLanes>(UpsideDown(x)), x);
  x = MergeLanes(x);

  x = MinMaxWith<kUpperPairs>(MoveLanes<kTurnFours>(UpsideDown(x)), x);
  x = MinMaxWith<kOddLanes>(MoveLanes<kSwapLanes>(x), x);
  x = MergeLanes(x);

  x = MinMaxWith<kUpperHalf>(SwapHalves(MoveLanes<kTurnFours>(UpsideDown(x))),
                             x);
  x = MinMaxWith<kUpperPairs>(MoveLanes<kSwapPairs>(x), x);
  x = MinMaxWith<kOddLanes>(MoveLanes<kSwapLanes>(x), x);
  return MergeLanes(x);
}

// The upper halves of the numbers, and their lower bytes, in the order of the
// sequence that goes down the first lane, down the second and so on.
FASTSKIP_TARGET Discs UpperHalves(const Rows& x) {
  const __m256i ab = _mm256_blend_epi16(_mm256_srli_epi32(x.a, 16), x.b, 0xAA);
  const __m256i cd = _mm256_blend_epi16(_mm256_srli_epi32(x.c, 16), x.d, 0xAA);
  const __m256i even = _mm256_unpacklo_epi32(ab, cd);  // lanes 0, 1 and 4, 5
  const __m256i odd = _mm256_unpackhi_epi32(ab, cd);   // lanes 2, 3 and 6, 7
  return {_mm256_permute2x128_si256(even, odd, 0x20),
          _mm256_permute2x128_si256(even, odd, 0x31)};
}
FASTSKIP_TARGET __m256i LowerBytes(const Rows& x) {
  const __m256i lowest = _mm256_set1_epi32(0xFF);
  const __m256i ab = _mm256_packus_epi32(_mm256_and_si256(x.a, lowest),
                                         _mm256_and_si256(x.b, lowest));
  const __m256i cd = _mm256_packus_epi32(_mm256_and_si256(x.c, lowest),
                                         _mm256_and_si256(x.d, lowest));
  const __m256i down_lanes =
      _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,  //
                       0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm256_shuffle_epi8(_mm256_packus_epi16(ab, cd), down_lanes);
}

// Each discriminator's predecessor; 0 where there is none.
FASTSKIP_TARGET Discs Before(const Discs& discs) {
  const __m256i middle =
      _mm256_permute2x128_si256(discs.front, discs.back, 0x21);
  const __m256i start =
      _mm256_permute2x128_si256(discs.front, discs.front, 0x08);
  return {_mm256_alignr_epi8(discs.front, start, 14),
          _mm256_alignr_epi8(discs.back, middle, 14)};
}

// Bit i: discriminator i is that before it.
FASTSKIP_TARGET uint32_t TiesOf(const Discs& discs) {
  const Discs before = Before(discs);
  return MaskOf(_mm256_cmpeq_epi16(discs.front, before.front),
                _mm256_cmpeq_epi16(discs.back, before.back)) &
         ~uint32_t{1};
}

// Whether no discriminator is below that before it.
FASTSKIP_TARGET bool Ascend(const Discs& discs) {
  const Discs before = Before(discs);
  const __m256i front = _mm256_max_epu16(discs.front, before.front);
  const __m256i back = _mm256_max_epu16(discs.back, before.back);
  return MaskOf(_mm256_cmpeq_epi16(front, discs.front),
                _mm256_cmpeq_epi16(back, discs.back)) == kAllSlots;
}

FASTSKIP_TARGET void FindEmpty(const Discs& discs, SlotOrder* order) {
  const __m256i none = _mm256_set1_epi16(-1);
  order->empty = MaskOf(_mm256_cmpeq_epi16(discs.front, none),
                        _mm256_cmpeq_epi16(discs.back, none));
  order->count = Block::kSlots - __builtin_popcount(order->empty);
}

FASTSKIP_TARGET void StoreSlots(__m256i slots, SlotOrder* order) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(order->slot), slots);
}

// By numbers of 32 bits: a discriminator, and behind it the rank of its slot.
FASTSKIP_ENTRY void SortByNetwork(const Words& words, SlotOrder* order) {
  // Later slots come first: a slot is 31 less its rank, or, in the same bits,
  // their exclusive or. Lanes that are no slots are empty, too, and so behind
  // what counts.
  const __m256i ranks_front = _mm256_setr_epi16(31, 30, 29, 28, 27, 26, 25, 24,
                                                23, 22, 21, 20, 19, 18, 17, 16);
  const __m256i ranks_back =
      _mm256_setr_epi16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const Discs discs = LoadDiscs(words);
  const Rows x = SortRows({
      _mm256_unpacklo_epi16(ranks_front, discs.front),
      _mm256_unpackhi_epi16(ranks_front, discs.front),
      _mm256_unpacklo_epi16(ranks_back, discs.back),
      _mm256_unpackhi_epi16(ranks_back, discs.back),
  });
  StoreSlots(_mm256_xor_si256(LowerBytes(x), _mm256_set1_epi8(31)), order);
  FindEmpty(discs, order);
  order->in_slot_order = false;
  order->ties = TiesOf(UpperHalves(x)) & BitsBelow(order->count);
}

FASTSKIP_ENTRY void Sort(const Words& words, SlotOrder* order) {
  const Discs discs = LoadDiscs(words);
  if (!Ascend(discs)) return SortByNetwork(words, order);
  StoreSlots(_mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                              15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                              27, 28, 29, 30, 31),
             order);
  FindEmpty(discs, order);
  order->in_slot_order = true;
  order->ties = TiesOf(discs) & BitsBelow(order->count);
}

#undef FASTSKIP_ENTRY
#undef FASTSKIP_TARGET
#undef FASTSKIP_KEEP_ORDER

constexpr BlockScan kScan{Load, LoadNearest, FindNearest, SlotsWith, Sort};

}  // namespace

const BlockScan* const kAvx2BlockScan = &kScan;

#else

const BlockScan* const kAvx2BlockScan = nullptr;

#endif  // FASTSKIP_VECTORS

}  // namespace fastskip
