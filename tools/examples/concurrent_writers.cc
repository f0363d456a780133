// SPDX-License-Identifier: Apache-2.0
//
// Many writers at once, and a reader that follows them.
//
//   concurrent_writers <directory>      (made, used and removed by this
//   program)
//
// RocksDB lets the writers of one group insert into the memtable in parallel
// (allow_concurrent_memtable_write, which is its default), and fastskip takes
// any number of them.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../lib/open_db.h"
#include "fastskip/fast_skip_list_factory.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"

using rocksdb::DB;
using rocksdb::Iterator;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Status;
using rocksdb::WriteBatch;
using rocksdb::WriteOptions;

namespace {

constexpr int kWriters = 8;
constexpr int kBatches = 500;
constexpr int kBatchSize = 20;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Batches of keys that lie among those of the other writers.
void Write(DB* db, int writer) {
  for (int b = 0; b < kBatches; ++b) {
    WriteBatch batch;
    for (int i = 0; i < kBatchSize; ++i) {
      char key[32];
      std::snprintf(key, sizeof(key), "%05d.%02d.%d", b, i, writer);
      Check(batch.Put(key, "of writer " + std::to_string(writer)));
    }
    Check(db->Write(WriteOptions(), &batch));
  }
}

// All keys in order, each greater than the one before; how many there are.
int Scan(DB* db) {
  const std::unique_ptr<Iterator> it(db->NewIterator(ReadOptions()));
  int keys = 0;
  std::string last;
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++keys) {
    if (keys > 0 && it->key().compare(last) <= 0) {
      std::fprintf(stderr, "keys are out of order\n");
      std::exit(1);
    }
    last = it->key().ToString();
  }
  Check(it->status());
  return keys;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s <directory>\n", argv[0]);
    return 2;
  }
  const std::string path = argv[1];
  Check(rocksdb::DestroyDB(path, Options()));

  Options options;
  options.create_if_missing = true;
  options.memtable_factory.reset(fastskip::NewFastSkipListRepFactory());
  std::unique_ptr<DB> db;
  Check(DB::Open(options, path, fastskip::OpenInto(&db)));

  std::atomic<bool> writing{true};
  std::thread reader([&] {
    int seen = 0;
    while (writing) {
      const int now = Scan(db.get());
      if (now < seen) std::exit(1);
      seen = now;
    }
  });
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (int w = 0; w < kWriters; ++w) writers.emplace_back(Write, db.get(), w);
  for (std::thread& writer : writers) writer.join();
  writing = false;
  reader.join();

  std::printf("%d writers, %d keys written, %d keys found, in order\n",
              kWriters, kWriters * kBatches * kBatchSize, Scan(db.get()));
  db.reset();
  Check(rocksdb::DestroyDB(path, options));
  return 0;
}
