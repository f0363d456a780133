// SPDX-License-Identifier: Apache-2.0
//
// A crash test in the manner of RocksDB's db_crashtest. A child writes, and
// notes what it writes in a file outside of the database (expected_state.h); it
// is killed by SIGKILL at a random moment; the database is opened again, with
// fastskip, with skip_list, or by an ldb without the plugin; every key is read
// by Get and by scans in both directions and must be as acknowledged. Each
// round has random options.
//
//   crash_test --kills=700 --db=/dev/shm/crash
//
// The last line has the totals. Exit code 0: nothing was lost; 1: something
// was, or a program failed: the database stays, and the line says how to
// repeat the round's choices; 2: bad usage.
#include <gflags/gflags.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/db.h"
#include "tools/crash_test/expected_state.h"
#include "tools/crash_test/round.h"
#include "tools/crash_test/verifier.h"
#include "tools/crash_test/writer.h"

DEFINE_string(db, "", "directory for the database; a new one when empty");
DEFINE_uint64(seed, 0, "of all random choices; 0: a fresh one");
DEFINE_uint64(kills, 0, "end after so many kills; 0: by --seconds alone");
DEFINE_uint64(seconds, 0, "end after so long; 0: by --kills alone");
DEFINE_uint64(round_ms, 700, "a kill comes at most so long after the start");
DEFINE_uint64(first_round, 0, "number of the first round");
DEFINE_string(ldb, "ldb", "RocksDB's tool; empty: do not use it");
DEFINE_string(memtable, "",
              "of all writers: fastskip or skip_list, to tell whose an error "
              "is; empty: one round in ten has skip_list");
DEFINE_bool(verbose, false, "print each round");
DEFINE_uint64(drop_one_in, 0,
              "leave out one in so many writes: the test must fail then");
DEFINE_bool(child, false, "for the program itself: be the writer");
DEFINE_uint64(child_ms, 0, "for the program itself: how long to write");

extern char** environ;

