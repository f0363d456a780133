// SPDX-License-Identifier: Apache-2.0
//
// What RocksDB learnt after 7.8 that reads or writes a memtable in another way,
// or goes around it; each from its first version on. Elsewhere: prefix hints of
// one table (db_basic_test, db_deletion_test), checks of memory
// (db_memory_checks_test).
#include <atomic>
#include <thread>

#include "memtablerep/rocksdb_compat.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/statistics.h"
#include "rocksdb/utilities/transaction.h"
#include "rocksdb/utilities/write_batch_with_index.h"
#include "rocksdb/write_buffer_manager.h"
#include "tests/db/db_random_reads.h"
#include "tests/db/db_test_util.h"
#include "tests/db/db_transactions.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbLaterOptionsTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbLaterOptionsTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

// From 11.1 on, by memtable_batch_lookup_optimization.
TEST_P(DbLaterOptionsTest, MultiGetOfManyFamilies) {
  Compare([](DbRun& run) {
    constexpr uint64_t kKeys = 3000;
    run.more_families = {"one", "two"};
    run.options.merge_operator = std::make_shared<AppendOperator>();
#if FASTSKIP_ROCKSDB_AT_LEAST(11, 1)
    run.options.memtable_batch_lookup_optimization = true;
#endif
    if (!run.Open()) return;
    const Snapshot* snapshot = nullptr;
    for (size_t i = 0; i < Scaled(12000); ++i) {
      const size_t family = Below(run.random, 3);
      const uint64_t key = Below(run.random, kKeys);
      switch (Below(run.random, 30)) {
        case 0:
          run.DeleteRange(Key(key), Key(key + 10), family);
          break;
        case 1:
        case 2:
          run.Delete(Key(key), family);
          break;
        case 3:
        case 4:
        case 5:
          run.Merge(Key(key), std::to_string(i), family);
          break;
        default:
          run.Put(Key(key), RandomValue(run.random, 30), family);
      }
      if (i == Scaled(6000)) snapshot = run.db()->GetSnapshot();
      if (i == Scaled(7000)) run.Flush();
      if (i % 50 != 0) continue;
      ReadOptions read;
      NoteMultiGet(run, read, kKeys);
      read.snapshot = snapshot;
      NoteMultiGet(run, read, kKeys);
    }
    run.db()->ReleaseSnapshot(snapshot);
  });
}

#if FASTSKIP_ROCKSDB_AT_LEAST(8, 6)

uint64_t FlushedFiles(DbRun& run) {
  run.Expect(run.db()->WaitForCompact(rocksdb::WaitForCompactOptions()),
             "wait for flushes");
  std::string level0;
  run.Expect(run.db()->GetProperty("rocksdb.num-files-at-level0", &level0),
             "files of level 0");
  return std::stoull(level0);
}

TEST_P(DbLaterOptionsTest, MaxRangeDeletions) {
  Compare([](DbRun& run) {
    run.options.memtable_max_range_deletions = 20;
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    for (size_t i = 0; i < 1000; ++i) {
      const uint64_t key = Below(run.random, 2000);
      run.Put(Key(Below(run.random, 2000)), RandomValue(run.random, 30));
      if (i % 4 == 0) run.DeleteRange(Key(key), Key(key + 5));
      if (i % 7 == 0) run.NoteGet(Key(key));
    }
    run.Expect(FlushedFiles(run) > 1, "range deletions led to flushes");
  });
}

#endif  // 8.6

// --------------------------------------------------------------------------
// Around the memtable: a batch with an index becomes a memtable of its own,
// which is sealed and beside which the active one is replaced.

#if FASTSKIP_ROCKSDB_AT_LEAST(9, 10)

uint64_t ActiveEntries(DbRun& run) {
  uint64_t entries = 0;
  run.Expect(run.db()->GetIntProperty(DB::Properties::kNumEntriesActiveMemTable,
                                      &entries),
             "entries of the active memtable");
  return entries;
}

