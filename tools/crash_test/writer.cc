// SPDX-License-Identifier: Apache-2.0

#include "tools/crash_test/writer.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "rocksdb/write_batch.h"

namespace fastskip {
namespace crash_test {

using ROCKSDB_NAMESPACE::FlushOptions;
using ROCKSDB_NAMESPACE::Iterator;
using ROCKSDB_NAMESPACE::ReadOptions;
using ROCKSDB_NAMESPACE::Status;
using ROCKSDB_NAMESPACE::Transaction;
using ROCKSDB_NAMESPACE::WriteBatch;
using ROCKSDB_NAMESPACE::WriteOptions;

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "writer: %s\n", what.c_str());
  std::fflush(stderr);
  _exit(kWriterFailed);
}

void MustBeOk(const Status& status, const char* what) {
  if (!status.ok()) Fail(std::string(what) + ": " + status.ToString());
}

struct Shared {
  const Round& round;
  const WriterOptions& options;
  ExpectedState* expected;
  OpenDb db;
  std::atomic<uint32_t> next_version{1};
  std::atomic<bool> stop{false};
};

// One thread's writes. It alone writes the keys of its lanes, so it knows what
// they are at any time.
class Writer {
 public:
  Writer(Shared* shared, uint32_t thread)
      : shared_(*shared),
        round_(shared->round),
        thread_(thread),
        random_(round_.seed * 100 + thread),
        current_(shared->expected->Base()) {
    for (uint32_t key = 0; key < kKeys; ++key) {
      if (LaneOf(key) % round_.threads == thread_) keys_.push_back(key);
    }
    write_options_.sync = round_.wal == Wal::kSynced;
    write_options_.disableWAL = round_.wal == Wal::kNone;
    write_options_.memtable_insert_hint_per_batch = round_.batch_hints;
    write_options_.protection_bytes_per_key = round_.protection_bytes;
  }

  void Run() {
    while (!shared_.stop) {
      if (!WriteGroup()) break;
      if (!round_.reads) continue;
      if (random_() % 8 == 0) CheckGet(AnyKey());
      if (random_() % 256 == 0) CheckScan(AnyKey());
    }
    shared_.stop = true;
  }

 private:
  // Half of the time one of a few keys, for many versions of each.
  uint32_t AnyKey() {
    const uint64_t from = random_() % 2 == 0 ? keys_.size() : keys_.size() / 32;
    return keys_[random_() % from];
  }

  Operation AnyOperation() {
    Operation op{AnyKey(), kAbsent, 1, 0};
    if (round_.delete_range && InRun(op.key) && random_() % 16 == 0) {
      const uint32_t left = kRun - IndexOf(op.key) % kRun;
      op.count = static_cast<uint16_t>(1 + random_() % left);
    } else if (random_() % 8 != 0) {
      op.version = shared_.next_version++;
    }
    return op;
  }

  // False when there is no room to note it.
  bool WriteGroup() {
    std::vector<Operation> group{AnyOperation()};
    if (round_.batches && random_() % 4 == 0) {
      for (uint64_t more = 1 + random_() % 10; more > 0; --more) {
        group.push_back(AnyOperation());
      }
    }
    if (!shared_.expected->Pend(thread_, group)) return false;
    const uint64_t drop = shared_.options.drop_one_in;
    if (drop == 0 || random_() % drop != 0) {
      MustBeOk(Write(group), "write");
    }
    for (const Operation& op : group) {
      for (uint32_t key = op.key; key < op.key + op.count; ++key) {
        current_[key] = op.version;
      }
    }
    shared_.expected->Acknowledge(thread_);
    return true;
  }

  Status Write(const std::vector<Operation>& group) {
    if (round_.transactions && (group.size() > 1 || random_() % 2 == 0)) {
      return Transact(group);
    }
    if (group.size() == 1 && group[0].count == 1) return WriteOne(group[0]);
    WriteBatch batch;
    for (const Operation& op : group) {
      Status status = Add(op, &batch);
      if (!status.ok()) return status;
    }
    return shared_.db->Write(write_options_, &batch);
  }

  // `merge` acts as a put: the last operand counts.
  template <typename Target>
  Status Add(const Operation& op, Target* target) {
    auto* const family = shared_.db.family(FamilyOf(op.key));
    if (op.version != kAbsent) {
      const std::string value = MakeValue(op.key, op.version);
      return round_.merge && op.version % 3 == 0
                 ? target->Merge(family, KeyName(op.key), value)
                 : target->Put(family, KeyName(op.key), value);
    }
    if constexpr (std::is_same_v<Target, WriteBatch>) {
      if (op.count > 1) {
        std::string begin, end;
        RangeBounds(op.key, op.count, &begin, &end);
        return target->DeleteRange(family, begin, end);
      }
    }
    return target->Delete(family, KeyName(op.key));
  }

  Status WriteOne(const Operation& op) {
    auto* const family = shared_.db.family(FamilyOf(op.key));
    const std::string name = KeyName(op.key);
    if (op.version == kAbsent) {
      return shared_.db->Delete(write_options_, family, name);
    }
    const std::string value = MakeValue(op.key, op.version);
    return round_.merge && op.version % 3 == 0
               ? shared_.db->Merge(write_options_, family, name, value)
               : shared_.db->Put(write_options_, family, name, value);
  }

