// SPDX-License-Identifier: Apache-2.0
//
// The harness of the database tests must catch a wrong memtable: each test
// here wraps skip_list with one planted fault and expects a difference.
#include <deque>

#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

template <typename Rep>
MemtableConfig Wrapped(const std::string& name) {
  return {name, [] {
            return ForThreadSanitizer(std::make_shared<WrappingFactory<Rep>>(
                std::make_shared<rocksdb::SkipListFactory>()));
          }};
}

// Loses every 97th entry.
class LosesEntries : public ForwardingRep {
 public:
  using ForwardingRep::ForwardingRep;
  bool InsertKey(rocksdb::KeyHandle handle) override {
    return Lose() || inner_->InsertKey(handle);
  }
  bool InsertKeyConcurrently(rocksdb::KeyHandle handle) override {
    return Lose() || inner_->InsertKeyConcurrently(handle);
  }

 private:
  bool Lose() { return ++inserts_ % 97 == 0; }
  std::atomic<uint64_t> inserts_{0};
};

// Finds nothing in every 31st lookup.
class BlindGet : public ForwardingRep {
 public:
  using ForwardingRep::ForwardingRep;
  void Get(const rocksdb::LookupKey& k, void* arg,
           bool (*callback)(void* arg, const char* entry)) override {
    if (++lookups_ % 31 != 0) inner_->Get(k, arg, callback);
  }

 private:
  std::atomic<uint64_t> lookups_{0};
};

// Passes the iterator's calls on; a fault overrides one of them.
class ForwardingIterator : public rocksdb::MemTableRep::Iterator {
 public:
  explicit ForwardingIterator(rocksdb::MemTableRep::Iterator* inner)
      : inner_(inner) {}
  bool Valid() const override { return inner_->Valid(); }
  const char* key() const override { return inner_->key(); }
  void Next() override { inner_->Next(); }
  void Prev() override { inner_->Prev(); }
  void Seek(const Slice& internal_key, const char* memtable_key) override {
    inner_->Seek(internal_key, memtable_key);
  }
  void SeekForPrev(const Slice& internal_key,
                   const char* memtable_key) override {
    inner_->SeekForPrev(internal_key, memtable_key);
  }
  void SeekToFirst() override { inner_->SeekToFirst(); }
  void SeekToLast() override { inner_->SeekToLast(); }

 protected:
  std::unique_ptr<rocksdb::MemTableRep::Iterator> inner_;
  uint64_t calls_ = 0;
};

struct PrevSkips : ForwardingIterator {
  using ForwardingIterator::ForwardingIterator;
  void Prev() override {
    inner_->Prev();
    if (++calls_ % 101 == 0 && inner_->Valid()) inner_->Prev();
  }
};

struct SeekOvershoots : ForwardingIterator {
  using ForwardingIterator::ForwardingIterator;
  void Seek(const Slice& internal_key, const char* memtable_key) override {
    inner_->Seek(internal_key, memtable_key);
    if (++calls_ % 53 == 0 && inner_->Valid()) inner_->Next();
  }
};

struct MissesLast : ForwardingIterator {
  using ForwardingIterator::ForwardingIterator;
  void SeekToLast() override {
    inner_->SeekToLast();
    if (inner_->Valid()) inner_->Prev();
  }
};

// Stays at the end once it came there, whatever is inserted afterwards.
struct NotLive : ForwardingIterator {
  using ForwardingIterator::ForwardingIterator;
  bool Valid() const override {
    if (!inner_->Valid()) ended_ = true;
    return !ended_ && inner_->Valid();
  }
  mutable bool ended_ = false;
};

template <typename FaultyIterator>
class FaultyIteratorRep : public ForwardingRep {
 public:
  using ForwardingRep::ForwardingRep;
  rocksdb::MemTableRep::Iterator* GetIterator(rocksdb::Arena* arena) override {
    rocksdb::MemTableRep::Iterator* inner = inner_->GetIterator(nullptr);
    if (arena == nullptr) return new FaultyIterator(inner);
    // RocksDB calls only the destructor: the room is the rep's.
    std::lock_guard<std::mutex> guard(mutex_);
    rooms_.emplace_back();
    return new (rooms_.back().bytes) FaultyIterator(inner);
  }
  rocksdb::MemTableRep::Iterator* GetDynamicPrefixIterator(
      rocksdb::Arena* arena) override {
    return GetIterator(arena);
  }

