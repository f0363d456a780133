// SPDX-License-Identifier: Apache-2.0
//
// Point operations on a database: the same answers as with skip_list, in the
// memtable, after a flush, and after reopening without the plugin.
#include <algorithm>

#include "memtablerep/rocksdb_compat.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/wide_columns.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbBasicTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbBasicTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

// `operations` random puts, deletes and gets over `keys` keys.
void RandomPoints(DbRun& run, size_t operations, uint64_t keys) {
  for (size_t i = 0; i < operations; ++i) {
    const std::string key = Key(Below(run.random, keys));
    switch (Below(run.random, 8)) {
      case 0:
        run.Delete(key);
        break;
      case 1:
      case 2:
      case 3:
        run.NoteGet(key);
        break;
      default:
        run.Put(key, RandomValue(run.random, 200));
    }
  }
}

TEST_P(DbBasicTest, PointsThroughManySmallMemtables) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 64 << 10;
    if (!run.Open()) return;
    RandomPoints(run, Scaled(20000), 2000);
  });
}

TEST_P(DbBasicTest, PointsInOneLargeMemtableAndItsFlush) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    RandomPoints(run, Scaled(60000), 30000);
    run.NoteContents();
    run.Flush();
    RandomPoints(run, Scaled(5000), 30000);
  });
}

// Fills one memtable with key(0), key(1) … and reads it before and after its
// flush; some keys asked for are not there.
void FillAndRead(DbRun& run, size_t n,
                 const std::function<std::string(size_t)>& key) {
  if (!run.Open()) return;
  for (size_t i = 0; i < n; ++i) run.Put(key(i), Concat("v", i));
  for (size_t i = 0; i < n; i += 7) {
    run.NoteGet(key(i));
    run.NoteGet(key(i) + "x");
  }
  run.NoteContents();
  run.Flush();
  for (size_t i = 0; i < n; i += 31) run.NoteGet(key(i));
}

TEST_P(DbBasicTest, AscendingKeys) {
  Compare([](DbRun& run) {
    FillAndRead(run, Scaled(40000), [](size_t i) { return Key(i); });
  });
}

TEST_P(DbBasicTest, DescendingKeys) {
  Compare([](DbRun& run) {
    FillAndRead(run, Scaled(40000), [](size_t i) { return Key(900000 - i); });
  });
}

TEST_P(DbBasicTest, RandomBinaryKeys) {
  Compare([](DbRun& run) {
    const uint64_t salt = run.random();
    FillAndRead(run, Scaled(40000), [salt](size_t i) {
      Random random(salt + i);
      std::string key(1 + Below(random, 20), '\0');
      for (char& c : key) c = static_cast<char>(random());
      return key;
    });
  });
}

TEST_P(DbBasicTest, UnpaddedDecimalKeys) {
  Compare([](DbRun& run) {
    FillAndRead(run, Scaled(30000),
                [](size_t i) { return "user:" + std::to_string(i); });
  });
}

TEST_P(DbBasicTest, LongCommonPrefixes) {
  Compare([](DbRun& run) {
    FillAndRead(run, Scaled(20000), [](size_t i) {
      // 8 to 64 common bytes; eight groups in turn.
      const size_t group = i % 8;
      return std::string(8 * (group + 1), static_cast<char>('a' + group)) +
             Key(i / 8);
    });
  });
}

TEST_P(DbBasicTest, SeveralTenantsInOneMemtable) {
  Compare([](DbRun& run) {
    FillAndRead(run, Scaled(30000), [](size_t i) {
      return Concat("tenant-", i % 13, "-of-a-long-name/",
                    Key(i * 2654435761 % 1000003, "table/", 8));
    });
  });
}

TEST_P(DbBasicTest, OddKeysAndLargeValues) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    std::vector<std::string> keys = {"",
                                     std::string(1, '\0'),
                                     std::string(8, '\0'),
                                     std::string(9, '\0'),
                                     std::string(16, '\xff'),
                                     std::string(100000, 'k')};
    for (int c = 0; c < 256; ++c) keys.push_back(std::string(1, char(c)));
    for (size_t n = 1; n < 80; ++n) keys.push_back(std::string(n, '\xff'));
    for (size_t n = 1; n < 80; ++n) {
      keys.push_back(std::string(n, 'a') + std::string(1, '\0'));
    }
    for (const std::string& key : keys) {
      run.Put(key, RandomValue(run.random, 100));
    }
    run.Put("empty value", "");
    run.Put("large value", std::string(Scaled(8 << 20), 'V'));
    run.Put(std::string(Scaled(1 << 20), 'K'), "large key");
    for (const std::string& key : keys) run.NoteGet(key);
    run.NoteGet("empty value");
    run.NoteGet("large value");
    run.NoteGet(std::string(Scaled(1 << 20), 'K'));
    run.NoteContents();
    run.Flush();
    for (const std::string& key : keys) run.NoteGet(key);
  });
}

