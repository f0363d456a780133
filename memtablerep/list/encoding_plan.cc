// SPDX-License-Identifier: Apache-2.0
#include "encoding_plan.h"

#include <algorithm>

namespace fastskip {

namespace {

// There is room for a last digit where user keys have no more digests than
// these.
constexpr uint64_t kDigestsOfKeys = kMostDigests / kSequenceRanks;

// How far a constant byte in front of binary ones that vary may go up.
constexpr int kCarries = 3;

// So many constant bytes in front of those may change at will where the range
// is not bounded.
constexpr int kReach = 2;

// How many times as large the highest byte of a number that begins near 0 may
// become. A number that outgrows it ties with all others that do.
constexpr int kGrowth = 12;

// Bytes from `least` to `greatest`.
struct Range {
  int least = 256;
  int greatest = -1;

  bool empty() const { return least > greatest; }
  int span() const { return greatest - least; }
  void Add(int byte) {
    least = std::min(least, byte);
    greatest = std::max(greatest, byte);
  }
  bool Covers(const Range& other) const {
    return other.empty() ||
           (other.least >= least && other.greatest <= greatest);
  }
};

constexpr Range kDecimal{'0', '9'};

// What one place of the window may hold.
class Place {
 public:
  bool ends = false;  // a key ends in front of it

  void Add(int byte) {
    has_[byte / 64] |= uint64_t{1} << (byte % 64);
    bounds_.Add(byte);
  }
  void AddAll(const Range& range) {
    for (int i = range.least / 64; i <= range.greatest / 64; ++i) {
      has_[i] |= InWord(i, range);
    }
    bounds_.Add(range.least);
    bounds_.Add(range.greatest);
  }
  Range Within(const Range& range) const {
    Range found;
    for (int i = range.least / 64; i <= range.greatest / 64; ++i) {
      const uint64_t has = has_[i] & InWord(i, range);
      if (has == 0) continue;
      found.Add(i * 64 + __builtin_ctzll(has));
      found.Add(i * 64 + 63 - __builtin_clzll(has));
    }
    return found;
  }
  const Range& bounds() const { return bounds_; }
  bool empty() const { return bounds_.empty(); }
  bool constant() const { return bounds_.span() == 0 && !ends; }

  // The one or two ranges of the smallest class of bytes that has all of these;
  // returns their number.
  int Class(Range* ranges) const {
    const Range& all = bounds_;
    ranges[0] = all;
    if (all.span() <= 0 && !(ends && kDecimal.Covers(all))) return 1;
    ranges[0] = kDecimal;
    if (kDecimal.Covers(all)) return 1;
    const Range below = Within({0, kDecimal.least - 1});
    const Range above = Within({kDecimal.greatest + 1, 255});
    for (const Range& letters : {Range{'a', 'f'}, Range{'A', 'F'}}) {
      ranges[1] = letters;
      if (below.empty() && letters.Covers(above)) return 2;
    }
    // Numbers of several lengths, and the one byte that follows them.
    if (!Within(kDecimal).empty()) {
      ranges[1] = above;
      if (below.empty() && above.span() == 0) return 2;
      ranges[0] = below;
      ranges[1] = kDecimal;
      if (above.empty() && below.span() == 0) return 2;
    }
    for (const Range& text :
         {Range{'a', 'z'}, Range{'A', 'Z'}, Range{' ', '~'}}) {
      ranges[0] = text;
      if (text.Covers(all)) return 1;
    }
    ranges[0] = {0, 255};
    return 1;
  }

 private:
  // The bytes of `range` that word `i`, one of those that it has bytes in,
  // stands for.
  static uint64_t InWord(int i, const Range& range) {
    uint64_t bytes = ~uint64_t{0};
    if (i == range.least / 64) bytes <<= range.least % 64;
    if (i == range.greatest / 64) {
      bytes &= ~uint64_t{0} >> (63 - range.greatest % 64);
    }
    return bytes;
  }