  Status Transact(const std::vector<Operation>& group) {
    const std::unique_ptr<Transaction> txn(
        shared_.db.transactions()->BeginTransaction(write_options_));
    if (random_() % 16 == 0) {  // leaves no trace
      const uint32_t key = AnyKey();
      Status status = txn->Put(shared_.db.family(FamilyOf(key)), KeyName(key),
                               MakeValue(key, 1));
      if (!status.ok()) return status;
      return Rollback(txn.get(), group);
    }
    return Fill(txn.get(), group);
  }

  Status Rollback(Transaction* txn, const std::vector<Operation>& group) {
    Status status = txn->Rollback();
    if (!status.ok()) return status;
    const std::unique_ptr<Transaction> again(
        shared_.db.transactions()->BeginTransaction(write_options_));
    return Fill(again.get(), group);
  }

  Status Fill(Transaction* txn, const std::vector<Operation>& group) {
    Status status;
    for (const Operation& op : group) {
      status = Add(op, txn);
      if (!status.ok()) return status;
    }
    if (round_.two_phase) {
      status = txn->SetName(std::to_string(thread_) + "." +
                            std::to_string(transactions_++));
      if (status.ok()) status = txn->Prepare();
      if (!status.ok()) return status;
    }
    return txn->Commit();
  }

  void CheckGet(uint32_t key) {
    std::string value;
    const Status status = shared_.db->Get(
        ReadOptions(), shared_.db.family(FamilyOf(key)), KeyName(key), &value);
    if (!status.ok() && !status.IsNotFound()) MustBeOk(status, "get");
    Compare(key, status.ok() ? ParseValue(key, value) : kAbsent, "get");
  }

  // From one key to one a few dozen further on: other threads' keys may be
  // there or not, this one's must be as they are.
  void CheckScan(uint32_t from) {
    if (round_.options.inplace_update_support) return;
    const uint32_t family = FamilyOf(from);
    const uint32_t end =
        std::min(from + 100, (family + 1) * kKeysPerFamily) - 1;
    const bool reverse = KeyName(from) > KeyName(end)
                             ? true
                             : shared_.db.family(family)->GetComparator() !=
                                   ROCKSDB_NAMESPACE::BytewiseComparator();
    ReadOptions read;
    read.total_order_seek = true;
    const std::unique_ptr<Iterator> iter(
        shared_.db->NewIterator(read, shared_.db.family(family)));
    std::vector<uint32_t> seen(end - from + 1, kAbsent);
    uint32_t previous = kKeys;
    for (iter->Seek(KeyName(reverse ? end : from)); iter->Valid();
         iter->Next()) {
      const uint32_t key = ParseKey(family, iter->key());
      if (key == kKeys) Fail("a key that nobody wrote");
      if (key < from || key > end) break;
      if (previous != kKeys && (reverse ? key >= previous : key <= previous)) {
        Fail("a scan out of order");
      }
      previous = key;
      seen[key - from] = ParseValue(key, iter->value());
      if (seen[key - from] == kAbsent) Fail("a value that nobody wrote");
    }
    MustBeOk(iter->status(), "scan");
    for (uint32_t key = from; key <= end; ++key) {
      if (LaneOf(key) % round_.threads != thread_) continue;
      Compare(key, seen[key - from], "scan");
    }
  }

  void Compare(uint32_t key, uint32_t version, const char* what) {
    if (version == current_[key]) return;
    Fail(std::string(what) + " of key " + std::to_string(key) + ": version " +
         std::to_string(version) + " instead of " +
         std::to_string(current_[key]));
  }

  Shared& shared_;
  const Round& round_;
  const uint32_t thread_;
  Random random_;
  Versions current_;
  std::vector<uint32_t> keys_;
  WriteOptions write_options_;
  uint64_t transactions_ = 0;
};

// Flushes now and then; says what is durable by it.
void RunFlusher(Shared* shared) {
  Random random(shared->round.seed + 1);
  while (!shared->stop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + random() % 60));
    FlushOptions options;
    options.allow_write_stall = true;
    if (shared->round.wal != Wal::kNone) {
      // RocksDB 7.8 asserts that the flushes of one moment have one reason.
      if (shared->round.options.atomic_flush) continue;
      auto* const family = shared->db.family(random() % kFamilies);
      MustBeOk(shared->db->Flush(options, family), "flush");
      continue;
    }
    std::vector<uint32_t> counts;
    for (uint32_t i = 0; i < shared->round.threads; ++i) {
      counts.push_back(shared->expected->acknowledged(i));
    }
    MustBeOk(shared->db->Flush(options, shared->db.families()), "flush");
    shared->expected->SetDurable(counts);
  }
}

}  // namespace

void RunWriter(const Round& round, const WriterOptions& options,
               ExpectedState* expected) {
  const auto end =
      Clock::now() + std::chrono::milliseconds(options.milliseconds);
  Shared shared{round, options, expected, {}};
  shared.next_version = expected->NextVersion();
  MustBeOk(shared.db.Open(round, round.memtable, options.db), "open");
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < round.threads; ++i) {
    threads.emplace_back([&shared, i] { Writer(&shared, i).Run(); });
  }
  threads.emplace_back(RunFlusher, &shared);
  while (!shared.stop && Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  shared.stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace crash_test
}  // namespace fastskip