TEST_P(DbBasicTest, ManyVersionsOfFewKeysUnderSnapshots) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    std::vector<const Snapshot*> snapshots;
    const size_t versions = Scaled(3000);
    for (size_t i = 0; i < versions; ++i) {
      for (int k = 0; k < 8; ++k) {
        if (Below(run.random, 40) == 0) {
          run.Delete(Key(k));
        } else {
          run.Put(Key(k), Concat("version", i));
        }
      }
      if (i % (versions / 20 + 1) == 0) {
        snapshots.push_back(run.db()->GetSnapshot());
      }
    }
    for (int pass = 0; pass < 2; ++pass) {
      for (const Snapshot* snapshot : snapshots) {
        ReadOptions read;
        read.snapshot = snapshot;
        for (int k = 0; k < 9; ++k) run.NoteGet(Key(k), read);
        run.NoteContents(read);
      }
      if (pass == 0) run.Flush();
    }
    for (const Snapshot* snapshot : snapshots) {
      run.db()->ReleaseSnapshot(snapshot);
    }
  });
}

TEST_P(DbBasicTest, MultiGet) {
  Compare([](DbRun& run) {
    run.more_families = {"one"};
    run.options.memtable_prefix_bloom_size_ratio = 0.05;
    run.options.memtable_whole_key_filtering = true;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(20000); ++i) {
      run.Put(Key(Below(run.random, 4000)), Concat("a", i));
      if (i % 3 == 0) run.Put(Key(Below(run.random, 4000)), Concat("b", i), 1);
      if (i % 11 == 0) run.Delete(Key(Below(run.random, 4000)));
      if (i == 3000) run.Flush();
    }
    const Snapshot* snapshot = run.db()->GetSnapshot();
    for (int i = 0; i < 100; ++i) run.Delete(Key(i * 7));
    for (int round = 0; round < 200; ++round) {
      ReadOptions read;
      if (round % 2 == 0) read.snapshot = snapshot;
      const size_t n = 1 + Below(run.random, 32);
      std::vector<std::string> keys(n);
      for (std::string& key : keys) key = Key(Below(run.random, 5000));
      const bool sorted = round % 3 == 0;
      if (sorted) std::sort(keys.begin(), keys.end());
      std::vector<Slice> slices(keys.begin(), keys.end());
      std::vector<rocksdb::PinnableSlice> values(n);
      std::vector<Status> statuses(n);
      run.db()->MultiGet(read, run.family(round % 2), n, slices.data(),
                         values.data(), statuses.data(), sorted);
      for (size_t i = 0; i < n; ++i) {
        run.Note(keys[i], " ", statuses[i].ToString(), " ", Show(values[i]));
      }
    }
    run.db()->ReleaseSnapshot(snapshot);
  });
}

TEST_P(DbBasicTest, InplaceUpdate) {
  Compare([](DbRun& run) {
    run.options.inplace_update_support = true;
    run.options.allow_concurrent_memtable_write = false;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(20000); ++i) {
      const std::string key = Key(Below(run.random, 500));
      run.Put(key, RandomValue(run.random, 120));
      run.NoteGet(key);
      if (i % 50 == 0) run.Delete(Key(Below(run.random, 500)));
    }
  });
}

// Overwrites the start of the value in place where the delta fits, or else
// asks for a longer value.
rocksdb::UpdateStatus AppendOrOverwrite(char* existing, uint32_t* existing_size,
                                        Slice delta, std::string* merged) {
  if (existing == nullptr) {
    merged->assign(delta.data(), delta.size());
    return rocksdb::UPDATED;
  }
  if (delta.size() <= *existing_size) {
    memcpy(existing, delta.data(), delta.size());
    *existing_size = static_cast<uint32_t>(delta.size());
    return rocksdb::UPDATED_INPLACE;
  }
  merged->assign(existing, *existing_size);
  merged->append(delta.data(), delta.size());
  return rocksdb::UPDATED;
}

TEST_P(DbBasicTest, InplaceUpdateWithCallback) {
  Compare([](DbRun& run) {
    run.options.inplace_update_support = true;
    run.options.allow_concurrent_memtable_write = false;
    run.options.inplace_callback = AppendOrOverwrite;
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(10000); ++i) {
      const std::string key = Key(Below(run.random, 300));
      run.Put(key, RandomValue(run.random, 60));
      run.NoteGet(key);
    }
    run.Flush();  // RocksDB does not replay a WAL through the callback
  });
}

