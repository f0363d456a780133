// SPDX-License-Identifier: Apache-2.0
//
// RocksDB's checks of a memtable's bytes, through a database:
//   memtable_protection_bytes_per_key: the checksum of each entry that a read
//     hands over;
//   paranoid_memory_checks, from RocksDB 9.6 on: the order of keys;
//   memtable_verify_per_key_checksum_on_seek, from 10.7 on: the checksums of
//     the entries that a seek passes.
// On sound memory they change no answer. Bytes that have gone bad come back as
// Corruption, from fastskip as from skip_list.
#include <functional>
#include <tuple>

#include "memtablerep/rocksdb_compat.h"
#include "tests/db/db_fixture.h"
#include "tests/db/db_random_reads.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

struct MemoryChecks {
  std::string name;
  int checksum_bytes = 0;
  bool order = false;
  bool on_seek = false;
  bool batches = false;  // memtable_batch_lookup_optimization
};

void PrintTo(const MemoryChecks& checks, std::ostream* out) {
  *out << checks.name;
}

// Every combination that this RocksDB has and that takes another way through
// the memtable.
std::vector<MemoryChecks> AllChecks() {
  std::vector<MemoryChecks> all = {{"Checksums", 8}};
#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
  all.push_back({"Order", 0, true});
  all.push_back({"OrderAndChecksums", 8, true});
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(10, 7)
  all.push_back({"OnSeek", 8, false, true});
  all.push_back({"OrderAndOnSeek", 8, true, true});
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(11, 1)
  all.push_back({"OrderInBatches", 0, true, false, true});
  all.push_back({"OnSeekInBatches", 8, false, true, true});
#endif
  return all;
}

void Apply(const MemoryChecks& checks, Options* options) {
  options->memtable_protection_bytes_per_key = checks.checksum_bytes;
#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
  options->paranoid_memory_checks = checks.order;
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(11, 5)
  options->memtable_verify_per_key_checksum_on_seek = checks.on_seek;
#elif FASTSKIP_ROCKSDB_AT_LEAST(10, 7)
  options->memtable_veirfy_per_key_checksum_on_seek = checks.on_seek;
#endif
#if FASTSKIP_ROCKSDB_AT_LEAST(11, 1)
  options->memtable_batch_lookup_optimization = checks.batches;
#endif
}

using Param = std::tuple<MemtableConfig, MemoryChecks>;

std::string ParamName(const ::testing::TestParamInfo<Param>& info) {
  return std::get<0>(info.param).name + std::get<1>(info.param).name;
}

// --------------------------------------------------------------------------
// Sound memory.

class DbMemoryChecksTest : public ::testing::TestWithParam<Param> {};
INSTANTIATE_TEST_SUITE_P(
    Memtables, DbMemoryChecksTest,
    ::testing::Combine(::testing::ValuesIn(BytewiseConfigs()),
                       ::testing::ValuesIn(AllChecks())),
    ParamName);

void RandomWrite(DbRun& run, uint64_t keys) {
  const size_t family = Below(run.random, run.families().size());
  const uint64_t key = Below(run.random, keys);
  switch (Below(run.random, 40)) {
    case 0:
      return run.DeleteRange(Key(key), Key(key + 20), family);
    case 1:
    case 2:
    case 3:
    case 4:
      return run.Delete(Key(key), family);
    default:
      return run.Put(Key(key), RandomValue(run.random, 30), family);
  }
}

void RandomReads(DbRun& run, const ReadOptions& read, uint64_t keys) {
  for (int i = 0; i < 10; ++i) NoteMultiGet(run, read, keys);
  for (size_t f = 0; f < run.families().size(); ++f) {
    std::unique_ptr<Iterator> it(run.db()->NewIterator(read, run.family(f)));
    for (int i = 0; i < 150; ++i) RandomStep(run, it.get(), keys);
  }
}