  uint64_t has_[4] = {};
  Range bounds_;
};

class Planner {
 public:
  Planner(const NewBlockKeys& keys, bool reverse, const Encoding* wider)
      : keys_(keys),
        reverse_(reverse),
        lower_bytes_(reverse ? keys.open : keys.head),
        greater_bytes_(reverse ? keys.head : keys.open),
        wider_(wider) {
    const Key& first = keys.sample[0];
    prefix_ = std::min(first.size, CommonPrefix(first, keys.holder()));
    oldest_ = first.sequence;
    for (int i = 0; i < keys.samples; ++i) {
      const Key& key = keys.sample[i];
      prefix_ = std::min(prefix_, CommonPrefix(first, key));
      oldest_ = std::min(oldest_, key.sequence);
    }
    // The byte in front of those that differ may change where they carry.
    prefix_ -= std::min<size_t>(prefix_, Unbounded() ? kReach : 1);
    // A number is one as a whole, for other blocks to share the encoding.
    while (prefix_ > 0 && IsDecimal(first.data[prefix_ - 1])) --prefix_;
    if (wider != nullptr) AddWider();
    for (int i = 0; i < keys.samples; ++i) AddKey(keys.sample[i]);
    moving_ = static_cast<int>(std::min<size_t>(
        CommonPrefix(first, keys.sample[keys.samples - 1]) - prefix_, kWindow));
    FindVarying();
  }

  bool Fill(PrefixOf prefix, Encoding* encoding) const {
    *encoding = Encoding{};
    encoding->prefix = static_cast<uint32_t>(prefix_);
    encoding->reverse = reverse_;
    // An entry of the list: that of `words` may still be refused.
    if (prefix == PrefixOf::kEncoding) encoding->holder = keys_.sample[0].entry;
    encoding->oldest = oldest_;
    ChooseDigits(encoding);
    uint64_t weight = encoding->last_radix();
    for (int i = encoding->digits - 1; i >= 0; --i) {
      encoding->digit[i].weight = weight;
      weight *= encoding->digit[i].radix();
    }
    encoding->greatest = weight - 1;
    return encoding->greatest > 0;
  }

 private:
  static constexpr int kWindow = Encoding::kWindow;

  static bool IsDecimal(int byte) { return byte >= '0' && byte <= '9'; }

  void AddKey(const Key& key) {
    const size_t have = key.size - prefix_;
    for (size_t i = 0; i < have && i < kWindow; ++i) {
      places_[i].Add(static_cast<unsigned char>(key.data[prefix_ + i]));
    }
    if (have < kWindow) places_[have].ends = true;
  }

  // What the wider encoding covers, behind what it shares with the sample.
  void AddWider() {
    const Encoding& other = *wider_;
    prefix_ = std::min(prefix_, size_t{other.prefix});
    if (other.holder != nullptr) {
      const Key holder = DecodeKey(other.holder);
      prefix_ = std::min(prefix_, CommonPrefix(holder, keys_.sample[0]));
      for (size_t i = prefix_; i < other.prefix && i - prefix_ < kWindow; ++i) {
        places_[i - prefix_].Add(static_cast<unsigned char>(holder.data[i]));
      }
    }
    if (other.prefix - prefix_ >= size_t{kWindow}) return;
    const int before = static_cast<int>(other.prefix - prefix_);
    if (other.tells_versions) {
      oldest_ = std::min(oldest_, other.oldest);
      if (before + other.length < kWindow) {
        places_[before + other.length].ends = true;
      }
    }
    for (int i = 0; i < other.length && before + i < kWindow; ++i) {
      const int in_word = 8 * (i % 8);
      if ((other.constant[i / 8] >> in_word & 0xFF) != 0) {
        places_[before + i].Add(
            static_cast<int>(other.expected[i / 8] >> in_word & 0xFF));
      }
    }
    for (int i = 0; i < other.digits; ++i) {
      const Digit& digit = other.digit[i];
      if (before + digit.at >= kWindow) break;
      Place& place = places_[before + digit.at];
      for (int range = 0; range < 2; ++range) {
        place.AddAll(
            {digit.least[range], digit.least[range] + digit.width[range]});
      }
      place.ends = digit.end;
    }
  }

  // The ranges of place `i`: none (0), one, or two. Bytes that vary may be
  // others of their kind.
  int RangesAt(int i, bool* ends, Range* ranges) const {
    const Place& place = places_[i];
    *ends = place.ends;
    if (place.empty()) return 0;
    const int byte = place.bounds().least;
    if (IsNumber(i)) {
      ranges[0] = kDecimal;
      return 1;
    }
    if (MayCarry(i)) {
      const bool first = IsInFront(i);
      ranges[0] = {
          first && lower_bytes_ ? 0 : byte,
          first && greater_bytes_ ? 255 : std::min(byte + kCarries, 255)};
      return 1;
    }
    const int count = place.Class(ranges);
    if (IsSmall(i)) {
      ranges[0] = {0, std::min(kGrowth * place.bounds().greatest, 255)};
    }
    return count;
  }

