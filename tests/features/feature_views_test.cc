// SPDX-License-Identifier: Apache-2.0
//
// Views of a memtable that is being written: snapshots that stay, iterators
// that are brought up to date, cursors with bounds, and scans of prefixes. The
// writers append numbered keys under prefixes of their own, so that a reader
// knows exactly what it must see.
#include "rocksdb/slice_transform.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

constexpr int kWriters = 4;

// "w2/000017": the 17th key of writer 2, and its number as the value.
std::string Prefix(int writer) { return Concat("w", writer, "/"); }
std::string NumberedKey(int writer, uint64_t n) {
  return Key(n, Prefix(writer));
}

// How many keys of each writer are acknowledged.
using Counts = std::vector<uint64_t>;

class Writers {
 public:
  Writers(DbRun* run, size_t each) : acknowledged_(kWriters) {
    for (int w = 0; w < kWriters; ++w) {
      threads_.emplace_back([this, run, w, each] {
        for (uint64_t n = 1; n <= each; ++n) {
          run->Put(NumberedKey(w, n), std::to_string(n));
          acknowledged_[static_cast<size_t>(w)].store(n);
        }
        ++done_;
      });
    }
  }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;
  ~Writers() {
    for (std::thread& thread : threads_) thread.join();
  }
  bool Done() const { return done_ == kWriters; }
  Counts Acknowledged() const {
    return Counts(acknowledged_.begin(), acknowledged_.end());
  }

 private:
  std::vector<std::atomic<uint64_t>> acknowledged_;
  std::atomic<int> done_{0};
  std::vector<std::thread> threads_;
};

// Walks `it` from where it stands over the keys of `writer`, which must be
// 1, 2, … without a gap; returns how many there are.
uint64_t CountNumbered(DbRun& run, Iterator* it, int writer) {
  uint64_t n = 0;
  while (it->Valid() && it->key().starts_with(Prefix(writer))) {
    ++n;
    run.Expect(it->key() == NumberedKey(writer, n), "no key is left out");
    run.Expect(it->value() == std::to_string(n), "each has its value");
    it->Next();
  }
  run.Expect(it->status(), "scan");
  return n;
}

// The keys of each writer, seen in one scan of all.
Counts CountAll(DbRun& run, Iterator* it) {
  Counts counts;
  it->SeekToFirst();
  for (int w = 0; w < kWriters; ++w) {
    counts.push_back(CountNumbered(run, it, w));
  }
  run.Expect(!it->Valid(), "there are no other keys");
  return counts;
}

void ExpectAtLeast(DbRun& run, const Counts& seen, const Counts& least) {
  for (size_t w = 0; w < least.size(); ++w) {
    run.Expect(seen[w] >= least[w], "what was acknowledged is seen");
  }
}

// --------------------------------------------------------------------------
// One look each, while the writers go on.

void LookBySnapshot(DbRun& run, const Writers& writers) {
  const Counts before = writers.Acknowledged();
  ReadOptions read;
  read.snapshot = run.db()->GetSnapshot();
  read.total_order_seek = true;
  std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
  const Counts first = CountAll(run, it.get());
  ExpectAtLeast(run, first, before);
  it.reset(run.db()->NewIterator(read));
  run.Expect(CountAll(run, it.get()) == first, "the view stays");
  for (int w = 0; w < kWriters; ++w) {
    const uint64_t last = first[static_cast<size_t>(w)];
    run.Expect(last == 0 || run.Get(NumberedKey(w, last), read) != "(none)",
               "the last one is found");
    run.Expect(run.Get(NumberedKey(w, last + 1), read) == "(none)",
               "the next one is not in the view");
  }
  it.reset();
  run.db()->ReleaseSnapshot(read.snapshot);
}

void LookByRefresh(DbRun& run, const Writers& writers, Iterator* it) {
  const Counts old = CountAll(run, it);
  run.Expect(CountAll(run, it) == old, "the view stays until Refresh");
  const Counts before = writers.Acknowledged();
  run.Expect(it->Refresh(), "refresh");
  const Counts seen = CountAll(run, it);
  ExpectAtLeast(run, seen, before);
  ExpectAtLeast(run, seen, old);
}