void CommitAround(DbRun& run, int number) {
  rocksdb::TransactionOptions around;
  around.commit_bypass_memtable = true;
  const std::unique_ptr<rocksdb::Transaction> txn(
      static_cast<rocksdb::TransactionDB*>(run.db())->BeginTransaction(
          run.write_options, around));
  run.Expect(txn->SetName(Concat("txn", number)), "name");
  for (int i = 0; i < 200; ++i) {
    const std::string key = Key(Below(run.random, 1000));
    run.Expect(i % 9 == 0 ? txn->Delete(key) : txn->Put(key, Concat(number)),
               "operation of a transaction");
  }
  run.Expect(txn->Prepare(), "prepare");
  run.Expect(txn->Commit(), "commit");
}

TEST_P(DbLaterOptionsTest, TransactionsThatCommitAroundTheMemtable) {
  Compare([](DbRun& run) {
    run.opener = OpenTransactionDB;
    run.options.max_write_buffer_number = 8;
    if (!run.Open()) return;
    for (int number = 0; number < 20; ++number) {
      for (int i = 0; i < 200; ++i) {
        run.Put(Key(Below(run.random, 1000)), RandomValue(run.random, 30));
      }
      const Snapshot* snapshot = run.db()->GetSnapshot();
      run.Expect(ActiveEntries(run) >= 200, "writes are in the memtable");
      CommitAround(run, number);
      run.Expect(ActiveEntries(run) == 0, "the commit went around it");
      ReadOptions read;
      read.snapshot = snapshot;
      run.NoteContents(read);
      run.NoteContents();
      run.db()->ReleaseSnapshot(snapshot);
    }
  });
}

#endif  // 9.10

#if FASTSKIP_ROCKSDB_AT_LEAST(10, 2)

TEST_P(DbLaterOptionsTest, IngestedBatchesWithIndex) {
  Compare([](DbRun& run) {
    run.more_families = {"one"};
    run.options.max_write_buffer_number = 8;
    run.write_options.disableWAL = true;
    if (!run.Open()) return;
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 200; ++i) {
        run.Put(Key(Below(run.random, 1000)), RandomValue(run.random, 30));
      }
      const auto batch = std::make_shared<rocksdb::WriteBatchWithIndex>(
          rocksdb::BytewiseComparator(), 0, /*overwrite_key=*/true);
      for (int i = 0; i < 200; ++i) {
        ColumnFamilyHandle* const family = run.family(i % 2);
        const std::string key = Key(Below(run.random, 1000));
        run.Expect(i % 9 == 0 ? batch->Delete(family, key)
                              : batch->Put(family, key, Concat(round)),
                   "batch");
      }
      run.Expect(run.db()->IngestWriteBatchWithIndex(run.write_options, batch),
                 "ingest");
      run.Expect(ActiveEntries(run) == 0, "the batch went around the memtable");
      run.NoteContents();
    }
    run.Flush();  // there is no WAL
  });
}

#endif  // 10.2

#if FASTSKIP_ROCKSDB_AT_LEAST(10, 0)

// A column family that is filled by files alone. RocksDB gives it a `vector`
// for a memtable, whatever was asked for.
TEST_P(DbLaterOptionsTest, DisallowedMemtableWrites) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    ColumnFamilyOptions only_files = run.options;
    only_files.disallow_memtable_writes = true;
    ColumnFamilyHandle* family = nullptr;
    run.Expect(run.db()->CreateColumnFamily(only_files, "files", &family),
               "create a column family");
    if (family == nullptr) return;
    run.Note(run.db()->GetOptions(family).memtable_factory->Name());
    const std::string file = run.dir() + ".sst";
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), run.options);
    run.Expect(writer.Open(file), "open a file");
    for (int i = 0; i < 500; ++i) {
      run.Expect(writer.Put(Key(i), Concat("file", i)), "write to the file");
      run.Put(Key(i), Concat("memtable", i));
    }
    run.Expect(writer.Finish(), "finish the file");
    run.Note(run.db()->Put(run.write_options, family, "k", "v").ToString());
    run.Expect(run.db()->IngestExternalFile(
                   family, {file}, rocksdb::IngestExternalFileOptions()),
               "ingest");
    for (int i = 0; i < 600; ++i) {
      std::string value;
      const Status got =
          run.db()->Get(run.read_options, family, Key(i), &value);
      run.Note(got.ToString(), " ", value);
      run.NoteGet(Key(i));
    }
    run.Expect(run.db()->DropColumnFamily(family), "drop");
    run.Expect(run.db()->DestroyColumnFamilyHandle(family), "destroy handle");
  });
}

