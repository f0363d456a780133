// SPDX-License-Identifier: Apache-2.0

#include "tools/crash_test/round.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "memtablerep/fast_skip_list_factory.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/write_buffer_manager.h"
#include "tools/lib/open_db.h"

namespace fastskip {
namespace crash_test {

using ROCKSDB_NAMESPACE::ColumnFamilyDescriptor;
using ROCKSDB_NAMESPACE::ConfigOptions;
using ROCKSDB_NAMESPACE::DB;
using ROCKSDB_NAMESPACE::MergeOperator;
using ROCKSDB_NAMESPACE::NewFixedPrefixTransform;
using ROCKSDB_NAMESPACE::Options;
using ROCKSDB_NAMESPACE::Slice;
using ROCKSDB_NAMESPACE::Status;
using ROCKSDB_NAMESPACE::TransactionDB;
using ROCKSDB_NAMESPACE::TransactionDBOptions;
using ROCKSDB_NAMESPACE::TxnDBWritePolicy;
using ROCKSDB_NAMESPACE::WriteBufferManager;

namespace {

constexpr uint32_t kReverseFamily = 3;

bool OneIn(Random* random, uint64_t n) { return (*random)() % n == 0; }

template <typename T>
T Pick(Random* random, std::initializer_list<T> values) {
  return values.begin()[(*random)() % values.size()];
}

}  // namespace

Round::Round(uint64_t test_seed, uint64_t number)
    : seed(test_seed * 1000003 + number) {
  Random random(seed);
  memtable = OneIn(&random, 10) ? Memtable::kSkipList : Memtable::kFastSkip;
  threads = Pick(&random, {1u, 2u, 4u, 8u, 16u});
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_background_jobs = 2;
  options.compression = ROCKSDB_NAMESPACE::kNoCompression;
  options.keep_log_file_num = 2;
  // By name, so that ldb finds it in the OPTIONS file.
  MergeOperator::CreateFromString(ConfigOptions(), "put",
                                  &options.merge_operator);
  ChooseWrites(&random);
  ChooseMemtableOptions(&random);
}

// Valid combinations only: the order of the choices decides.
void Round::ChooseWrites(Random* random) {
  wal =
      Pick(random, {Wal::kUnsynced, Wal::kUnsynced, Wal::kSynced, Wal::kNone});
  options.inplace_update_support = OneIn(random, 8);
  const bool in_place = options.inplace_update_support;
  transactions = !in_place && wal != Wal::kNone && OneIn(random, 4);
  two_phase = transactions && OneIn(random, 2);
  policy = transactions ? Pick(random, {TxnDBWritePolicy::WRITE_COMMITTED,
                                        TxnDBWritePolicy::WRITE_PREPARED,
                                        TxnDBWritePolicy::WRITE_UNPREPARED})
                        : TxnDBWritePolicy::WRITE_COMMITTED;
  const bool committed = policy == TxnDBWritePolicy::WRITE_COMMITTED;
  options.allow_concurrent_memtable_write = !in_place && !OneIn(random, 4);
  options.two_write_queues = OneIn(random, committed ? 4 : 2);
  options.unordered_write =
      options.allow_concurrent_memtable_write && OneIn(random, 3) &&
      (!transactions || (policy == TxnDBWritePolicy::WRITE_PREPARED &&
                         options.two_write_queues));
  // Pipelined, RocksDB 7.8 does not tell a transaction the log of its prepare.
  options.enable_pipelined_write = !two_phase && committed &&
                                   !options.two_write_queues &&
                                   !options.unordered_write && OneIn(random, 3);
  options.atomic_flush = !options.enable_pipelined_write && OneIn(random, 3);
  options.avoid_flush_during_recovery = OneIn(random, 2);
  merge = !in_place && OneIn(random, 2);
  // RocksDB updates in place below a range deletion, which then covers the
  // new value; TransactionDB has none.
  delete_range = !in_place && !transactions && OneIn(random, 2);
  batches = OneIn(random, 2);
  // RocksDB 7.8 mixes up the hints of a batch with a range deletion.
  batch_hints = !delete_range && OneIn(random, 4);
  reads = OneIn(random, 2);
  protection_bytes = OneIn(random, 4) && !transactions ? 8 : 0;
}

void Round::ChooseMemtableOptions(Random* random) {
  options.write_buffer_size =
      Pick(random, {64u << 10, 64u << 10, 256u << 10, 1u << 20, 64u << 20});
  options.max_write_buffer_number = Pick(random, {2, 3, 8});
  options.min_write_buffer_number_to_merge =
      OneIn(random, 3) ? options.max_write_buffer_number - 1 : 1;
  options.max_write_buffer_size_to_maintain = OneIn(random, 4) ? 1 << 20 : 0;
  options.memtable_protection_bytes_per_key = Pick(random, {0u, 1u, 8u});
  // RocksDB 7.8 checks an entry before it takes the lock of updates in place.
  if (options.inplace_update_support) {
    options.memtable_protection_bytes_per_key = 0;
  }
  options.paranoid_file_checks = OneIn(random, 3);
  if (OneIn(random, 3)) {
    options.prefix_extractor.reset(NewFixedPrefixTransform(3));
    options.memtable_prefix_bloom_size_ratio = 0.1;
    options.memtable_whole_key_filtering = OneIn(random, 2);
  }
  prefix_hints = OneIn(random, 3);
  if (OneIn(random, 4)) {
    // The flushes by hand, which atomic_flush does without, end any stall.
    // What is maintained counts, as by all transactions, and so do arena blocks
    // hardly used, of which each family has one: either could stall for good.
    stalls = !options.atomic_flush && !transactions && OneIn(random, 2);
    if (stalls) {
      options.max_write_buffer_size_to_maintain = 0;
      options.arena_block_size = 64 << 10;
    }
    options.write_buffer_manager = std::make_shared<WriteBufferManager>(
        Pick(random, {size_t{1} << 20, size_t{8} << 20}), nullptr, stalls);
  }
  if (options.atomic_flush && wal == Wal::kNone) {
    // RocksDB 7.8 asserts that the flushes of one moment have one reason; the
    // one by hand is needed here.
    options.write_buffer_size = 64 << 20;
    options.write_buffer_manager.reset();
    stalls = false;
  }
  // Newer versions of RocksDB have it; older ones do not know the name.
  ConfigOptions lenient;
  lenient.ignore_unknown_options = true;
  const Status status = GetOptionsFromString(
      lenient, options, OneIn(random, 3) ? "paranoid_memory_checks=true" : "",
      &options);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
}

Options Round::OptionsFor(Memtable which) const {
  Options all = options;
  if (which == Memtable::kFastSkip) {
    FastSkipListOptions fast;
    fast.shards = 1 + static_cast<uint32_t>(seed % 16);
    all.memtable_factory.reset(NewFastSkipListRepFactory(fast));
    // With skip_list, RocksDB before 9.2 does not survive them together with
    // range deletions, which an earlier round may have left in the WAL.
    if (prefix_hints) {
      all.memtable_insert_with_hint_prefix_extractor.reset(
          NewFixedPrefixTransform(3));
    }
  } else {
    all.memtable_factory =
        std::make_shared<ROCKSDB_NAMESPACE::SkipListFactory>();
  }
  return all;
}

ExpectedState::Rules Round::Rules() const {
  // Without a WAL, what was flushed is there; atomic_flush flushes the column
  // families at one moment.
  return {threads, wal != Wal::kNone,
          wal != Wal::kNone || options.atomic_flush};
}

std::string Round::Describe() const {
  std::string text = memtable == Memtable::kFastSkip ? "fastskip" : "skip_list";
  text += " threads=" + std::to_string(threads);
  text += wal == Wal::kSynced     ? " wal=synced"
          : wal == Wal::kUnsynced ? " wal=unsynced"
                                  : " wal=none";
  text += " buffer=" + std::to_string(options.write_buffer_size >> 10) + "K";
  const struct {
    bool on;
    const char* name;
  } switches[] = {
      {options.allow_concurrent_memtable_write, "concurrent"},
      {options.unordered_write, "unordered"},
      {options.enable_pipelined_write, "pipelined"},
      {options.two_write_queues, "two_queues"},
      {options.atomic_flush, "atomic_flush"},
      {options.inplace_update_support, "in_place"},
      {options.avoid_flush_during_recovery, "keep_memtables"},
      {options.memtable_protection_bytes_per_key > 0, "protection"},
      {options.write_buffer_manager != nullptr, "buffer_manager"},
      {stalls, "stall"},
      {merge, "merge"},
      {delete_range, "delete_range"},
      {batches, "batches"},
      {batch_hints, "batch_hints"},
      {prefix_hints, "prefix_hints"},
      {transactions, "transactions"},
      {two_phase, "two_phase"},
      {policy == TxnDBWritePolicy::WRITE_PREPARED, "write_prepared"},
      {policy == TxnDBWritePolicy::WRITE_UNPREPARED, "write_unprepared"},
  };
  for (const auto& one : switches) {
    if (one.on) text += std::string(" ") + one.name;
  }
  return text;
}

// --------------------------------------------------------------------------

OpenDb::~OpenDb() {
  if (db_ == nullptr) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  // A WritePrepared database holds a snapshot in the background.
  CancelAllBackgroundWork(db_.get(), /*wait=*/true);
  const Status status = db_->Close();
  if (!status.ok()) {
    std::fprintf(stderr, "close: %s\n", status.ToString().c_str());
  }
}

Status OpenDb::Open(const Round& round, Memtable memtable,
                    const std::string& dir) {
  const Options options = round.OptionsFor(memtable);
  std::vector<ColumnFamilyDescriptor> families;
  for (uint32_t i = 0; i < kFamilies; ++i) {
    families.emplace_back(FamilyName(i), options);
    if (i == kReverseFamily) {
      families.back().options.comparator =
          ROCKSDB_NAMESPACE::ReverseBytewiseComparator();
    }
  }
  if (!round.transactions) {
    return DB::Open(options, dir, families, &handles_,
                    fastskip::OpenInto(&db_));
  }
  TransactionDBOptions txn_options;
  txn_options.write_policy = round.policy;
  txn_options.rollback_merge_operands = true;  // else a rollback leaves them
  Status status = TransactionDB::Open(options, txn_options, dir, families,
                                      &handles_, &txn_db_);
  db_.reset(txn_db_);
  return status;
}

// --------------------------------------------------------------------------

std::string FamilyName(uint32_t family) {
  return family == 0 ? ROCKSDB_NAMESPACE::kDefaultColumnFamilyName
                     : "family" + std::to_string(family);
}

// A shape for each family: decimal, binary, a long common prefix, reverse.
std::string KeyName(uint32_t key) {
  const uint32_t index = IndexOf(key);
  char digits[16];
  std::snprintf(digits, sizeof(digits), "%06u", index);
  switch (FamilyOf(key)) {
    case 1: {
      const char bytes[4] = {0, 0, static_cast<char>(index >> 8),
                             static_cast<char>(index)};
      return std::string(bytes, sizeof(bytes));
    }
    case 2:
      return "tenant/000000000001/table/" + std::string(digits);
    default:
      return std::string(digits);
  }
}

uint32_t ParseKey(uint32_t family, const Slice& name) {
  uint32_t index = kKeysPerFamily;
  if (family == 1) {
    if (name.size() == 4) {
      index = static_cast<unsigned char>(name[2]) << 8 |
              static_cast<unsigned char>(name[3]);
    }
  } else if (name.size() >= 6) {
    index = 0;
    for (size_t i = name.size() - 6; i < name.size(); ++i) {
      index = index * 10 + static_cast<uint32_t>(name[i] - '0');
    }
  }
  if (index >= kKeysPerFamily) return kKeys;
  const uint32_t key = family * kKeysPerFamily + index;
  return KeyName(key) == name.ToString() ? key : kKeys;
}

void RangeBounds(uint32_t key, uint32_t count, std::string* begin,
                 std::string* end) {
  if (FamilyOf(key) != kReverseFamily) {
    *begin = KeyName(key);
    // Behind the last one, before whatever follows it.
    *end = KeyName(key + count - 1) + std::string(1, '\0');
    return;
  }
  *begin = KeyName(key + count - 1);
  *end = KeyName(key - 1) + "\xff";  // ranges never begin with index 0
}

std::string MakeValue(uint32_t key, uint32_t version) {
  uint64_t bits = (uint64_t{key} << 32 | version) * 0x9e3779b97f4a7c15u;
  size_t length = bits >> 56;
  if ((bits >> 40) % 512 == 0) length = 5000;
  std::string value = std::to_string(version) + "." + std::to_string(key) + ".";
  value.reserve(value.size() + length);
  for (size_t i = 0; i < length; ++i) {
    value.push_back(static_cast<char>(bits >> (i % 8 * 8)));
  }
  return value;
}

uint32_t ParseValue(uint32_t key, const Slice& value) {
  const std::string text = value.ToString();
  const uint32_t version =
      static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
  return MakeValue(key, version) == text ? version : kAbsent;
}

}  // namespace crash_test
}  // namespace fastskip