void LookWithinBounds(DbRun& run, const Writers& writers, int w) {
  const uint64_t acknowledged = writers.Acknowledged()[static_cast<size_t>(w)];
  const std::string from = NumberedKey(w, 5), to = NumberedKey(w, 25);
  const Slice lower(from), upper(to);
  ReadOptions read;
  read.total_order_seek = true;
  read.iterate_lower_bound = &lower;
  read.iterate_upper_bound = &upper;
  std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
  uint64_t n = 5;
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++n) {
    run.Expect(it->key() == NumberedKey(w, n), "in order, from the bound on");
  }
  run.Expect(n >= std::min<uint64_t>(acknowledged + 1, 25) && n <= 25,
             "up to the other bound");
  uint64_t back = n;
  for (it->SeekToLast(); it->Valid(); it->Prev()) {
    run.Expect(it->key() == NumberedKey(w, --back), "and backwards");
  }
  run.Expect(back == 5 || n == 5, "down to the bound");
}

void LookByPrefix(DbRun& run, const Writers& writers, int w) {
  const uint64_t before = writers.Acknowledged()[static_cast<size_t>(w)];
  ReadOptions read;
  read.prefix_same_as_start = true;
  std::unique_ptr<Iterator> it(run.db()->NewIterator(read));
  it->Seek(Prefix(w));
  run.Expect(CountNumbered(run, it.get(), w) >= before,
             "what was acknowledged is seen by its prefix");
  run.Expect(!it->Valid(), "nothing of another prefix is");
  // Total order crosses prefixes.
  const uint64_t after =
      w + 1 < kWriters ? writers.Acknowledged()[static_cast<size_t>(w) + 1] : 0;
  read.prefix_same_as_start = false;
  read.total_order_seek = true;
  it.reset(run.db()->NewIterator(read));
  it->Seek(Prefix(w));
  run.Expect(CountNumbered(run, it.get(), w) >= before,
             "and in the order of all keys");
  run.Expect(!it->Valid() || it->key().compare(Prefix(w + 1)) >= 0,
             "which goes on with other prefixes");
  run.Expect(after == 0 || (it->Valid() && it->key() == NumberedKey(w + 1, 1)),
             "with the first key of the next one");
}

using Look = std::function<void(DbRun&, const Writers&, Iterator*, int turn)>;

class FeatureViewsTest : public DbTest {
 protected:
  // `look` again and again beside the writers, and once more when they have
  // finished. In one memtable, and through many.
  void LookWhileWriting(const Look& look) {
    for (const size_t buffer : {size_t{64} << 20, size_t{128} << 10}) {
      Compare([&look, buffer](DbRun& run) {
        run.options.write_buffer_size = buffer;
        run.options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(3));
        run.options.memtable_prefix_bloom_size_ratio = 0.1;
        run.read_options.total_order_seek = true;
        if (!run.Open()) return;
        std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
        {
          Writers writers(&run, Scaled(1500));
          int turn = 0;
          bool done = false;
          do {
            done = writers.Done();
            look(run, writers, it.get(), turn++ % kWriters);
          } while (!done);
        }
        it.reset();
        run.NoteContents();
        ReopenWithoutAndWith(run);
      });
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureViewsTest,
                         ::testing::ValuesIn(BytewiseConfigs()), ConfigName);

TEST_P(FeatureViewsTest, SnapshotsStay) {
  LookWhileWriting([](DbRun& run, const Writers& writers, Iterator*, int) {
    LookBySnapshot(run, writers);
  });
}

TEST_P(FeatureViewsTest, RefreshSeesWhatWasAcknowledged) {
  LookWhileWriting([](DbRun& run, const Writers& writers, Iterator* it, int) {
    LookByRefresh(run, writers, it);
  });
}

TEST_P(FeatureViewsTest, BoundsAreKept) {
  LookWhileWriting([](DbRun& run, const Writers& writers, Iterator*, int turn) {
    LookWithinBounds(run, writers, turn);
  });
}

TEST_P(FeatureViewsTest, PrefixesAndTotalOrder) {
  LookWhileWriting([](DbRun& run, const Writers& writers, Iterator*, int turn) {
    LookByPrefix(run, writers, turn);
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
