// SPDX-License-Identifier: Apache-2.0
//
// Merge operands, single deletions and range deletions: entries of other
// types than values, and tables of range tombstones beside the memtable.
#include "memtablerep/rocksdb_compat.h"
#include "rocksdb/slice_transform.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbDeletionTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbDeletionTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

void RandomMerges(DbRun& run, size_t operations) {
  for (size_t i = 0; i < operations; ++i) {
    const std::string key = Key(Below(run.random, 400));
    switch (Below(run.random, 12)) {
      case 0:
        run.Put(key, Concat("base", i));
        break;
      case 1:
        run.Delete(key);
        break;
      case 2:
      case 3:
        run.NoteGet(key);
        break;
      default:
        run.Merge(key, Concat(i));
    }
  }
}

TEST_P(DbDeletionTest, MergeOperands) {
  Compare([](DbRun& run) {
    run.options.merge_operator = std::make_shared<AppendOperator>();
    if (!run.Open()) return;
    RandomMerges(run, Scaled(8000));
    const Snapshot* snapshot = run.db()->GetSnapshot();
    run.Flush();
    RandomMerges(run, Scaled(8000));
    ReadOptions read;
    read.snapshot = snapshot;
    run.NoteContents(read);
    for (int k = 0; k < 400; ++k) {
      std::vector<rocksdb::PinnableSlice> operands(1000);
      rocksdb::GetMergeOperandsOptions limit;
      limit.expected_max_number_of_operands = 1000;
      int n = 0;
      Status s = run.db()->GetMergeOperands(
          run.read_options, run.family(), Key(k), operands.data(), &limit, &n);
      run.Note(Key(k), " ", s.ToString(), " ", n);
      for (int i = 0; i < n; ++i) run.Note(Show(operands[i]));
    }
    run.db()->ReleaseSnapshot(snapshot);
  });
}

// RocksDB reads the memtable inside the insert then.
TEST_P(DbDeletionTest, MergesCollapsedAtInsert) {
  Compare([](DbRun& run) {
    run.options.merge_operator = std::make_shared<AppendOperator>();
    run.options.max_successive_merges = 4;
    run.options.allow_concurrent_memtable_write = false;
    if (!run.Open()) return;
    RandomMerges(run, Scaled(8000));
  });
}

TEST_P(DbDeletionTest, SingleDeletions) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 256 << 10;
    if (!run.Open()) return;
    // A single deletion is allowed for a key put once since the last one.
    std::vector<bool> present(1500, false);
    for (size_t i = 0; i < Scaled(30000); ++i) {
      const size_t k = Below(run.random, present.size());
      if (present[k]) {
        run.SingleDelete(Key(k));
      } else {
        run.Put(Key(k), RandomValue(run.random, 60));
      }
      present[k] = !present[k];
      run.NoteGet(Key(Below(run.random, present.size())));
      if (i % 7000 == 6999) run.Flush();
    }
  });
}

std::pair<std::string, std::string> RandomRange(DbRun& run, uint64_t keys) {
  const uint64_t from = Below(run.random, keys);
  return {Key(from), Key(from + Below(run.random, 60))};
}

TEST_P(DbDeletionTest, RangeDeletions) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    std::vector<const Snapshot*> snapshots;
    for (size_t i = 0; i < Scaled(12000); ++i) {
      if (Below(run.random, 60) == 0) {
        const auto range = RandomRange(run, 3000);
        run.DeleteRange(range.first, range.second);
      } else {
        run.Put(Key(Below(run.random, 3000)), Concat("v", i));
      }
      if (i % 3 == 0) run.NoteGet(Key(Below(run.random, 3000)));
      if (i % 2500 == 2499) snapshots.push_back(run.db()->GetSnapshot());
      if (i % 5000 == 4999) run.Flush();
    }
    // What a range deletion covers is there until some compaction: one could
    // be started by the release of a snapshot.
    ReadOptions all;
    all.ignore_range_deletions = true;
    for (int k = 0; k < 3000; ++k) run.NoteGet(Key(k), all);
    ReadOptions read;
    for (const Snapshot* snapshot : snapshots) {
      read.snapshot = snapshot;
      run.NoteContents(read);
    }
    for (const Snapshot* snapshot : snapshots) {
      run.db()->ReleaseSnapshot(snapshot);
    }
  });
}

// Per-batch hints may be handed to the wrong table after a DeleteRange of the
// same batch, which aborts skip_list of RocksDB 7.8: only the memtable under
// test is asked to use them.
TEST_P(DbDeletionTest, BatchesWithRangeDeletionsAndHints) {
  Compare([](DbRun& run) {
    run.more_families = {"one", "two"};
    run.write_options.memtable_insert_hint_per_batch = run.tested();
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(1500); ++i) {
      WriteBatch batch;
      for (int j = 0; j < 12; ++j) {
        ColumnFamilyHandle* family = run.family(Below(run.random, 3));
        const std::string key = Key(Below(run.random, 2000));
        const auto range = RandomRange(run, 2000);
        Status s;
        switch (Below(run.random, 6)) {
          case 0:
            s = batch.DeleteRange(family, range.first, range.second);
            break;
          case 1:
            s = batch.Delete(family, key);
            break;
          default:
            s = batch.Put(family, key, Concat(i, ".", j));
        }
        run.Expect(s, "batch");
      }
      run.Write(&batch);
      run.NoteGet(Key(Below(run.random, 2000)), i % 3);
    }
    run.NoteContents();
    run.Flush();
  });
}

// Before 9.2 RocksDB gives the point table and the table of range deletions one
// set of prefix hints, which aborts its own skip_list: there only the memtable
// under test is asked to use them.
TEST_P(DbDeletionTest, RangeDeletionsAndPrefixHints) {
  Compare([](DbRun& run) {
    if (run.tested() || compat::kPrefixHintsAreOfOneTable) {
      run.options.memtable_insert_with_hint_prefix_extractor.reset(
          rocksdb::NewFixedPrefixTransform(4));
    }
    run.options.allow_concurrent_memtable_write = false;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(2000); ++i) {
      run.Put(Key(Below(run.random, 3000)), Concat(i));
      if (i % 8 == 0) {
        const auto range = RandomRange(run, 3000);
        run.DeleteRange(range.first, range.second);
      }
      if (i % 16 == 0) run.NoteGet(Key(Below(run.random, 3000)));
    }
    run.NoteContents();
    run.Flush();
  });
}

// A batch writes the same key many times: equal user keys, one sequence
// number apart.
TEST_P(DbDeletionTest, RepeatedKeysInOneBatch) {
  Compare([](DbRun& run) {
    run.options.merge_operator = std::make_shared<AppendOperator>();
    run.write_options.memtable_insert_hint_per_batch = true;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(400); ++i) {
      WriteBatch batch;
      for (int j = 0; j < 40; ++j) {
        const std::string key = Key(Below(run.random, 5) + i % 20);
        Status s = j % 3 == 0   ? batch.Merge(key, Concat(j))
                   : j % 7 == 0 ? batch.Delete(key)
                                : batch.Put(key, Concat(i, ".", j));
        run.Expect(s, "batch");
      }
      run.Write(&batch);
      run.NoteContents(run.read_options);
    }
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
