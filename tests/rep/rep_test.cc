// SPDX-License-Identifier: Apache-2.0
// The memtable representation beside RocksDB's own skip list: the same
// operations must give the same answers, under every comparator and key_order
// and for every shape of keys.
//
// One thread, in which there are no races.
// Sanitizers: address

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "memtablerep/fast_skip_list_rep.h"
#include "memtablerep/rocksdb_compat.h"
#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Order = FastSkipListOptions::KeyOrder;
using RepIterator = std::unique_ptr<rdb::MemTableRep::Iterator>;

constexpr uint64_t kEntries = 2500 / kSlowdown;

// A key of the shape that is valid under the comparator: timestamps are the
// last 8 bytes of a user key.
ShapedKey MakeKey(const KeyShape& shape, const rdb::Comparator* comparator,
                  Random& random, uint64_t i) {
  ShapedKey key = shape.make(random, i, kEntries);
  if (comparator->timestamp_size() > 0) {
    key.user_key += BigEndian(random.Uniform(4), 8);
  }
  return key;
}

class RepPair {
 public:
  RepPair(const rdb::Comparator* comparator, Order order)
      : stock(&skip_list_factory_, comparator),
        ours(FastSkipFactory(order).get(), comparator) {}

  void Insert(const ShapedKey& key, uint8_t type, InsertBy by) {
    const std::string value = std::to_string(count_++) + ";";
    const bool inserted =
        stock.Insert(key.user_key, key.sequence, type, value, by);
    EXPECT_EQ(inserted,
              ours.Insert(key.user_key, key.sequence, type, value, by))
        << "insert " << count_;
    if (inserted) keys.push_back(key);
  }

 private:
  rdb::SkipListFactory skip_list_factory_;
  uint64_t count_ = 0;

 public:
  TestRep stock;
  TestRep ours;
  std::vector<ShapedKey> keys;  // of the entries, in no order
};

std::string InternalKey(const ShapedKey& key) {
  const std::string entry = EncodeEntry(key.user_key, key.sequence, 1);
  return entry.substr(entry.size() - key.user_key.size() - 8);
}

void ExpectSameScans(RepPair* reps) {
  const RepIterator a(reps->stock->GetIterator(nullptr));
  const RepIterator b(reps->ours->GetIterator(nullptr));
  a->SeekToFirst();
  b->SeekToFirst();
  uint64_t entries = 0;
  for (; a->Valid(); a->Next(), b->Next(), ++entries) {
    ASSERT_EQ(Describe(*a), Describe(*b)) << "entry " << entries;
  }
  ASSERT_FALSE(b->Valid());
  ASSERT_EQ(entries, reps->keys.size());
  a->SeekToLast();
  b->SeekToLast();
  for (; a->Valid(); a->Prev(), b->Prev()) {
    ASSERT_EQ(Describe(*a), Describe(*b));
  }
  ASSERT_FALSE(b->Valid());
}

// Both iterators move alike for some random steps from where they stand.
void ExpectSameSteps(Random& random, rdb::MemTableRep::Iterator* a,
                     rdb::MemTableRep::Iterator* b) {
  ASSERT_EQ(Describe(*a), Describe(*b));
  for (uint64_t steps = random.Uniform(40); steps > 0 && a->Valid(); --steps) {
    if (random.OneIn(3)) {
      a->Prev();
      b->Prev();
    } else {
      a->Next();
      b->Next();
    }
    ASSERT_EQ(Describe(*a), Describe(*b));
  }
}

void ExpectSameLookups(Random& random, RepPair* reps, const ShapedKey& key) {
  const std::string entry = EncodeEntry(key.user_key, key.sequence, 0);
  EXPECT_EQ(reps->stock->Contains(entry.data()),
            reps->ours->Contains(entry.data()));
  for (const uint64_t sequence : {key.sequence, kMaxSequence}) {
    const size_t most = 1 + random.Uniform(30);
    EXPECT_EQ(GetEntries(reps->stock.get(), key.user_key, sequence, most),
              GetEntries(reps->ours.get(), key.user_key, sequence, most));
  }
}