#endif  // 10.0

// --------------------------------------------------------------------------
// Reads that have the memtable flushed, or write to it.

#if FASTSKIP_ROCKSDB_AT_LEAST(10, 2)

void FillAndDelete(DbRun& run, uint64_t keys, uint64_t kept_every) {
  for (uint64_t i = 0; i < keys; ++i) run.Put(Key(i), Concat(i));
  for (uint64_t i = 0; i < keys; ++i) {
    if (i % kept_every != 0) run.Delete(Key(i));
  }
}

// A memtable that is marked requests its flush with the next write, and the one
// behind that carries it out.
void ExpectFlushAfterScan(DbRun& run, bool flush) {
  run.NoteContents();
  run.Put("last", "write");
  run.Put("very last", "write");
  run.Expect(FlushedFiles(run) == (flush ? 1 : 0),
             "the scan has the memtable flushed");
}

// One step passes a thousand hidden entries.
TEST_P(DbLaterOptionsTest, AScanOfManyHiddenEntriesHasTheMemtableFlushed) {
  for (const bool enough : {false, true}) {
    Compare([enough](DbRun& run) {
      run.options.memtable_op_scan_flush_trigger = enough ? 500 : 5000;
      if (!run.Open()) return;
      FillAndDelete(run, 2000, 1000);
      ExpectFlushAfterScan(run, enough);
    });
  }
}

#endif  // 10.2

#if FASTSKIP_ROCKSDB_AT_LEAST(10, 4)

// Each step passes few hidden entries, but all of them do.
TEST_P(DbLaterOptionsTest, ScansOfSomeHiddenEntriesHaveTheMemtableFlushed) {
  for (const bool enough : {false, true}) {
    Compare([enough](DbRun& run) {
      run.options.memtable_op_scan_flush_trigger = 500;
      run.options.memtable_avg_op_scan_flush_trigger = enough ? 10 : 400;
      if (!run.Open()) return;
      FillAndDelete(run, 2000, 20);
      ExpectFlushAfterScan(run, enough);
    });
  }
}

#endif  // 10.4

#if FASTSKIP_ROCKSDB_AT_LEAST(11, 1)

TEST_P(DbLaterOptionsTest, WriteBufferManagerDuringRecovery) {
  for (const bool enforced : {false, true}) {
    Compare([enforced](DbRun& run) {
      run.more_families = {"one"};
      run.options.disable_auto_compactions = true;
      run.options.arena_block_size = 16 << 10;
      run.options.avoid_flush_during_shutdown = true;
      run.options.avoid_flush_during_recovery = true;
      run.options.enforce_write_buffer_manager_during_recovery = enforced;
      if (!run.Open()) return;
      for (int i = 0; i < 8000; ++i) {
        run.Put(Key(Below(run.random, 10000)), RandomValue(run.random, 1000),
                i % 2);
      }
      run.Close();
      run.options.write_buffer_manager =
          std::make_shared<rocksdb::WriteBufferManager>(1 << 20);
      if (!run.Open()) return;
      const uint64_t files = FlushedFiles(run);
      run.Expect(enforced ? files >= 2 : files == 0,
                 "recovery flushes when memory is used up");
      run.NoteContents();
    });
  }
}