TEST_P(DbMemoryChecksTest, SoundMemoryGivesTheSameAnswers) {
  TestSeed();
  constexpr uint64_t kKeys = 2000;
  const MemoryChecks checks = std::get<1>(GetParam());
  EXPECT_EQ("", Difference(std::get<0>(GetParam()), [&](DbRun& run) {
              run.more_families = {"one", "two"};
              Apply(checks, &run.options);
              if (!run.Open()) return;
              const Snapshot* snapshot = nullptr;
              for (size_t i = 0; i < Scaled(8000); ++i) {
                RandomWrite(run, kKeys);
                if (i % 1000 == 500) {
                  if (snapshot != nullptr) run.db()->ReleaseSnapshot(snapshot);
                  snapshot = run.db()->GetSnapshot();
                }
                if (i % 500 != 499) continue;
                ReadOptions read;
                RandomReads(run, read, kKeys);
                read.snapshot = snapshot;
                RandomReads(run, read, kKeys);
                if (i == 3999) run.Flush();
              }
              if (snapshot != nullptr) run.db()->ReleaseSnapshot(snapshot);
            }));
}

// --------------------------------------------------------------------------
// Damaged memory.

constexpr char kForwards[] = "SeekToFirst, Next";
constexpr char kBackwards[] = "SeekToLast, Prev";

// Reads that meet the entry of `key`.
struct Read {
  const char* name;
  bool is_scan;  // passes every entry on its way
  std::function<Status(DB*, const std::string& key)> run;
};

Status StatusAfter(DB* db, const std::function<void(Iterator*)>& moves) {
  std::unique_ptr<Iterator> it(db->NewIterator(ReadOptions()));
  moves(it.get());
  return it->status();
}

#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
Status MultiGetAround(DB* db, const std::string& key) {
  const std::vector<std::string> keys = {"a", key, key + "0", "z"};
  const std::vector<Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  db->MultiGet(ReadOptions(), db->DefaultColumnFamily(), keys.size(),
               slices.data(), values.data(), statuses.data());
  return statuses[1];
}
#endif

std::vector<Read> AllReads() {
  return {
    {"Get", false,
     [](DB* db, const std::string& key) {
       std::string value;
       return db->Get(ReadOptions(), key, &value);
     }},
#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
        // RocksDB 7.8 goes on to its files after Corruption in a memtable, and
        // fails an assertion there.
        {"MultiGet", false, MultiGetAround},
#endif
        {"Seek", false,
         [](DB* db, const std::string& key) {
           return StatusAfter(db, [&](Iterator* it) { it->Seek(key); });
         }},
        {"SeekForPrev", false,
         [](DB* db, const std::string& key) {
           return StatusAfter(db, [&](Iterator* it) { it->SeekForPrev(key); });
         }},
        {kForwards, true,
         [](DB* db, const std::string&) {
           return StatusAfter(db, [](Iterator* it) {
             for (it->SeekToFirst(); it->Valid(); it->Next()) {
             }
           });
         }},
        {kBackwards, true, [](DB* db, const std::string&) {
           return StatusAfter(db, [](Iterator* it) {
             for (it->SeekToLast(); it->Valid(); it->Prev()) {
             }
           });
         }},
  };
}