// What a MultiGet calls back with for each of `keys`, up to `most` entries of
// each.
struct MultiGetResult {
  rdb::Status status;
  std::vector<std::vector<std::string>> found;
};
MultiGetResult MultiGetEntries(const TestRep& rep,
                               const std::vector<ShapedKey>& keys, size_t most,
                               bool detect_key_out_of_order = false,
                               const compat::EntryCheck& entry_check = {}) {
  struct Collector {
    std::vector<std::string>* found;
    size_t most;
  };
  MultiGetResult result;
  result.found.resize(keys.size());
  std::vector<std::string> targets;
  std::vector<Collector> collectors;
  for (size_t i = 0; i < keys.size(); ++i) {
    targets.push_back(EncodeEntry(keys[i].user_key, keys[i].sequence, 0));
    collectors.push_back({&result.found[i], most});
  }
  std::vector<const char*> encoded;
  std::vector<void*> args;
  for (size_t i = 0; i < keys.size(); ++i) {
    encoded.push_back(targets[i].data());
    args.push_back(&collectors[i]);
  }
  // Not in RocksDB's interface before 11.1.
  result.status = static_cast<FastSkipListRep*>(rep.get())->MultiGet(
      keys.size(), encoded.data(), args.data(),
      [](void* arg, const char* entry) {
        auto* const c = static_cast<Collector*>(arg);
        c->found->push_back(Describe(entry));
        return c->found->size() < c->most;
      },
      true, detect_key_out_of_order, entry_check);
  return result;
}

// Batches of any size, of keys that are there and of others, some twice.
void ExpectSameMultiGets(Random& random, RepPair* reps,
                         const ShapedKey& absent) {
  std::vector<ShapedKey> keys;
  for (uint64_t n = random.Uniform(70); n > 0; --n) {
    ShapedKey key = random.OneIn(5)
                        ? absent
                        : reps->keys[random.Uniform(reps->keys.size())];
    if (random.OneIn(2)) key.sequence = kMaxSequence;
    keys.push_back(key);
  }
  const size_t most = 1 + random.Uniform(30);
  const bool checks = random.OneIn(4);
  const MultiGetResult result = MultiGetEntries(reps->ours, keys, most, checks);
  EXPECT_TRUE(result.status.ok()) << result.status.ToString();
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(
        GetEntries(reps->stock.get(), keys[i].user_key, keys[i].sequence, most),
        result.found[i]);
  }
}

void ExpectSameSeeks(Random& random, const ShapedKey& key,
                     rdb::MemTableRep::Iterator* a,
                     rdb::MemTableRep::Iterator* b) {
  const std::string internal = InternalKey(key);
  const std::string entry = EncodeEntry(key.user_key, key.sequence, 0);
  a->Seek(internal, nullptr);
  b->Seek(internal, nullptr);
  ExpectSameSteps(random, a, b);
  a->SeekForPrev(internal, nullptr);
  b->SeekForPrev(internal, nullptr);
  ExpectSameSteps(random, a, b);
  // The encoded key counts when it is there, whatever the slice says.
  a->Seek(rdb::Slice(), entry.data());
  b->Seek(rdb::Slice(), entry.data());
  ExpectSameSteps(random, a, b);
  a->SeekForPrev("no internal key", entry.data());
  b->SeekForPrev("no internal key", entry.data());
  ExpectSameSteps(random, a, b);
}

using Case = std::tuple<NamedComparator, Order, KeyShape>;

class RepAnswers : public ::testing::TestWithParam<Case> {};

