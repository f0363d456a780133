// SPDX-License-Identifier: Apache-2.0
//
// Bloom and Ribbon filters, per key and per prefix, over files that come out
// of the memtable.
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureFilterTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureFilterTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

constexpr uint64_t kPrefixes = 200;
constexpr uint64_t kKeys = 10000;

// "t012/004711": a table's prefix of five bytes and a key.
std::string TableKey(uint64_t prefix, uint64_t key) {
  return Key(prefix, "t", 3) + Key(key, "/");
}

void UseFilter(DbRun& run, const rocksdb::FilterPolicy* policy,
               bool whole_keys) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(policy);
  table.whole_key_filtering = whole_keys;
  // True by default in RocksDB 9.10, where sizes then depend on malloc.
  table.optimize_filters_for_memory = false;
  run.options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (!whole_keys) {
    run.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(5));
    run.read_options.total_order_seek = true;  // for reading everything
  }
  run.options.statistics = rocksdb::CreateDBStatistics();
  run.options.disable_auto_compactions = true;
}

// Three files, and a memtable over them. Odd prefixes and keys are not there.
void Fill(DbRun& run) {
  for (uint64_t i = 0; i < kKeys; ++i) {
    run.Put(TableKey(2 * Below(run.random, kPrefixes), 2 * i),
            RandomValue(run.random, 40));
    if (i == kKeys / 4 || i == kKeys / 2 || i == kKeys / 4 * 3) run.Flush();
  }
}

void Look(DbRun& run) {
  for (int i = 0; i < 3000; ++i) {
    const uint64_t prefix = Below(run.random, 2 * kPrefixes);
    run.NoteGet(TableKey(prefix, Below(run.random, 2 * kKeys)), ReadOptions());
  }
}

void ScanPrefixes(DbRun& run) {
  ReadOptions read;
  read.prefix_same_as_start = true;
  size_t found = 0;
  for (uint64_t prefix = 0; prefix < 2 * kPrefixes; ++prefix) {
    std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
    for (it->Seek(Key(prefix, "t", 3) + "/"); it->Valid();
         it->Next(), ++found) {
      if (found % 20 == 0) run.NoteAt(it.get(), "in prefix");
    }
    run.Expect(it->status(), "prefix scan");
  }
  run.Note(found, " keys by their prefixes");
  run.Expect(found == kKeys, "each key is found by its prefix");
}

uint64_t FilterBytes(DbRun& run) {
  uint64_t bytes = 0;
  for (const auto& table : TablesOf(run)) bytes += table->filter_size;
  run.Note("filters of ", bytes, " bytes");
  return bytes;
}

void PerKey(DbRun& run, const rocksdb::FilterPolicy* policy, bool ribbon) {
  UseFilter(run, policy, /*whole_keys=*/true);
  if (!run.Open()) return;
  Fill(run);
  Look(run);
  run.Expect(Ticker(run, rocksdb::BLOOM_FILTER_USEFUL) > 1000,
             "the filter spared reads of keys");
  // Ten bits for a key, of which Ribbon saves about three.
  const uint64_t bits = FilterBytes(run) * 8 / kKeys;
  run.Expect(bits > 2 && (bits < 7) == ribbon, "the filter is of its kind");
  if (ReopenWithoutAndWith(run)) Look(run);
}

void PerPrefix(DbRun& run, const rocksdb::FilterPolicy* policy) {
  UseFilter(run, policy, /*whole_keys=*/false);
  if (!run.Open()) return;
  Fill(run);
  Look(run);
  ScanPrefixes(run);
  run.Expect(FilterBytes(run) > 0, "there are filters");
  run.Expect(Ticker(run, rocksdb::BLOOM_FILTER_PREFIX_USEFUL) > 100,
             "the filter spared reads of prefixes");
  if (ReopenWithoutAndWith(run)) ScanPrefixes(run);
}

TEST_P(FeatureFilterTest, BloomPerKey) {
  Compare([](DbRun& run) {
    PerKey(run, rocksdb::NewBloomFilterPolicy(10), /*ribbon=*/false);
  });
}

TEST_P(FeatureFilterTest, BloomPerPrefix) {
  Compare(
      [](DbRun& run) { PerPrefix(run, rocksdb::NewBloomFilterPolicy(10)); });
}

// -1: on every level, also for what a flush writes.
TEST_P(FeatureFilterTest, RibbonPerKey) {
  Compare([](DbRun& run) {
    PerKey(run, rocksdb::NewRibbonFilterPolicy(10, -1), /*ribbon=*/true);
  });
}

TEST_P(FeatureFilterTest, RibbonPerPrefix) {
  Compare([](DbRun& run) {
    PerPrefix(run, rocksdb::NewRibbonFilterPolicy(10, -1));
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
