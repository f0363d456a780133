// SPDX-License-Identifier: Apache-2.0
//
// Times memtables by themselves: what RocksDB's write and read paths call of a
// MemTableRep, with any number of writers and readers. See --help.

#include <gflags/gflags.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "memtablerep/fast_skip_list_factory.h"
#include "rocksdb/version.h"
#include "tools/memtable_bench/bench.h"

#if FASTSKIP_BENCH_HAS_TREE
#define FASTSKIP_BENCH_ORDER "rocksdb"
#else
#define FASTSKIP_BENCH_ORDER "own"
#endif

DEFINE_string(memtablerep, "skip_list,fastskip",
              "Memtables by the names that RocksDB knows them by, run in turn "
              "in each round; ratios refer to the first. Options as in "
              "{id=fastskip;shards=4;key_order=auto}");
DEFINE_string(benchmarks, "insert,get,getmissing,seek,seek10,scan,scanback",
              "Operations; also multiget: 32 keys at a time; make: empty "
              "memtables, made and dropped; and "
              "insertbeside,getbeside: half of the entries "
              "are there, --writers add the other half beside --readers");
DEFINE_string(keys, "random",
              "Keys, one kind or more. Of benchmarks: random, ycsb, prefix, "
              "tables, appends, uuid, sequential, descending, zipf, onekey. As "
              "systems on RocksDB encode them: sql_row, sql_index_append, "
              "object_path, window_store, keyed_state, metric_time, uuid_text, "
              "zipf_counter, tenants. Of Debian packages: paths, words. Your "
              "own, one a line: file:PATH (text), hex:PATH (hexadecimal, with "
              "or without 0x); no comma in PATH. A key that occurs again is "
              "another version");
DEFINE_bool(shuffle, false,
            "Use the keys of file: and hex: in an order of their own in each "
            "round. By default they come in the file's order: let it be that "
            "in which your program writes them");
DEFINE_string(entries, "500000",
              "Entries of a memtable (one number or more). With fewer keys "
              "in a file, as many as it has; with more, the first");
DEFINE_int64(
    value_size, -1,
    "Bytes of a value (-1: what goes with the keys, as docs/measuring.md "
    "has it; 100 for those of benchmarks and for your own)");
DEFINE_uint32(rounds, 5, "Medians and spread are taken over so many rounds");
DEFINE_uint32(writers, 1, "Threads that insert");
DEFINE_uint32(readers, 1, "Threads that read");
DEFINE_bool(insert_concurrently, false,
            "Insert by InsertKeyConcurrently, as several writers always do, "
            "with one writer too");
DEFINE_string(clock, "wall",
              "wall, or cpu: the time that the threads were running, which "
              "leaves out what other programs took of a busy machine, and "
              "what threads waited for each other. Latencies are wall time");
DEFINE_string(pages, "reused",
              "Memory that memtables are filled into: reused (pages that the "
              "process has, as when it has flushed memtables before), or fresh "
              "(pages that the kernel provides and clears on first touch, as "
              "for the first memtable: that time is no memtable's doing, and "
              "depends on the machine)");
DEFINE_uint64(reads, 0, "Lookups of a round (0: as many as entries)");
DEFINE_uint64(round_entries, 200000,
              "Small memtables are made and measured several times in a "
              "round, until they add up to so many entries");
DEFINE_string(comparator, "bytewise",
              "Order of user keys: bytewise, reverse, or suffix (last bytes "
              "first: no memtable can make use of the keys' bytes)");
DEFINE_string(
    key_comparator, FASTSKIP_BENCH_ORDER,
    "Who orders entries: rocksdb (the comparator of RocksDB's own "
    "MemTable, which fastskip knows in tree, and recognises out of it; "
    "only where this was built with RocksDB's source tree), or own "
    "(one that fastskip cannot know)");
DEFINE_uint32(prefix_size, 0,
              "Bytes of the prefix extractor (0: none); prefix_hash and "
              "hash_linkedlist need one");
DEFINE_bool(latency, false,
            "Also run rounds in which each operation is timed by itself");