TEST_P(RepAnswers, AreThoseOfSkipList) {
  const rdb::Comparator* const comparator = std::get<0>(GetParam()).get();
  const KeyShape shape = std::get<2>(GetParam());
  Random random = MakeRandom();
  RepPair reps(comparator, std::get<1>(GetParam()));
  // Made before the entries: iterators are live.
  const RepIterator a(reps.stock->GetIterator(nullptr));
  const RepIterator b(reps.ours->GetDynamicPrefixIterator(nullptr));

  for (uint64_t i = 0; i < kEntries; ++i) {
    // RocksDB mixes these freely in one memtable, apart in time.
    const auto by = static_cast<InsertBy>(i * 8 / kEntries % 4);
    reps.Insert(MakeKey(shape, comparator, random, i),
                static_cast<uint8_t>(random.Uniform(3)), by);
    if (random.OneIn(16)) {
      const ShapedKey absent = MakeKey(shape, comparator, random, i);
      const ShapedKey& present = reps.keys[random.Uniform(reps.keys.size())];
      for (const ShapedKey* key : {&absent, &present}) {
        ExpectSameLookups(random, &reps, *key);
        ExpectSameSeeks(random, *key, a.get(), b.get());
      }
      if (random.OneIn(4)) ExpectSameMultiGets(random, &reps, absent);
      if (HasFailure()) FAIL() << "after " << i << " inserts";
    }
  }
  ExpectSameScans(&reps);
  reps.ours->MarkReadOnly();
  reps.ours->MarkReadOnly();
  reps.ours->MarkFlushed();
  ExpectSameScans(&reps);
  for (const ShapedKey& key : reps.keys) {
    const std::string again = EncodeEntry(key.user_key, key.sequence, 77);
    ASSERT_TRUE(reps.ours->Contains(again.data()));
  }
  EXPECT_EQ(reps.ours.batch_hint(), nullptr);
  EXPECT_EQ(reps.ours->ApproximateMemoryUsage(), 0u);
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const NamedComparator& comparator : kComparators) {
    for (const Order order :
         {Order::kAuto, Order::kBytewise, Order::kComparator}) {
      if (order == Order::kBytewise &&
          comparator.get != rdb::BytewiseComparator) {
        continue;
      }
      for (const KeyShape& shape : kKeyShapes) {
        cases.emplace_back(comparator, order, shape);
      }
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Rep, RepAnswers, ::testing::ValuesIn(AllCases()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  OrderName(std::get<1>(info.param)) +
                                  std::get<2>(info.param).name;
                         });

// The rest runs for each key_order, under the bytewise comparator.
class Rep : public ::testing::TestWithParam<Order> {};

INSTANTIATE_TEST_SUITE_P(Rep, Rep,
                         ::testing::Values(Order::kAuto, Order::kBytewise,
                                           Order::kComparator),
                         [](const auto& info) {
                           return OrderName(info.param);
                         });

TEST_P(Rep, EmptyHasNothing) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  const std::string entry = EncodeEntry("key", 1, 1);
  const std::string internal = InternalKey({"key", 1});
  EXPECT_FALSE(rep->Contains(entry.data()));
  EXPECT_TRUE(GetEntries(rep.get(), "key", 1, 9).empty());
  const RepIterator iter(rep->GetIterator(nullptr));
  EXPECT_FALSE(iter->Valid());
  iter->SeekToFirst();
  EXPECT_FALSE(iter->Valid());
  iter->SeekToLast();
  EXPECT_FALSE(iter->Valid());
  iter->Seek(internal, nullptr);
  EXPECT_FALSE(iter->Valid());
  iter->SeekForPrev(internal, nullptr);
  EXPECT_FALSE(iter->Valid());
  iter->RandomSeek();
  EXPECT_FALSE(iter->Valid());
  EXPECT_EQ(rep->ApproximateNumEntries(internal, InternalKey({"z", 1})), 0u);
  std::unordered_set<const char*> sample;
  rep->UniqueRandomSample(10, 3, &sample);
  EXPECT_TRUE(sample.empty());
  rep->UniqueRandomSample(10, 10, &sample);
  EXPECT_TRUE(sample.empty());
}