namespace fastskip {
namespace crash_test {
namespace {

using Clock = std::chrono::steady_clock;

struct Totals {
  uint64_t rounds = 0, kills = 0, writes = 0, in_flight = 0;
  uint64_t verified = 0, by_ldb = 0, by_skip_list = 0, by_fastskip = 0;
};

std::string DatabaseDir() { return FLAGS_db + "/db"; }
std::string ExpectedPath() { return FLAGS_db + "/expected"; }

Round MakeRound(uint64_t number) {
  Round round(FLAGS_seed, number);
  if (FLAGS_memtable == "fastskip") round.memtable = Memtable::kFastSkip;
  if (FLAGS_memtable == "skip_list") round.memtable = Memtable::kSkipList;
  return round;
}

pid_t StartWriter(uint64_t round, uint64_t milliseconds) {
  std::vector<std::string> words = {
      "/proc/self/exe",
      "--child",
      "--db=" + FLAGS_db,
      "--seed=" + std::to_string(FLAGS_seed),
      "--first_round=" + std::to_string(round),
      "--memtable=" + FLAGS_memtable,
      "--child_ms=" + std::to_string(milliseconds),
      "--drop_one_in=" + std::to_string(FLAGS_drop_one_in)};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, argv.data(),
                  environ) != 0) {
    std::perror("posix_spawn");
    std::exit(2);
  }
  return pid;
}

// Runs the round's writer and kills it. "" or how else it ended.
std::string RunAndKill(uint64_t number, Random* random, Totals* totals) {
  // Some die while they recover, some live to close the database.
  const bool early = (*random)() % 10 == 0;
  const bool ends_itself = !early && (*random)() % 15 == 0;
  const uint64_t after = (*random)() % (early ? 60 : FLAGS_round_ms) + 1;
  const pid_t pid = StartWriter(number, ends_itself ? after : 60000);
  std::this_thread::sleep_for(std::chrono::milliseconds(after));
  int status = 0;
  constexpr auto kPatience = std::chrono::seconds(30);
  const auto end = Clock::now() + kPatience;
  while (ends_itself && waitpid(pid, &status, WNOHANG) == 0) {
    if (Clock::now() > end) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      return "the writer does not end";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!ends_itself) {
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    ++totals->kills;
    return "";
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return WIFSIGNALED(status)
             ? "the writer ended by signal " + std::to_string(WTERMSIG(status))
             : "the writer ended with " + std::to_string(WEXITSTATUS(status));
}

// Whether ldb can read it: ldb takes all options from the database, and prefix
// hints together with range deletions crash skip_list of RocksDB 7.8.
bool LdbCanRead(const Round& round, const ExpectedState& expected) {
  if (FLAGS_ldb.empty() || round.transactions) return false;
  // Killed before all column families were there?
  if (expected.RoundTotals().acknowledged == 0) return false;
  for (const auto& file : std::filesystem::directory_iterator(DatabaseDir())) {
    if (file.path().filename().string().rfind("OPTIONS-", 0) != 0) continue;
    std::ifstream text(file.path());
    const std::string name = "memtable_insert_with_hint_prefix_extractor=";
    for (std::string line; std::getline(text, line);) {
      const size_t at = line.find(name);
      if (at != line.npos &&
          line.compare(at + name.size(), 7, "nullptr") != 0) {
        return false;
      }
    }
  }
  return true;
}

// Whether a WAL must be written and read with the same options: RocksDB
// requires it of write policies; and values that change in place must not meet
// range deletions when a WAL is replayed.
bool NeedsOwnWals(const Round& round) {
  return round.transactions || round.options.inplace_update_support;
}

// "" or what was lost.
std::string Verify(const Round& round, Wals after, Random* random,
                   ExpectedState* expected, Totals* totals) {
  Found by_ldb;
  const Memtable memtable =
      (*random)() % 3 == 0 ? Memtable::kSkipList : Memtable::kFastSkip;
  if ((*random)() % 8 == 0 && LdbCanRead(round, *expected)) {
    by_ldb = ReadAllByLdb(FLAGS_ldb, DatabaseDir());
    if (!by_ldb.error.empty()) return by_ldb.error;
    ++totals->by_ldb;
    totals->verified += kKeys;
  }
  const Found found = ReadAll(round, memtable, DatabaseDir(), after, random);
  if (!found.error.empty()) return found.error;
  ++(memtable == Memtable::kSkipList ? totals->by_skip_list
                                     : totals->by_fastskip);
  totals->verified += kKeys;
  if (!by_ldb.versions.empty() && by_ldb.versions != found.versions) {
    return "ldb reads something else";
  }
  std::string error = expected->Check(round.Rules(), found.versions);
  const ExpectedState::Totals written = expected->RoundTotals();
  totals->writes += written.acknowledged;
  totals->in_flight += written.in_flight;
  expected->StartRound(found.versions);
  return error;
}

void Print(const Totals& totals, const char* verdict) {
  std::printf(
      "%s: seed %" PRIu64 ", %" PRIu64 " rounds, %" PRIu64 " kills, %" PRIu64
      " writes acknowledged, %" PRIu64 " in flight when killed, %" PRIu64
      " keys verified; reopened %" PRIu64 " times with fastskip, %" PRIu64
      " with skip_list, %" PRIu64 " by ldb\n",
      verdict, FLAGS_seed, totals.rounds, totals.kills, totals.writes,
      totals.in_flight, totals.verified, totals.by_fastskip,
      totals.by_skip_list, totals.by_ldb);
}

int Parent() {
  ExpectedState expected(ExpectedPath());
  const auto start = Clock::now();
  Totals totals;
  for (uint64_t number = FLAGS_first_round;; ++number) {
    if (FLAGS_kills > 0 && totals.kills >= FLAGS_kills) break;
    if (FLAGS_seconds > 0 &&
        Clock::now() - start >= std::chrono::seconds(FLAGS_seconds)) {
      break;
    }
    const Round round = MakeRound(number);
    Random random(round.seed + 7);
    if (FLAGS_verbose) {
      std::printf("round %" PRIu64 ": %s\n", number, round.Describe().c_str());
    }
    std::string error = RunAndKill(number, &random, &totals);
    const Wals after =
        NeedsOwnWals(round) || NeedsOwnWals(MakeRound(number + 1))
            ? Wals::kEmptied
            : Wals::kLeft;
    if (error.empty()) {
      error = Verify(round, after, &random, &expected, &totals);
    }
    ++totals.rounds;
    if (error.empty()) continue;
    std::printf("%s\nround %" PRIu64 " (%s); --seed=%" PRIu64
                " --first_round=%" PRIu64 "; the database is in %s\n",
                error.c_str(), number, round.Describe().c_str(), FLAGS_seed,
                number, FLAGS_db.c_str());
    Print(totals, "FAILED");
    return 1;
  }
  Print(totals, "passed");
  return 0;
}

int Child() {
  ExpectedState expected(ExpectedPath());
  WriterOptions options;
  options.db = DatabaseDir();
  options.milliseconds = FLAGS_child_ms;
  options.drop_one_in = FLAGS_drop_one_in;
  RunWriter(MakeRound(FLAGS_first_round), options, &expected);
  return 0;
}

int Main() {
  if (FLAGS_child) return Child();
  if (FLAGS_kills == 0 && FLAGS_seconds == 0) {
    std::fprintf(stderr, "one of --kills and --seconds is needed\n");
    return 2;
  }
  if (FLAGS_seed == 0) FLAGS_seed = std::random_device{}();
  const bool own_directory = FLAGS_db.empty();
  if (own_directory) {
    std::string name =
        (std::filesystem::temp_directory_path() / "fastskip_crash_XXXXXX")
            .string();
    if (mkdtemp(name.data()) == nullptr) {
      std::perror(name.c_str());
      return 2;
    }
    FLAGS_db = name;
  }
  // What is there from an earlier run has another seed's expected state.
  std::filesystem::remove_all(DatabaseDir());
  std::filesystem::remove(ExpectedPath());
  std::filesystem::create_directories(DatabaseDir());
  const int code = Parent();
  if (code == 0) {
    std::filesystem::remove_all(DatabaseDir());
    std::filesystem::remove(ExpectedPath());
    if (own_directory) std::filesystem::remove(FLAGS_db);
  }
  return code;
}

}  // namespace
}  // namespace crash_test
}  // namespace fastskip

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "kills a writing program again and again and checks that nothing "
      "acknowledged is lost; see the top of crash_test.cc");
  gflags::SetVersionString(FASTSKIP_VERSION);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return fastskip::crash_test::Main();
}
