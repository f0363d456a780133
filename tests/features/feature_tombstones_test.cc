// SPDX-License-Identifier: Apache-2.0
//
// Tombstones of each kind stay in the memtable until its flush, hide what lies
// below them until a compaction takes both, and let keys be written again.
#include "memtablerep/rocksdb_compat.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureTombstonesTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureTombstonesTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

constexpr uint64_t kKeys = 1500;

// Of three keys in a row: one deleted, one single-deleted, one left; and ten
// keys of each hundred by a range.
void DeleteSome(DbRun& run) {
  for (uint64_t k = 0; k < kKeys; k += 3) {
    run.Delete(Key(k));
    run.SingleDelete(Key(k + 1));
  }
  for (uint64_t k = 50; k < kKeys; k += 100) {
    run.DeleteRange(Key(k), Key(k + 10));
  }
}

bool IsDeleted(uint64_t k) {
  return k % 3 != 2 || (k % 100 >= 50 && k % 100 < 60);
}

void ExpectDeleted(DbRun& run) {
  for (uint64_t k = 0; k < kKeys; ++k) {
    run.Expect((run.Get(Key(k), run.read_options) == "(none)") == IsDeleted(k),
               "what was deleted is gone, the rest is there");
  }
  run.NoteContents();
}

void PutAll(DbRun& run, const char* value) {
  for (uint64_t k = 0; k < kKeys; ++k) run.Put(Key(k), Concat(value, k));
}

// What RocksDB's property counts: before 8.0 those of Delete alone, from there
// on those of SingleDelete too (RocksDB pull request 10886).
constexpr uint64_t kCountedDeletions =
    kKeys / 3 * (FASTSKIP_ROCKSDB_AT_LEAST(8, 0) ? 2 : 1);

uint64_t Deletions(DbRun& run) {
  return IntProperty(run, DB::Properties::kNumDeletesActiveMemTable);
}

TEST_P(FeatureTombstonesTest, StayUntilTheFlushAndHideUntilTheCompaction) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    PutAll(run, "old ");
    run.Flush();
    DeleteSome(run);
    run.Expect(Deletions(run) == kCountedDeletions, "tombstones are counted");
    run.Expect(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) >=
                   kKeys / 3 * 2,
               "tombstones of SingleDelete too");
    run.Note(Deletions(run), " tombstones in the memtable");
    ExpectDeleted(run);
    run.Flush();
    run.Expect(Deletions(run) == 0, "the next memtable has none");
    ExpectDeleted(run);
    uint64_t points = 0, ranges = 0;
    for (const auto& table : TablesOf(run)) {
      points += table->num_deletions;
      ranges += table->num_range_deletions;
    }
    run.Note(points, " tombstones of keys and ", ranges, " of ranges in files");
    run.Expect(ranges == kKeys / 100, "of ranges");
    CompactAll(run);
    for (const auto& table : TablesOf(run)) {
      run.Expect(table->num_deletions == 0 && table->num_range_deletions == 0,
                 "the compaction has taken them");
    }
    ExpectDeleted(run);
    ReopenWithoutAndWith(run);
  });
}

TEST_P(FeatureTombstonesTest, InTheMemtableOfWhatTheyHide) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    PutAll(run, "old ");
    const Snapshot* before = run.db()->GetSnapshot();
    DeleteSome(run);
    ExpectDeleted(run);
    ReadOptions read;
    read.snapshot = before;
    run.Expect(run.Contents(read).size() == kKeys, "all were there before");
    run.Flush();
    ExpectDeleted(run);
    run.Expect(run.Contents(read).size() == kKeys, "and still are, then");
    run.db()->ReleaseSnapshot(before);
    ReopenWithoutAndWith(run);
  });
}

TEST_P(FeatureTombstonesTest, DeletedKeysCanBeWrittenAgain) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    for (int round = 0; round < 4; ++round) {
      PutAll(run, "value ");
      // Below the tombstones: in the same memtable, or in a file.
      if (round % 2 == 1) run.Flush();
      DeleteSome(run);
      ExpectDeleted(run);
      if (round == 2) run.Flush();
      for (uint64_t k = 0; k < kKeys; ++k) {
        if (IsDeleted(k)) run.Put(Key(k), Concat("again ", round, " ", k));
      }
      run.Expect(run.Contents(run.read_options).size() == kKeys,
                 "all keys are there again");
      run.NoteContents();
      run.Flush();
      run.NoteContents();
      if (round == 1) CompactAll(run);
    }
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