TEST_P(Rep, DuplicatesAreRefusedByEveryInsert) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  constexpr InsertBy kAll[] = {InsertBy::kPlain, InsertBy::kHint,
                               InsertBy::kConcurrent,
                               InsertBy::kConcurrentHint};
  for (int i = 0; i < 400; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_TRUE(rep.Insert(key, 5, 1, "first;", kAll[i % 4]));
    for (const InsertBy by : kAll) {
      EXPECT_FALSE(rep.Insert(key, 5, 0, "second;", by)) << "another type";
    }
    EXPECT_EQ(GetEntries(rep.get(), key, 9, 1),
              std::vector<std::string>{key + "@5/1=first"});
  }
}

// RocksDB frees per-batch hints itself and may pass one of another table.
TEST_P(Rep, PerBatchHintsAreNeitherReadNorWritten) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  void* const poison = reinterpret_cast<void*>(uintptr_t{0x1});
  void* hint = poison;
  for (int i = 0; i < 100; ++i) {
    const std::string next = EncodeEntry("key", static_cast<uint64_t>(i), 1);
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep->Allocate(next.size(), &buffer);
    std::memcpy(buffer, next.data(), next.size());
    EXPECT_TRUE(rep->InsertKeyWithHintConcurrently(handle, &hint));
    EXPECT_EQ(hint, poison);
  }
}

// The methods without an answer insert as well.
TEST_P(Rep, InsertsWithoutAnAnswer) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  void* hint = nullptr;
  void* batch_hint = nullptr;
  for (int i = 0; i < 400; ++i) {
    const std::string entry = EncodeEntry(BigEndian(i, 2), 1, 1);
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
    std::memcpy(buffer, entry.data(), entry.size());
    if (i % 4 == 0) rep->Insert(handle);
    if (i % 4 == 1) rep->InsertWithHint(handle, &hint);
    if (i % 4 == 2) rep->InsertConcurrently(handle);
    if (i % 4 == 3) rep->InsertWithHintConcurrently(handle, &batch_hint);
    EXPECT_TRUE(rep->Contains(entry.data()));
  }
  EXPECT_EQ(batch_hint, nullptr);
}

// One hint for each of many prefixes, as RocksDB keeps them.
TEST_P(Rep, HintsOfManyPrefixes) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  Random random = MakeRandom();
  std::vector<void*> hints(50, nullptr);
  std::vector<uint32_t> counts(hints.size(), 0);
  const uint64_t entries = 20000 / kSlowdown;
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t prefix = random.Uniform(hints.size());
    const std::string entry = EncodeEntry(
        BigEndian(prefix, 1) + BigEndian(counts[prefix]++, 4), 1, 1);
    char* buffer = nullptr;
    const rdb::KeyHandle handle = rep->Allocate(entry.size(), &buffer);
    std::memcpy(buffer, entry.data(), entry.size());
    ASSERT_TRUE(rep->InsertKeyWithHint(handle, &hints[prefix]));
    EXPECT_EQ(hints[prefix] != nullptr, compat::kPrefixHintsAreOfOneTable);
  }
  const RepIterator iter(rep->GetIterator(nullptr));
  std::string last;
  uint64_t seen = 0;
  for (iter->SeekToFirst(); iter->Valid(); iter->Next(), ++seen) {
    const std::string key(ParseEntry(iter->key()).user_key);
    ASSERT_LT(last, key);
    last = key;
  }
  EXPECT_EQ(seen, entries);
}

// RocksDB overwrites values in place (inplace_update_support).
TEST_P(Rep, ValuesMayChangeInPlace) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i, 2), 1, 1, "old;"));
  }
  const RepIterator iter(rep->GetIterator(nullptr));
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
    std::memcpy(const_cast<char*>(ParseEntry(iter->key()).value), "new;", 4);
  }
  EXPECT_EQ(GetEntries(rep.get(), BigEndian(42, 2), 1, 1),
            std::vector<std::string>{BigEndian(42, 2) + "@1/1=new"});
}

