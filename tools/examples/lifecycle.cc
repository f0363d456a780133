// SPDX-License-Identifier: Apache-2.0
//
// The life of a memtable in an application: it is written, seen through a
// snapshot, scanned, sealed, flushed and dropped; and statistics of it.
//
//   lifecycle <directory>      (made, used and removed by this program)

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "../lib/open_db.h"
#include "fastskip/fast_skip_list_factory.h"
#include "rocksdb/db.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/write_buffer_manager.h"

using rocksdb::DB;
using rocksdb::Iterator;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::WriteOptions;

namespace {

constexpr int kKeys = 10000;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// RocksDB reports each memtable that it seals.
class Listener : public rocksdb::EventListener {
 public:
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override {
    std::printf("seal      a memtable of %" PRIu64 " entries is frozen\n",
                info.num_entries);
  }
  void OnFlushCompleted(DB*, const rocksdb::FlushJobInfo& info) override {
    std::printf("flush     its file has %" PRIu64 " entries\n",
                info.table_properties.num_entries);
  }
};

std::string Key(int n) {
  char text[16];
  std::snprintf(text, sizeof(text), "key%06d", n);
  return text;
}

uint64_t Property(DB* db, const std::string& name) {
  uint64_t value = 0;
  if (!db->GetIntProperty(name, &value)) std::exit(1);
  return value;
}

void Write(DB* db) {
  for (int n = 0; n < kKeys; ++n) {
    Check(db->Put(WriteOptions(), Key(n), "first"));
  }
  std::printf("write     %" PRIu64 " entries are in the memtable\n",
              Property(db, DB::Properties::kNumEntriesActiveMemTable));
}

// What is written after a snapshot does not show in it.
void ReadSnapshot(DB* db) {
  ReadOptions then;
  then.snapshot = db->GetSnapshot();
  Check(db->Put(WriteOptions(), Key(42), "second"));
  Check(db->Delete(WriteOptions(), Key(43)));
  std::string value, now;
  Check(db->Get(then, Key(42), &value));
  std::printf("snapshot  %s was %s, ", Key(42).c_str(), value.c_str());
  Check(db->Get(ReadOptions(), Key(42), &now));
  std::printf("is %s; ", now.c_str());
  Check(db->Get(then, Key(43), &value));
  const bool gone = db->Get(ReadOptions(), Key(43), &now).IsNotFound();
  std::printf("%s was %s, %s\n", Key(43).c_str(), value.c_str(),
              gone ? "is gone" : "is not");
  db->ReleaseSnapshot(then.snapshot);
}

void Scan(DB* db) {
  const std::string from = Key(100), to = Key(200);
  const Slice lower(from), upper(to);
  ReadOptions read;
  read.iterate_lower_bound = &lower;
  read.iterate_upper_bound = &upper;
  const std::unique_ptr<Iterator> it(db->NewIterator(read));
  int keys = 0;
  std::string last;
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++keys) {
    last = it->key().ToString();
  }
  Check(it->status());
  std::printf("scan      %d keys, from %s to %s\n", keys, from.c_str(),
              last.c_str());
}

fastskip::FastSkipStats Statistics(DB* db) {
  fastskip::FastSkipStats stats;
  Check(fastskip::GetFastSkipStats(db, db->DefaultColumnFamily(), &stats));
  return stats;
}

// Seals the memtable, writes its file, and drops it.
void Flush(DB* db, const rocksdb::WriteBufferManager& memory, size_t at_start) {
  const size_t filled = memory.memory_usage();
  Check(db->Flush(rocksdb::FlushOptions()));
  // RocksDB's flush thread frees the memtable after it has reported.
  while (Statistics(db).memtables > 1) std::this_thread::yield();
  std::printf(
      "drop      its memory is back: %s\n",
      filled > at_start && memory.memory_usage() == at_start ? "yes" : "no");
}

// An application that is told of pressure can slow down its producers before
// RocksDB has to let them wait.
void PrintStatistics(DB* db) {
  const fastskip::FastSkipStats stats = Statistics(db);
  std::printf("stats     %" PRIu64 " memtable, %" PRIu64
              " entries; under pressure: %s\n",
              stats.memtables, stats.entries,
              stats.under_pressure > 0 ? "yes" : "no");
  if (stats.entries == 0) return;
  std::printf(
      "          keys of %.0f bytes, values of %.0f on average; most of"
      " its memory is in use: %s\n",
      stats.average_key_size, stats.average_value_size,
      stats.Utilisation() > 0.5 ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s <directory>\n", argv[0]);
    return 2;
  }
  const std::string path = argv[1];
  Check(rocksdb::DestroyDB(path, Options()));

  auto memory = std::make_shared<rocksdb::WriteBufferManager>(256 << 20);
  Options options;
  options.create_if_missing = true;
  options.write_buffer_manager = memory;
  options.listeners.push_back(std::make_shared<Listener>());
  fastskip::FastSkipListOptions memtable;
  memtable.max_entries = 11000;        // it would be sealed then
  memtable.backpressure_percent = 90;  // it is under pressure from 9,900 on
  options.memtable_factory.reset(fastskip::NewFastSkipListRepFactory(memtable));

  std::unique_ptr<DB> db;
  Check(DB::Open(options, path, fastskip::OpenInto(&db)));
  const size_t at_start = memory->memory_usage();
  Write(db.get());
  PrintStatistics(db.get());
  ReadSnapshot(db.get());
  Scan(db.get());
  Flush(db.get(), *memory, at_start);
  PrintStatistics(db.get());
  db.reset();
  Check(rocksdb::DestroyDB(path, options));
  return 0;
}
