// SPDX-License-Identifier: Apache-2.0
//
// An application that takes all of RocksDB's options, and with them the
// memtable, from an OPTIONS file.
//
//   options_file <OPTIONS file> <directory>
//                       (made, used and removed by this program)

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

namespace {

void Check(const rocksdb::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s <OPTIONS file> <directory>\n", argv[0]);
    return 2;
  }
  fastskip::RegisterFastSkip();

  // Otherwise a name that is not registered becomes skip_list in silence.
  rocksdb::ConfigOptions config;
  config.ignore_unsupported_options = false;
  rocksdb::DBOptions db_options;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  Check(rocksdb::LoadOptionsFromFile(config, argv[1], &db_options, &families));

  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  Check(rocksdb::DB::Open(db_options, argv[2], families, &handles,
                          fastskip::OpenInto(&db)));
  std::printf("memtable: %s\n",
              db->GetOptions(handles[0]).memtable_factory->Name());
  std::string value;
  Check(db->Put(rocksdb::WriteOptions(), "key", "value"));
  Check(db->Get(rocksdb::ReadOptions(), "key", &value));
  std::printf("key -> %s\n", value.c_str());
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    Check(db->DestroyColumnFamilyHandle(handle));
  }
  db.reset();
  Check(rocksdb::DestroyDB(argv[2], rocksdb::Options()));
  return 0;
}