// A handle may be given up.
TEST_P(Rep, AllocatedButNeverInserted) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  for (int i = 0; i < 1000; ++i) {
    char* buffer = nullptr;
    ASSERT_NE(rep->Allocate(1 + i, &buffer), nullptr);
    std::memset(buffer, 0xee, 1 + i);
    if (i % 10 == 0) {
      ASSERT_TRUE(rep.Insert(BigEndian(i, 2), 1, 1, ";"));
    }
  }
  const RepIterator iter(rep->GetIterator(nullptr));
  int seen = 0;
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) ++seen;
  EXPECT_EQ(seen, 100);
}

TEST_P(Rep, HugeKeys) {
  constexpr size_t kHuge = 8 << 20;
  RepPair reps(rdb::BytewiseComparator(), GetParam());
  const std::string trunk(kHuge, 'k');
  for (const char last : {'b', 'd', 'a', 'c'}) {
    for (const uint64_t sequence : {uint64_t{3}, uint64_t{9}}) {
      reps.Insert({trunk + last, sequence}, 1, InsertBy::kPlain);
    }
  }
  reps.Insert({trunk, 1}, 1, InsertBy::kPlain);
  reps.Insert({trunk + "a", 3}, 1, InsertBy::kPlain);
  EXPECT_EQ(reps.keys.size(), 9u);
  ExpectSameScans(&reps);
  const auto found = GetEntries(reps.ours.get(), trunk + "c", 5, 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].substr(kHuge, 4), "c@3/");
}

// The callback decides where a lookup ends: it is called for the entries of
// other user keys as well, as long as it asks for more.
TEST_P(Rep, GetGoesOnUntilTheCallbackEndsIt) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i / 10, 2), i % 10, 1, ";"));
  }
  EXPECT_EQ(GetEntries(rep.get(), BigEndian(0, 2), 9, 5000).size(), 1000u);
  EXPECT_EQ(GetEntries(rep.get(), BigEndian(99, 2), 4, 5000).size(), 5u);
  EXPECT_EQ(GetEntries(rep.get(), BigEndian(50, 2), 9, 37).size(), 37u);
  EXPECT_TRUE(GetEntries(rep.get(), BigEndian(100, 2), 9, 37).empty());
}

// A batch ends with the first error: keys before it have their answers.
TEST_P(Rep, MultiGetEndsWithTheFirstError) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  std::vector<ShapedKey> keys;
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i, 2), 7, 1, ";"));
    if (i % 25 == 0) keys.push_back({BigEndian(i, 2), kMaxSequence});
  }
  const std::string bad = BigEndian(500, 2);
  const compat::EntryCheck check = [&](const char* entry, bool) {
    return ParseEntry(entry).user_key == bad ? rdb::Status::Corruption("bad")
                                             : rdb::Status::OK();
  };
  for (const bool order : {false, true}) {
    const MultiGetResult result = MultiGetEntries(rep, keys, 1, order, check);
    EXPECT_TRUE(result.status.IsCorruption()) << result.status.ToString();
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(result.found[i].size(), keys[i].user_key < bad ? 1u : 0u) << i;
    }
  }
}

TEST_P(Rep, IteratorsAreLive) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  ASSERT_TRUE(rep.Insert("b", 1, 1, ";"));
  const RepIterator iter(rep->GetIterator(nullptr));
  iter->SeekToFirst();
  ASSERT_TRUE(rep.Insert("a", 1, 1, ";"));
  ASSERT_TRUE(rep.Insert("c", 1, 1, ";"));
  iter->Next();
  EXPECT_EQ(Describe(*iter), "c@1/1=");
  ASSERT_TRUE(rep.Insert("bb", 1, 1, ";"));
  iter->Prev();
  EXPECT_EQ(Describe(*iter), "bb@1/1=");
  iter->Prev();
  iter->Prev();
  EXPECT_EQ(Describe(*iter), "a@1/1=");
  iter->SeekToLast();
  ASSERT_TRUE(rep.Insert("d", 1, 1, ";"));
  iter->Next();
  EXPECT_EQ(Describe(*iter), "d@1/1=");
  iter->Next();
  EXPECT_FALSE(iter->Valid());
}

