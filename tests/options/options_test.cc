// SPDX-License-Identifier: Apache-2.0
// The factory as RocksDB's options see it: names, text forms, OPTIONS files,
// and what is refused, with a message that names it.

#include "rocksdb/options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memtablerep/address_width.h"
#include "memtablerep/fast_skip_list_factory.h"
#include "plugin/fastskip_c.h"
#include "plugin/register.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/utilities/object_registry.h"
#include "rocksdb/utilities/options_util.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Order = FastSkipListOptions::KeyOrder;
using Factory = std::shared_ptr<rdb::MemTableRepFactory>;

FastSkipListOptions MakeOptions(uint32_t shards, Order order) {
  FastSkipListOptions options;
  options.shards = shards;
  options.key_order = order;
  return options;
}

Factory MakeFactory(uint32_t shards, Order order) {
  return Factory(NewFastSkipListRepFactory(MakeOptions(shards, order)));
}

// Every option away from its default.
FastSkipListOptions Unusual() {
  FastSkipListOptions options = MakeOptions(7, Order::kComparator);
  options.max_entries = 0xfedcba9876543210;
  options.backpressure_percent = 71;
  options.log_on_seal = false;
  return options;
}

// As strict as RocksDB's text options can be.
rdb::ConfigOptions Strict() {
  rdb::ConfigOptions config;
  config.ignore_unknown_options = false;
  config.ignore_unsupported_options = false;
  return config;
}

class OptionsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { RegisterFastSkip(); }

  void SetUp() override {
    path_ =
        ::testing::TempDir() + "fastskip_options_" + std::to_string(::getpid());
    ASSERT_TRUE(rdb::DestroyDB(path_, rdb::Options()).ok());
  }
  void TearDown() override {
    EXPECT_TRUE(rdb::DestroyDB(path_, rdb::Options()).ok());
  }

  rdb::Status Open(const Factory& factory, const rdb::Comparator* comparator,
                   std::unique_ptr<rdb::DB>* db) {
    rdb::Options options;
    options.create_if_missing = true;
    options.memtable_factory = factory;
    options.comparator = comparator;
    return rdb::DB::Open(options, path_, OpenInto(db));
  }

  std::string path_;
};

void ExpectOptions(const Factory& factory, uint32_t shards, Order order) {
  ASSERT_NE(factory, nullptr);
  EXPECT_STREQ(factory->Name(), "FastSkipListRepFactory");
  EXPECT_TRUE(factory->IsInstanceOf("fastskip"));
  EXPECT_TRUE(factory->IsInstanceOf("FastSkipListRepFactory"));
  EXPECT_NE(factory->CheckedCast<FastSkipListRepFactory>(), nullptr);
  const auto* options = factory->GetOptions<FastSkipListOptions>();
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->shards, shards);
  EXPECT_EQ(options->key_order, order);
}

void ExpectOptions(const Factory& factory, const FastSkipListOptions& all) {
  ExpectOptions(factory, all.shards, all.key_order);
  const auto* options = factory->GetOptions<FastSkipListOptions>();
  EXPECT_EQ(options->max_entries, all.max_entries);
  EXPECT_EQ(options->backpressure_percent, all.backpressure_percent);
  EXPECT_EQ(options->log_on_seal, all.log_on_seal);
}

void ExpectMentions(const rdb::Status& status,
                    const std::vector<std::string>& words) {
  EXPECT_FALSE(status.ok());
  for (const std::string& word : words) {
    EXPECT_NE(status.ToString().find(word), std::string::npos)
        << status.ToString() << " does not mention " << word;
  }
}

// In an options string. Only options need braces, and RocksDB 11.9
// takes none around a name alone.
std::string AsOption(const std::string& text) {
  return text.find('=') == std::string::npos
             ? "memtable_factory=" + text
             : "memtable_factory={" + text + "}";
}

