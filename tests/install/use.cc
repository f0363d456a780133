// SPDX-License-Identifier: Apache-2.0
//
// A user's program: fastskip through the installed header, in code and by name.
//   use <directory>

#include <cstdio>
#include <memory>
#include <string>

#include "../../tools/lib/open_db.h"
#include "fastskip/fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace {

bool Check(const rocksdb::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok();
}

// Whether a database with `options` gives back what was put.
bool Works(rocksdb::Options options, const std::string& path) {
  options.create_if_missing = true;
  if (options.memtable_factory->Name() !=
      std::string("FastSkipListRepFactory")) {
    std::fprintf(stderr, "the memtable is %s\n",
                 options.memtable_factory->Name());
    return false;
  }
  rocksdb::DestroyDB(path, options);
  std::unique_ptr<rocksdb::DB> db;
  if (!Check(rocksdb::DB::Open(options, path, fastskip::OpenInto(&db)))) {
    return false;
  }
  std::string value;
  return Check(db->Put(rocksdb::WriteOptions(), "key", "value")) &&
         Check(db->Get(rocksdb::ReadOptions(), "key", &value)) &&
         value == "value";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  rocksdb::Options in_code;
  fastskip::FastSkipListOptions fastskip_options;
  fastskip_options.shards = 4;
  in_code.memtable_factory.reset(
      fastskip::NewFastSkipListRepFactory(fastskip_options));
  if (!Works(in_code, argv[1])) return 1;

  fastskip::RegisterFastSkip();
  rocksdb::Options by_name;
  if (!Check(rocksdb::GetOptionsFromString(
          rocksdb::ConfigOptions(), rocksdb::Options(),
          "memtable_factory=fastskip:2", &by_name)) ||
      !Works(by_name, argv[1])) {
    return 1;
  }
  std::puts("fastskip works");
  return 0;
}