TEST_P(Rep, CountsRangesWithinAFactorOfTwo) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  Random random = MakeRandom();
  constexpr uint64_t kCount = 100000 / kSlowdown;
  std::vector<uint64_t> values;
  for (uint64_t i = 0; i < kCount; ++i) {
    values.push_back(random());
    ASSERT_TRUE(rep.Insert(BigEndian(values.back(), 8), 1, 1, ";"));
  }
  std::sort(values.begin(), values.end());
  for (int i = 0; i < 500; ++i) {
    const uint64_t length = 1000 + random.Zipf(kCount - 1000);
    const uint64_t from = random.Uniform(kCount - length);
    const auto key = [&](uint64_t index) {
      return InternalKey({BigEndian(values[index], 8), kMaxSequence});
    };
    const uint64_t count =
        rep->ApproximateNumEntries(key(from), key(from + length));
    EXPECT_GE(count, length / 2) << from << " + " << length;
    EXPECT_LE(count, length * 2) << from << " + " << length;
    EXPECT_EQ(rep->ApproximateNumEntries(key(from + length), key(from)), 0u);
  }
}

TEST_P(Rep, RandomSamples) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  constexpr uint64_t kCount = 10000;
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i, 4), 1, 1, ";"));
  }
  // Below and above the square root; more than there are; announced too few.
  const struct {
    uint64_t announced, target, least, most;
  } cases[] = {{kCount, 1, 1, 1},
               {kCount, 50, 48, 50},
               {kCount, 3000, 3000, 3000},
               {kCount, kCount, kCount, kCount},
               {kCount, 2 * kCount, kCount, kCount},
               {kCount / 2, 400, 400, 400},
               {kCount / 2, kCount, kCount / 2, kCount / 2},
               {2 * kCount, 400, 100, 300}};
  for (const auto& c : cases) {
    std::unordered_set<const char*> sample{"left from before"};
    rep->UniqueRandomSample(c.announced, c.target, &sample);
    EXPECT_GE(sample.size(), c.least) << c.announced << " " << c.target;
    EXPECT_LE(sample.size(), c.most) << c.announced << " " << c.target;
    for (const char* entry : sample) {
      ASSERT_TRUE(rep->Contains(entry));
    }
  }
  // Samples reach every tenth of the entries, drawn either way. (20,000 draws
  // that all miss a tenth: less likely than 10^-900.)
  for (const uint64_t target : {uint64_t{50}, uint64_t{500}}) {
    uint64_t tenths[10] = {};
    for (uint64_t drawn = 0; drawn < 20000; drawn += target) {
      std::unordered_set<const char*> sample;
      rep->UniqueRandomSample(kCount, target, &sample);
      for (const char* entry : sample) {
        const std::string_view key = ParseEntry(entry).user_key;
        const uint64_t value = static_cast<unsigned char>(key[2]) << 8 |
                               static_cast<unsigned char>(key[3]);
        ++tenths[value * 10 / kCount];
      }
    }
    for (const uint64_t count : tenths) {
      EXPECT_GT(count, 2000 / 4) << target;
      EXPECT_LT(count, 2000 * 4) << target;
    }
  }
}

TEST_P(Rep, RandomSeekFindsEntries) {
  TestRep rep(FastSkipFactory(GetParam()).get(), rdb::BytewiseComparator());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(rep.Insert(BigEndian(i, 2), 1, 1, ";"));
  }
  const RepIterator iter(rep->GetIterator(nullptr));
  std::unordered_set<std::string> seen;
  for (int i = 0; i < 300; ++i) {
    iter->RandomSeek();
    ASSERT_TRUE(iter->Valid());
    seen.insert(Describe(*iter));
  }
  EXPECT_GT(seen.size(), 50u);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