TEST_F(OptionsTest, Defaults) {
  const Factory factory(NewFastSkipListRepFactory());
  ExpectOptions(factory, FastSkipListOptions());
  ExpectOptions(factory, 16, Order::kAuto);
  EXPECT_TRUE(factory->IsInsertConcurrentlySupported());
  EXPECT_TRUE(factory->CanHandleDuplicatedKey());
  EXPECT_NE(factory->GetPrintableOptions().find("shards: 16"),
            std::string::npos);
  EXPECT_NE(factory->GetPrintableOptions().find("key_order: auto"),
            std::string::npos);
  const FastSkipListOptions defaults;
  EXPECT_EQ(defaults.max_entries, 0u);
  EXPECT_EQ(defaults.backpressure_percent, 90u);
  EXPECT_TRUE(defaults.log_on_seal);
}

TEST_F(OptionsTest, PrintsEveryOption) {
  const Factory factory(NewFastSkipListRepFactory(Unusual()));
  const std::string printed = factory->GetPrintableOptions();
  for (const char* line :
       {"shards: 7\n", "key_order: comparator\n",
        "max_entries: 18364758544493064720\n", "backpressure_percent: 71\n",
        "log_on_seal: false\n"}) {
    EXPECT_NE(printed.find(line), std::string::npos) << printed << line;
  }
}

TEST_F(OptionsTest, TextFormsOfLimitsAndLog) {
  struct Case {
    const char* text;
    uint64_t max_entries;
    uint32_t percent;
    bool log;
  };
  for (const Case& c : {
           Case{"id=fastskip;max_entries=0", 0, 90, true},
           Case{"id=fastskip;max_entries=1", 1, 90, true},
           Case{"id=fastskip:8;max_entries=18446744073709551615", UINT64_MAX,
                90, true},
           Case{"id=fastskip;backpressure_percent=1", 0, 1, true},
           Case{"id=fastskip;backpressure_percent=100", 0, 100, true},
           Case{"id=fastskip;log_on_seal=false", 0, 90, false},
           Case{"id=fastskip;log_on_seal=0", 0, 90, false},
           Case{"id=fastskip;log_on_seal=1", 0, 90, true},
           Case{"id=fastskip;log_on_seal=true;max_entries=5", 5, 90, true},
       }) {
    SCOPED_TRACE(c.text);
    Factory factory;
    const rdb::Status status =
        rdb::MemTableRepFactory::CreateFromString(Strict(), c.text, &factory);
    ASSERT_TRUE(status.ok()) << status.ToString();
    const auto* options = factory->GetOptions<FastSkipListOptions>();
    EXPECT_EQ(options->max_entries, c.max_entries);
    EXPECT_EQ(options->backpressure_percent, c.percent);
    EXPECT_EQ(options->log_on_seal, c.log);
  }
}

TEST_F(OptionsTest, TextForms) {
  const struct {
    const char* text;
    uint32_t shards;
    Order order;
  } cases[] = {
      {"fastskip", 16, Order::kAuto},
      {"FastSkipListRepFactory", 16, Order::kAuto},
      {"fastskip:1", 1, Order::kAuto},
      {"fastskip:1024", 1024, Order::kAuto},
      {"FastSkipListRepFactory:8", 8, Order::kAuto},
      {"id=fastskip", 16, Order::kAuto},
      {"id=fastskip;shards=8;key_order=bytewise", 8, Order::kBytewise},
      {"id=fastskip; key_order=comparator", 16, Order::kComparator},
      {"id=fastskip:4;key_order=auto", 4, Order::kAuto},
      {"id=fastskip:4;shards=5", 5, Order::kAuto},
      {"id=FastSkipListRepFactory;shards=2", 2, Order::kAuto},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    Factory factory;
    const rdb::Status status =
        rdb::MemTableRepFactory::CreateFromString(Strict(), c.text, &factory);
    ASSERT_TRUE(status.ok()) << status.ToString();
    ExpectOptions(factory, c.shards, c.order);

    // The same inside a whole set of options.
    rdb::ColumnFamilyOptions family;
    const rdb::Status whole = rdb::GetColumnFamilyOptionsFromString(
        Strict(), rdb::ColumnFamilyOptions(), AsOption(c.text), &family);
    ASSERT_TRUE(whole.ok()) << whole.ToString();
    ExpectOptions(family.memtable_factory, c.shards, c.order);
  }
}

