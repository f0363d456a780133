// SPDX-License-Identifier: Apache-2.0
//
// Other instances on the files of a primary: secondaries, which insert the
// primary's WAL into memtables of their own again and again, and read-only
// ones. Each as fastskip beside a skip_list primary, and the other way round.
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbInstancesTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbInstancesTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

// Which instance has the memtable under test; the other one has skip_list.
enum class Tested { kPrimary, kOther, kBoth };

std::shared_ptr<MemTableRepFactory> DefaultFactory() {
  return ColumnFamilyOptions().memtable_factory;
}

class OtherInstance {
 public:
  OtherInstance(std::unique_ptr<DB> db, Handles handles)
      : db_(std::move(db)), handles_(std::move(handles)) {}
  OtherInstance(const OtherInstance&) = delete;
  OtherInstance& operator=(const OtherInstance&) = delete;
  ~OtherInstance() {
    for (ColumnFamilyHandle* handle : handles_) {
      db_->DestroyColumnFamilyHandle(handle);
    }
  }
  DB* operator->() const { return db_.get(); }

  void NoteAll(DbRun& run) const {
    for (ColumnFamilyHandle* handle : handles_) {
      run.Note("other instance, ", handle->GetName());
      std::unique_ptr<Iterator> it(db_->NewIterator(ReadOptions(), handle));
      size_t entries = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next(), ++entries) {
        run.NoteAt(it.get(), "entry");
      }
      run.Expect(it->status(), "scan");
      for (it->SeekToLast(); it->Valid(); it->Prev()) --entries;
      run.Expect(entries == 0, "as many entries backwards");
    }
    for (int i = 0; i < 50; ++i) {
      std::string value;
      const Status s = db_->Get(ReadOptions(), handles_[i % handles_.size()],
                                Key(i), &value);
      run.Note(Key(i), " ", s.ToString(), " ", Show(value));
    }
  }

 private:
  std::unique_ptr<DB> db_;
  Handles handles_;
};

using OpenOther =
    std::function<Status(const Options&, const std::string& dir,
                         const std::vector<ColumnFamilyDescriptor>&, Handles*,
                         std::unique_ptr<DB>*)>;

std::unique_ptr<OtherInstance> Open(DbRun& run,
                                    std::shared_ptr<MemTableRepFactory> factory,
                                    const OpenOther& open) {
  Options options = run.options;
  options.memtable_factory = std::move(factory);
  options.max_open_files = -1;
  std::unique_ptr<DB> db;
  Handles handles;
  const Status status =
      open(options, run.dir(),
           {{rocksdb::kDefaultColumnFamilyName, options}, {"one", options}},
           &handles, &db);
  run.Expect(status, "open the other instance");
  if (!status.ok()) return nullptr;
  return std::make_unique<OtherInstance>(std::move(db), std::move(handles));
}

void RandomWrites(DbRun& run, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const std::string key = Key(Below(run.random, 2000));
    const size_t family = Below(run.random, 2);
    if (Below(run.random, 8) == 0) {
      run.Delete(key, family);
    } else if (Below(run.random, 100) == 0) {
      run.DeleteRange(key, key + "~", family);
    } else {
      run.Put(key, RandomValue(run.random, 60), family);
    }
  }
}

// Gives the primary its factory, and returns the other instance's.
std::shared_ptr<MemTableRepFactory> Assign(DbRun& run, Tested tested) {
  const std::shared_ptr<MemTableRepFactory> under_test =
      run.options.memtable_factory;
  if (tested == Tested::kOther) run.options.memtable_factory = DefaultFactory();
  return tested == Tested::kPrimary ? DefaultFactory() : under_test;
}

void Secondary(DbRun& run, Tested tested) {
  run.more_families = {"one"};
  run.options.write_buffer_size = 256 << 10;
  const auto factory = Assign(run, tested);
  if (!run.Open()) return;
  RandomWrites(run, 500);
  auto secondary =
      Open(run, factory,
           [&run](const Options& options, const std::string& dir,
                  const std::vector<ColumnFamilyDescriptor>& families,
                  Handles* handles, std::unique_ptr<DB>* db) {
             return DB::OpenAsSecondary(options, dir, run.dir() + ".secondary",
                                        families, handles, OpenInto(db));
           });
  if (secondary == nullptr) return;
  secondary->NoteAll(run);
  for (int round = 0; round < 8; ++round) {
    RandomWrites(run, Scaled(1500));
    if (round % 3 == 2) run.Flush();
    run.Expect((*secondary)->TryCatchUpWithPrimary(), "catch up");
    secondary->NoteAll(run);
  }
}

TEST_P(DbInstancesTest, Secondary) {
  for (Tested tested : {Tested::kPrimary, Tested::kOther, Tested::kBoth}) {
    Compare([tested](DbRun& run) { Secondary(run, tested); });
  }
}

void ReadOnly(DbRun& run, Tested tested) {
  run.more_families = {"one"};
  const auto factory = Assign(run, tested);
  if (!run.Open()) return;
  RandomWrites(run, Scaled(10000));
  run.Flush();
  RandomWrites(run, Scaled(10000));
  auto reader = Open(run, factory,
                     [](const Options& options, const std::string& dir,
                        const std::vector<ColumnFamilyDescriptor>& families,
                        Handles* handles, std::unique_ptr<DB>* db) {
                       return DB::OpenForReadOnly(options, dir, families,
                                                  handles, OpenInto(db));
                     });
  if (reader == nullptr) return;
  reader->NoteAll(run);
  const Status refused = (*reader)->Put(WriteOptions(), "key", "value");
  run.Note("write: ", refused.ToString());
  // What the primary writes now does not show.
  RandomWrites(run, 500);
  reader->NoteAll(run);
}

TEST_P(DbInstancesTest, ReadOnly) {
  for (Tested tested : {Tested::kPrimary, Tested::kOther, Tested::kBoth}) {
    Compare([tested](DbRun& run) { ReadOnly(run, tested); });
  }
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
