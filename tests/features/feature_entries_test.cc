// SPDX-License-Identifier: Apache-2.0
//
// Kinds of entries and of order from the memtable to the last level: range
// deletions, merge operands, versions under snapshots, comparators, and
// user-defined timestamps.
#include "rocksdb/convenience.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice_transform.h"
#include "tests/db/db_comparators.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureEntriesTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureEntriesTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// Its own table of comparators: not for key_order=bytewise.
class FeatureOrderTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureOrderTest,
                         ::testing::ValuesIn(AnyOrderConfigs()), ConfigName);

// --------------------------------------------------------------------------
// DeleteRange, and deleting a prefix by it.

std::string TenantKey(uint64_t tenant, uint64_t key) {
  return Key(tenant, "t", 2) + Key(key, "/", 4);
}

// The first key behind all that start with `prefix`.
std::string PrefixEnd(std::string prefix) {
  ++prefix.back();
  return prefix;
}

TEST_P(FeatureEntriesTest, DeleteRangeAndPrefix) {
  Compare([](DbRun& run) {
    run.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(4));
    run.read_options.total_order_seek = true;
    if (!run.Open()) return;
    std::vector<const Snapshot*> snapshots;
    for (int round = 0; round < 4; ++round) {
      for (uint64_t i = 0; i < 2000; ++i) {
        run.Put(TenantKey(Below(run.random, 12), Below(run.random, 1000)),
                Concat(round, ".", i));
      }
      snapshots.push_back(run.db()->GetSnapshot());
      const std::string prefix = Key(Below(run.random, 12), "t", 2) + "/";
      run.DeleteRange(prefix, PrefixEnd(prefix));
      for (int range = 0; range < 5; ++range) {
        const uint64_t from = Below(run.random, 900);
        const uint64_t tenant = Below(run.random, 12);
        run.DeleteRange(TenantKey(tenant, from), TenantKey(tenant, from + 99));
      }
      ReadOptions in_prefix;
      in_prefix.prefix_same_as_start = true;
      std::unique_ptr<Iterator> it(run.db()->NewIterator(in_prefix));
      it->Seek(prefix);
      run.Expect(!it->Valid(), "the prefix is empty");
      run.NoteContents();
      if (round == 1) run.Flush();
      if (round == 2) CompactAll(run);
      run.Put(prefix + "again", "a deleted key can be written again");
      run.NoteGet(prefix + "again");
    }
    for (const Snapshot* snapshot : snapshots) {
      ReadOptions read = run.read_options;
      read.snapshot = snapshot;
      run.NoteContents(read);
      run.db()->ReleaseSnapshot(snapshot);
    }
    if (!ReopenWithoutAndWith(run)) return;
    run.Flush();
    CompactAll(run);
    for (const auto& table : TablesOf(run)) {
      run.Expect(table->num_range_deletions == 0, "no tombstone is left");
    }
  });
}

// --------------------------------------------------------------------------
// Merge operators of RocksDB's own, by name.