 private:
  struct Room {
    alignas(FaultyIterator) char bytes[sizeof(FaultyIterator)];
  };
  std::mutex mutex_;
  std::deque<Room> rooms_;
};

// Something of everything, in the memtable and beneath it.
void Mixed(DbRun& run) {
  if (!run.Open()) return;
  for (int i = 0; i < 4000; ++i) {
    const std::string key = Key(Below(run.random, 1000));
    if (Below(run.random, 5) == 0) {
      run.Delete(key);
    } else {
      run.Put(key, RandomValue(run.random, 40));
    }
    run.NoteGet(Key(Below(run.random, 1000)));
    if (i == 1500) run.Flush();
  }
  run.Put(Key(1000), "the last key, in the memtable only");
  std::unique_ptr<Iterator> it(run.db()->NewIterator(run.read_options));
  for (int i = 0; i < 500; ++i) {
    it->Seek(Key(Below(run.random, 1000)));
    run.NoteAt(it.get(), "seek");
  }
}

void AppendBehindTailingIterator(DbRun& run) {
  if (!run.Open()) return;
  ReadOptions tailing = run.read_options;
  tailing.tailing = true;
  std::unique_ptr<Iterator> it(run.db()->NewIterator(tailing));
  for (int i = 0; i < 50; ++i) {
    it->Seek(Key(i));
    run.NoteAt(it.get(), "before");
    run.Put(Key(i), "v");
    it->Seek(Key(i));
    run.NoteAt(it.get(), "after");
  }
}

void ExpectCaught(const MemtableConfig& faulty, const Scenario& scenario) {
  const std::string difference = Difference(faulty, scenario);
  EXPECT_NE("", difference) << faulty.name << " went unnoticed";
  EXPECT_EQ(std::string::npos, difference.find("skip_list: "))
      << "the reference run itself failed: " << difference;
}

TEST(DbHarnessTest, SkipListEqualsItself) {
  EXPECT_EQ("", Difference(SkipListConfig(), Mixed));
  EXPECT_EQ("", Difference(SkipListConfig(), AppendBehindTailingIterator));
  EXPECT_EQ("", Difference(Wrapped<ForwardingRep>("Forwarding"), Mixed));
}

TEST(DbHarnessTest, LostEntryIsCaught) {
  ExpectCaught(Wrapped<LosesEntries>("LosesEntries"), Mixed);
}

TEST(DbHarnessTest, BlindGetIsCaught) {
  ExpectCaught(Wrapped<BlindGet>("BlindGet"), Mixed);
}

TEST(DbHarnessTest, WrongIteratorIsCaught) {
  ExpectCaught(Wrapped<FaultyIteratorRep<PrevSkips>>("PrevSkips"), Mixed);
  ExpectCaught(Wrapped<FaultyIteratorRep<SeekOvershoots>>("Overshoots"), Mixed);
  ExpectCaught(Wrapped<FaultyIteratorRep<MissesLast>>("MissesLast"), Mixed);
}

TEST(DbHarnessTest, IteratorThatIsNotLiveIsCaught) {
  ExpectCaught(Wrapped<FaultyIteratorRep<NotLive>>("NotLive"),
               AppendBehindTailingIterator);
}

// A scenario that observes nothing proves nothing.
TEST(DbHarnessTest, EmptyScenarioIsRefused) {
  EXPECT_NE("", Difference(SkipListConfig(), [](DbRun&) {}));
}

TEST(DbHarnessTest, UnexpectedStatusOfTheReferenceIsReported) {
  EXPECT_NE("", Difference(SkipListConfig(), [](DbRun& run) {
              run.options.create_if_missing = false;
              run.Open();
            }));
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip
