// SPDX-License-Identifier: Apache-2.0
//
// A database that gets its memtable by name: from text, from its own OPTIONS
// file, and in a mix of memtables over its life. What the text may say, and
// what is refused, is in options_test.cc.
#include <map>

#include "rocksdb/convenience.h"
#include "rocksdb/utilities/options_util.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

using rocksdb::ConfigOptions;

constexpr char kClassName[] = "FastSkipListRepFactory";

class DbOptionsTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { RegisterFastSkip(); }
  void SetUp() override {
    TestSeed();
    base_.create_if_missing = true;
    base_.create_missing_column_families = true;
    base_.compression = rocksdb::kNoCompression;
  }

  // The options of a column family, made from text.
  ColumnFamilyOptions FromText() const {
    ColumnFamilyOptions made;
    ConfigOptions config;
    config.ignore_unknown_options = false;
    config.ignore_unsupported_options = false;
    const Status status = rocksdb::GetColumnFamilyOptionsFromString(
        config, base_, std::string("memtable_factory=") + GetParam(), &made);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return made;
  }

  void Open(const Options& options,
            const std::vector<ColumnFamilyDescriptor>& families) {
    const Status status =
        DB::Open(options, dir_.Sub("db"), families, &handles_, OpenInto(&db_));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  void Close() {
    for (ColumnFamilyHandle* handle : handles_) {
      EXPECT_TRUE(db_->DestroyColumnFamilyHandle(handle).ok());
    }
    handles_.clear();
    EXPECT_TRUE(db_->Close().ok());
    db_.reset();
  }

  // Writes `n` keys to each column family, and remembers them.
  void Write(size_t n, const std::string& value) {
    Random random(TestSeed());
    for (size_t i = 0; i < n; ++i) {
      for (size_t f = 0; f < handles_.size(); ++f) {
        const std::string key = Key(Below(random, 10 * n));
        model_[f][key] = value;
        ASSERT_TRUE(db_->Put(WriteOptions(), handles_[f], key, value).ok());
      }
    }
  }
  void ExpectEverything() {
    for (size_t f = 0; f < handles_.size(); ++f) {
      std::map<std::string, std::string> found;
      std::unique_ptr<Iterator> it(
          db_->NewIterator(ReadOptions(), handles_[f]));
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        found[it->key().ToString()] = it->value().ToString();
      }
      EXPECT_TRUE(it->status().ok());
      EXPECT_TRUE(found == model_[f]) << "family " << f;
    }
  }

  TempDir dir_;
  Options base_;
  std::unique_ptr<DB> db_;
  Handles handles_;
  std::map<size_t, std::map<std::string, std::string>> model_;
};

INSTANTIATE_TEST_SUITE_P(
    Text, DbOptionsTest,
    ::testing::Values("fastskip", "fastskip:3", "FastSkipListRepFactory",
                      "{id=fastskip;shards=2;key_order=comparator}",
                      "{id=fastskip;key_order=bytewise}"));

TEST_P(DbOptionsTest, OpensByNameAndAgainFromItsOptionsFile) {
  const ColumnFamilyOptions made = FromText();
  Open(base_, {{rocksdb::kDefaultColumnFamilyName, made}, {"one", made}});
  EXPECT_STREQ(kClassName,
               db_->GetOptions(handles_[1]).memtable_factory->Name());
  Write(Scaled(5000), "first");
  ExpectEverything();
  Close();

  // As a program does that knows nothing of the database but its path.
  rocksdb::DBOptions loaded_db;
  std::vector<ColumnFamilyDescriptor> loaded;
  ConfigOptions config;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  Status status =
      rocksdb::LoadLatestOptions(config, dir_.Sub("db"), &loaded_db, &loaded);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(2u, loaded.size());
  for (const ColumnFamilyDescriptor& family : loaded) {
    const auto& factory = family.options.memtable_factory;
    ASSERT_STREQ(kClassName, factory->Name());
    std::string mismatch;
    EXPECT_TRUE(
        factory->AreEquivalent(config, made.memtable_factory.get(), &mismatch))
        << mismatch;
  }
  EXPECT_TRUE(rocksdb::CheckOptionsCompatibility(config, dir_.Sub("db"),
                                                 loaded_db, loaded)
                  .ok());
  Open(Options(loaded_db, loaded[0].options), loaded);
  ExpectEverything();
  Write(Scaled(3000), "second");
  ExpectEverything();
  Close();

  Open(base_, {{rocksdb::kDefaultColumnFamilyName, base_}, {"one", base_}});
  EXPECT_STREQ("SkipListFactory",
               db_->GetOptions(handles_[0]).memtable_factory->Name());
  ExpectEverything();
  Close();
}

// Each opening replays the WAL that the memtable of the last one left.
TEST_P(DbOptionsTest, MemtablesChangeWithEveryOpening) {
  ColumnFamilyOptions made = FromText();
  made.memtable_factory = ForThreadSanitizer(made.memtable_factory);
  ColumnFamilyOptions vector = base_;
  vector.memtable_factory = std::make_shared<rocksdb::VectorRepFactory>();
  Options one_writer = base_;
  one_writer.allow_concurrent_memtable_write = false;
  const std::vector<ColumnFamilyOptions> all = {made,   base_, made,
                                                vector, made,  base_};
  for (size_t i = 0; i < all.size(); ++i) {
    // The second column family is one step behind.
    Open(one_writer, {{rocksdb::kDefaultColumnFamilyName, all[i]},
                      {"one", all[(i + 1) % all.size()]}});
    ExpectEverything();
    Write(Scaled(1500), Concat("opening", i));
    ExpectEverything();
    if (i % 2 == 1) {
      ASSERT_TRUE(db_->Flush(FlushOptions(), handles_).ok());
    }
    Close();
  }
}

TEST_P(DbOptionsTest, ColumnFamilyCreatedByName) {
  Open(base_, {{rocksdb::kDefaultColumnFamilyName, base_}});
  ColumnFamilyHandle* handle = nullptr;
  ASSERT_TRUE(db_->CreateColumnFamily(FromText(), "one", &handle).ok());
  handles_.push_back(handle);
  Write(Scaled(2000), "value");
  ExpectEverything();
  Close();
  Open(base_, {{rocksdb::kDefaultColumnFamilyName, base_}, {"one", base_}});
  ExpectEverything();
  Close();
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
