// SPDX-License-Identifier: Apache-2.0
//
// Iterators of a database: walks in both directions, bounds, prefixes,
// refresh, tailing, and iterators that stay while the memtable grows, is
// sealed and is flushed.
#include "rocksdb/slice_transform.h"
#include "tests/db/db_random_reads.h"
#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class DbIteratorTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, DbIteratorTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

void RandomWrites(DbRun& run, size_t n, uint64_t keys) {
  for (size_t i = 0; i < n; ++i) {
    const std::string key = Key(Below(run.random, keys));
    if (Below(run.random, 6) == 0) {
      run.Delete(key);
    } else {
      run.Put(key, RandomValue(run.random, 30));
    }
  }
}

TEST_P(DbIteratorTest, RandomWalkInOneMemtable) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    RandomWrites(run, Scaled(40000), 20000);
    std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
    for (size_t i = 0; i < Scaled(30000); ++i) {
      RandomStep(run, it.get(), 20000);
    }
  });
}

TEST_P(DbIteratorTest, RandomWalkOverMemtablesAndFiles) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (int part = 0; part < 4; ++part) {
      RandomWrites(run, Scaled(4000), 3000);
      if (part < 3) run.Flush();
    }
    std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
    for (size_t i = 0; i < Scaled(20000); ++i) RandomStep(run, it.get(), 3000);
  });
}

// Each round: an iterator of its own bounds over a growing memtable.
TEST_P(DbIteratorTest, Bounds) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (size_t round = 0; round < Scaled(300); ++round) {
      RandomWrites(run, 60, 2000);
      std::string from = RandomKey(run, 2000), to = RandomKey(run, 2000);
      if (to < from) std::swap(from, to);
      const Slice lower(from), upper(to);
      ReadOptions read;
      if (round % 3 != 0) read.iterate_lower_bound = &lower;
      if (round % 3 != 1) read.iterate_upper_bound = &upper;
      std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
      it->SeekToFirst();
      run.NoteAt(it.get(), "first");
      it->SeekToLast();
      run.NoteAt(it.get(), "last");
      for (int i = 0; i < 40; ++i) RandomStep(run, it.get(), 2000);
    }
  });
}

// The view stays as it was made whatever is written, sealed and flushed; each
// Refresh() brings it up to date.
TEST_P(DbIteratorTest, ViewStaysUntilRefresh) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    RandomWrites(run, 300, 1500);
    std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
    it->SeekToFirst();
    for (size_t i = 0; i < Scaled(12000); ++i) {
      RandomWrites(run, 2, 1500);
      RandomStep(run, it.get(), 1500);
      if (Below(run.random, 50) == 0) {
        run.Expect(it->Refresh(), "refresh");
        it->Seek(RandomKey(run, 1500));
        run.NoteAt(it.get(), "refreshed");
      }
      if (i % 3000 == 2999) run.Flush();
    }
  });
}

TEST_P(DbIteratorTest, RefreshWithinOneMemtableSeesAppends) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
    for (size_t i = 0; i < Scaled(3000); ++i) {
      run.Put(Key(i), Concat(i));
      run.Expect(it->Refresh(), "refresh");
      it->SeekToLast();
      run.NoteAt(it.get(), "last");
      it->Seek(Key(i));
      run.NoteAt(it.get(), "new");
      for (int back = 0; back < 3 && it->Valid(); ++back) it->Prev();
      run.NoteAt(it.get(), "three back");
    }
  });
}

TEST_P(DbIteratorTest, ManyIteratorsOfDifferentAges) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 128 << 10;
    if (!run.Open()) return;
    std::vector<std::unique_ptr<Iterator>> iterators;
    for (int age = 0; age < 25; ++age) {
      RandomWrites(run, Scaled(800), 1000);
      iterators.emplace_back(run.db()->NewIterator(run.read_options));
    }
    for (auto& it : iterators) {
      size_t entries = 0;
      uint64_t hash = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next(), ++entries) {
        hash = hash * 31 + HashOf(it->key()) + HashOf(it->value());
      }
      run.Note(entries, " entries, hash ", hash, it->status().ToString());
      uint64_t back = 0;
      for (it->SeekToLast(); it->Valid(); it->Prev()) ++back;
      run.Note(back, " backwards");
    }
  });
}

