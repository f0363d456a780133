// SPDX-License-Identifier: Apache-2.0
//
// Unclean ends. A child process writes and notes in a shared map what RocksDB
// has acknowledged; it is killed (or leaves without closing); whatever was
// acknowledged must be there when the database is opened again, through
// fastskip and without it.
//
// The child is this program executed again for one (disabled) test, since
// RocksDB's background threads do not survive a bare fork.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "tests/db/db_test_util.h"

extern char** environ;

namespace fastskip {
namespace dbtest {
namespace {

constexpr int kMaxThreads = 8;
constexpr uint64_t kKeysPerThread = 3000;

// Shared by parent and child.
struct Progress {
  std::atomic<uint64_t> started[kMaxThreads];
  std::atomic<uint64_t> acknowledged[kMaxThreads];
};

// Maps the file `path`, zero filled when new.
class SharedProgress {
 public:
  explicit SharedProgress(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    void* map = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(Progress)) == 0) {
      map = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED,
                 fd, 0);
    }
    if (fd >= 0) close(fd);
    if (map == MAP_FAILED) abort();
    progress_ = static_cast<Progress*>(map);
  }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  ~SharedProgress() { munmap(progress_, sizeof(Progress)); }
  Progress* operator->() const { return progress_; }

 private:
  Progress* progress_;
};

// How the child's database is set up and how the child ends.
struct CrashCase {
  std::string name;
  int threads;
  uint64_t operations;  // of each thread; the child ends after them
  enum End { kKillsItself, kLeavesWithoutClosing, kKilledFromOutside } end;
  std::function<void(Options*)> configure;
};

std::vector<CrashCase> CrashCases() {
  const auto nothing = [](Options*) {};
  const auto small = [](Options* o) { o->write_buffer_size = 128 << 10; };
  return {
      {"Kill", 1, 20000, CrashCase::kKillsItself, nothing},
      {"Exit", 1, 20000, CrashCase::kLeavesWithoutClosing, nothing},
      {"FourThreads", 4, 6000, CrashCase::kKillsItself, nothing},
      {"SmallBuffers", 4, 6000, CrashCase::kKillsItself, small},
      {"KeepsMemtables", 2, 8000, CrashCase::kKillsItself,
       [](Options* o) { o->avoid_flush_during_recovery = true; }},
      {"Pipelined", 4, 6000, CrashCase::kKillsItself,
       [](Options* o) { o->enable_pipelined_write = true; }},
      {"Unordered", 4, 6000, CrashCase::kKillsItself,
       [](Options* o) { o->unordered_write = true; }},
      {"TwoQueues", 4, 6000, CrashCase::kKillsItself,
       [](Options* o) { o->two_write_queues = true; }},
      {"AtomicFlush", 4, 6000, CrashCase::kKillsItself,
       [small](Options* o) {
         small(o);
         o->atomic_flush = true;
       }},
      {"AnyMoment", 4, 1000000000, CrashCase::kKilledFromOutside, small},
      {"AnyMomentOneMemtable", 2, 1000000000, CrashCase::kKilledFromOutside,
       nothing},
  };
}

// --------------------------------------------------------------------------
// What a thread writes: a function of the seed, so that the parent knows it.

struct Operation {
  size_t family;
  std::string key;
  bool is_delete;
  std::string value;
};

class Operations {
 public:
  Operations(uint64_t seed, int thread)
      : random_(seed * 1000 + thread), thread_(thread) {}
  Operation Next() {
    Operation op;
    op.family = Below(random_, 2);
    op.key = Key(Below(random_, kKeysPerThread), Concat("t", thread_, "/"));
    op.is_delete = Below(random_, 8) == 0;
    op.value = Concat(thread_, ".", count_++, ".") + RandomValue(random_, 60);
    return op;
  }

 private:
  Random random_;
  const int thread_;
  uint64_t count_ = 0;
};

Options OptionsFor(const CrashCase& crash,
                   std::shared_ptr<MemTableRepFactory> factory) {
  Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.compression = rocksdb::kNoCompression;
  options.stats_dump_period_sec = 0;
  crash.configure(&options);
  options.memtable_factory = std::move(factory);
  return options;
}

Status OpenTwoFamilies(const Options& options, const std::string& dir,
                       Handles* handles, std::unique_ptr<DB>* db) {
  return DB::Open(
      options, dir,
      {{rocksdb::kDefaultColumnFamilyName, options}, {"one", options}}, handles,
      OpenInto(db));
}

