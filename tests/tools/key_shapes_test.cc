// SPDX-License-Identifier: Apache-2.0
//
// The keys of memtable_bench: each encoding has the bytes that
// docs/measuring.md says, keys of files come as they should, and missing keys
// are missing.
#include "tools/memtable_bench/key_shapes.h"

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tools/memtable_bench/bad_request.h"
#include "tools/memtable_bench/key_encodings.h"
#include "tools/memtable_bench/key_sets.h"

namespace fastskip {
namespace bench {
namespace {

// Text that may hold zero bytes.
template <size_t size>
std::string Bytes(const char (&text)[size]) {
  return std::string(text, size - 1);
}

struct Number {
  uint64_t limit;  // that is asked for
  uint64_t value;  // what is drawn
};

// The key of entry `i` of `entries` when `numbers` are drawn, all of them.
std::string KeyOf(const char* name, uint64_t i, uint64_t entries,
                  const std::vector<Number>& numbers) {
  size_t drawn = 0;
  const std::string key =
      FindEncoding(name)->key(i, entries, [&](uint64_t limit) {
        EXPECT_LT(drawn, numbers.size());
        EXPECT_EQ(limit, numbers[drawn].limit);
        return numbers[drawn++].value;
      });
  EXPECT_EQ(drawn, numbers.size());
  return key;
}

TEST(KeyEncodings, SqlRow) {
  EXPECT_EQ(
      KeyOf("sql_row", 7, 200000, {{12, 3}, {200000, 0x1234}, {100000, 5}}),
      Bytes("z"
            "t\x80\0\0\0\0\0\0\xFF"
            "\x2B_r\x80\0\0\0\0\xFF"
            "\0\x12\x34\0\0\0\0\0\xFA"
            "\xEF\xFF\xFF\xFF\xFF\xFF\xFF\xFA"));
}

TEST(KeyEncodings, SqlIndexAppend) {
  EXPECT_EQ(KeyOf("sql_index_append", 6 * 258 + 4, 200000, {{1000, 999}}),
            Bytes("\0\0\x01\x04"
                  "\0\0\0\0\0\0\x01\x02"
                  "\0\0\x03\xE7"));
}

TEST(KeyEncodings, ObjectPath) {
  EXPECT_EQ(KeyOf("object_path", 7, 200000,
                  {{20, 19}, {16, 5}, {12, 6}, {200000, 123456}}),
            Bytes("\0\0\0\0\0\0\0\x60"
                  ".bucket/05/photos/2026/07/00123456.jpg"));
}

TEST(KeyEncodings, WindowStore) {
  // 1766000000000 is 0x19B2DCD7C00, two minutes are 0x1D4C0.
  EXPECT_EQ(KeyOf("window_store", 2999, 200000, {{10001, 42}}),
            Bytes("user-42"
                  "\0\0\x01\x9B\x2D\xCF\x50\xC0"
                  "\0\0\0\0"));
}

TEST(KeyEncodings, KeyedState) {
  const std::string key = KeyOf("keyed_state", 7, 200000, {{200000, 98765}});
  EXPECT_EQ(key[0], 0);
  EXPECT_EQ(static_cast<uint64_t>(key[1]), HashOf(98765) % 128);
  EXPECT_EQ(key.substr(2), Bytes("\x09sess98765VoidNamespace"));
}

TEST(KeyEncodings, MetricTime) {
  // 1766000000 is 0x69430580.
  EXPECT_EQ(KeyOf("metric_time", 10001, 200000, {{5000, 4999}}),
            Bytes("\0\0\0\0\0\0\x13\x87"
                  "\0\0\0\0\x69\x43\x05\x94"));
}

TEST(KeyEncodings, UuidText) {
  const std::string key = KeyOf("uuid_text", 7, 200000, {{200000, 3}});
  char expected[17];
  std::snprintf(expected, sizeof(expected), "%016llx",
                static_cast<unsigned long long>(HashOf(3)));
  const std::string hash = expected;
  ASSERT_EQ(key.size(), 36u);
  EXPECT_EQ(key.substr(0, 18), hash.substr(0, 8) + "-" + hash.substr(8, 4) +
                                   "-4" + hash.substr(13));
  for (size_t i = 18; i < key.size(); ++i) {
    EXPECT_EQ(key[i] == '-', i == 18 || i == 23) << key;
    EXPECT_NE(std::string("-0123456789abcdef").find(key[i]), std::string::npos);
  }
}

TEST(KeyEncodings, ZipfCounter) {
  constexpr uint64_t kOne = uint64_t{1} << 53;
  EXPECT_EQ(KeyOf("zipf_counter", 7, 10000, {{kOne, 0}}), "cnt:1");
  EXPECT_EQ(KeyOf("zipf_counter", 7, 10000, {{kOne, kOne / 8 * 5}}), "cnt:316");
  EXPECT_EQ(KeyOf("zipf_counter", 7, 10000, {{kOne, kOne - 1}}), "cnt:9999");
}

TEST(KeyEncodings, Tenants) {
  char tenant[17];
  std::snprintf(tenant, sizeof(tenant), "%016llx",
                static_cast<unsigned long long>(HashOf(399)));
  EXPECT_EQ(KeyOf("tenants", 7, 200000, {{400, 399}, {501, 500}}),
            "tenant/" + std::string(tenant) + "/doc/" + Bytes("\0\0\x01\xF4"));
}

TEST(KeyEncodings, ValueSizes) {
  const std::vector<std::pair<std::string, uint32_t>> expected = {
      {"sql_row", 120},     {"sql_index_append", 40}, {"object_path", 200},
      {"window_store", 60}, {"keyed_state", 48},      {"metric_time", 16},
      {"uuid_text", 100},   {"zipf_counter", 8},      {"tenants", 60}};
  std::vector<std::pair<std::string, uint32_t>> found;
  for (const KeyEncoding& encoding : KeyEncodings()) {
    found.emplace_back(encoding.name, encoding.value_size);
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(FindShape("random")->value_size, 100u);
}

std::vector<std::string> All(const KeyList& list) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < list.size(); ++i) keys.push_back(list[i].ToString());
  return keys;
}

TEST(KeySets, MissingKeysAreMissing) {
  for (const KeyShape& shape : KeyShapes()) {
    const auto set = OpenKeySet(shape.name, FileOrder::kAsWritten);
    const KeyList keys = set->Make(3000, 1);
    ASSERT_EQ(keys.size(), 3000u);
    const std::vector<std::string> all = All(keys);
    EXPECT_EQ(all, All(set->Make(3000, 1)));
    const std::set<std::string> there(all.begin(), all.end());
    for (const std::string& key : All(set->Missing(keys, 1000, 1))) {
      EXPECT_EQ(there.count(key), 0u) << shape.name << " " << key;
    }
    const KeyList present = DrawPresent(keys, 1000, 1);
    for (const std::string& key : All(present)) {
      EXPECT_EQ(there.count(key), 1u) << shape.name << " " << key;
    }
  }
}

class KeyFile : public testing::Test {
 protected:
  ~KeyFile() override { std::remove(path_.c_str()); }
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  // The message with which the file is refused.
  std::string Refusal(const std::string& kind) {
    try {
      OpenKeySet(kind + ":" + path_, FileOrder::kAsWritten);
    } catch (const BadRequest& refusal) {
      return refusal.what();
    }
    return "none";
  }
  const std::string path_ = testing::TempDir() + "fastskip keys.txt";
};

TEST_F(KeyFile, InItsOrder) {
  const std::string long_key(40000, 'k');
  Write("b\na\nb\n a !\n" + long_key + "\nend");
  const auto set = OpenKeySet("file:" + path_, FileOrder::kAsWritten);
  EXPECT_EQ(set->name(), "file=fastskip_keys.txt");
  EXPECT_EQ(set->AtMost(500), 6u);
  EXPECT_EQ(All(set->Make(6, 1)),
            (std::vector<std::string>{"b", "a", "b", " a !", long_key, "end"}));
  EXPECT_EQ(All(set->Make(2, 2)), (std::vector<std::string>{"b", "a"}));
}

TEST_F(KeyFile, Shuffled) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i % 300) + "\n";
  Write(text);
  const auto plain = OpenKeySet("file:" + path_, FileOrder::kAsWritten);
  const auto shuffled = OpenKeySet("file:" + path_, FileOrder::kShuffled);
  const std::vector<std::string> first = All(shuffled->Make(500, 1));
  const std::vector<std::string> second = All(shuffled->Make(500, 2));
  EXPECT_EQ(first, All(shuffled->Make(500, 1)));
  EXPECT_NE(first, second);
  const std::vector<std::string> in_order = All(plain->Make(500, 1));
  EXPECT_NE(first, in_order);
  using Multiset = std::multiset<std::string>;
  EXPECT_EQ(Multiset(first.begin(), first.end()),
            Multiset(in_order.begin(), in_order.end()));
}

