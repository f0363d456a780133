// SPDX-License-Identifier: Apache-2.0
//
// Runs a workload on a database with fastskip and prints the statistics of its
// memtables, as a table or as JSON. This build counts comparisons, which slows
// writers down, so it is no tool to measure speed. See --help.

#include <gflags/gflags.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../memtablerep/fast_skip_list_factory.h"
#include "../memtablerep/fast_skip_list_stats.h"
#include "lib/open_db.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"

DEFINE_string(memtablerep, "fastskip",
              "The memtable and its options, as RocksDB reads them: "
              "fastskip:8, {id=fastskip;max_entries=100000}");
DEFINE_string(format, "table", "table or json");
DEFINE_string(db, "",
              "Directory of a new database, which is left there (empty: a "
              "temporary one)");
DEFINE_uint64(num, 1000000, "Entries to write");
DEFINE_uint64(reads, 0, "Lookups afterwards, of keys that were written");
DEFINE_uint32(threads, 1, "Threads that write, and then read");
DEFINE_uint32(key_size, 16, "Bytes of a key, 8 or more");
DEFINE_uint32(value_size, 100, "Bytes of a value");
DEFINE_string(keys, "random", "random or sequential");
DEFINE_uint64(write_buffer_size, 64 << 20, "RocksDB's option, in bytes");
DEFINE_uint64(seed, 0, "Of random keys (0: another one each time)");

namespace {

using fastskip::FastSkipListRepFactory;
using fastskip::FastSkipStats;
using rocksdb::DB;
using rocksdb::Status;
using Fields = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "fastskip_stats: %s\n", message.c_str());
  std::exit(1);
}

void Check(const Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

// The memtables that were sealed meanwhile.
class Seals : public rocksdb::EventListener {
 public:
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    least_ =
        count_ == 0 ? info.num_entries : std::min(least_, info.num_entries);
    most_ = std::max(most_, info.num_entries);
    entries_ += info.num_entries;
    ++count_;
  }
  Fields Report() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {{"memtables", std::to_string(count_)},
            {"entries", std::to_string(entries_)},
            {"least_entries", std::to_string(least_)},
            {"most_entries", std::to_string(most_)}};
  }

 private:
  mutable std::mutex mutex_;
  uint64_t count_ = 0, entries_ = 0, least_ = 0, most_ = 0;
};

// A directory that the destructor removes, unless the caller named it.
class Directory {
 public:
  Directory() : path_(FLAGS_db), temporary_(FLAGS_db.empty()) {
    if (!temporary_) return;
    path_ = (std::filesystem::temp_directory_path() / "fastskip_stats_XXXXXX")
                .string();
    if (mkdtemp(path_.data()) == nullptr) Fail("cannot make " + path_);
  }
  ~Directory() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  std::string database() const { return temporary_ ? path_ + "/db" : path_; }

 private:
  std::string path_;
  const bool temporary_;
};

uint64_t Mix(uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
  return n ^ (n >> 31);
}

// The n-th key: 8 distinct bytes, big-endian, repeated up to the key's size.
std::string KeyOf(uint64_t n, uint64_t seed) {
  const uint64_t bits = FLAGS_keys == "random" ? Mix(n + seed) : n;
  std::string key(FLAGS_key_size, '\0');
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<char>(bits >> (56 - i % 8 * 8));
  }
  return key;
}

// Calls `step` for 0 to n - 1, spread over the threads.
template <typename Step>
void InThreads(uint64_t n, const Step& step) {
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < FLAGS_threads; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = t; i < n; i += FLAGS_threads) step(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void Run(DB* db, uint64_t seed) {
  const std::string value(FLAGS_value_size, 'v');
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  InThreads(FLAGS_num,
            [&](uint64_t i) { Check(db->Put(write, KeyOf(i, seed), value)); });
  InThreads(FLAGS_reads, [&](uint64_t i) {
    std::string found;
    Check(db->Get(rocksdb::ReadOptions(), KeyOf(Mix(i) % FLAGS_num, seed),
                  &found));
  });
}

Fields Workload(uint64_t seed) {
  return {{"num", std::to_string(FLAGS_num)},
          {"reads", std::to_string(FLAGS_reads)},
          {"threads", std::to_string(FLAGS_threads)},
          {"key_size", std::to_string(FLAGS_key_size)},
          {"value_size", std::to_string(FLAGS_value_size)},
          {"seed", std::to_string(seed)}};
}

std::string Json(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text += text.empty() ? "\"" : ",\"";
    text += name;
    text += "\":";
    text += value;
  }
  return "{" + text + "}";
}

void PrintTable(const char* title, const Fields& fields) {
  std::printf("%s\n", title);
  for (const auto& [name, value] : fields) {
    std::printf("  %-22s %16s\n", name.c_str(), value.c_str());
  }
}

void Report(const FastSkipStats& stats, const Seals& seals, uint64_t seed) {
  if (FLAGS_format == "json") {
    std::printf("{\"workload\":%s,\"sealed\":%s,\"live\":%s}\n",
                Json(Workload(seed)).c_str(), Json(seals.Report()).c_str(),
                stats.ToJson().c_str());
    return;
  }
  PrintTable("workload", Workload(seed));
  PrintTable("memtables sealed", seals.Report());
  PrintTable("live memtables", stats.Fields());
}

void CheckFlags() {
  if (FLAGS_format != "table" && FLAGS_format != "json") {
    Fail("--format is table or json, not '" + FLAGS_format + "'");
  }
  if (FLAGS_keys != "random" && FLAGS_keys != "sequential") {
    Fail("--keys is random or sequential, not '" + FLAGS_keys + "'");
  }
  if (FLAGS_threads == 0) Fail("--threads is 1 or more");
  if (FLAGS_num == 0) Fail("--num is 1 or more");
  if (FLAGS_key_size < 8) Fail("--key_size is 8 or more");
}

rocksdb::Options MakeOptions() {
  rocksdb::Options options;
  fastskip::RegisterFastSkip();
  rocksdb::ConfigOptions strict;
  strict.ignore_unsupported_options = false;
  Check(rocksdb::MemTableRepFactory::CreateFromString(
      strict, FLAGS_memtablerep, &options.memtable_factory));
  if (options.memtable_factory->CheckedCast<FastSkipListRepFactory>() ==
      nullptr) {
    Fail("--memtablerep is fastskip and its options, not '" +
         FLAGS_memtablerep + "'");
  }
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = FLAGS_write_buffer_size;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "statistics of fastskip's memtables after a workload");
  gflags::SetVersionString(FASTSKIP_VERSION);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) Fail(std::string(argv[1]) + " is no flag");
  CheckFlags();
  rocksdb::Options options = MakeOptions();
  const auto seals = std::make_shared<Seals>();
  options.listeners.push_back(seals);
  const uint64_t seed = FLAGS_seed != 0 ? FLAGS_seed : std::random_device{}();

  const Directory directory;
  std::unique_ptr<DB> db;
  Check(DB::Open(options, directory.database(), fastskip::OpenInto(&db)));
  Run(db.get(), seed);
  FastSkipStats stats;
  Check(
      fastskip::GetFastSkipStats(db.get(), db->DefaultColumnFamily(), &stats));
  Report(stats, *seals, seed);
  return 0;
}