void PointsUnderBloom(DbRun& run) {
  run.options.memtable_prefix_bloom_size_ratio = 0.2;
  run.options.write_buffer_size = 1 << 20;
  if (!run.Open()) return;
  for (size_t i = 0; i < Scaled(10000); ++i) {
    run.Put(Key(2 * Below(run.random, 5000)), RandomValue(run.random, 50));
    run.NoteGet(Key(Below(run.random, 10000)));
  }
  std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
  for (int i = 0; i < 500; ++i) {
    it->Seek(Key(Below(run.random, 10000)));
    run.NoteAt(it.get(), "seek");
  }
}

TEST_P(DbBasicTest, MemtablePrefixBloom) {
  Compare([](DbRun& run) {
    run.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(7));
    PointsUnderBloom(run);
  });
}

TEST_P(DbBasicTest, MemtableWholeKeyBloom) {
  Compare([](DbRun& run) {
    run.options.memtable_whole_key_filtering = true;
    PointsUnderBloom(run);
  });
}

TEST_P(DbBasicTest, PrefixHints) {
  Compare([](DbRun& run) {
    run.options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(4));
    run.options.allow_concurrent_memtable_write = false;
    if (!run.Open()) return;
    // Runs of ascending keys under 40 prefixes, interleaved, with disorder.
    std::vector<uint64_t> next(40, 0);
    for (size_t i = 0; i < Scaled(40000); ++i) {
      const uint64_t p = Below(run.random, next.size());
      const uint64_t step = Below(run.random, 20);
      const uint64_t n = step == 0 ? Below(run.random, next[p] + 1) : ++next[p];
      run.Put(Key(p, "p", 3) + Key(n, "/", 5), Concat("v", i));
      if (i % 5 == 0) {
        run.NoteGet(Key(p, "p", 3) + Key(Below(run.random, 1000), "/", 5));
      }
      if (i % 9000 == 8999) run.Flush();
    }
  });
}

TEST_P(DbBasicTest, WideColumns) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(4000); ++i) {
      const std::string key = Key(Below(run.random, 700));
      const std::string a = RandomValue(run.random, 30), b = Concat(i);
      rocksdb::WideColumns columns{{rocksdb::kDefaultWideColumnName, a},
                                   {"count", b}};
      run.Expect(
          run.db()->PutEntity(run.write_options, run.family(), key, columns),
          "put entity");
      if (i % 3 == 0) run.Put(Key(Below(run.random, 700)), "plain");
      run.NoteGet(Key(Below(run.random, 700)));
    }
    for (int i = 0; i < 700; ++i) {
      rocksdb::PinnableWideColumns found;
      Status s =
          run.db()->GetEntity(run.read_options, run.family(), Key(i), &found);
      run.Note(Key(i), " ", s.ToString(), " ", found.columns().size());
      for (const auto& column : found.columns()) {
        run.Note(Show(column.name()), "=", Show(column.value()));
      }
    }
  });
}

TEST_P(DbBasicTest, HugePages) {
  Compare([](DbRun& run) {
    run.options.memtable_huge_page_size = 2 << 20;
    run.options.write_buffer_size = 8 << 20;
    if (!run.Open()) return;
    RandomPoints(run, Scaled(10000), 5000);
  });
}

// --------------------------------------------------------------------------
// Checks that RocksDB makes of the memtable's bytes.

using ProtectionParam = std::tuple<MemtableConfig, int>;

class DbProtectionTest : public ::testing::TestWithParam<ProtectionParam> {};
INSTANTIATE_TEST_SUITE_P(
    Memtables, DbProtectionTest,
    ::testing::Combine(::testing::ValuesIn(BytewiseConfigs()),
                       ::testing::Values(1, 2, 4, 8)),
    [](const ::testing::TestParamInfo<ProtectionParam>& info) {
      return Concat(std::get<0>(info.param).name, std::get<1>(info.param));
    });

TEST_P(DbProtectionTest, PerKeyChecksums) {
  TestSeed();
  const int bytes = std::get<1>(GetParam());
  EXPECT_EQ("", Difference(std::get<0>(GetParam()), [bytes](DbRun& run) {
              run.options.memtable_protection_bytes_per_key = bytes;
              run.options.write_buffer_size = 256 << 10;
              if (!run.Open()) return;
              RandomPoints(run, Scaled(6000), 1000);
              run.NoteContents();
            }));
}

#if FASTSKIP_ROCKSDB_AT_LEAST(9, 6)
TEST_P(DbBasicTest, ParanoidMemoryChecks) {
  Compare([](DbRun& run) {
    run.options.paranoid_memory_checks = true;
    run.options.memtable_protection_bytes_per_key = 8;
    run.options.write_buffer_size = 1 << 20;
    if (!run.Open()) return;
    RandomPoints(run, Scaled(20000), 3000);
    run.NoteContents();
  });
}
#endif

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