  // Whether the constant byte of place `i` is a decimal digit of a number whose
  // lower digits vary.
  bool IsNumber(int i) const {
    const int reach = Unbounded() ? spare_digits_ : 1;
    for (int next = i; next < kWindow && next - i <= reach; ++next) {
      const Place& place = places_[next];
      if (place.empty() || !kDecimal.Covers(place.bounds())) return false;
      if (!place.constant()) return next > i;
    }
    return false;
  }

  // Whether the constant byte of place `i` is one of a binary number whose
  // lower bytes vary: such numbers count up, time above all.
  bool MayCarry(int i) const {
    if (!places_[i].constant()) return false;
    if (IsInFront(i)) return IsBinary(moving_);
    return IsBinary(i + 1) && !IsSmall(i + 1);
  }

  // Whether place `i` is the highest byte of binary numbers that begin near 0.
  bool IsSmall(int i) const {
    const Range seen = places_[i].bounds();
    return IsBinary(i) && !(i > 0 && IsBinary(i - 1)) &&
           !(Unbounded() && i == moving_) && seen.least <= seen.span();
  }

  // Whether a range that is not bounded may reach beyond this byte of it.
  bool IsInFront(int i) const {
    return Unbounded() && i < moving_ && i + kReach >= moving_;
  }

  bool Unbounded() const { return lower_bytes_ || greater_bytes_; }

  bool IsBinary(int i) const { return i < kWindow && binary_[i]; }

  void FindVarying() {
    int varying = 0;
    for (int i = kWindow - 1; i >= 0; --i) {
      const Place& place = places_[i];
      if (place.empty() || place.constant()) continue;
      Range ranges[2];
      binary_[i] = place.Class(ranges) == 1 && ranges[0].span() == 255;
      ++varying;
    }
    spare_digits_ = std::max(Encoding::kDigits - varying, Unbounded() ? 3 : 0);
  }

  void ChooseDigits(Encoding* encoding) const {
    uint64_t digests = 1;
    int end = 0;  // of the last digit
    int i = 0;
    for (; i < kWindow; ++i) {
      Range ranges[2];
      bool ends = false;
      const int count = RangesAt(i, &ends, ranges);
      if (count == 0) break;
      if (count == 1 && ranges[0].span() == 0 && !ends) {
        const int in_word = 8 * (i % 8);
        encoding->constant[i / 8] |= uint64_t{0xFF} << in_word;
        encoding->expected[i / 8] |= static_cast<uint64_t>(ranges[0].least)
                                     << in_word;
        continue;
      }
      if (encoding->digits == Encoding::kDigits) break;
      Digit& digit = encoding->digit[encoding->digits];
      SetDigit(i, ends, count, ranges, &digit);
      if (digit.radix() > kMostDigests / digests) break;
      digests *= digit.radix();
      ++encoding->digits;
      end = i + 1;
    }
    const bool seen_to_end = i < kWindow && places_[i].empty();
    encoding->tells_versions = seen_to_end && digests <= kDigestsOfKeys;
    // Where versions are told apart it must be seen where keys end.
    encoding->length = static_cast<uint8_t>(encoding->tells_versions ? i : end);
  }

  static void SetDigit(int at, bool ends, int count, const Range* ranges,
                       Digit* digit) {
    digit->at = static_cast<uint8_t>(at);
    digit->end = ends;
    int first = ends ? 1 : 0;
    for (int r = 0; r < 2; ++r) {
      const Range& range = ranges[std::min(r, count - 1)];
      if (r == 1 && count == 2) first += ranges[0].span() + 1;
      digit->least[r] = static_cast<uint8_t>(range.least);
      digit->width[r] = static_cast<uint8_t>(range.span());
      digit->first[r] = static_cast<uint8_t>(first);
    }
  }

  const NewBlockKeys& keys_;
  const bool reverse_;
  // Whether keys of lower, or greater, bytes than the sample's may come.
  const bool lower_bytes_, greater_bytes_;
  const Encoding* const wider_;
  size_t prefix_;
  uint64_t oldest_ = 0;
  int moving_;  // the first place where the least and greatest key differ
  int spare_digits_ = 0;
  Place places_[kWindow];
  bool binary_[kWindow] = {};  // varies, and is no text
};

}  // namespace

bool PlanEncoding(const NewBlockKeys& keys, bool reverse, PrefixOf prefix,
                  const Encoding* wider, Encoding* encoding) {
  return Planner(keys, reverse, wider).Fill(prefix, encoding);
}

}  // namespace fastskip
