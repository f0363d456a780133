// SPDX-License-Identifier: Apache-2.0
//
// A fixture around one database, for what skip_list does not have and so cannot
// be compared with: max_entries, statistics.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {

constexpr size_t kMegabyte = 1024 * 1024;

class OneDbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TestSeed();
    options_.create_if_missing = true;
    options_.create_missing_column_families = true;
    options_.compression = rocksdb::kNoCompression;
  }
  void TearDown() override { Close(); }

  // Null when it failed, which the test then has reported.
  std::unique_ptr<DB> OpenAt(const std::string& name,
                             const std::vector<std::string>& families,
                             Handles* handles) {
    std::vector<ColumnFamilyDescriptor> descriptors;
    descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, options_);
    for (const std::string& family : families) {
      descriptors.emplace_back(family, options_);
    }
    std::unique_ptr<DB> db;
    const Status status =
        DB::Open(options_, dir_.Sub(name), descriptors, handles, OpenInto(&db));
    EXPECT_TRUE(status.ok()) << status.ToString();
    return db;
  }
  void Open(const std::vector<std::string>& families = {}) {
    db_ = OpenAt("db", families, &handles_);
    ASSERT_NE(db_, nullptr);
  }
  void Close() {
    if (db_ == nullptr) return;
    for (ColumnFamilyHandle* handle : handles_) {
      EXPECT_TRUE(db_->DestroyColumnFamilyHandle(handle).ok());
    }
    handles_.clear();
    EXPECT_TRUE(db_->Close().ok());
    db_.reset();
  }

  TempDir dir_;
  Options options_;
  std::unique_ptr<DB> db_;
  Handles handles_;
};

}  // namespace dbtest
}  // namespace fastskip
