// SPDX-License-Identifier: Apache-2.0
//
// Bulk ingestion of SST files over a memtable that has the same keys.
#include "rocksdb/sst_file_writer.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureIngestTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureIngestTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// An SST file with every third key from `first` to `last`, and a range
// deletion of the 20 keys from `deleted` on.
std::string MakeFile(DbRun& run, const std::string& name, uint64_t first,
                     uint64_t last, uint64_t deleted) {
  const std::string path = run.dir() + "." + name + ".sst";
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), run.options);
  run.Expect(writer.Open(path), "open the file");
  run.Expect(writer.DeleteRange(Key(deleted), Key(deleted + 20)), "range");
  for (uint64_t k = first; k <= last; k += 3) {
    run.Expect(writer.Put(Key(k), Concat(name, " ", k)), "add");
  }
  run.Expect(writer.Finish(), "finish");
  return path;
}

TEST_P(FeatureIngestTest, FilesOverAFullMemtable) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    MixedWrites(run, 6000, 3000);
    const auto then = run.Contents(run.read_options);
    const Snapshot* snapshot = run.db()->GetSnapshot();
    const std::string file = MakeFile(run, "first", 500, 2500, 100);

    // RocksDB sees the overlap by reading the memtable.
    rocksdb::IngestExternalFileOptions ingest;
    ingest.allow_blocking_flush = false;
    run.Expect(!run.db()->IngestExternalFile({file}, ingest).ok(),
               "the memtable is in the way");
    run.Expect(run.Contents(run.read_options) == then, "nothing has changed");
    ingest.allow_blocking_flush = true;
    run.Expect(run.db()->IngestExternalFile({file}, ingest), "ingest");
    run.Expect(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) == 0,
               "the memtable was flushed first");
    run.Expect(run.Get(Key(503), run.read_options) == Show("first 503"),
               "the file's values are newer");
    run.NoteGet(Key(110));
    run.NoteContents();
    ReadOptions read;
    read.snapshot = snapshot;
    run.Expect(run.Contents(read) == then, "not in the older snapshot");
    run.db()->ReleaseSnapshot(snapshot);

    // Newer than the file again.
    MixedWrites(run, 2000, 3000);
    run.NoteContents();
    ReopenWithoutAndWith(run);
  });
}

// Files beside what the memtable has leave it alone.
TEST_P(FeatureIngestTest, FilesBesideTheMemtable) {
  Compare([](DbRun& run) {
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    MixedWrites(run, 3000, 2000);
    const uint64_t entries =
        IntProperty(run, DB::Properties::kNumEntriesActiveMemTable);
    rocksdb::IngestExternalFileOptions ingest;
    ingest.allow_blocking_flush = false;
    run.Expect(run.db()->IngestExternalFile(
                   {MakeFile(run, "beside", 5000, 6000, 7000)}, ingest),
               "ingest");
    run.Expect(
        IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) == entries,
        "the memtable is as it was");
    run.NoteContents();
    run.NoteGet(Key(5003));
    MixedWrites(run, 3000, 6500);
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
