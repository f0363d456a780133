// SPDX-License-Identifier: Apache-2.0
//
// Comparators of every kind: ordering follows RocksDB's comparator, whatever
// key_order is chosen, and key_order=bytewise is refused where it would lie.
#include <algorithm>
#include <cctype>

#include "tests/db/db_comparators.h"

namespace fastskip {
namespace dbtest {
namespace {

using rocksdb::Comparator;

// The number that the key ends with; equal numbers by the whole key.
class Numeric : public TestComparator {
 public:
  Numeric() : TestComparator("fastskip.test.Numeric") {}
  int Compare(const Slice& a, const Slice& b) const override {
    const uint64_t x = NumberOf(a), y = NumberOf(b);
    if (x != y) return x < y ? -1 : 1;
    return a.compare(b);
  }

 private:
  static uint64_t NumberOf(const Slice& key) {
    uint64_t n = 0, digit = 1;
    for (size_t i = key.size(); i > 0 && isdigit(key[i - 1]) && digit < 1e15;
         --i, digit *= 10) {
      n += digit * static_cast<uint64_t>(key[i - 1] - '0');
    }
    return n;
  }
};

// Keys that differ in case only are equal.
class CaseInsensitive : public TestComparator {
 public:
  CaseInsensitive() : TestComparator("fastskip.test.CaseInsensitive") {}
  int Compare(const Slice& a, const Slice& b) const override {
    const size_t common = std::min(a.size(), b.size());
    for (size_t i = 0; i < common; ++i) {
      const int x = tolower(static_cast<unsigned char>(a[i]));
      const int y = tolower(static_cast<unsigned char>(b[i]));
      if (x != y) return x - y;
    }
    return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
  }
  bool CanKeysWithDifferentByteContentsBeEqual() const override { return true; }
};

class LastByteFirst : public TestComparator {
 public:
  LastByteFirst() : TestComparator("fastskip.test.LastByteFirst") {}
  int Compare(const Slice& a, const Slice& b) const override {
    for (size_t i = 1; i <= a.size() && i <= b.size(); ++i) {
      const auto x = static_cast<unsigned char>(a[a.size() - i]);
      const auto y = static_cast<unsigned char>(b[b.size() - i]);
      if (x != y) return x < y ? -1 : 1;
    }
    return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
  }
};

// By bytes, but keys with a 'z' somewhere come before all others: a memtable
// can be full of keys that look bytewise before the first of them arrives.
class ZFirst : public TestComparator {
 public:
  ZFirst() : TestComparator("fastskip.test.ZFirst") {}
  int Compare(const Slice& a, const Slice& b) const override {
    const bool x = a.ToString().find('z') != std::string::npos;
    const bool y = b.ToString().find('z') != std::string::npos;
    if (x != y) return x ? -1 : 1;
    return a.compare(b);
  }
};

struct NamedComparator {
  std::string name;
  const Comparator* comparator;
};

std::vector<NamedComparator> Comparators() {
  static const Numeric numeric;
  static const CaseInsensitive case_insensitive;
  static const LastByteFirst last_byte_first;
  static const LengthFirst length_first;
  static const ZFirst z_first;
  return {{"BytewiseOrder", rocksdb::BytewiseComparator()},
          {"Reverse", rocksdb::ReverseBytewiseComparator()},
          {"Numeric", &numeric},
          {"CaseInsensitive", &case_insensitive},
          {"LastByteFirst", &last_byte_first},
          {"LengthFirst", &length_first},
          {"ZFirst", &z_first}};
}

void PrintTo(const NamedComparator& c, std::ostream* out) { *out << c.name; }

using ComparatorParam = std::tuple<MemtableConfig, NamedComparator>;

std::string LowerCase(const Slice& key) {
  std::string lower = key.ToString();
  for (char& c : lower) c = static_cast<char>(tolower(c));
  return lower;
}

class DbComparatorTest : public ::testing::TestWithParam<ComparatorParam> {
 protected:
  void Compare(const Scenario& scenario) {
    TestSeed();
    const Comparator* comparator = std::get<1>(GetParam()).comparator;
    EXPECT_EQ("", Difference(std::get<0>(GetParam()), [&](DbRun& run) {
                run.options.comparator = comparator;
                if (comparator->CanKeysWithDifferentByteContentsBeEqual()) {
                  run.show_key = LowerCase;
                }
                scenario(run);
              }));
  }
};

INSTANTIATE_TEST_SUITE_P(
    Memtables, DbComparatorTest,
    ::testing::Combine(::testing::ValuesIn(AnyOrderConfigs()),
                       ::testing::ValuesIn(Comparators())),
    [](const ::testing::TestParamInfo<ComparatorParam>& info) {
      return std::get<1>(info.param).name + std::get<0>(info.param).name;
    });

// Three kinds of keys: numbers without padding; words of few letters in both
// cases; words with a long common prefix.
std::string OddKey(DbRun& run, uint64_t keys) {
  const uint64_t n = Below(run.random, keys);
  switch (Below(run.random, 3)) {
    case 0:
      return "n" + std::to_string(n);
    case 1: {
      Random letters(n);
      std::string word(1 + Below(letters, 7), ' ');
      for (char& c : word) c = "abyzABYZ"[Below(letters, 8)];
      return word;
    }
    default:
      return "a long common prefix, then " + std::to_string(n * 7919 % keys);
  }
}

void Steps(DbRun& run, uint64_t keys) {
  std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
  for (size_t i = 0; i < Scaled(1200); ++i) {
    if (i % 10 == 0) it->Seek(OddKey(run, keys));
    if (i % 10 == 5) it->SeekForPrev(OddKey(run, keys));
    run.NoteAt(it.get(), "at");
    if (!it->Valid()) continue;
    if (Below(run.random, 2) == 0) {
      it->Next();
    } else {
      it->Prev();
    }
  }
}

TEST_P(DbComparatorTest, PointsAndWalks) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (int part = 0; part < 3; ++part) {
      for (size_t i = 0; i < Scaled(6000); ++i) {
        const std::string key = OddKey(run, 5000);
        if (Below(run.random, 9) == 0) {
          run.Delete(key);
        } else {
          run.Put(key, Concat("v", i));
        }
        if (i % 3 == 0) run.NoteGet(OddKey(run, 5000));
      }
      Steps(run, 5000);
      run.NoteContents();
      if (part == 1) run.Flush();
    }
  });
}