#endif  // 11.1

#if FASTSKIP_ROCKSDB_AT_LEAST(11, 8)

// Iterators that pass runs of point tombstones write range tombstones to the
// active memtable, from readers' threads.
class DbRangeConversionTest : public DbTest {
 protected:
  static void Configure(DbRun& run) {
    run.options.min_tombstones_for_range_conversion = 4;
    run.options.statistics = rocksdb::CreateDBStatistics();
  }
  static void ExpectConversions(DbRun& run) {
    run.Expect(run.options.statistics->getTickerCount(
                   rocksdb::READ_PATH_RANGE_TOMBSTONES_INSERTED) > 0,
               "readers wrote range tombstones");
  }
};
INSTANTIATE_TEST_SUITE_P(Memtables, DbRangeConversionTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

TEST_P(DbRangeConversionTest, OneThread) {
  Compare([](DbRun& run) {
    Configure(run);
    if (!run.Open()) return;
    constexpr uint64_t kKeys = 1000;
    for (size_t round = 0; round < Scaled(200); ++round) {
      for (int i = 0; i < 40; ++i) {
        run.Put(Key(Below(run.random, kKeys)), RandomValue(run.random, 30));
      }
      const Snapshot* snapshot = run.db()->GetSnapshot();
      const uint64_t first = Below(run.random, kKeys);
      for (uint64_t i = 0; i < 30; ++i) run.Delete(Key(first + i));
      std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
      for (int i = 0; i < 40; ++i) RandomStep(run, it.get(), kKeys);
      ReadOptions read;
      read.snapshot = snapshot;
      run.NoteContents(read);
      run.NoteContents();
      run.db()->ReleaseSnapshot(snapshot);
      NoteMultiGet(run, ReadOptions(), kKeys);
      if (round % 50 == 49) run.Flush();
    }
    ExpectConversions(run);
  });
}

// One of two writers: each round deletes a run of its own keys and puts some
// of them again.
void DeleteInRuns(DbRun& run, uint64_t writer, size_t rounds) {
  Random random(TestSeed() + writer);
  const std::string prefix = Concat("writer", writer, "/");
  for (size_t round = 0; round < rounds; ++round) {
    const uint64_t first = Below(random, 1000);
    for (uint64_t i = 0; i < 20; ++i) {
      run.Put(Key(first + i, prefix), Concat(round));
    }
    for (uint64_t i = 0; i < 20; ++i) run.Delete(Key(first + i, prefix));
    run.Put(Key(first + Below(random, 20), prefix), Concat(round));
  }
}

TEST_P(DbRangeConversionTest, ReadersBesideWriters) {
  Compare([](DbRun& run) {
    Configure(run);
    run.options.write_buffer_size = 512 << 10;
    if (!run.Open()) return;
    run.Put("a", "is there");
    run.Put("z", "is there");
    std::atomic<bool> writing{true};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 2; ++reader) {
      readers.emplace_back([&run, &writing, reader] {
        while (writing) {
          std::unique_ptr<Iterator> it(run.db()->NewIterator(ReadOptions()));
          const bool forward = reader == 0;
          std::string last;
          for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
               forward ? it->Next() : it->Prev()) {
            last = it->key().ToString();
          }
          run.Expect(it->status(), "scan");
          run.Expect(last == (forward ? "z" : "a"), "a scan ends at the end");
        }
      });
    }
    std::vector<std::thread> writers;
    for (uint64_t writer = 0; writer < 2; ++writer) {
      writers.emplace_back(
          [&run, writer] { DeleteInRuns(run, writer, Scaled(800)); });
    }
    for (std::thread& thread : writers) thread.join();
    writing = false;
    for (std::thread& thread : readers) thread.join();
    run.NoteContents();
    ExpectConversions(run);
  });
}

#endif  // 11.8

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
