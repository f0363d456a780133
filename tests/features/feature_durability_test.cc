// SPDX-License-Identifier: Apache-2.0
//
// What survives, and where it can be had from: flushes without a WAL,
// checkpoints, backups, the feed of changes, and repair.
#include "rocksdb/transaction_log.h"
#include "rocksdb/utilities/backup_engine.h"
#include "rocksdb/utilities/checkpoint.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

namespace fs = std::filesystem;

class FeatureDurabilityTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureDurabilityTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// Closes the database, puts the files of `copy` in its place, and opens it
// without the plugin and with it.
bool OpenCopyInstead(DbRun& run, const std::string& copy) {
  run.Close();
  fs::remove_all(run.dir());
  fs::rename(copy, run.dir());
  return run.Open() && ReopenWithoutAndWith(run);
}

// The files as a crash at this moment would leave them. Only while no job of
// RocksDB's is at work.
std::string CopyAsAfterCrash(const DbRun& run) {
  const std::string copy = run.dir() + ".crashed";
  fs::copy(run.dir(), copy);
  fs::remove(copy + "/LOCK");
  return copy;
}

// --------------------------------------------------------------------------
// Without a WAL, a flush is what makes data durable.

TEST_P(FeatureDurabilityTest, FlushWithoutWal) {
  Compare([](DbRun& run) {
    run.write_options.disableWAL = true;
    run.options.disable_auto_compactions = true;
    run.more_families = {"one"};
    if (!run.Open()) return;
    for (size_t f = 0; f < 2; ++f) MixedWrites(run, 4000, 3000, 100, f);
    run.Flush();
    const auto flushed = AllContents(run);
    for (size_t f = 0; f < 2; ++f) MixedWrites(run, 2000, 3000, 100, f);
    run.Expect(AllContents(run) != flushed, "more was written");
    if (!OpenCopyInstead(run, CopyAsAfterCrash(run))) return;
    run.Expect(AllContents(run) == flushed, "all that was flushed is there");
    run.NoteContents();
  });
}

// With a WAL, nothing is lost: the control of the test above.
TEST_P(FeatureDurabilityTest, WalBringsMemtablesBack) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    MixedWrites(run, 4000, 3000);
    run.Flush();
    MixedWrites(run, 2000, 3000);
    run.DeleteRange(Key(100), Key(200));
    const auto written = AllContents(run);
    if (!OpenCopyInstead(run, CopyAsAfterCrash(run))) return;
    run.Expect(AllContents(run) == written, "all is there");
  });
}

// --------------------------------------------------------------------------
// Copies of a database in use.

void CheckpointWith(DbRun& run, uint64_t log_size_for_flush) {
  run.more_families = {"one"};
  if (!run.Open()) return;
  for (size_t f = 0; f < 2; ++f) MixedWrites(run, 4000, 3000, 100, f);
  rocksdb::Checkpoint* raw = nullptr;
  run.Expect(rocksdb::Checkpoint::Create(run.db(), &raw), "create");
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  const std::string copy = run.dir() + ".checkpoint";
  const auto then = AllContents(run);
  run.Expect(checkpoint->CreateCheckpoint(copy, log_size_for_flush),
             "checkpoint");
  // Not part of it.
  for (size_t f = 0; f < 2; ++f) MixedWrites(run, 1000, 3000, 100, f);
  if (!OpenCopyInstead(run, copy)) return;
  run.Expect(AllContents(run) == then, "the checkpoint is of its time");
  MixedWrites(run, 500, 3000);
}

TEST_P(FeatureDurabilityTest, CheckpointThatFlushes) {
  Compare([](DbRun& run) { CheckpointWith(run, 0); });
}

// The memtable travels as a WAL, and is filled from it again.
TEST_P(FeatureDurabilityTest, CheckpointThatTakesTheWal) {
  Compare([](DbRun& run) { CheckpointWith(run, 1 << 30); });
}

