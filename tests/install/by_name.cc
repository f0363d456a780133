// SPDX-License-Identifier: Apache-2.0
//
// A user's program that includes nothing of fastskip: libfastskip.so registers
// itself when it is loaded.
//   by_name <directory>

#include <cstdio>
#include <string>

#include "rocksdb/convenience.h"
#include "rocksdb/options.h"

int main() {
  rocksdb::Options options;
  rocksdb::ConfigOptions config;
  config.ignore_unsupported_options = false;
  const rocksdb::Status status = rocksdb::GetOptionsFromString(
      config, rocksdb::Options(), "memtable_factory=fastskip", &options);
  std::printf("%s, %s\n", status.ToString().c_str(),
              options.memtable_factory->Name());
  return status.ok() && options.memtable_factory->Name() ==
                            std::string("FastSkipListRepFactory")
             ? 0
             : 1;
}
