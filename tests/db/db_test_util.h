// SPDX-License-Identifier: Apache-2.0
//
// The harness of the database tests: one scenario is played twice, on a
// database with RocksDB's skip_list and on one with the memtable under test,
// and everything that it observed (its transcript) must be equal. At the end
// both databases are closed and opened again with the memtable factory left
// at RocksDB's default, and must still hold what they held.
//
// The harness itself reports nothing to GoogleTest: what goes wrong becomes a
// line of the transcript, so that a test can plant a fault and see it caught.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/rocksdb_compat.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/options.h"
#include "tests/db/db_test_reps.h"
#include "tools/lib/open_db.h"

namespace fastskip {
namespace dbtest {

using rocksdb::ColumnFamilyDescriptor;
using rocksdb::ColumnFamilyHandle;
using rocksdb::ColumnFamilyOptions;
using rocksdb::DB;
using rocksdb::FlushOptions;
using rocksdb::Iterator;
using rocksdb::MemTableRepFactory;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Snapshot;
using rocksdb::Status;
using rocksdb::WriteBatch;
using rocksdb::WriteOptions;

using Random = std::mt19937_64;

// --------------------------------------------------------------------------
// Seed and size of the tests.

// FASTSKIP_TEST_SEED, or a fresh one; printed once per process.
inline uint64_t TestSeed() {
  static const uint64_t seed = [] {
    const char* given = getenv("FASTSKIP_TEST_SEED");
    uint64_t value =
        given != nullptr ? strtoull(given, nullptr, 0) : std::random_device{}();
    std::cout << "FASTSKIP_TEST_SEED=" << value << std::endl;
    return value;
  }();
  return seed;
}

// `n`, reduced where a sanitizer or an emulator slows everything down.
// FASTSKIP_TEST_PERCENT overrides the factor.
inline size_t Scaled(size_t n) {
  static const size_t percent = [] {
    const char* given = getenv("FASTSKIP_TEST_PERCENT");
    if (given != nullptr)
      return static_cast<size_t>(strtoull(given, nullptr, 0));
#if FASTSKIP_UNDER_TSAN || defined(FASTSKIP_TEST_EMULATED)
    return size_t{20};
#elif FASTSKIP_UNDER_ASAN
    return size_t{40};
#else
    return size_t{100};
#endif
  }();
  return std::max<size_t>(1, n * percent / 100);
}

// With assertions on, as in Debian, a mempurge of 9.10 may end in SaveValue(),
// where a get meets a tombstone (seen with skip_list alone), or in
// MemTableListVersion::AddMemTable(), which knows no memtable by its kind.
constexpr bool kMempurgeAsserts = FASTSKIP_ROCKSDB_AT_LEAST(9, 6);
constexpr const char* kWhyMempurgeAsserts =
    "RocksDB's own assertions on mempurge fail from 9.6 on";

// --------------------------------------------------------------------------
// Small helpers.

// A new directory under $TMPDIR or /tmp, removed with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "fastskip_db_XXXXXX")
            .string();
    if (mkdtemp(pattern.data()) == nullptr) abort();
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string Sub(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline uint64_t HashOf(const Slice& s) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < s.size(); ++i) {
    h = (h ^ static_cast<unsigned char>(s[i])) * 1099511628211u;
  }
  return h;
}

// Readable and short, different for different slices.
inline std::string Show(const Slice& s) {
  bool printable = true;
  for (size_t i = 0; i < s.size() && printable; ++i) {
    printable = s[i] > ' ' && s[i] < 127;
  }
  if (s.size() <= 48) return printable ? s.ToString() : "0x" + s.ToString(true);
  std::ostringstream out;
  out << Slice(s.data(), 12).ToString(true) << "..(" << s.size() << ":"
      << std::hex << HashOf(s) << ")";
  return out.str();
}

template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// "key000042": decimal, padded to `width`.
inline std::string Key(uint64_t n, const std::string& prefix = "key",
                       size_t width = 6) {
  std::string digits = std::to_string(n);
  return prefix + std::string(width - std::min(width, digits.size()), '0') +
         digits;
}

inline uint64_t Below(Random& random, uint64_t bound) {
  return random() % bound;
}

inline std::string RandomValue(Random& random, size_t max_bytes) {
  std::string value(Below(random, max_bytes + 1), 'v');
  for (size_t i = 0; i < value.size(); i += 7) {
    value[i] = static_cast<char>('a' + Below(random, 26));
  }
  return value;
}

// Appends with a comma; the order of the operands shows.
class AppendOperator : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const Slice&, const Slice* existing, const Slice& operand,
             std::string* result, rocksdb::Logger*) const override {
    *result = existing == nullptr ? "" : existing->ToString() + ",";
    result->append(operand.data(), operand.size());
    return true;
  }
  const char* Name() const override { return "fastskip.test.Append"; }
};

