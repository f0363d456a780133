// SPDX-License-Identifier: Apache-2.0
//
// Debian's own ldb, without the plugin, on a database that fastskip wrote:
// it lists every key, also those that are in the WAL only, and what it writes
// is there for fastskip afterwards.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <regex>

#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

using Model = std::map<std::string, std::string>;

// What `ldb --db=<dir> <arguments>` prints, and its exit code. The dynamic
// linker gets nothing of ours: no plugin, no sanitizer.
struct LdbResult {
  int exit_code;
  std::string output;
};

LdbResult Ldb(const std::string& dir, const std::string& arguments) {
  const std::string command =
      "env -u LD_PRELOAD -u LD_LIBRARY_PATH ldb --db=" + dir + " " + arguments +
      " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  LdbResult result;
  char buffer[4096];
  size_t n;
  while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    result.output.append(buffer, n);
  }
  const int state = pclose(pipe);
  result.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  return result;
}

// `ldb scan` prints a line for each entry: "key : value" in RocksDB 7.8, "key
// ==> value" in newer ones.
Model Scan(const std::string& dir, const std::string& more) {
  const LdbResult scan = Ldb(dir, "scan" + more);
  EXPECT_EQ(0, scan.exit_code) << scan.output;
  Model found;
  std::istringstream lines(scan.output);
  std::string line;
  while (std::getline(lines, line)) {
    std::smatch entry;
    if (!std::regex_match(line, entry, std::regex("(.*?) (?::|==>) (.*)"))) {
      ADD_FAILURE() << "not an entry: " << line;
      continue;
    }
    found[entry[1]] = entry[2];
  }
  return found;
}

class StockLdbTest : public ::testing::TestWithParam<MemtableConfig> {
 protected:
  void SetUp() override {
    TestSeed();
    ASSERT_NE(127, Ldb("/nonexistent", "--help").exit_code)
        << "ldb of package rocksdb-tools is needed";
    options_.create_if_missing = true;
    options_.compression = rocksdb::kNoCompression;
    options_.memtable_factory = GetParam().make();
  }

  void Open(const Options& options) {
    const Status status = DB::Open(options, dir_.Sub("db"), OpenInto(&db_));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  void Write(size_t n) {
    Random random(TestSeed());
    for (size_t i = 0; i < n; ++i) {
      const std::string key = Key(Below(random, n));
      if (Below(random, 10) == 0) {
        ASSERT_TRUE(db_->Delete(WriteOptions(), key).ok());
        model_.erase(key);
      } else {
        model_[key] = Concat("value", i);
        ASSERT_TRUE(db_->Put(WriteOptions(), key, model_[key]).ok());
      }
      if (i == n / 2) {
        ASSERT_TRUE(db_->Flush(FlushOptions()).ok());
      }
    }
  }

  TempDir dir_;
  Options options_;
  std::unique_ptr<DB> db_;
  Model model_;
};

INSTANTIATE_TEST_SUITE_P(Memtables, StockLdbTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

TEST_P(StockLdbTest, ListsEverything) {
  Open(options_);
  Write(Scaled(20000));
  db_.reset();
  EXPECT_TRUE(Scan(dir_.Sub("db"), "") == model_);
  // Also with the options of the OPTIONS file, where the plugin is named.
  EXPECT_TRUE(Scan(dir_.Sub("db"), " --try_load_options") == model_);
}

TEST_P(StockLdbTest, ListsEverythingBesideTheOpenDatabase) {
  Open(options_);
  Write(Scaled(20000));
  EXPECT_TRUE(Scan(dir_.Sub("db"),
                   " --secondary_path=" + dir_.Sub("secondary")) == model_);
}

TEST_P(StockLdbTest, WritesForFastskip) {
  Open(options_);
  Write(Scaled(5000));
  db_.reset();
  const LdbResult put = Ldb(dir_.Sub("db"), "put key_of_ldb value_of_ldb");
  ASSERT_EQ(0, put.exit_code) << put.output;
  model_["key_of_ldb"] = "value_of_ldb";
  Open(options_);
  Model found;
  std::unique_ptr<Iterator> it(db_->NewIterator(ReadOptions()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    found[it->key().ToString()] = it->value().ToString();
  }
  EXPECT_TRUE(found == model_);
  it.reset();
  db_.reset();
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
