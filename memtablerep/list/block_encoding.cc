// SPDX-License-Identifier: Apache-2.0
#include "block_encoding.h"

namespace fastskip {

namespace {

using Kind = Encoding::Kind;

// `span` scaled to leave head room for keys beyond those seen.
uint64_t HeadRoom(uint64_t span) {
  constexpr uint64_t kTimes = 64;
  return span > UINT64_MAX / kTimes ? UINT64_MAX : span * kTimes;
}

// Bytes, or decimal digits, that head room may add in front of those that keys
// differ in.
constexpr size_t kCarry = 2;

// From this span on, eight bytes from the start of the key resolve enough; a
// prefix would only have to be compared.
constexpr uint64_t kWideSpan = uint64_t{1} << 24;

bool AllHaveDigits(const NewBlockKeys& keys, size_t offset) {
  bool all =
      HasDigits(keys.scale_low, offset) && HasDigits(keys.scale_high, offset);
  for (int i = 0; all && i < keys.count; ++i) {
    all = HasDigits(keys.keys[i], offset);
  }
  return all;
}

// Whether keys may come in that lie outside of what is seen of the range now.
bool ReachesBeyond(const NewBlockKeys& keys) { return keys.open || keys.head; }

// The key that holds the prefix of the new block: its lower bound. In a fresh
// head, which has none, the fence does.
const Key& HolderOf(const NewBlockKeys& keys) {
  return keys.count > 0 ? keys.keys[0] : *keys.fence;
}

// Chooses digest and prefix; false when no eight bytes resolve the scale.
bool ChooseDigest(const NewBlockKeys& keys, Encoding* encoding, uint64_t* low,
                  uint64_t* high) {
  const Key& a = keys.scale_low;
  const Key& z = keys.scale_high;
  const auto choose = [&](Kind kind, size_t prefix) {
    encoding->kind = kind;
    encoding->prefix = static_cast<uint32_t>(prefix);
    *low = DigestOf(*encoding, a);
    *high = DigestOf(*encoding, z);
    return *low < *high;
  };
  if (SameUserKey(a, z)) return choose(Kind::kSequence, a.size);
  const size_t common = CommonPrefix(a, z);
  // Keys outside, within reach of head room, have to share the prefix too: it
  // ends before what a carry into them would change.
  size_t carry = ReachesBeyond(keys) ? std::min(common, kCarry) : 0;
  const size_t bytes = common - carry;
  const size_t shorter = std::min(a.size, z.size);
  // Not beyond the end of keys that differ in their last bytes only.
  size_t digits = shorter < common + 8 && shorter >= 8 ? shorter - 8 : common;
  while (carry > 0 && !HasDigits(a, std::min(digits, common - carry))) --carry;
  digits = std::min(digits, common - carry);
  if (AllHaveDigits(keys, digits)) return choose(Kind::kDigits, digits);
  if (choose(Kind::kBytes, 0) && *high - *low >= kWideSpan) return true;
  return choose(Kind::kBytes, bytes);
}

// Sets base and shift so that the digests `low` to `high`, and head room where
// keys may come in beyond them, spread over the discriminators.
void FitDiscriminators(const NewBlockKeys& keys, uint64_t low, uint64_t high,
                       Encoding* encoding) {
  const uint64_t room = HeadRoom(high - low);
  if (keys.count == 0) high = low;  // up to the fence, which is scale_low
  if (keys.open) high += std::min(room, UINT64_MAX - high);
  if (keys.head) low -= std::min(room, low);
  encoding->base = low;
  encoding->shift = static_cast<uint8_t>(ShiftForSpan(high - low));
  // Between its lower bound and its fence all keys share what those two share;
  // a key of an open range may be any.
  encoding->verify_prefix = ReachesBeyond(keys);
}

// The discriminators of words and fence. False when they decrease along the
// keys, or tie too much.
bool Encode(const NewBlockKeys& keys, const Encoding& encoding,
            int most_comparisons, uint32_t* discs, uint32_t* fence_disc) {
  const char* const holder = HolderOf(keys).entry;
  TieCost ties;
  for (int i = 0; i < keys.count; ++i) {
    discs[i] = DiscOfKey(encoding, holder, keys.keys[i], false);
    if (i > 0 && discs[i - 1] > discs[i]) return false;
    ties.Add(discs[i]);
  }
  if (keys.fence != nullptr) {
    *fence_disc = DiscOfKey(encoding, holder, *keys.fence, false);
    if (keys.count > 0 && discs[keys.count - 1] > *fence_disc) return false;
  }
  return !ties.Above(most_comparisons);
}

}  // namespace

bool HolderHasPrefix(const Encoding& encoding, const Key& holder,
                     const Key& sample) {
  return encoding.kind == Kind::kSequence
             ? CompareUserKeyBytes(holder, sample) == 0
             : ComparePrefix(holder, sample, encoding.prefix) == 0;
}

void TieCost::Add(uint32_t disc) {
  run_ = count_ > 0 && disc == last_ ? run_ + 1 : 1;
  cost_ += 2 * run_ - 1;  // the squares of the runs, summed up
  last_ = disc;
  ++count_;
}

bool PlanDigests(const NewBlockKeys& keys, int most_comparisons,
                 Encoding* encoding, uint32_t* discs, uint32_t* fence_disc) {
  Encoding planned = *encoding;
  uint64_t low = 0;
  uint64_t high = 0;
  if (!ChooseDigest(keys, &planned, &low, &high) ||
      !HolderHasPrefix(planned, HolderOf(keys), keys.scale_low)) {
    return false;
  }
  FitDiscriminators(keys, low, high, &planned);
  if (!Encode(keys, planned, most_comparisons, discs, fence_disc)) return false;
  *encoding = planned;
  return true;
}

bool PlanDigestsBetween(const NewBlockKeys& bounded, int most_comparisons,
                        Encoding* encoding, uint32_t* discs,
                        uint32_t* fence_disc) {
  NewBlockKeys open = bounded;
  open.scale_high = open.keys[open.count / 2];
  open.open = true;
  return PlanDigests(bounded, TieCost::kWellSpread, encoding, discs,
                     fence_disc) ||
         PlanDigests(open, std::min(most_comparisons, TieCost::kCollisionHeavy),
                     encoding, discs, fence_disc) ||
         (most_comparisons > TieCost::kWellSpread &&
          PlanDigests(bounded, most_comparisons, encoding, discs, fence_disc));
}

void PlanLabels(const NewBlockKeys& keys, uint32_t* discs,
                uint32_t* fence_disc) {
  const uint32_t parts = keys.fence != nullptr
                             ? static_cast<uint32_t>(keys.count)
                             : static_cast<uint32_t>(kBlockSlots) + 1;
  const uint32_t stride = kMaxDisc / parts;
  for (int i = 0; i < keys.count; ++i) discs[i] = i * stride;
  *fence_disc = kMaxDisc;
}

uint32_t LabelBetween(uint32_t below, uint32_t above) {
  constexpr uint32_t kStride = kMaxDisc / (kBlockSlots + 1);
  // Below a head's least entry: a load in descending order goes on there.
  constexpr uint32_t kHeadStride = std::max(kStride / 8, 1u);
  const uint32_t low = below == kEmptyDisc ? 0 : below;
  const uint32_t high = above == kEmptyDisc ? kMaxDisc : above;
  const uint32_t middle = low + (high - low) / 2;
  if (below == kEmptyDisc && above == kEmptyDisc) return kMaxDisc / 2;
  if (above == kEmptyDisc) return std::min(low + kStride, middle);
  if (below == kEmptyDisc) {
    return high > kHeadStride ? std::max(high - kHeadStride, middle) : middle;
  }
  return middle;
}

}  // namespace fastskip