TEST_F(KeyFile, MissingAmongKeysThatAreLongerByAByte) {
  Write("a\na!\na!!\n");
  const auto set = OpenKeySet("file:" + path_, FileOrder::kAsWritten);
  for (const std::string& key : All(set->Missing(set->Make(3, 1), 20, 1))) {
    EXPECT_EQ(key, "a!!!");
  }
}

TEST_F(KeyFile, Hexadecimal) {
  Write("00fF\n0x6162\n");
  const auto set = OpenKeySet("hex:" + path_, FileOrder::kAsWritten);
  EXPECT_EQ(All(set->Make(2, 1)),
            (std::vector<std::string>{Bytes("\0\xFF"), "ab"}));
}

TEST_F(KeyFile, Refusals) {
  const std::string file = "--keys=file:" + path_, hex = "--keys=hex:" + path_;
  EXPECT_EQ(Refusal("file"), file + ": cannot read '" + path_ + "'");
  Write("a\nb\n\nc\n");
  EXPECT_EQ(Refusal("file"), file + ", line 3 is empty: a key has bytes");
  Write("a\n" + std::string(65536, 'k') + "\n");
  EXPECT_EQ(Refusal("file"),
            file + ", line 2: a key of 65536 bytes; the most are 65535");
  Write("a");
  EXPECT_EQ(Refusal("file"),
            file +
                ": a memtable has at least 2 keys and at most 4294967295, "
                "and '" +
                path_ + "' has 1");
  Write("61\n62\n6\n");
  EXPECT_EQ(Refusal("hex"),
            hex + ", line 3: '6' has an odd number of hexadecimal digits");
  Write("61\n6g\n");
  EXPECT_EQ(Refusal("hex"), hex + ", line 2: '6g' is not hexadecimal");
  Write("61\n0x\n");
  EXPECT_EQ(Refusal("hex"), hex + ", line 2 is empty: a key has bytes");
}

TEST(KeySets, Refusals) {
  EXPECT_THROW(OpenKeySet("nosuch", FileOrder::kAsWritten), BadRequest);
  EXPECT_THROW(OpenKeySet("file", FileOrder::kAsWritten), BadRequest);
  EXPECT_THROW(OpenKeySet("file:/", FileOrder::kAsWritten), BadRequest);
}

}  // namespace
}  // namespace bench
}  // namespace fastskip
