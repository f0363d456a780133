// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_factory.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "factory_state.h"
#include "fast_skip_list_rep.h"
#include "option_values.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/options.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::BytewiseComparator;
using ROCKSDB_NAMESPACE::ColumnFamilyOptions;
using ROCKSDB_NAMESPACE::Comparator;
using ROCKSDB_NAMESPACE::ConfigOptions;
using ROCKSDB_NAMESPACE::DBOptions;
using ROCKSDB_NAMESPACE::Logger;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::SliceTransform;
using ROCKSDB_NAMESPACE::Status;

namespace {

// RocksDB takes two comparators of the same name to have the same order.
bool IsBytewise(const Comparator* comparator) {
  return comparator == BytewiseComparator() ||
         (comparator != nullptr &&
          std::strcmp(comparator->Name(), BytewiseComparator()->Name()) == 0);
}

}  // namespace

FastSkipListRepFactory::FastSkipListRepFactory(
    const FastSkipListOptions& options)
    : constructor_status_(CheckOptionValues(options)),
      options_(NearestValidOptions(options)),
      state_(std::make_shared<FactoryState>()) {
  RegisterOptions(&options_, FastSkipListOptionTable());
}

Status FastSkipListRepFactory::Check() const {
  return constructor_status_.ok() ? CheckFastSkipListOptions(options_)
                                  : constructor_status_;
}

std::string FastSkipListRepFactory::GetPrintableOptions() const {
  return PrintOptions(options_);
}

Status FastSkipListRepFactory::ConfigureOptions(
    const ConfigOptions& config_options,
    const std::unordered_map<std::string, std::string>& options,
    std::unordered_map<std::string, std::string>* unused) {
  Status status =
      MemTableRepFactory::ConfigureOptions(config_options, options, unused);
  // RocksDB, when it configures a whole column family, takes NotFound to mean
  // that the column family has no such option, and drops the message.
  if (!status.IsNotFound()) return status;
  return Status::InvalidArgument(kClassName(), status.getState());
}

Status FastSkipListRepFactory::PrepareOptions(
    const ConfigOptions& config_options) {
  const Status status = Check();
  return status.ok() ? MemTableRepFactory::PrepareOptions(config_options)
                     : status;
}

Status FastSkipListRepFactory::ValidateOptions(
    const DBOptions& db_options, const ColumnFamilyOptions& cf_options) const {
  Status status = Check();
  if (!status.ok()) return status;
  if (options_.key_order == FastSkipListOptions::KeyOrder::kBytewise &&
      !IsBytewise(cf_options.comparator)) {
    return Status::InvalidArgument(
        std::string(kClassName()) + ": key_order=bytewise does not go with " +
        "comparator=" +
        (cf_options.comparator != nullptr ? cf_options.comparator->Name()
                                          : "nullptr") +
        "; use key_order=auto");
  }
  state_->write_buffer_sizes.Note(cf_options);
  return MemTableRepFactory::ValidateOptions(db_options, cf_options);
}

MemTableRep* FastSkipListRepFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform* prefix_extractor, Logger* logger) {
  return CreateMemTableRep(comparator, allocator, prefix_extractor, logger,
                           FastSkipStats::kNoColumnFamily);
}

MemTableRep* FastSkipListRepFactory::CreateMemTableRep(
    const MemTableRep::KeyComparator& comparator, Allocator* allocator,
    const SliceTransform*, Logger* logger, uint32_t column_family_id) {
  return new FastSkipListRep(comparator, allocator, options_,
                             MemtableOwner{column_family_id, logger}, state_);
}

std::vector<FastSkipStats> FastSkipListRepFactory::GetMemtableStats() const {
  return state_->memtables.GetStats();
}

FastSkipStats FastSkipListRepFactory::GetStats() const {
  FastSkipStats sum;
  for (const FastSkipStats& memtable : GetMemtableStats()) sum += memtable;
  return sum;
}

FastSkipStats FastSkipListRepFactory::GetStats(
    uint32_t column_family_id) const {
  FastSkipStats sum;
  for (const FastSkipStats& memtable :
       state_->memtables.GetStats(column_family_id)) {
    sum += memtable;
  }
  return sum;
}

MemTableRepFactory* NewFastSkipListRepFactory(
    const FastSkipListOptions& options) {
  return new FastSkipListRepFactory(options);
}

}  // namespace fastskip