TEST_F(OptionsTest, BadTextIsRefusedByNameAndValue) {
  const struct {
    const char* text;
    std::vector<std::string> mentions;
  } cases[] = {
      {"fastskip:", {"shards="}},
      {"fastskip:0", {"shards=0"}},
      {"fastskip:1025", {"shards=1025", "1024"}},
      {"fastskip:-1", {"shards=-1"}},
      {"fastskip:8:9", {"shards=8:9"}},
      {"fastskip:many", {"shards=many"}},
      {"FastSkipListRepFactory:0", {"shards=0"}},
      {"id=fastskip;shards=0", {"shards=0"}},
      {"id=fastskip;shards=-1", {"shards=-1"}},
      {"id=fastskip;shards=", {"shards="}},
      {"id=fastskip;shards=8k", {"shards=8k"}},
      {"id=fastskip;shards=99999999999999999999",
       {"shards=99999999999999999999"}},
      {"id=fastskip;key_order=foo", {"key_order=foo", "bytewise"}},
      {"id=fastskip;key_order=", {"key_order="}},
      {"id=fastskip;key_order=Auto", {"key_order=Auto"}},
      {"id=fastskip;no_such_option=1", {"no_such_option"}},
      {"id=fastskip;max_entries=-1", {"max_entries=-1"}},
      {"id=fastskip;max_entries=", {"max_entries="}},
      {"id=fastskip;max_entries=1e6", {"max_entries=1e6"}},
      {"id=fastskip;max_entries=18446744073709551616",
       {"max_entries=18446744073709551616", "18446744073709551615"}},
      {"id=fastskip;backpressure_percent=0",
       {"backpressure_percent=0", "1 to 100"}},
      {"id=fastskip;backpressure_percent=101",
       {"backpressure_percent=101", "1 to 100"}},
      {"id=fastskip;backpressure_percent=90%", {"backpressure_percent=90%"}},
      {"id=fastskip;log_on_seal=yes", {"log_on_seal=yes", "true"}},
      {"id=fastskip;log_on_seal=", {"log_on_seal="}},
      {"id=fastskip;shards=8;lookahead=3", {"lookahead"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    // RocksDB's default configuration: what it does not support it ignores.
    for (const rdb::ConfigOptions& config : {Strict(), rdb::ConfigOptions()}) {
      Factory factory;
      ExpectMentions(
          rdb::MemTableRepFactory::CreateFromString(config, c.text, &factory),
          c.mentions);
      rdb::ColumnFamilyOptions family;
      ExpectMentions(
          rdb::GetColumnFamilyOptionsFromString(
              config, rdb::ColumnFamilyOptions(), AsOption(c.text), &family),
          c.mentions);
    }
  }
}

// The messages of RocksDB that docs/guide.md explains.
TEST_F(OptionsTest, MessagesOfTheGuide) {
  const auto message = [](const std::string& text) {
    rdb::ColumnFamilyOptions family;
    return rdb::GetColumnFamilyOptionsFromString(
               Strict(), rdb::ColumnFamilyOptions(), text, &family)
        .ToString();
  };
  const std::string guide = [] {
    std::ifstream in(std::string(std::getenv("FASTSKIP_SOURCE_DIR")) +
                     "/docs/guide.md");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  const struct {
    const char* text;
    std::vector<const char*> either;  // RocksDB 7.8 and 11.9 differ
  } cases[] = {
      {"memtable_factory=fastskip;shards=4",
       {"Could not find option: : shards",
        "Extra option not recognized: shards"}},
      {"memtable_factory=fastskp", {"Could not load MemTableRepFactory"}},
      {"memtable_factory={id=fastskip;shard=4}",
       {"FastSkipListRepFactory: Could not find option: : shard",
        "FastSkipListRepFactory: Extra option not recognized: shard"}},
      {"memtable_factory={id=fastskip;shards=0}",
       {"FastSkipListRepFactory: shards=0 is not "}},
  };
  for (const auto& c : cases) {
    bool found = false;
    for (const char* const part : c.either) {
      found |= message(c.text).find(part) != std::string::npos;
      EXPECT_NE(guide.find(part), std::string::npos) << part;
    }
    EXPECT_TRUE(found) << message(c.text);
  }
}

TEST_F(OptionsTest, TextReproducesAnEqualFactory) {
  for (const uint32_t shards : {1u, 16u, 1024u}) {
    for (const Order order :
         {Order::kAuto, Order::kBytewise, Order::kComparator}) {
      const Factory factory = MakeFactory(shards, order);
      const std::string text = factory->ToString(Strict());
      SCOPED_TRACE(text);
      Factory again;
      ASSERT_TRUE(
          rdb::MemTableRepFactory::CreateFromString(Strict(), text, &again)
              .ok());
      ExpectOptions(again, shards, order);
      rdb::ConfigOptions exact = Strict();
      exact.sanity_level = rdb::ConfigOptions::kSanityLevelExactMatch;
      std::string mismatch;
      EXPECT_TRUE(factory->AreEquivalent(exact, again.get(), &mismatch))
          << mismatch;
      const Factory other = MakeFactory(
          shards, order == Order::kAuto ? Order::kBytewise : Order::kAuto);
      EXPECT_FALSE(factory->AreEquivalent(exact, other.get(), &mismatch));
      EXPECT_NE(mismatch.find("key_order"), std::string::npos) << mismatch;
    }
  }
}

// One option differs at a time: each of them is printed, read back and
// compared.
TEST_F(OptionsTest, EveryOptionIsPartOfTheText) {
  const FastSkipListOptions all = Unusual();
  const Factory factory(NewFastSkipListRepFactory(all));
  const std::string text = factory->ToString(Strict());
  Factory again;
  ASSERT_TRUE(
      rdb::MemTableRepFactory::CreateFromString(Strict(), text, &again).ok());
  ExpectOptions(again, all);
  rdb::ConfigOptions exact = Strict();
  exact.sanity_level = rdb::ConfigOptions::kSanityLevelExactMatch;
  std::string mismatch;
  EXPECT_TRUE(factory->AreEquivalent(exact, again.get(), &mismatch));
  const std::pair<const char*, const char*> changes[] = {
      {"shards", "8"},         {"key_order", "auto"},
      {"max_entries", "9"},    {"backpressure_percent", "72"},
      {"log_on_seal", "true"},
  };
  for (const auto& [name, value] : changes) {
    const Factory other(NewFastSkipListRepFactory(all));
    ASSERT_TRUE(other->ConfigureOption(Strict(), name, value).ok()) << name;
    EXPECT_FALSE(factory->AreEquivalent(exact, other.get(), &mismatch)) << name;
    EXPECT_NE(mismatch.find(name), std::string::npos) << mismatch;
    EXPECT_NE(other->ToString(Strict()), text) << name;
  }
}

TEST_F(OptionsTest, SingleOptionsByName) {
  const Factory factory = MakeFactory(16, Order::kAuto);
  EXPECT_TRUE(factory->ConfigureOption(Strict(), "shards", "3").ok());
  EXPECT_TRUE(
      factory->ConfigureOption(Strict(), "key_order", "comparator").ok());
  ExpectOptions(factory, 3, Order::kComparator);
  std::string value;
  EXPECT_TRUE(factory->GetOption(Strict(), "shards", &value).ok());
  EXPECT_EQ(value, "3");
  EXPECT_TRUE(factory->GetOption(Strict(), "key_order", &value).ok());
  EXPECT_EQ(value, "comparator");
  std::unordered_set<std::string> names;
  EXPECT_TRUE(factory->GetOptionNames(Strict(), &names).ok());
  EXPECT_EQ(names, (std::unordered_set<std::string>{
                       "shards", "key_order", "max_entries",
                       "backpressure_percent", "log_on_seal"}));
}

TEST_F(OptionsTest, ReloadedFromTheOptionsFile) {
  std::unique_ptr<rdb::DB> db;
  ASSERT_TRUE(Open(Factory(NewFastSkipListRepFactory(Unusual())),
                   rdb::BytewiseComparator(), &db)
                  .ok());
  ASSERT_TRUE(db->Put(rdb::WriteOptions(), "key", "value").ok());
  db.reset();

  rdb::ConfigOptions exact = Strict();
  exact.sanity_level = rdb::ConfigOptions::kSanityLevelExactMatch;
  rdb::DBOptions db_options;
  std::vector<rdb::ColumnFamilyDescriptor> families;
  rdb::Status status =
      rdb::LoadLatestOptions(exact, path_, &db_options, &families);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(families.size(), 1u);
  ExpectOptions(families[0].options.memtable_factory, Unusual());
  status = rdb::CheckOptionsCompatibility(exact, path_, db_options, families);
  EXPECT_TRUE(status.ok()) << status.ToString();

  std::string file;
  ASSERT_TRUE(
      rdb::GetLatestOptionsFileName(path_, rdb::Env::Default(), &file).ok());
  std::stringstream text;
  text << std::ifstream(path_ + "/" + file).rdbuf();
  EXPECT_NE(text.str().find("memtable_factory={id=FastSkipListRepFactory;"),
            std::string::npos);
  for (const char* option :
       {"shards=7;", "key_order=comparator;",
        "max_entries=18364758544493064720;", "backpressure_percent=71;",
        "log_on_seal=false;"}) {
    EXPECT_NE(text.str().find(option), std::string::npos) << option;
  }

  std::vector<rdb::ColumnFamilyHandle*> handles;
  status = rdb::DB::Open(db_options, path_, families, &handles, OpenInto(&db));
  ASSERT_TRUE(status.ok()) << status.ToString();
  std::string value;
  EXPECT_TRUE(db->Get(rdb::ReadOptions(), "key", &value).ok());
  EXPECT_EQ(value, "value");
  ExpectOptions(db->GetOptions().memtable_factory, Unusual());
  EXPECT_TRUE(db->DestroyColumnFamilyHandle(handles[0]).ok());
}

TEST_F(OptionsTest, BytewiseIsRefusedBesideAnotherComparator) {
  for (const NamedComparator& comparator : kComparators) {
    SCOPED_TRACE(comparator.name);
    for (const Order order :
         {Order::kAuto, Order::kBytewise, Order::kComparator}) {
      std::unique_ptr<rdb::DB> db;
      const rdb::Status status =
          Open(MakeFactory(16, order), comparator.get(), &db);
      if (order == Order::kBytewise &&
          comparator.get != rdb::BytewiseComparator) {
        EXPECT_TRUE(status.IsInvalidArgument());
        ExpectMentions(status,
                       {"key_order=bytewise", comparator.get()->Name()});
      } else {
        EXPECT_TRUE(status.ok()) << status.ToString();
      }
      db.reset();
      ASSERT_TRUE(rdb::DestroyDB(path_, rdb::Options()).ok());
    }
  }
}

TEST_F(OptionsTest, ImpossibleOptionsInCodeAreRefusedByOpen) {
  std::unique_ptr<rdb::DB> db;
  ExpectMentions(
      Open(MakeFactory(0, Order::kAuto), rdb::BytewiseComparator(), &db),
      {"shards=0"});
  ExpectMentions(
      Open(MakeFactory(1025, Order::kAuto), rdb::BytewiseComparator(), &db),
      {"shards=1025"});
  ExpectMentions(Open(MakeFactory(1, static_cast<Order>(9)),
                      rdb::BytewiseComparator(), &db),
                 {"key_order=9"});
  for (const uint32_t percent : {0u, 101u}) {
    FastSkipListOptions options;
    options.backpressure_percent = percent;
    ExpectMentions(
        Open(Factory(NewFastSkipListRepFactory(options)),
             rdb::BytewiseComparator(), &db),
        {"backpressure_percent=" + std::to_string(percent), "1 to 100"});
  }
  ExpectMentions(CheckFastSkipListOptions(MakeOptions(0, Order::kAuto)),
                 {"shards=0"});
  EXPECT_TRUE(CheckFastSkipListOptions(FastSkipListOptions()).ok());
  ExpectMentions(MakeFactory(0, Order::kAuto)->PrepareOptions(Strict()),
                 {"shards=0"});
}

// CreateColumnFamily does not ask the factory: the new column family takes the
// nearest possible value, and that is what its OPTIONS file says.
TEST_F(OptionsTest, ImpossibleOptionsOfANewColumnFamily) {
  std::unique_ptr<rdb::DB> db;
  ASSERT_TRUE(
      Open(MakeFactory(1, Order::kAuto), rdb::BytewiseComparator(), &db).ok());
  rdb::ColumnFamilyOptions family;
  FastSkipListOptions impossible = MakeOptions(2000, static_cast<Order>(9));
  impossible.backpressure_percent = 1000;
  family.memtable_factory.reset(NewFastSkipListRepFactory(impossible));
  rdb::ColumnFamilyHandle* handle = nullptr;
  const rdb::Status status = db->CreateColumnFamily(family, "new", &handle);
  ASSERT_TRUE(status.ok()) << status.ToString();
  std::string value;
  EXPECT_TRUE(db->Put(rdb::WriteOptions(), handle, "key", "value").ok());
  EXPECT_TRUE(db->Get(rdb::ReadOptions(), handle, "key", &value).ok());
  EXPECT_EQ(value, "value");
  EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
  db.reset();

  rdb::DBOptions db_options;
  std::vector<rdb::ColumnFamilyDescriptor> families;
  const rdb::Status loaded =
      rdb::LoadLatestOptions(Strict(), path_, &db_options, &families);
  ASSERT_TRUE(loaded.ok()) << loaded.ToString();
  ASSERT_EQ(families.size(), 2u);
  FastSkipListOptions nearest = MakeOptions(1024, Order::kAuto);
  nearest.backpressure_percent = 100;
  ExpectOptions(families[1].options.memtable_factory, nearest);
}

TEST_F(OptionsTest, AddressesOfMoreThan48BitsAreRefused) {
  EXPECT_TRUE(
      CheckAddressWidth(reinterpret_cast<void*>(0x0000ffffffffffff)).ok());
  for (const uintptr_t address :
       {uintptr_t{0x0001000000000000}, uintptr_t{0x2a007f0000001000},
        uintptr_t{0xffff800000000000}}) {
    const rdb::Status status =
        CheckAddressWidth(reinterpret_cast<void*>(address));
    EXPECT_TRUE(status.IsNotSupported());
    ExpectMentions(status, {"FastSkipListRepFactory", "48 bits"});
  }
}

TEST_F(OptionsTest, RegistersItsNamesInAnyLibrary) {
  rdb::ObjectLibrary library("test");
  EXPECT_EQ(fastskip_register(library, ""), 1);
  std::vector<std::string> names;
  library.GetFactoryNames("MemTableRepFactory", &names);
  EXPECT_EQ(names, std::vector<std::string>{"FastSkipListRepFactory"});
  const auto found = [&](const char* name) {
    return library.FindFactory<rdb::MemTableRepFactory>(name) != nullptr;
  };
  EXPECT_TRUE(found("fastskip"));
  EXPECT_TRUE(found("fastskip:8"));
  EXPECT_TRUE(found("FastSkipListRepFactory"));
  EXPECT_FALSE(found("fastskipping"));
  EXPECT_FALSE(found("skip_list"));
  EXPECT_EQ(fastskip_register_default(), 1);
}

// Memtables are switched by several threads at once.
TEST_F(OptionsTest, OneFactoryServesManyThreads) {
  const Factory factory = MakeFactory(2, Order::kAuto);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        TestRep rep(factory.get(), rdb::BytewiseComparator());
        ASSERT_TRUE(rep.Insert("key", 1, 1, ";"));
        ASSERT_TRUE(factory->ToString(Strict()).size() > 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace test
}  // namespace fastskip