class DbDamageTest : public OneDbTest,
                     public ::testing::WithParamInterface<Param> {
 protected:
  // An entry in the memtable itself.
  struct Entry {
    std::string key;
    char* bytes;  // of the user key; tag, length of the value, value follow
  };

  void SetUp() override {
    OneDbTest::SetUp();
    options_.memtable_factory = std::get<0>(GetParam()).make();
    Apply(checks(), &options_);
    Open();
    Random random(TestSeed());
    std::vector<uint64_t> order(kKeys);
    for (uint64_t i = 0; i < kKeys; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (const uint64_t i : order) {
      ASSERT_TRUE(db_->Put(WriteOptions(), Key(2 * i), ValueOf(2 * i)).ok());
    }
    FindEntries();
  }
  const MemoryChecks& checks() const { return std::get<1>(GetParam()); }
  bool is_skip_list() const {
    return std::get<0>(GetParam()).name == SkipListConfig().name;
  }

  static std::string ValueOf(uint64_t n) { return Key(n, "value", 20); }

  // RocksDB copies no value out of a memtable for an iterator, so a value's
  // address is one in its entry. Key and value are too short for a length of
  // two bytes.
  void FindEntries() {
    std::unique_ptr<Iterator> it(db_->NewIterator(ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string key = it->key().ToString();
      char* const bytes =
          const_cast<char*>(it->value().data()) - 1 - kTag - key.size();
      ASSERT_EQ(key, std::string(bytes, key.size()));
      entries_.push_back({key, bytes});
    }
    ASSERT_EQ(entries_.size(), kKeys);
  }

  // Some of the entries, neither the first nor the last.
  std::vector<Entry> Victims() {
    Random random(TestSeed() + 1);
    std::vector<Entry> victims;
    for (int i = 0; i < 40; ++i) {
      victims.push_back(entries_[1 + Below(random, kKeys - 2)]);
    }
    return victims;
  }

  // After its bytes are right again. The order of its block that reads have
  // saved may be that of the bad key; once more is in the block, it is another
  // order's turn.
  void PutBeside(const Entry& victim) {
    ASSERT_TRUE(db_->Put(WriteOptions(), victim.key + "0", "value").ok());
  }

  void ExpectSound() {
    for (const Read& read : AllReads()) {
      const Status status = read.run(db_.get(), Key(kKeys));
      EXPECT_TRUE(status.ok()) << read.name << ": " << status.ToString();
    }
  }

  // Whether the read has to notice an entry whose key or tag is bad, by its
  // checksum. skip_list steps back by a search for the key it comes from, which
  // may pass a bad key by.
  bool MeetsBadKeys(const Read& read) const {
    if (is_skip_list() && std::string(read.name) == kBackwards) return false;
    return checks().on_seek || read.is_scan;
  }

  static constexpr uint64_t kKeys = 1000;
  static constexpr size_t kTag = 8;  // sequence number and type
  std::vector<Entry> entries_;       // in the order of keys
};

std::vector<MemtableConfig> ConfigsAndSkipList() {
  std::vector<MemtableConfig> all = BytewiseConfigs();
  all.push_back(SkipListConfig());
  return all;
}

std::vector<MemoryChecks> AllChecksThat(bool (*fits)(const MemoryChecks&)) {
  std::vector<MemoryChecks> some;
  for (const MemoryChecks& checks : AllChecks()) {
    if (fits(checks)) some.push_back(checks);
  }
  return some;
}

class DbChecksumDamageTest : public DbDamageTest {};
INSTANTIATE_TEST_SUITE_P(
    Memtables, DbChecksumDamageTest,
    ::testing::Combine(
        ::testing::ValuesIn(ConfigsAndSkipList()),
        ::testing::ValuesIn(AllChecksThat([](const MemoryChecks& c) {
          return c.checksum_bytes > 0;
        }))),
    ParamName);

// Every read that hands the entry over says so; with checks on seek, every
// read that looks for its key.
TEST_P(DbChecksumDamageTest, ABadChecksumIsCorruption) {
  const size_t key_size = Key(0).size();
  // Where a bit flips, from the key's first byte on.
  const size_t kTypeAt = key_size, kSequenceAt = key_size + 1;
  const size_t kValueAt = key_size + kTag + 1 + 3;
  for (const Entry& victim : Victims()) {
    for (const size_t at : {key_size - 2, kTypeAt, kSequenceAt, kValueAt}) {
      victim.bytes[at] ^= 0x40;
      for (const Read& read : AllReads()) {
        if (at != kValueAt && !MeetsBadKeys(read)) continue;
        const Status status = read.run(db_.get(), victim.key);
        EXPECT_TRUE(status.IsCorruption())
            << read.name << " of " << victim.key << ", byte " << at << ": "
            << status.ToString();
      }
      victim.bytes[at] ^= 0x40;
      PutBeside(victim);
    }
  }
  ExpectSound();
}

#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)

std::vector<MemoryChecks> OrderChecks() {
  return AllChecksThat([](const MemoryChecks& c) { return c.order; });
}

class DbOrderDamageTest : public DbDamageTest {
 protected:
  // Whether a bad key is in order for all that a scan can tell: it shares its
  // discriminator with the least entry or the greatest and has taken its place,
  // or shares that of the next block and counts as moved there.
  bool InOrderForScans() {
    for (const Read& read : AllReads()) {
      if (read.is_scan && !read.run(db_.get(), Key(0)).ok()) return false;
    }
    return true;
  }
};
INSTANTIATE_TEST_SUITE_P(
    Memtables, DbOrderDamageTest,
    ::testing::Combine(::testing::ValuesIn(ConfigsAndSkipList()),
                       ::testing::ValuesIn(OrderChecks())),
    ParamName);

// A key that is out of order beside all its neighbours. skip_list promises
// less: a read whose search ends left of the bad key does not see it.
TEST_P(DbOrderDamageTest, ABadOrderIsCorruption) {
  int all_unseen = 0;
  for (const Entry& victim : Victims()) {
    for (const char bad : {'\0', '\xff'}) {
      victim.bytes[0] = bad;
      const bool unseen = InOrderForScans();
      all_unseen += unseen ? 1 : 0;
      for (const Read& read : AllReads()) {
        if (unseen) continue;
        if (is_skip_list() && std::string(read.name) != kForwards) {
          continue;
        }
        const Status status = read.run(db_.get(), victim.key);
        EXPECT_TRUE(status.IsCorruption())
            << read.name << " of " << victim.key << ", now " << int{bad} << ": "
            << status.ToString();
      }
      victim.bytes[0] = victim.key[0];
      PutBeside(victim);
    }
  }
  EXPECT_LE(all_unseen, is_skip_list() ? 0 : 4) << "of 80";
  ExpectSound();
}

class DbOtherKeysTest : public DbDamageTest {};
INSTANTIATE_TEST_SUITE_P(
    Memtables, DbOtherKeysTest,
    ::testing::Combine(::testing::ValuesIn(BytewiseConfigs()),
                       ::testing::ValuesIn(OrderChecks())),
    ParamName);

// The same damage, seen by reads of all other keys.
TEST_P(DbOtherKeysTest, AreCorruptionOrRight) {
  size_t corruptions = 0;
  const Entry victim = Victims()[0];
  for (const char bad : {'\0', '\xff'}) {
    victim.bytes[0] = bad;
    for (uint64_t n = 0; n < 2 * kKeys; ++n) {
      if (Key(n) == victim.key) continue;
      std::string value;
      const Status got = db_->Get(ReadOptions(), Key(n), &value);
      std::unique_ptr<Iterator> it(db_->NewIterator(ReadOptions()));
      it->Seek(Key(n));
      corruptions += got.IsCorruption() + it->status().IsCorruption();
      if (!got.IsCorruption()) {
        EXPECT_EQ(n % 2 == 0, got.ok()) << Key(n) << got.ToString();
        if (got.ok()) {
          EXPECT_EQ(value, ValueOf(n));
        }
      }
      const uint64_t next = n + n % 2;
      if (it->status().IsCorruption() || next == 2 * kKeys) continue;
      ASSERT_TRUE(it->Valid()) << Key(n) << it->status().ToString();
      EXPECT_EQ(it->key().ToString(), Key(next));
    }
    victim.bytes[0] = victim.key[0];
  }
  EXPECT_GT(corruptions, 0u);
  PutBeside(victim);
  ExpectSound();
}

#endif  // 9.6

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