// --------------------------------------------------------------------------
// The child.

void WriterThread(DB* db, const Handles& handles, int thread,
                  uint64_t operations, Progress* progress) {
  Operations source(TestSeed(), thread);
  for (uint64_t i = 1; i <= operations; ++i) {
    const Operation op = source.Next();
    progress->started[thread].store(i);
    Status status =
        op.is_delete
            ? db->Delete(WriteOptions(), handles[op.family], op.key)
            : db->Put(WriteOptions(), handles[op.family], op.key, op.value);
    if (!status.ok()) {
      std::cerr << "write: " << status.ToString() << std::endl;
      _exit(3);
    }
    progress->acknowledged[thread].store(i);
  }
}

// Run by StartChild() only.
TEST(DbRecoveryChild, DISABLED_WritesAndEnds) {
  const char* dir = getenv("FASTSKIP_CHILD_DIR");
  if (dir == nullptr) GTEST_SKIP() << "run by DbRecoveryTest only";
  const size_t which = strtoull(getenv("FASTSKIP_CHILD_CASE"), nullptr, 10);
  const size_t config = strtoull(getenv("FASTSKIP_CHILD_CONFIG"), nullptr, 10);
  const CrashCase crash = CrashCases()[which];
  SharedProgress progress(std::string(dir) + "/progress");
  Handles handles;
  std::unique_ptr<DB> db;
  Status status =
      OpenTwoFamilies(OptionsFor(crash, BytewiseConfigs()[config].make()),
                      std::string(dir) + "/db", &handles, &db);
  if (!status.ok()) {
    std::cerr << "open: " << status.ToString() << std::endl;
    _exit(2);
  }
  const uint64_t operations = crash.end == CrashCase::kKilledFromOutside
                                  ? crash.operations
                                  : Scaled(crash.operations);
  std::vector<std::thread> threads;
  for (int t = 0; t < crash.threads; ++t) {
    threads.emplace_back([&, t] {
      WriterThread(db.get(), handles, t, operations, progress.operator->());
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (crash.end == CrashCase::kLeavesWithoutClosing) _exit(0);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// --------------------------------------------------------------------------
// The parent.

pid_t StartChild(const std::string& dir, size_t crash, size_t config) {
  std::vector<std::string> arguments = {
      "db_recovery_test", "--gtest_filter=DbRecoveryChild.*",
      "--gtest_also_run_disabled_tests", "--gtest_print_time=0"};
  std::vector<std::string> variables = {
      "FASTSKIP_CHILD_DIR=" + dir, Concat("FASTSKIP_CHILD_CASE=", crash),
      Concat("FASTSKIP_CHILD_CONFIG=", config),
      Concat("FASTSKIP_TEST_SEED=", TestSeed())};
  for (char** v = environ; *v != nullptr; ++v) {
    const std::string variable = *v;
    // Not a second report for the parent's, nor another seed.
    if (variable.rfind("GTEST_", 0) != 0 && variable.rfind("XML_OUT", 0) != 0 &&
        variable.rfind("FASTSKIP_TEST_SEED=", 0) != 0) {
      variables.push_back(variable);
    }
  }
  std::vector<char*> argv, env;
  for (std::string& a : arguments) argv.push_back(a.data());
  for (std::string& v : variables) env.push_back(v.data());
  argv.push_back(nullptr);
  env.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                argv.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

using Model = std::map<std::string, std::string>;

// What must be there. The operation that each thread had started but not
// finished may be there or not: `pending` says what its key may hold too.
void Replay(const CrashCase& crash, const SharedProgress& progress,
            Model model[2], Model pending[2]) {
  for (int t = 0; t < crash.threads; ++t) {
    Operations source(TestSeed(), t);
    const uint64_t acknowledged = progress->acknowledged[t].load();
    const uint64_t started = progress->started[t].load();
    for (uint64_t i = 1; i <= started; ++i) {
      const Operation op = source.Next();
      const std::string value = op.is_delete ? "(none)" : op.value;
      (i <= acknowledged ? model : pending)[op.family][op.key] = value;
    }
  }
}

void Verify(DB* db, ColumnFamilyHandle* handle, const Model& model,
            const Model& pending, const std::string& what) {
  Model found;
  std::unique_ptr<Iterator> it(db->NewIterator(ReadOptions(), handle));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const bool fresh =
        found.emplace(it->key().ToString(), it->value().ToString()).second;
    ASSERT_TRUE(fresh) << what << ": twice " << it->key().ToString();
  }
  ASSERT_TRUE(it->status().ok()) << it->status().ToString();
  Model all = model;
  all.insert(pending.begin(), pending.end());
  size_t known = 0;
  for (const auto& [key, unused] : all) {
    const auto f = found.find(key);
    const std::string now = f == found.end() ? "(none)" : f->second;
    if (f != found.end()) ++known;
    const auto m = model.find(key);
    const auto p = pending.find(key);
    const std::string want = m == model.end() ? "(none)" : m->second;
    ASSERT_TRUE(now == want || (p != pending.end() && now == p->second))
        << what << ": " << key << " is " << now << ", not " << want;
    std::string value;
    Status status = db->Get(ReadOptions(), handle, key, &value);
    ASSERT_EQ(now, status.ok() ? value : "(none)") << what << ": get " << key;
  }
  ASSERT_EQ(found.size(), known) << what << ": keys that nobody wrote";
}

using CrashParam = std::tuple<size_t, size_t>;  // case, config

class DbRecoveryTest : public ::testing::TestWithParam<CrashParam> {
 protected:
#ifdef FASTSKIP_TEST_EMULATED
  void SetUp() override {
    GTEST_SKIP() << "the kernel cannot execute the emulated program again";
  }
#endif

  // Opens the crashed database and compares it with the model.
  void Recover(std::shared_ptr<MemTableRepFactory> factory,
               const std::string& what) {
    Handles handles;
    std::unique_ptr<DB> db;
    Status status = OpenTwoFamilies(OptionsFor(crash_, std::move(factory)),
                                    dir_.Sub("db"), &handles, &db);
    ASSERT_TRUE(status.ok()) << what << ": " << status.ToString();
    for (size_t f = 0; f < 2; ++f) {
      Verify(db.get(), handles[f], model_[f], pending_[f], what);
    }
    for (ColumnFamilyHandle* handle : handles) {
      EXPECT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
  }

  // Waits until the child has written something, then a random while.
  void KillSoon(pid_t child, const SharedProgress& progress) {
    Random random(TestSeed());
    const uint64_t enough = 500 + Below(random, Scaled(20000));
    siginfo_t ended{};
    while (progress->acknowledged[0].load() < enough && ended.si_pid == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      waitid(P_PID, child, &ended, WEXITED | WNOHANG | WNOWAIT);
    }
    kill(child, SIGKILL);
  }

  TempDir dir_;
  CrashCase crash_ = CrashCases()[std::get<0>(GetParam())];
  Model model_[2], pending_[2];
};

TEST_P(DbRecoveryTest, NothingAcknowledgedIsLost) {
  const size_t which = std::get<0>(GetParam());
  const size_t config = std::get<1>(GetParam());
  SharedProgress progress(dir_.Sub("progress"));
  const pid_t child = StartChild(dir_.path(), which, config);
  ASSERT_GT(child, 0);
  if (crash_.end == CrashCase::kKilledFromOutside) KillSoon(child, progress);
  int state = 0;
  ASSERT_EQ(child, waitpid(child, &state, 0));
  if (crash_.end == CrashCase::kLeavesWithoutClosing) {
    ASSERT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0) << state;
  } else {
    ASSERT_TRUE(WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL) << state;
  }
  ASSERT_GT(progress->acknowledged[0].load(), 0u);
  Replay(crash_, progress, model_, pending_);

  // A copy first, for the plugin may rewrite the database while it recovers.
  const std::string db = dir_.Sub("db"), copy = dir_.Sub("copy");
  std::filesystem::copy(db, copy, std::filesystem::copy_options::recursive);
  Recover(BytewiseConfigs()[config].make(), "recovered by fastskip");
  Recover(ColumnFamilyOptions().memtable_factory, "then without the plugin");
  std::filesystem::remove_all(db);
  std::filesystem::rename(copy, db);
  Recover(ColumnFamilyOptions().memtable_factory, "recovered by skip_list");
}

INSTANTIATE_TEST_SUITE_P(
    Memtables, DbRecoveryTest,
    ::testing::Combine(::testing::Range(size_t{0}, CrashCases().size()),
                       ::testing::Range(size_t{0}, BytewiseConfigs().size())),
    [](const ::testing::TestParamInfo<CrashParam>& info) {
      return CrashCases()[std::get<0>(info.param)].name +
             BytewiseConfigs()[std::get<1>(info.param)].name;
    });

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