TEST_P(DbIteratorTest, TailingFollowsWritesAndFlushes) {
  Compare([](DbRun& run) {
    run.options.write_buffer_size = 128 << 10;
    if (!run.Open()) return;
    ReadOptions tailing;
    tailing.tailing = true;
    std::unique_ptr<Iterator> it(run.db()->NewIterator(tailing));
    uint64_t written = 0;
    for (size_t round = 0; round < Scaled(800); ++round) {
      const uint64_t burst = 1 + Below(run.random, 20);
      for (uint64_t i = 0; i < burst; ++i) {
        run.Put(Key(written * 3), Concat("v", written));
        ++written;
      }
      // Where the reader is, behind it, and in the middle.
      it->Seek(Key((written - burst) * 3));
      for (uint64_t i = 0; i <= burst; ++i) {
        run.NoteAt(it.get(), "tail");
        if (it->Valid()) it->Next();
      }
      it->Seek(Key(Below(run.random, written * 3 + 3)));
      run.NoteAt(it.get(), "seek");
      run.Put(Key(Below(run.random, written) * 3 + 1), "between");
      it->Seek(Key(Below(run.random, written * 3 + 3)));
      run.NoteAt(it.get(), "seek after an insert");
    }
  });
}

// A tailing iterator that stands still sees what is put right ahead of it.
TEST_P(DbIteratorTest, TailingNextSeesInsertsAhead) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    for (size_t i = 0; i < Scaled(2000); ++i) run.Put(Key(i * 10), "v");
    ReadOptions tailing;
    tailing.tailing = true;
    std::unique_ptr<Iterator> it(run.db()->NewIterator(tailing));
    it->SeekToFirst();
    for (size_t i = 0; i < Scaled(1900) && it->Valid(); ++i) {
      run.Put(Key(i * 10 + 1 + Below(run.random, 9)), "ahead");
      it->Next();
      run.NoteAt(it.get(), "next");
      if (it->Valid() && Below(run.random, 2) == 0) it->Next();
    }
  });
}

// Keys "pNNN/NNNNN"; the prefix is the first five bytes.
std::string PrefixedKey(DbRun& run, uint64_t prefixes, uint64_t keys) {
  return Key(Below(run.random, prefixes), "p", 3) +
         Key(Below(run.random, keys), "/", 5);
}

void PrefixScans(DbRun& run, const ReadOptions& read) {
  for (size_t i = 0; i < Scaled(20000); ++i) {
    run.Put(PrefixedKey(run, 60, 2000), Concat(i));
    if (i == Scaled(20000) / 2) run.Flush();
    if (i % 40 != 0) continue;
    std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
    const std::string target = PrefixedKey(run, 70, 2000);
    it->Seek(target);
    const size_t steps = Below(run.random, 80);
    for (size_t s = 0; s < steps && it->Valid(); ++s) {
      // Without prefix_same_as_start RocksDB promises nothing beyond it.
      if (!it->key().starts_with(target.substr(0, 5))) break;
      run.NoteAt(it.get(), "in prefix");
      it->Next();
    }
    it->SeekForPrev(target);
    if (it->Valid() && it->key().starts_with(target.substr(0, 5))) {
      run.NoteAt(it.get(), "for prev");
    }
  }
}

void UsePrefixes(DbRun& run) {
  run.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(5));
  run.options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(5));
  run.options.memtable_prefix_bloom_size_ratio = 0.1;
  run.read_options.total_order_seek = true;  // for reading everything
}

TEST_P(DbIteratorTest, PrefixSameAsStart) {
  Compare([](DbRun& run) {
    UsePrefixes(run);
    if (!run.Open()) return;
    ReadOptions read;
    read.prefix_same_as_start = true;
    PrefixScans(run, read);
  });
}

TEST_P(DbIteratorTest, PrefixSeekWithoutBloom) {
  Compare([](DbRun& run) {
    UsePrefixes(run);
    run.options.memtable_prefix_bloom_size_ratio = 0;
    if (!run.Open()) return;
    PrefixScans(run, ReadOptions());
  });
}

TEST_P(DbIteratorTest, AutoPrefixMode) {
  Compare([](DbRun& run) {
    UsePrefixes(run);
    if (!run.Open()) return;
    ReadOptions read;
    read.auto_prefix_mode = true;
    PrefixScans(run, read);
  });
}

TEST_P(DbIteratorTest, PinnedKeysOutliveSteps) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    RandomWrites(run, Scaled(5000), 4000);
    ReadOptions read;
    read.pin_data = true;
    std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
    std::vector<Slice> keys;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      std::string pinned;
      run.Expect(it->GetProperty("rocksdb.iterator.is-key-pinned", &pinned),
                 "property");
      run.Note(Show(it->key()), " pinned ", pinned);
      if (pinned == "1") keys.push_back(it->key());
    }
    run.Flush();
    for (const Slice& key : keys) run.Note(Show(key));
  });
}

TEST_P(DbIteratorTest, OverTombstones) {
  Compare([](DbRun& run) {
    if (!run.Open()) return;
    const size_t n = Scaled(20000);
    for (size_t i = 0; i < n; ++i) run.Put(Key(i), "v");
    for (size_t i = 0; i < n; ++i) {
      if (i % 1000 != 0) run.Delete(Key(i));
    }
    run.NoteContents();
    std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
    for (int i = 0; i < 60; ++i) RandomStep(run, it.get(), n);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