TEST_P(DbComparatorTest, TwentyThousandEntriesInOneMemtable) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    const size_t n = Scaled(20000);
    for (size_t i = 0; i < n; ++i) {
      // Ascending bytes at first, so that bytewise looks right for long.
      const uint64_t k = i < n / 2 ? i : Below(run.random, 2 * n);
      run.Put(Key(k) + (i < n / 2 ? "" : i % 2 == 0 ? "z" : "Q"), Concat(i));
    }
    for (size_t i = 0; i < n / 4; ++i) {
      run.NoteGet(Key(Below(run.random, n)));
      run.NoteGet(Key(Below(run.random, n)) + "z");
    }
    Steps(run, n);
    run.NoteContents();
  });
}

TEST_P(DbComparatorTest, SmallMemtables) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 64 << 10;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(6000); ++i) {
      run.Put(OddKey(run, 900), RandomValue(run.random, 50));
      run.NoteGet(OddKey(run, 900));
    }
  });
}

// --------------------------------------------------------------------------
// User-defined timestamps.

class DbTimestampTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbTimestampTest,
                         ::testing::ValuesIn(AnyOrderConfigs()), ConfigName);

void TimestampedWrites(DbRun& run) {
  uint64_t now = 1;
  for (size_t i = 0; i < Scaled(12000); ++i) {
    const std::string key = Key(Below(run.random, 700));
    const std::string ts = Timestamp(++now);
    const Status s =
        Below(run.random, 7) == 0
            ? run.db()->Delete(run.write_options, run.family(), key, ts)
            : run.db()->Put(run.write_options, run.family(), key, ts,
                            Concat("v", i));
    run.Expect(s, "write with a timestamp");
    if (i % 4 == 0) {
      const std::string then = Timestamp(1 + Below(run.random, now));
      const Slice at(then);
      ReadOptions read;
      read.timestamp = &at;
      run.NoteGet(Key(Below(run.random, 700)), read);
    }
    if (i == Scaled(12000) / 2) run.Flush();
  }
}

TEST_P(DbTimestampTest, ReadsAtManyTimes) {
  Compare([](DbRun& run) {
    UseTimestamps(run);
    if (!run.Open()) return;
    TimestampedWrites(run);
    for (uint64_t t = 1; t < Scaled(12000); t += Scaled(12000) / 7) {
      NoteAtTime(run, t);
    }
  });
}

// --------------------------------------------------------------------------
// key_order=bytewise with a comparator that orders otherwise.

TEST(DbKeyOrderTest, BytewiseIsRefusedBesideOtherComparators) {
  for (const NamedComparator& other : Comparators()) {
    TempDir dir;
    Options options;
    options.create_if_missing = true;
    options.comparator = other.comparator;
    options.memtable_factory =
        FastSkipConfig("Bytewise", KeyOrder::kBytewise, 1).make();
    std::unique_ptr<DB> db;
    const Status status = DB::Open(options, dir.Sub("db"), OpenInto(&db));
    if (other.comparator == rocksdb::BytewiseComparator()) {
      EXPECT_TRUE(status.ok()) << status.ToString();
      continue;
    }
    EXPECT_TRUE(status.IsInvalidArgument())
        << other.name << ": " << status.ToString();
    const std::string message = status.ToString();
    EXPECT_NE(std::string::npos, message.find("key_order=bytewise")) << message;
    EXPECT_NE(std::string::npos, message.find(other.comparator->Name()))
        << message;
  }
}

TEST(DbKeyOrderTest, AutoAndComparatorAreAccepted) {
  for (const NamedComparator& other : Comparators()) {
    for (const MemtableConfig& config : AnyOrderConfigs()) {
      TempDir dir;
      Options options;
      options.create_if_missing = true;
      options.comparator = other.comparator;
      options.memtable_factory = config.make();
      std::unique_ptr<DB> db;
      const Status status = DB::Open(options, dir.Sub("db"), OpenInto(&db));
      EXPECT_TRUE(status.ok()) << other.name << ": " << status.ToString();
    }
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