// --------------------------------------------------------------------------
// What is under test.

using KeyOrder = FastSkipListOptions::KeyOrder;

struct MemtableConfig {
  std::string name;
  std::function<std::shared_ptr<MemTableRepFactory>()> make;
};

inline MemtableConfig SkipListConfig() {
  return {"SkipList",
          [] { return std::make_shared<rocksdb::SkipListFactory>(); }};
}

inline MemtableConfig FastSkipConfig(const std::string& name, KeyOrder order,
                                     uint32_t shards) {
  return {name, [order, shards] {
            FastSkipListOptions options;
            options.key_order = order;
            options.shards = shards;
            return ForThreadSanitizer(std::shared_ptr<MemTableRepFactory>(
                NewFastSkipListRepFactory(options)));
          }};
}

// For any comparator.
inline std::vector<MemtableConfig> AnyOrderConfigs() {
  return {FastSkipConfig("Auto", KeyOrder::kAuto, 4),
          FastSkipConfig("Comparator", KeyOrder::kComparator, 4)};
}

// For BytewiseComparator, the default one.
inline std::vector<MemtableConfig> BytewiseConfigs() {
  std::vector<MemtableConfig> all = AnyOrderConfigs();
  all.push_back(FastSkipConfig("Bytewise", KeyOrder::kBytewise, 1));
  return all;
}

// --------------------------------------------------------------------------
// One scenario on one database.

using Handles = std::vector<ColumnFamilyHandle*>;
using Opener = std::function<Status(const Options&, const std::string& dir,
                                    const std::vector<ColumnFamilyDescriptor>&,
                                    Handles*, std::unique_ptr<DB>*)>;

inline Status OpenPlainDB(const Options& options, const std::string& dir,
                          const std::vector<ColumnFamilyDescriptor>& families,
                          Handles* handles, std::unique_ptr<DB>* db) {
  return DB::Open(options, dir, families, handles, OpenInto(db));
}

enum class Role { kReference, kTested };

class DbRun {
 public:
  DbRun(std::string dir, const MemtableConfig& config, Role role)
      : random(TestSeed()), dir_(std::move(dir)), role_(role) {
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.compression = rocksdb::kNoCompression;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.max_background_jobs = 2;
    options.memtable_factory = config.make();
  }
  DbRun(const DbRun&) = delete;
  DbRun& operator=(const DbRun&) = delete;
  ~DbRun() {
    Close();
    OverlookWrites overlook;  // the end of listeners, filters and the like
    options = Options();
  }

  // A scenario sets these before Open().
  Options options;
  std::vector<std::string> more_families;  // besides "default"
  Opener opener = OpenPlainDB;
  // For the operations below.
  WriteOptions write_options;
  ReadOptions read_options;
  // How keys read in the transcript; for comparators under which different
  // keys are equal, where RocksDB shows now one, now the other.
  std::function<std::string(const Slice&)> show_key = Show;
  // Seeded alike in both runs.
  Random random;

  bool tested() const { return role_ == Role::kTested; }
  const std::string& dir() const { return dir_; }
  DB* db() const { return db_.get(); }
  ColumnFamilyHandle* family(size_t i = 0) const { return handles_[i]; }
  const Handles& families() const { return handles_; }
  const std::vector<std::string>& lines() const { return lines_; }
  size_t unexpected() const { return unexpected_; }

