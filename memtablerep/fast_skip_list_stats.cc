// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_stats.h"

#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "factory_state.h"
#include "fast_skip_list_factory.h"
#include "live_memtables.h"
#include "rep_comparator.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::ColumnFamilyHandle;
using ROCKSDB_NAMESPACE::DB;
using ROCKSDB_NAMESPACE::Status;

namespace {

double Ratio(uint64_t part, uint64_t whole, double of_nothing) {
  return whole == 0 ? of_nothing
                    : static_cast<double>(part) / static_cast<double>(whole);
}

// With a decimal point in every locale, as JSON requires. REQUIRES: value >= 0
std::string Text(double value) {
  const auto thousandths = static_cast<uint64_t>(std::llround(value * 1000));
  char text[32];
  std::snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64,
                thousandths / 1000, thousandths % 1000);
  return text;
}

// The mean of two means over so many entries each.
double Mean(double a, uint64_t entries_a, double b, uint64_t entries_b) {
  const double a_total = a * static_cast<double>(entries_a);
  const double b_total = b * static_cast<double>(entries_b);
  const uint64_t entries = entries_a + entries_b;
  return entries == 0 ? 0 : (a_total + b_total) / static_cast<double>(entries);
}

}  // namespace

double FastSkipStats::Utilisation() const {
  return Ratio(memory_used, memory_reserved, 1);
}

double FastSkipStats::Fill() const { return Ratio(entries, leaf_slots, 0); }

bool FastSkipStats::CountsComparisons() { return kCountComparisons; }

FastSkipStats& FastSkipStats::operator+=(const FastSkipStats& other) {
  if (other.memtables == 0) return *this;
  if (memtables == 0) return *this = other;
  if (column_family_id != other.column_family_id) {
    column_family_id = kNoColumnFamily;
  }
  average_key_size = Mean(average_key_size, insert_attempts,
                          other.average_key_size, other.insert_attempts);
  average_value_size = Mean(average_value_size, insert_attempts,
                            other.average_value_size, other.insert_attempts);
  const auto add = [&](uint64_t FastSkipStats::*field) {
    this->*field += other.*field;
  };
  add(&FastSkipStats::memtables);
  add(&FastSkipStats::sealed);
  add(&FastSkipStats::under_pressure);
  add(&FastSkipStats::memory_reserved);
  add(&FastSkipStats::memory_idle);
  add(&FastSkipStats::memory_used);
  add(&FastSkipStats::entries);
  add(&FastSkipStats::insert_attempts);
  add(&FastSkipStats::leaf_blocks);
  add(&FastSkipStats::index_blocks);
  add(&FastSkipStats::leaf_slots);
  if (levels < other.levels) levels = other.levels;
  add(&FastSkipStats::splits);
  add(&FastSkipStats::cas_retries);
  add(&FastSkipStats::unposted_blocks);
  add(&FastSkipStats::label_ordered);
  add(&FastSkipStats::comparator_calls);
  const auto keep_common = [&](uint64_t FastSkipStats::*field) {
    if (this->*field != other.*field) this->*field = 0;
  };
  keep_common(&FastSkipStats::write_buffer_size);
  keep_common(&FastSkipStats::max_entries);
  keep_common(&FastSkipStats::backpressure_percent);
  return *this;
}

std::vector<std::pair<std::string, std::string>> FastSkipStats::Fields() const {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto count = [&](const char* name, uint64_t value) {
    fields.emplace_back(name, std::to_string(value));
  };
  const auto real = [&](const char* name, double value) {
    fields.emplace_back(name, Text(value));
  };
  if (column_family_id != kNoColumnFamily) {
    count("column_family_id", column_family_id);
  }
  count("memtables", memtables);
  count("sealed", sealed);
  count("under_pressure", under_pressure);
  count("memory_reserved", memory_reserved);
  count("memory_idle", memory_idle);
  count("memory_used", memory_used);
  real("utilisation", Utilisation());
  count("entries", entries);
  count("insert_attempts", insert_attempts);
  real("average_key_size", average_key_size);
  real("average_value_size", average_value_size);
  count("leaf_blocks", leaf_blocks);
  count("index_blocks", index_blocks);
  count("leaf_slots", leaf_slots);
  count("levels", levels);
  count("splits", splits);
  count("cas_retries", cas_retries);
  count("unposted_blocks", unposted_blocks);
  count("label_ordered", label_ordered);
  if (CountsComparisons()) count("comparator_calls", comparator_calls);
  real("fill", Fill());
  count("write_buffer_size", write_buffer_size);
  count("max_entries", max_entries);
  count("backpressure_percent", backpressure_percent);
  return fields;
}

std::string FastSkipStats::ToString() const {
  std::string text;
  for (const auto& [name, value] : Fields()) {
    if (!text.empty()) text += ' ';
    text.append(name).append("=").append(value);
  }
  return text;
}

std::string FastSkipStats::ToJson() const {
  std::string text;
  for (const auto& [name, value] : Fields()) {
    text += text.empty() ? "{\"" : ",\"";
    text.append(name).append("\":").append(value);
  }
  return text + "}";
}

Status GetFastSkipStats(DB* db, ColumnFamilyHandle* column_family,
                        FastSkipStats* stats) {
  const ROCKSDB_NAMESPACE::Options options = db->GetOptions(column_family);
  const auto* const factory =
      options.memtable_factory->CheckedCast<FastSkipListRepFactory>();
  if (factory == nullptr) {
    return Status::NotSupported(
        std::string(FastSkipListRepFactory::kClassName()) +
            " is not the memtable of column family " + column_family->GetName(),
        options.memtable_factory->Name());
  }
  const MemtableOwner owner{column_family->GetID(), options.info_log.get()};
  FastSkipStats sum;
  for (FastSkipStats& memtable : factory->state_->memtables.GetStats(owner)) {
    memtable.write_buffer_size = options.write_buffer_size;
    SetUnderPressure(&memtable);
    sum += memtable;
  }
  *stats = sum;
  return Status::OK();
}

}  // namespace fastskip
