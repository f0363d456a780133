// SPDX-License-Identifier: Apache-2.0
//
// fastskip in an application: chosen in code, chosen by name, and found again
// in the OPTIONS file of a database.
//
//   basic <directory>      (made, used and removed by this program)

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "../lib/open_db.h"
#include "fastskip/fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/utilities/options_util.h"

using rocksdb::ColumnFamilyDescriptor;
using rocksdb::ColumnFamilyHandle;
using rocksdb::ConfigOptions;
using rocksdb::DB;
using rocksdb::DBOptions;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Status;
using rocksdb::WriteOptions;

namespace {

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Puts a key and reads it back, from the memtable.
void Use(DB* db, const std::string& key) {
  std::string value;
  Check(db->Put(WriteOptions(), key, "value of " + key));
  Check(db->Get(ReadOptions(), key, &value));
  std::printf("%s -> %s\n", key.c_str(), value.c_str());
}

void ChooseInCode(const std::string& path) {
  fastskip::FastSkipListOptions memtable;
  memtable.shards = 8;
  Options options;
  options.create_if_missing = true;
  options.memtable_factory.reset(fastskip::NewFastSkipListRepFactory(memtable));

  std::unique_ptr<DB> db;
  Check(DB::Open(options, path, fastskip::OpenInto(&db)));
  Use(db.get(), "in code");
}

void ChooseByName(const std::string& path) {
  // Not needed in a program that loads libfastskip.so.
  fastskip::RegisterFastSkip();

  // RocksDB ignores names that it does not know, unless it is told not to:
  // without fastskip, the database would quietly use the default memtable.
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  Options options;
  Check(rocksdb::GetOptionsFromString(
      config, Options(),
      "memtable_factory={id=fastskip;shards=4;key_order=bytewise}", &options));

  std::unique_ptr<DB> db;
  Check(DB::Open(options, path, fastskip::OpenInto(&db)));
  Use(db.get(), "by name");
}

void ReloadOptions(const std::string& path) {
  DBOptions db_options;
  std::vector<ColumnFamilyDescriptor> families;
  Check(rocksdb::LoadLatestOptions(ConfigOptions(), path, &db_options,
                                   &families));
  const auto& memtable = families[0].options.memtable_factory;
  std::string shards;
  Check(memtable->GetOption(ConfigOptions(), "shards", &shards));
  std::printf("OPTIONS: %s with shards=%s\n", memtable->Name(), shards.c_str());

  std::unique_ptr<DB> db;
  std::vector<ColumnFamilyHandle*> handles;
  Check(
      DB::Open(db_options, path, families, &handles, fastskip::OpenInto(&db)));
  Use(db.get(), "from the OPTIONS file");
  for (ColumnFamilyHandle* handle : handles) {
    Check(db->DestroyColumnFamilyHandle(handle));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s <directory>\n", argv[0]);
    return 2;
  }
  const std::string path = argv[1];
  Check(rocksdb::DestroyDB(path, Options()));
  ChooseInCode(path);
  ChooseByName(path);
  ReloadOptions(path);
  Check(rocksdb::DestroyDB(path, Options()));
  return 0;
}