  // A line of the transcript.
  template <typename... Parts>
  void Note(const Parts&... parts) {
    std::string line = Concat(parts...);
    std::lock_guard<std::mutex> guard(mutex_);
    lines_.push_back(std::move(line));
  }
  // A line that the reference must not have either. Any thread.
  template <typename... Parts>
  void Unexpected(const Parts&... parts) {
    std::string line = "UNEXPECTED " + Concat(parts...);
    std::lock_guard<std::mutex> guard(mutex_);
    ++unexpected_;
    lines_.push_back(std::move(line));
  }
  void Expect(const Status& status, const char* what) {
    if (!status.ok()) Unexpected(what, ": ", status.ToString());
  }
  void Expect(bool holds, const char* what) {
    if (!holds) Unexpected("not true: ", what);
  }

  Status TryOpen() {
    std::vector<ColumnFamilyDescriptor> descriptors;
    descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, options);
    for (const std::string& name : more_families) {
      descriptors.emplace_back(name, options);
    }
    return opener(options, dir_, descriptors, &handles_, &db_);
  }

  // False when it failed; the scenario should end then.
  bool Open() {
    Status status = TryOpen();
    Expect(status, "open");
    if (!status.ok()) return false;
    // RocksDB may replace a factory that does not suit the other options;
    // the test would compare skip_list with itself then.
    for (ColumnFamilyHandle* handle : handles_) {
      Options effective = db_->GetOptions(handle);
      Expect(effective.memtable_factory == options.memtable_factory,
             "the memtable factory is the one asked for");
    }
    return true;
  }

  void Close() {
    if (db_ == nullptr) return;
    for (ColumnFamilyHandle* handle : handles_) {
      Expect(db_->DestroyColumnFamilyHandle(handle), "destroy handle");
    }
    handles_.clear();
    // A background job of a WritePrepared database holds a snapshot, with
    // which RocksDB refuses to close.
    rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
    Expect(db_->Close(), "close");
    db_.reset();
  }

  bool Reopen() {
    Close();
    return Open();
  }

  void Put(const Slice& key, const Slice& value, size_t f = 0) {
    Expect(db_->Put(write_options, family(f), key, value), "put");
  }
  void Delete(const Slice& key, size_t f = 0) {
    Expect(db_->Delete(write_options, family(f), key), "delete");
  }
  void SingleDelete(const Slice& key, size_t f = 0) {
    Expect(db_->SingleDelete(write_options, family(f), key), "single delete");
  }
  void DeleteRange(const Slice& from, const Slice& to, size_t f = 0) {
    Expect(db_->DeleteRange(write_options, family(f), from, to),
           "delete range");
  }
  void Merge(const Slice& key, const Slice& value, size_t f = 0) {
    Expect(db_->Merge(write_options, family(f), key, value), "merge");
  }
  void Write(WriteBatch* batch) {
    Expect(db_->Write(write_options, batch), "write");
  }
  void Flush() { Expect(db_->Flush(FlushOptions(), handles_), "flush"); }

  std::string Get(const Slice& key, const ReadOptions& read, size_t f = 0) {
    std::string value;
    Status status = db_->Get(read, family(f), key, &value);
    if (status.IsNotFound()) return "(none)";
    return status.ok() ? Show(value) : status.ToString();
  }
  void NoteGet(const Slice& key, size_t f = 0) {
    NoteGet(key, read_options, f);
  }
  void NoteGet(const Slice& key, const ReadOptions& read, size_t f = 0) {
    Note("get ", Show(key), " = ", Get(key, read, f));
  }

  void NoteAt(Iterator* it, const char* what) {
    if (it->Valid()) {
      Note(what, ": ", show_key(it->key()), " = ", Show(it->value()));
    } else {
      Note(what, ": end, ", it->status().ToString());
    }
  }

  // All of one column family as lines, forwards; and the same backwards,
  // which must be the reverse of it.
  std::vector<std::string> Contents(const ReadOptions& read, size_t f = 0);
  void NoteContents(const ReadOptions& read, size_t f = 0) {
    Note("contents of ", handles_[f]->GetName());
    for (std::string& line : Contents(read, f)) Note(line);
  }
  void NoteContents() {
    for (size_t f = 0; f < handles_.size(); ++f) NoteContents(read_options, f);
  }

  // Notes all there is, then closes the database, opens it with RocksDB's
  // default memtable, as a program without the plugin does, and expects the
  // same again. Nothing if the scenario has closed the database itself.
  void Finish();

 private:
  const std::string dir_;
  const Role role_;
  std::unique_ptr<DB> db_;
  Handles handles_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  size_t unexpected_ = 0;
};

