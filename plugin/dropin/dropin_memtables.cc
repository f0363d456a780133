// SPDX-License-Identifier: Apache-2.0

#include "dropin_memtables.h"

#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../memtablerep/address_width.h"
#include "../../memtablerep/fast_skip_list_factory.h"
#include "../../memtablerep/fast_skip_list_rep.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Allocator;
using ROCKSDB_NAMESPACE::ConfigOptions;
using ROCKSDB_NAMESPACE::Logger;
using ROCKSDB_NAMESPACE::MemTableRep;
using ROCKSDB_NAMESPACE::Status;

namespace {

// As they are written in text.
std::string Text(const FastSkipListOptions& options) {
  ConfigOptions config;
  config.delimiter = ";";
  std::string text;
  const Status status =
      FastSkipListRepFactory(options).GetOptionString(config, &text);
  return status.ok() ? text : status.ToString();
}

}  // namespace

MemTableRep* DropInMemtables::Make(const MemTableRep::KeyComparator& comparator,
                                   Allocator* allocator, Logger* logger,
                                   uint32_t column_family_id) {
  bool is_new = false;
  Status status;
  const std::shared_ptr<FactoryState> state = StateOf(logger, &is_new, &status);
  // Written without the mutex: the program's own logger may open a database.
  if (state == nullptr) {
    ROCKSDB_NAMESPACE::Warn(
        logger, "fastskip drop-in: skip_list stays for this memtable: %s",
        status.ToString().c_str());
    return nullptr;
  }
  if (is_new) {
    // A header is written at every log level, and again when the LOG is rolled.
    ROCKSDB_NAMESPACE::Header(
        logger,
        "fastskip drop-in: memtables of SkipListFactory are fastskip's, with "
        "%s (FASTSKIP_DISABLE=1 turns it off)",
        Text(options_).c_str());
  }
  return new FastSkipListRep(comparator, allocator, options_,
                             MemtableOwner{column_family_id, logger}, state);
}

std::vector<FastSkipStats> DropInMemtables::GetStats(Logger* logger) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = states_.find(logger);
  const std::shared_ptr<FactoryState> state =
      found == states_.end() ? nullptr : found->second.lock();
  if (state == nullptr) return {};
  return state->memtables.GetStats();
}

std::shared_ptr<FactoryState> DropInMemtables::StateOf(Logger* logger,
                                                       bool* is_new,
                                                       Status* status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<FactoryState> state;
  if (const auto found = states_.find(logger); found != states_.end()) {
    state = found->second.lock();
  }
  if (state != nullptr) return state;
  for (auto it = states_.begin(); it != states_.end();) {
    it = it->second.expired() ? states_.erase(it) : std::next(it);
  }
  // As DB::Open asks of FastSkipListRepFactory.
  *status = CheckHeapAddresses();
  if (!status->ok()) return nullptr;
  state = std::make_shared<FactoryState>();
  states_[logger] = state;
  *is_new = true;
  return state;
}

Status ParseDropInOptions(const std::string& text,
                          FastSkipListOptions* options) {
  ConfigOptions config;
  config.ignore_unknown_options = false;
  // It checks addresses as well, which Make does for each database.
  config.invoke_prepare_options = false;
  FastSkipListRepFactory factory;
  std::unordered_map<std::string, std::string> values;
  Status status = ROCKSDB_NAMESPACE::StringToMap(text, &values);
  if (const auto id = values.find("id"); status.ok() && id != values.end()) {
    if (!factory.IsInstanceOf(id->second)) {
      return Status::InvalidArgument("id=" + id->second + " is not fastskip");
    }
    values.erase(id);
  }
  if (status.ok()) status = factory.ConfigureFromMap(config, values);
  if (!status.ok()) return status;
  *options = *factory.GetOptions<FastSkipListOptions>();
  const auto refuse = [](const std::string& option, const char* instead) {
    return Status::InvalidArgument(
        option + " is not possible under the drop-in, where no factory is " +
        "validated (ValidateOptions); " + instead);
  };
  if (options->max_entries != 0) {
    return refuse("max_entries=" + std::to_string(options->max_entries),
                  "write_buffer_size limits a memtable");
  }
  if (options->key_order == FastSkipListOptions::KeyOrder::kBytewise) {
    return refuse("key_order=bytewise",
                  "key_order=auto recognises RocksDB's own comparators");
  }
  return Status::OK();
}

}  // namespace fastskip
