// SPDX-License-Identifier: Apache-2.0
//
// Times whole databases in what db_bench has no flag for: many column families,
// and sorted batches with a hint. See --help and docs/measuring.md.

#include <gflags/gflags.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../memtablerep/fast_skip_list_factory.h"
#include "lib/open_db.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"

DEFINE_string(memtablerep, "skip_list,fastskip",
              "Memtables by the names that RocksDB knows them by, run in turn "
              "in each round; ratios refer to the first");
DEFINE_string(benchmarks, "families,batches",
              "families: makes column families, puts and flushes in one of "
              "them, flushes many of them at once, and asks for the statistics "
              "of each. batches: sorted batches, with and without "
              "WriteOptions::memtable_insert_hint_per_batch");
DEFINE_string(families, "500,4000,16000",
              "Column families (one number or more)");
DEFINE_uint32(flushes, 300, "Puts and flushes of one column family");
DEFINE_uint64(flush_at_once, 1000,
              "Most column families that are flushed at once. RocksDB itself "
              "looks at all families for each of them");
DEFINE_string(batch_sizes, "10,100,1000",
              "Entries of a batch (one number or more)");
DEFINE_string(batch_keys, "run,scattered",
              "Keys of a batch: run (neighbours, from a random place on) or "
              "scattered (random keys, sorted)");
DEFINE_uint64(num, 500000, "Entries of all batches");
DEFINE_uint32(threads, 1, "Threads that write batches");
DEFINE_uint32(rounds, 3, "Medians are taken over so many rounds");
DEFINE_string(clock, "wall",
              "wall, or cpu: the time that all threads of the process were "
              "running, which leaves out what other programs took of a busy "
              "machine, and what threads waited for each other");
DEFINE_string(dir, "",
              "Where the databases are made and removed again (empty: "
              "/dev/shm, so that no disk is measured, or else the directory "
              "for temporary files)");

namespace {

using fastskip::FastSkipListRepFactory;
using rocksdb::ColumnFamilyHandle;
using rocksdb::DB;
using rocksdb::Status;
using rocksdb::WriteOptions;
using Handles = std::vector<ColumnFamilyHandle*>;
using Report = std::function<void(const std::string& row, double micros)>;
using Measure = std::function<void(const std::string& memtable, const Report&)>;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "database_bench: %s\n", message.c_str());
  std::exit(1);
}