inline std::vector<std::string> DbRun::Contents(const ReadOptions& read,
                                                size_t f) {
  ReadOptions total = read;
  total.total_order_seek = true;
  std::vector<std::string> lines;
  std::unique_ptr<Iterator> it(db_->NewIterator(total, family(f)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    lines.push_back(show_key(it->key()) + " = " + Show(it->value()));
  }
  Expect(it->status(), "forward scan");
  // RocksDB cannot step back over values that may change in place.
  if (options.inplace_update_support) return lines;
  size_t left = lines.size();
  for (it->SeekToLast(); it->Valid() && left > 0; it->Prev()) {
    --left;
    std::string line = show_key(it->key()) + " = " + Show(it->value());
    if (line != lines[left]) {
      Unexpected("backward scan has ", line, " for ", lines[left]);
      return lines;
    }
  }
  Expect(it->status(), "backward scan");
  Expect(left == 0 && !it->Valid(), "backward scan sees as many entries");
  return lines;
}

inline void DbRun::Finish() {
  if (db_ == nullptr) return;
  std::vector<std::vector<std::string>> before;
  for (size_t f = 0; f < handles_.size(); ++f) {
    before.push_back(Contents(read_options, f));
  }
  NoteContents();
  Close();
  options.memtable_factory = ColumnFamilyOptions().memtable_factory;
  if (!Open()) return;
  for (size_t f = 0; f < handles_.size(); ++f) {
    Expect(Contents(read_options, f) == before[f],
           "nothing differs after reopening without the plugin");
  }
  Close();
}

// --------------------------------------------------------------------------
// Playing and comparing.

using Scenario = std::function<void(DbRun&)>;

struct Transcript {
  std::vector<std::string> lines;
  size_t unexpected = 0;
};

inline Transcript Play(const MemtableConfig& config, Role role,
                       const Scenario& scenario) {
  TempDir dir;
  DbRun run(dir.Sub("db"), config, role);
  scenario(run);
  run.Finish();
  return {run.lines(), run.unexpected()};
}

inline std::string FirstUnexpected(const Transcript& transcript) {
  for (const std::string& line : transcript.lines) {
    if (line.rfind("UNEXPECTED", 0) == 0) return line;
  }
  return "";
}

// "" when both saw the same and nothing unexpected, else what differs first.
inline std::string Difference(const MemtableConfig& config,
                              const Scenario& scenario) {
  const Transcript want = Play(SkipListConfig(), Role::kReference, scenario);
  if (want.unexpected > 0) return "skip_list: " + FirstUnexpected(want);
  if (want.lines.empty()) return "the scenario observes nothing";
  const Transcript got = Play(config, Role::kTested, scenario);
  const size_t common = std::min(want.lines.size(), got.lines.size());
  size_t i = 0;
  while (i < common && want.lines[i] == got.lines[i]) ++i;
  if (i == want.lines.size() && i == got.lines.size()) return "";
  std::ostringstream out;
  out << "line " << i << " of " << want.lines.size() << "\n";
  for (size_t j = i < 3 ? 0 : i - 3; j < i; ++j) {
    out << "  both      " << want.lines[j] << "\n";
  }
  out << "  skip_list " << (i < want.lines.size() ? want.lines[i] : "(end)")
      << "\n  " << config.name << " "
      << (i < got.lines.size() ? got.lines[i] : "(end)") << "\n";
  if (got.unexpected > 0) out << "  first " << FirstUnexpected(got) << "\n";
  return out.str();
}

// The fixture: TEST_P(SomeDbTest, Name) { Compare([](DbRun& run) { ... }); }
class DbTest : public ::testing::TestWithParam<MemtableConfig> {
 protected:
  void Compare(const Scenario& scenario) {
    TestSeed();
    EXPECT_EQ("", Difference(GetParam(), scenario));
  }
};

inline std::string ConfigName(
    const ::testing::TestParamInfo<MemtableConfig>& info) {
  return info.param.name;
}

inline void PrintTo(const MemtableConfig& config, std::ostream* out) {
  *out << config.name;
}

}  // namespace dbtest
}  // namespace fastskip