DEFINE_bool(counters, false,
            "Also run a round that counts: comparator calls of each "
            "operation; what fastskip's list counts; and ties: words of a "
            "block that have the discriminator of the key looked for. A lookup "
            "compares their entries' keys, and so does an insert, but for a "
            "lone writer's in a leaf. Every 16th key is looked for from the "
            "root: before its insert (ties_per_insert), and when all is "
            "written (ties_per_get: the entry that was looked for is not "
            "counted). …_in_leaf: of these, those among entries; the others "
            "are blocks, in blocks above. A list that uses labels "
            "(uses_labels) has none");
DEFINE_uint64(seed, 1, "Of keys and lookups; each round has one of its own");
DEFINE_string(json, "", "File to write all figures to");
DEFINE_string(csv, "", "File to write each round to, as tools/compare.sh does");
DEFINE_bool(allow_debug, false,
            "Run although this program or librocksdb has assertions, which "
            "makes the figures worthless");
DEFINE_bool(progress, isatty(STDERR_FILENO) == 1,
            "Say on standard error what is running");

namespace fastskip {
namespace bench {
namespace {

constexpr int64_t kMaxValueSize = int64_t{1} << 30;

// At commas that are not within braces.
std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '{' ? 1 : (c == '}' ? -1 : 0);
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<uint64_t> SplitNumbers(const std::string& text) {
  std::vector<uint64_t> numbers;
  for (const std::string& part : SplitList(text)) {
    char* end = nullptr;
    numbers.push_back(std::strtoull(part.c_str(), &end, 10));
    if (end == part.c_str() || *end != 0) {
      throw BadRequest("'" + part + "' is no number");
    }
  }
  return numbers;
}

Request RequestOfFlags() {
  Request request;
  request.memtables = SplitList(FLAGS_memtablerep);
  request.operations = SplitList(FLAGS_benchmarks);
  request.keys = SplitList(FLAGS_keys);
  request.entries = SplitNumbers(FLAGS_entries);
  request.file_order =
      FLAGS_shuffle ? FileOrder::kShuffled : FileOrder::kAsWritten;
  if (FLAGS_value_size < -1 || FLAGS_value_size > kMaxValueSize) {
    throw BadRequest("--value_size: " + std::to_string(FLAGS_value_size) +
                     " is not one from -1 to " + std::to_string(kMaxValueSize));
  }
  if (FLAGS_value_size >= 0) {
    request.value_size = static_cast<uint32_t>(FLAGS_value_size);
  }
  request.rounds = FLAGS_rounds;
  request.writers = FLAGS_writers;
  request.readers = FLAGS_readers;
  request.insert_concurrently = FLAGS_insert_concurrently;
  if (FLAGS_clock == "cpu") {
    request.time = TimeOf::kProcessor;
  } else if (FLAGS_clock != "wall") {
    throw BadRequest("there is no clock '" + FLAGS_clock + "'");
  }
  if (FLAGS_pages == "fresh") {
    request.fresh_pages = true;
  } else if (FLAGS_pages != "reused") {
    throw BadRequest("there are no pages '" + FLAGS_pages + "'");
  }
  request.reads = FLAGS_reads;
  request.round_entries = FLAGS_round_entries;
  request.comparator = FLAGS_comparator;
  if (FLAGS_key_comparator == "rocksdb") {
    if (!FASTSKIP_BENCH_HAS_TREE) {
      throw BadRequest(
          "--key_comparator=rocksdb takes a build with RocksDB's source tree");
    }
    request.order_by = OrderBy::kRocksDB;
  } else if (FLAGS_key_comparator != "own") {
    throw BadRequest("there is no key comparator '" + FLAGS_key_comparator +
                     "'");
  }
  request.prefix_size = FLAGS_prefix_size;
  request.latency = FLAGS_latency;
  request.counters = FLAGS_counters;
  request.seed = FLAGS_seed;
  request.progress = FLAGS_progress;
  return request;
}

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.compare(0, 10, "model name") == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

// What the figures depend on, apart from the code.
void Describe(int argc, const std::vector<std::string>& arguments,
              Report* report) {
  std::ostringstream version;
  version << ROCKSDB_MAJOR << '.' << ROCKSDB_MINOR << '.' << ROCKSDB_PATCH;
  std::string command;
  for (int i = 0; i < argc; ++i) {
    command += (i > 0 ? " " : "") + arguments[static_cast<size_t>(i)];
  }
  report->setting = {
      {"command", Quoted(command)},
      {"processor", Quoted(ProcessorName())},
      {"hardware_threads", std::to_string(std::thread::hardware_concurrency())},
      {"compiler", Quoted(__VERSION__)},
      {"rocksdb", Quoted(version.str())},
      {"in_tree", FASTSKIP_IN_TREE ? "true" : "false"},
      {"assertions", HasAssertions() ? "true" : "false"},
      {"clock", Quoted(FLAGS_clock)},
      {"pages", Quoted(FLAGS_pages)},
      {"key_comparator", Quoted(FLAGS_key_comparator)},
      {"comparator", Quoted(FLAGS_comparator)},
      {"shuffle", FLAGS_shuffle ? "true" : "false"},
      {"writers", std::to_string(FLAGS_writers)},
      {"readers", std::to_string(FLAGS_readers)},
      {"seed", std::to_string(FLAGS_seed)}};
}

// A file of that name, unless it is empty.
std::ofstream Open(const std::string& name) {
  std::ofstream file;
  if (!name.empty()) {
    file.open(name);
    if (!file) throw BadRequest("cannot write " + name);
  }
  return file;
}

void Write(const std::string& text, const std::string& name,
           std::ofstream* file) {
  if (name.empty()) return;
  *file << text;
  file->close();
  if (!*file) throw std::runtime_error("writing " + name + " failed");
}

// RocksDB's arena takes blocks of a megabyte from malloc. Left alone, malloc
// gives some back to the kernel, depending on what ran before.
void ConfigureMalloc(bool fresh_pages) {
  if (fresh_pages) {
    mallopt(M_MMAP_THRESHOLD, 256 << 10);  // each block is a mapping of its own
  } else {
    mallopt(M_MMAP_MAX, 0);         // all come from the heap,
    mallopt(M_TRIM_THRESHOLD, -1);  // which keeps them,
    mallopt(M_ARENA_MAX, 1);        // and there is one, for all threads
  }
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  gflags::SetUsageMessage(
      "times memtables by themselves.\n\n"
      "All operations are timed in nanoseconds of one thread (time from start "
      "to end, times threads, by operations); each round has keys of its own, "
      "the same for "
      "all memtables, and memtables take turns. ratio: how many times faster "
      "than the first memtable (medians); low, high: in the rounds that were "
      "least and most favourable. Wrong or differing answers are an error.");
  gflags::SetVersionString(FASTSKIP_VERSION);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) throw BadRequest(std::string("'") + argv[1] + "' is no flag");
  if (HasAssertions() && !FLAGS_allow_debug) {
    throw BadRequest(
        "this program or librocksdb was built with assertions, so its figures "
        "would mislead. tools/memtable_bench.sh builds both for release; "
        "--allow_debug runs all the same");
  }
  const Request request = RequestOfFlags();
  ConfigureMalloc(request.fresh_pages);
  RegisterFastSkip();
  Bench bench(request);
  std::ofstream json = Open(FLAGS_json), csv = Open(FLAGS_csv);
  Report report = bench.Run();
  Describe(static_cast<int>(arguments.size()), arguments, &report);
  std::fputs(AsTable(report).c_str(), stdout);
  Write(AsJson(report), FLAGS_json, &json);
  Write(AsCsv(report), FLAGS_csv, &csv);
  return 0;
}

}  // namespace
}  // namespace bench
}  // namespace fastskip

int main(int argc, char** argv) {
  try {
    return fastskip::bench::Main(argc, argv);
  } catch (const fastskip::bench::BadRequest& refusal) {
    std::fprintf(stderr, "error: %s. (--help lists the flags.)\n",
                 refusal.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