TEST_P(FeatureDurabilityTest, Backups) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    const rocksdb::BackupEngineOptions options(run.dir() + ".backup");
    rocksdb::BackupEngine* raw = nullptr;
    run.Expect(
        rocksdb::BackupEngine::Open(rocksdb::Env::Default(), options, &raw),
        "open the backups");
    const std::unique_ptr<rocksdb::BackupEngine> backups(raw);
    if (backups == nullptr) return;
    std::vector<std::vector<std::vector<std::string>>> then;
    for (int i = 0; i < 4; ++i) {
      MixedWrites(run, 2000, 2500);
      then.push_back(AllContents(run));
      // Every second one has the memtable in a WAL.
      rocksdb::CreateBackupOptions create;
      create.flush_before_backup = i % 2 == 0;
      run.Expect(backups->CreateNewBackup(create, run.db()), "backup");
      run.Expect(backups->VerifyBackup(static_cast<uint32_t>(i) + 1,
                                       /*verify_with_checksum=*/true),
                 "verify");
    }
    MixedWrites(run, 500, 2500);
    for (const uint32_t id : {2u, 3u}) {
      const std::string copy = run.dir() + ".restored";
      run.Expect(backups->RestoreDBFromBackup(id, copy, copy), "restore");
      if (!OpenCopyInstead(run, copy)) return;
      run.Expect(AllContents(run) == then[id - 1], "the backup is of its time");
      run.NoteContents();
    }
  });
}

// --------------------------------------------------------------------------
// The changes since a sequence number, played on another database.

uint64_t Replay(DbRun& run, uint64_t since, DB* other) {
  std::unique_ptr<rocksdb::TransactionLogIterator> it;
  run.Expect(run.db()->GetUpdatesSince(since, &it), "updates");
  uint64_t batches = 0;
  if (it == nullptr) return 0;
  for (; it->Valid(); it->Next(), ++batches) {
    rocksdb::BatchResult batch = it->GetBatch();
    run.Note("change ", batch.sequence, ": ",
             HashOf(batch.writeBatchPtr->Data()));
    run.Expect(batch.sequence == since, "no change is left out");
    since += batch.writeBatchPtr->Count();
    run.Expect(other->Write(WriteOptions(), batch.writeBatchPtr.get()),
               "replay");
  }
  run.Expect(it->status(), "updates");
  return batches;
}

std::vector<std::string> ContentsOf(DB* db) {
  std::vector<std::string> lines;
  const std::unique_ptr<Iterator> it(db->NewIterator(ReadOptions()));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    lines.push_back(Show(it->key()) + " = " + Show(it->value()));
  }
  return lines;
}

TEST_P(FeatureDurabilityTest, UpdatesSinceASequenceNumber) {
  Compare([](DbRun& run) {
    run.options.WAL_ttl_seconds = 3600;
    if (!run.Open()) return;
    std::unique_ptr<DB> follower;
    run.Expect(
        DB::Open(run.options, run.dir() + ".follower", OpenInto(&follower)),
        "open");
    if (follower == nullptr) return;
    uint64_t next = 1;
    for (int part = 0; part < 5; ++part) {
      MixedWrites(run, 1000, 900);
      run.DeleteRange(Key(50u * part), Key(50u * part + 20));
      WriteBatch batch;
      for (uint64_t k = 0; k < 30; ++k) {
        run.Expect(batch.Put(Key(k), Concat("batch ", part)), "batch");
      }
      run.Write(&batch);
      if (part % 2 == 1) run.Flush();
      run.Expect(Replay(run, next, follower.get()) == 1002, "1,002 changes");
      next = run.db()->GetLatestSequenceNumber() + 1;
      const auto contents = ContentsOf(follower.get());
      run.Expect(!contents.empty() && contents == ContentsOf(run.db()),
                 "the follower has the same");
    }
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Repair: files without their MANIFEST, and a WAL that goes through a memtable
// once more.

TEST_P(FeatureDurabilityTest, RepairAfterManifestLoss) {
  Compare([](DbRun& run) {
    run.more_families = {"one"};
    if (!run.Open()) return;
    for (int part = 0; part < 3; ++part) {
      for (size_t f = 0; f < 2; ++f) MixedWrites(run, 1500, 1200, 100, f);
      if (part < 2) run.Flush();
    }
    run.Expect(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) > 0,
               "something is in the WAL only");
    const auto before = AllContents(run);
    run.Close();
    size_t removed = 0;
    for (const auto& file : fs::directory_iterator(run.dir())) {
      const std::string name = file.path().filename();
      if (name.rfind("MANIFEST", 0) == 0 || name == "CURRENT") {
        removed += fs::remove(file.path()) ? 1 : 0;
      }
    }
    run.Expect(removed >= 2, "the MANIFEST is lost");
    rocksdb::Options broken = run.options;
    broken.create_if_missing = false;
    std::unique_ptr<DB> none;
    run.Expect(!DB::OpenForReadOnly(broken, run.dir(), OpenInto(&none)).ok(),
               "it does not open any more");
    run.Expect(
        rocksdb::RepairDB(run.dir(), run.options,
                          {{rocksdb::kDefaultColumnFamilyName, run.options},
                           {"one", run.options}}),
        "repair");
    if (!run.Open()) return;
    run.Expect(AllContents(run) == before, "everything is there again");
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