void Check(const Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

// Of a flag: numbers from 1 on.
std::vector<uint64_t> Numbers(const char* flag, const std::string& text) {
  std::vector<uint64_t> numbers;
  for (const std::string& word : Words(text)) {
    char* end = nullptr;
    const uint64_t number = std::strtoull(word.c_str(), &end, 10);
    if (number == 0 || *end != '\0' || number > 10000000) {
      Fail(std::string("--") + flag +
           " takes numbers from 1 to 10000000, not '" + word + "'");
    }
    numbers.push_back(number);
  }
  if (numbers.empty()) Fail(std::string("--") + flag + " is empty");
  return numbers;
}

// Of --clock, in microseconds.
double Now() {
  timespec now{};
  clock_gettime(
      FLAGS_clock == "cpu" ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 +
         static_cast<double>(now.tv_nsec) / 1e3;
}

// Microseconds that `work` takes, divided by `count`.
double Time(uint64_t count, const std::function<void()>& work) {
  const double start = Now();
  work();
  return (Now() - start) / static_cast<double>(count);
}

uint64_t Mix(uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
  return n ^ (n >> 31);
}

// 16 bytes: `high` and `low`, big-endian.
std::string KeyOf(uint64_t high, uint64_t low) {
  std::string key(16, '\0');
  for (size_t i = 0; i < 8; ++i) {
    key[i] = static_cast<char>(high >> (56 - i * 8));
    key[8 + i] = static_cast<char>(low >> (56 - i * 8));
  }
  return key;
}

// The results of all rounds: microseconds by row, then memtable.
class Results {
 public:
  void Add(const std::string& row, size_t memtable, double micros) {
    const auto [found, added] =
        rows_.emplace(row, Times(Words(FLAGS_memtablerep).size()));
    if (added) order_.push_back(row);
    found->second[memtable].push_back(micros);
  }

  void Print() const {
    const std::vector<std::string> names = Words(FLAGS_memtablerep);
    std::printf("%-44s", ("us of " + FLAGS_clock + " time, medians").c_str());
    for (const std::string& name : names) std::printf(" %12s", name.c_str());
    std::printf("   time relative to %s\n", names[0].c_str());
    for (const std::string& row : order_) {
      const Times& times = rows_.at(row);
      std::printf("%-44s", row.c_str());
      for (const auto& rounds : times) {
        std::printf(" %12s", Text(rounds).c_str());
      }
      std::printf("  ");
      for (size_t i = 1; i < times.size(); ++i) {
        const bool both = !times[0].empty() && !times[i].empty();
        std::printf(
            " %s",
            both ? Text({Median(times[i]) / Median(times[0])}).c_str() : "-");
      }
      std::printf("\n");
    }
  }

 private:
  using Times = std::vector<std::vector<double>>;

  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }
  static std::string Text(const std::vector<double>& values) {
    if (values.empty()) return "-";
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f", Median(values));
    return text;
  }

  std::vector<std::string> order_;
  std::map<std::string, Times> rows_;
};

std::shared_ptr<rocksdb::MemTableRepFactory> MakeFactory(
    const std::string& name) {
  rocksdb::ConfigOptions strict;
  strict.ignore_unsupported_options = false;
  std::shared_ptr<rocksdb::MemTableRepFactory> factory;
  Check(rocksdb::MemTableRepFactory::CreateFromString(strict, name, &factory));
  return factory;
}

// A database that is gone with its directory when this goes.
class Database {
 public:
  Database(const std::string& memtable, rocksdb::Options options)
      : directory_(MakeDirectory()) {
    options.memtable_factory = MakeFactory(memtable);
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.disable_auto_compactions = true;
    options.level0_slowdown_writes_trigger = 1 << 30;
    options.level0_stop_writes_trigger = 1 << 30;
    options_ = options;
    Check(DB::Open(options, directory_ + "/db", fastskip::OpenInto(&db_)));
  }
  ~Database() {
    for (ColumnFamilyHandle* handle : handles_) {
      Check(db_->DestroyColumnFamilyHandle(handle));
    }
    db_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void MakeFamilies(uint64_t count) {
    std::vector<std::string> names;
    for (uint64_t i = 0; i < count; ++i) {
      names.push_back("family" + std::to_string(i));
    }
    Check(db_->CreateColumnFamilies(options_, names, &handles_));
  }

  bool IsFastSkip() const {
    return options_.memtable_factory->CheckedCast<FastSkipListRepFactory>() !=
           nullptr;
  }
  DB* operator->() const { return db_.get(); }
  DB* get() const { return db_.get(); }
  const Handles& handles() const { return handles_; }

 private:
  static std::string MakeDirectory() {
    std::string parent = FLAGS_dir;
    if (parent.empty()) {
      parent = access("/dev/shm", W_OK) == 0
                   ? "/dev/shm"
                   : std::filesystem::temp_directory_path().string();
    }
    std::string path = parent + "/database_bench_XXXXXX";
    if (mkdtemp(path.data()) == nullptr) Fail("cannot make " + path);
    return path;
  }

  const std::string directory_;
  rocksdb::Options options_;
  std::unique_ptr<DB> db_;
  Handles handles_;
};

// --- Column families ---------------------------------------------------------

// One round of one memtable.
void RunFamilies(const std::string& name, uint64_t count,
                 const Report& report) {
  rocksdb::Options options;
  // Small memtables, so that tens of thousands fit; few open files; and one
  // flush for all column families that are flushed at once.
  options.write_buffer_size = 64 << 10;
  options.arena_block_size = 4 << 10;
  options.max_open_files = 500;
  options.atomic_flush = true;
  Database db(name, options);
  const auto add = [&](const char* what, double micros) {
    report(std::to_string(count) + " families: " + what, micros);
  };
  add("make one", Time(count, [&] { db.MakeFamilies(count); }));
  const std::string value(100, 'v');
  const rocksdb::FlushOptions flush;
  add("put and flush in one", Time(FLAGS_flushes, [&] {
        for (uint64_t i = 0; i < FLAGS_flushes; ++i) {
          ColumnFamilyHandle* const family = db.handles()[Mix(i) % count];
          Check(db->Put(WriteOptions(), family, KeyOf(i, i), value));
          Check(db->Flush(flush, family));
        }
      }));
  const Handles many(
      db.handles().begin(),
      db.handles().begin() +
          static_cast<std::ptrdiff_t>(std::min(count, FLAGS_flush_at_once)));
  for (ColumnFamilyHandle* family : many) {
    Check(db->Put(WriteOptions(), family, KeyOf(1, 1), value));
  }
  add("flush one of many at once",
      Time(many.size(), [&] { Check(db->Flush(flush, many)); }));
  if (!db.IsFastSkip()) return;
  add("GetFastSkipStats of one", Time(count, [&] {
        for (ColumnFamilyHandle* family : db.handles()) {
          fastskip::FastSkipStats stats;
          Check(fastskip::GetFastSkipStats(db.get(), family, &stats));
        }
      }));
}

// --- Batches -----------------------------------------------------------------

struct BatchKind {
  std::string keys;
  uint64_t size;
  bool hint;
};

// The keys of the n-th batch, in order.
std::vector<std::string> KeysOf(const BatchKind& kind, uint64_t n) {
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < kind.size; ++i) {
    const bool run = kind.keys == "run";
    keys.push_back(run ? KeyOf(Mix(n), i) : KeyOf(Mix(n * kind.size + i), n));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

// One round of one memtable.
void RunBatches(const std::string& name, const BatchKind& kind,
                const Report& report) {
  rocksdb::Options options;
  options.write_buffer_size = size_t{4} << 30;
  options.arena_block_size = 1 << 20;
  // RocksDB uses the hint of a batch where it inserts concurrently. This does
  // so with one writer as well.
  options.unordered_write = true;
  Database db(name, options);
  WriteOptions write;
  write.disableWAL = true;
  write.memtable_insert_hint_per_batch = kind.hint;
  const uint64_t count = std::max<uint64_t>(1, FLAGS_num / kind.size);
  const std::string value(100, 'v');
  std::vector<rocksdb::WriteBatch> batches(count);
  for (uint64_t n = 0; n < count; ++n) {
    for (const std::string& key : KeysOf(kind, n)) {
      Check(batches[n].Put(key, value));
    }
  }
  const double micros = Time(count * kind.size, [&] {
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < FLAGS_threads; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t n = t; n < count; n += FLAGS_threads) {
          Check(db->Write(write, &batches[n]));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  report(kind.keys + ", batches of " + std::to_string(kind.size) +
             (kind.hint ? ", hint" : ", no hint") + ": an entry",
         micros);
}

// --- All of it ---------------------------------------------------------------

// Runs `measure` in a process of its own, since a database leaves a scattered
// heap behind, which slows the next one.
void InOwnProcess(const std::string& name, size_t memtable,
                  const Measure& measure, Results* results) {
  int ends[2];
  if (pipe(ends) != 0) Fail("cannot make a pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) Fail("cannot fork");
  if (child == 0) {
    close(ends[0]);
    FILE* const out = fdopen(ends[1], "w");
    measure(name, [out](const std::string& row, double micros) {
      std::fprintf(out, "%.17g\t%s\n", micros, row.c_str());
    });
    std::fclose(out);
    std::exit(0);
  }
  close(ends[1]);
  FILE* const in = fdopen(ends[0], "r");
  double micros = 0;
  char row[256];
  while (std::fscanf(in, "%lf\t%255[^\n]", &micros, row) == 2) {
    results->Add(row, memtable, micros);
  }
  std::fclose(in);
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) {
    Fail("the process that ran " + name + " failed");
  }
}

// Measures each memtable in turn, in each round in the other order.
void InTurn(const Measure& measure, Results* results) {
  const std::vector<std::string> names = Words(FLAGS_memtablerep);
  for (uint32_t round = 0; round < FLAGS_rounds; ++round) {
    for (size_t i = 0; i < names.size(); ++i) {
      const size_t memtable = round % 2 == 0 ? i : names.size() - 1 - i;
      InOwnProcess(names[memtable], memtable, measure, results);
    }
  }
}

void Run(const std::string& benchmark, Results* results) {
  if (benchmark == "families") {
    for (const uint64_t count : Numbers("families", FLAGS_families)) {
      InTurn(
          [count](const std::string& name, const Report& report) {
            RunFamilies(name, count, report);
          },
          results);
    }
    return;
  }
  for (const std::string& keys : Words(FLAGS_batch_keys)) {
    for (const uint64_t size : Numbers("batch_sizes", FLAGS_batch_sizes)) {
      for (const bool hint : {false, true}) {
        InTurn(
            [&](const std::string& name, const Report& report) {
              RunBatches(name, {keys, size, hint}, report);
            },
            results);
      }
    }
  }
}

void CheckFlags() {
  for (const std::string& benchmark : Words(FLAGS_benchmarks)) {
    if (benchmark != "families" && benchmark != "batches") {
      Fail("--benchmarks takes families and batches, not '" + benchmark + "'");
    }
  }
  for (const std::string& keys : Words(FLAGS_batch_keys)) {
    if (keys != "run" && keys != "scattered") {
      Fail("--batch_keys takes run and scattered, not '" + keys + "'");
    }
  }
  if (FLAGS_clock != "wall" && FLAGS_clock != "cpu") {
    Fail("--clock is wall or cpu, not '" + FLAGS_clock + "'");
  }
  if (FLAGS_threads == 0) Fail("--threads is 1 or more");
  if (FLAGS_rounds == 0) Fail("--rounds is 1 or more");
  if (FLAGS_flush_at_once == 0) Fail("--flush_at_once is 1 or more");
  if (FLAGS_flushes == 0) Fail("--flushes is 1 or more");
  if (Words(FLAGS_memtablerep).empty()) Fail("--memtablerep is empty");
  for (const std::string& name : Words(FLAGS_memtablerep)) MakeFactory(name);
  Numbers("families", FLAGS_families);
  Numbers("batch_sizes", FLAGS_batch_sizes);
}

}  // namespace

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "times many column families and sorted batches in whole databases");
  gflags::SetVersionString(FASTSKIP_VERSION);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) Fail(std::string(argv[1]) + " is no flag");
  fastskip::RegisterFastSkip();
  CheckFlags();
  Results results;
  for (const std::string& benchmark : Words(FLAGS_benchmarks)) {
    Run(benchmark, &results);
  }
  results.Print();
  return 0;
}