TEST_P(FeatureEntriesTest, MergeOperators) {
  Compare([](DbRun& run) {
    run.Expect(rocksdb::MergeOperator::CreateFromString(
                   rocksdb::ConfigOptions(), "StringAppendOperator",
                   &run.options.merge_operator),
               "the operator");
    if (!run.Open()) return;
    for (int part = 0; part < 4; ++part) {
      for (uint64_t i = 0; i < 3000; ++i) {
        const std::string key = Key(Below(run.random, 300));
        if (i % 50 == 7) {
          run.Delete(key);
        } else if (i % 50 == 23) {
          run.Put(key, Concat("base", i));
        } else {
          run.Merge(key, Concat(part, ".", i));
        }
        if (i % 4 == 0) run.NoteGet(Key(Below(run.random, 300)));
      }
      run.NoteContents();
      if (part == 0 || part == 2) run.Flush();
      if (part == 1) CompactAll(run);
    }
    // Operands still unmerged in the memtable, and below it.
    run.Expect(IntProperty(run, DB::Properties::kNumEntriesActiveMemTable) > 0,
               "operands are in the memtable");
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Reads at a sequence number that was held: in memtables, files, and after
// compactions.

TEST_P(FeatureEntriesTest, ReadsAtSequenceNumbers) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 128 << 10;
    if (!run.Open()) return;
    std::vector<const Snapshot*> held;
    std::vector<std::vector<std::string>> then;
    for (int version = 0; version < 12; ++version) {
      MixedWrites(run, 600, 500);
      held.push_back(run.db()->GetSnapshot());
      run.Note("sequence number ", held.back()->GetSequenceNumber());
      then.push_back(run.Contents(run.read_options));
      if (version == 4) run.Flush();
      if (version == 8) CompactAll(run);
    }
    CompactAll(run);
    for (size_t version = 0; version < held.size(); ++version) {
      ReadOptions read;
      read.snapshot = held[version];
      const auto now = run.Contents(read);
      run.Expect(!now.empty() && now == then[version], "the view is as it was");
      run.Expect(version == 0 || now != then[version - 1], "views differ");
      for (int i = 0; i < 200; ++i) {
        run.NoteGet(Key(Below(run.random, 500)), read);
      }
    }
    for (const Snapshot* snapshot : held) run.db()->ReleaseSnapshot(snapshot);
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Custom comparators: order is theirs alone.

void UnderComparator(DbRun& run, const rocksdb::Comparator* comparator,
                     const std::string& first, const std::string& last) {
  run.options.comparator = comparator;
  run.options.write_buffer_size = 128 << 10;
  if (!run.Open()) return;
  for (int part = 0; part < 3; ++part) {
    for (int i = 0; i < 2500; ++i) {
      const std::string key = std::to_string(Below(run.random, 3000));
      if (i % 9 == 4) {
        run.Delete(key);
      } else {
        run.Put(key, Concat(part, ".", i));
      }
      if (i % 5 == 0) {
        run.NoteGet(std::to_string(Below(run.random, 3000)));
      }
    }
    run.Put("0", "smallest number");
    run.Put("2999", "largest number");
    run.Put("999", "greatest text");
    run.NoteContents();
    if (part == 1) CompactAll(run);
  }
  std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
  it->SeekToFirst();
  run.Expect(it->Valid() && it->key() == first, "the first key");
  it->SeekToLast();
  run.Expect(it->Valid() && it->key() == last, "the last key");
  it.reset();
  ReopenWithoutAndWith(run);
}

TEST_P(FeatureOrderTest, CustomComparator) {
  static const LengthFirst length_first;
  Compare([](DbRun& run) { UnderComparator(run, &length_first, "0", "2999"); });
}

// By bytes and backwards: "999" is the greatest text.
TEST_P(FeatureOrderTest, ReverseComparator) {
  Compare([](DbRun& run) {
    UnderComparator(run, rocksdb::ReverseBytewiseComparator(), "999", "0");
  });
}

// --------------------------------------------------------------------------
// User-defined timestamps: reads at any time that was not given up.

void NoteAtTimes(DbRun& run, uint64_t first, uint64_t last) {
  for (uint64_t t = first; t <= last; t += (last - first) / 5) {
    NoteAtTime(run, t, 200);
  }
}

TEST_P(FeatureOrderTest, UserDefinedTimestamps) {
  Compare([](DbRun& run) {
    UseTimestamps(run);
    if (!run.Open()) return;
    constexpr uint64_t kLast = 6000;
    for (uint64_t t = 1; t <= kLast; ++t) {
      const std::string key = Key(Below(run.random, 200)), ts = Timestamp(t);
      run.Expect(t % 9 == 5 ? run.db()->Delete(run.write_options, run.family(),
                                               key, ts)
                            : run.db()->Put(run.write_options, run.family(),
                                            key, ts, Concat("at ", t)),
                 "write with a timestamp");
      if (t == kLast / 2) run.Flush();
    }
    NoteAtTimes(run, 1, kLast);
    const std::string low = Timestamp(kLast / 2);
    run.Expect(run.db()->IncreaseFullHistoryTsLow(run.family(), low), "low");
    run.Flush();
    CompactAll(run);
    NoteAtTimes(run, kLast / 2, kLast);
    uint64_t entries = 0;
    for (const auto& table : TablesOf(run)) entries += table->num_entries;
    run.Expect(entries < kLast * 3 / 4, "old versions are gone");
    run.Expect(entries > kLast / 3, "newer versions are kept");
    ReopenWithoutAndWith(run);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
