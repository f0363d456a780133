// SPDX-License-Identifier: Apache-2.0
//
// Digests follow the order of keys, whatever bytes those hold.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "memtablerep/list/block_encoding.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace {

Key KeyOf(const std::string& bytes) {
  Key key;
  key.data = bytes.data();
  key.size = bytes.size();
  return key;
}

class ListDigestTest : public ::testing::Test {
 protected:
  // Mostly digits, between them bytes on either side of the digits; some keys
  // end within the eight bytes.
  std::string AnyKey() {
    static const std::string kOthers("/:\0\xff\x7f\x80 a", 8);
    std::string key = "p";
    for (uint64_t n = random_() % 11; n > 0; --n) {
      key.push_back(random_() % 8 != 0 ? static_cast<char>('0' + random_() % 10)
                                       : kOthers[random_() % kOthers.size()]);
    }
    return key;
  }

  std::mt19937_64 random_{test::ProcessSeed()};
};

TEST_F(ListDigestTest, FollowsTheOrderOfKeys) {
  for (int i = 0; i < 300000; ++i) {
    std::string low = AnyKey();
    std::string high = AnyKey();
    if (low > high) std::swap(low, high);
    SCOPED_TRACE(low + " " + high);
    ASSERT_LE(DigitsDigest(KeyOf(low), 1), DigitsDigest(KeyOf(high), 1));
    ASSERT_LE(BytesDigest(KeyOf(low), 1), BytesDigest(KeyOf(high), 1));
    const int c =
        CompareBytes(low.data(), low.size(), high.data(), high.size());
    ASSERT_EQ(c < 0, low < high);
    ASSERT_EQ(c == 0, low == high);
  }
}

TEST_F(ListDigestTest, ReadsEightDigits) {
  for (int i = 0; i < 100000; ++i) {
    const std::string key = AnyKey();
    const bool digits =
        key.size() >= 9 && key.find_first_not_of("0123456789", 1) >= 9;
    ASSERT_EQ(HasDigits(KeyOf(key), 1), digits) << key;
    if (digits) {
      ASSERT_EQ(DigitsDigest(KeyOf(key), 1),
                std::strtoull(key.substr(1, 8).c_str(), nullptr, 10))
          << key;
    }
  }
}

TEST_F(ListDigestTest, ComparesLongKeysToTheLastByte) {
  for (size_t size = 0; size < 100; ++size) {
    const std::string a(size, 'x');
    for (size_t at = 0; at < size; ++at) {
      std::string b = a;
      b[at] = static_cast<char>(0x80);
      ASSERT_LT(CompareBytes(a.data(), size, b.data(), size), 0) << at;
      ASSERT_GT(CompareBytes(b.data(), size, a.data(), size), 0) << at;
    }
    ASSERT_EQ(CompareBytes(a.data(), size, a.data(), size), 0);
    ASSERT_LT(CompareBytes(a.data(), size, (a + "y").data(), size + 1), 0);
  }
}

}  // namespace
}  // namespace fastskip
