// SPDX-License-Identifier: Apache-2.0
//
// The factory: its options, their text form, and what is refused.

#include "fast_skip_list_factory.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "address_width.h"
#include "fast_skip_list_stats.h"
#include "list/block.h"
#include "live_memtables.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/utilities/options_type.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::BytewiseComparator;
using ROCKSDB_NAMESPACE::ColumnFamilyHandle;
using ROCKSDB_NAMESPACE::ColumnFamilyOptions;
using ROCKSDB_NAMESPACE::Comparator;
using ROCKSDB_NAMESPACE::ConfigOptions;
using ROCKSDB_NAMESPACE::DB;
using ROCKSDB_NAMESPACE::DBOptions;
using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::OptionType;
using ROCKSDB_NAMESPACE::OptionTypeFlags;
using ROCKSDB_NAMESPACE::OptionTypeInfo;
using ROCKSDB_NAMESPACE::OptionVerificationType;
using ROCKSDB_NAMESPACE::Status;

namespace {

using KeyOrder = FastSkipListOptions::KeyOrder;
using OptionMap = std::unordered_map<std::string, OptionTypeInfo>;

struct KeyOrderName {
  KeyOrder value;
  const char* name;
};

constexpr KeyOrderName kKeyOrderNames[] = {
    {KeyOrder::kAuto, "auto"},
    {KeyOrder::kBytewise, "bytewise"},
    {KeyOrder::kComparator, "comparator"},
};

// Null for a value that is none of the enumerators.
const char* NameOf(KeyOrder order) {
  for (const KeyOrderName& known : kKeyOrderNames) {
    if (known.value == order) return known.name;
  }
  return nullptr;
}

using Options = FastSkipListOptions;

Status Refuse(const char* option, const std::string& value,
              const std::string& reason) {
  return Status::InvalidArgument(
      std::string(FastSkipListRepFactory::kClassName()) + ": " + option + "=" +
      value + " " + reason);
}

Status RefuseNumber(const char* option, const std::string& value,
                    uint64_t least, uint64_t most) {
  return Refuse(option, value,
                "is not a whole number from " + std::to_string(least) + " to " +
                    std::to_string(most));
}

Status RefuseKeyOrder(const std::string& value) {
  return Refuse("key_order", value, "is none of auto, bytewise, comparator");
}

// Own parsers, since RocksDB's name the option but not the value, and read
// "-1" as a large number.
template <typename Number, Number least, Number most>
Status ParseNumber(const ConfigOptions&, const std::string& option,
                   const std::string& value, void* address) {
  Number number = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < least ||
      number > most) {
    return RefuseNumber(option.c_str(), value, least, most);
  }
  *static_cast<Number*>(address) = number;
  return Status::OK();
}

Status ParseBool(const ConfigOptions&, const std::string& option,
                 const std::string& value, void* address) {
  const bool yes = value == "true" || value == "1";
  if (!yes && value != "false" && value != "0") {
    return Refuse(option.c_str(), value, "is none of true, false, 1, 0");
  }
  *static_cast<bool*>(address) = yes;
  return Status::OK();
}

Status ParseKeyOrder(const ConfigOptions&, const std::string&,
                     const std::string& value, void* address) {
  for (const KeyOrderName& known : kKeyOrderNames) {
    if (value == known.name) {
      *static_cast<KeyOrder*>(address) = known.value;
      return Status::OK();
    }
  }
  return RefuseKeyOrder(value);
}

Status SerializeKeyOrder(const ConfigOptions&, const std::string&,
                         const void* address, std::string* value) {
  const KeyOrder order = *static_cast<const KeyOrder*>(address);
  const char* const name = NameOf(order);
  if (name == nullptr) {
    return RefuseKeyOrder(std::to_string(static_cast<int>(order)));
  }
  *value = name;
  return Status::OK();
}

bool EqualKeyOrders(const ConfigOptions&, const std::string&, const void* a,
                    const void* b, std::string*) {
  return *static_cast<const KeyOrder*>(a) == *static_cast<const KeyOrder*>(b);
}

// Never destroyed: RocksDB may look at the options of a factory that outlives
// this library's static objects.
const OptionMap* OptionTable() {
  static const OptionMap* const map = new OptionMap{
      {"shards",
       OptionTypeInfo(
           offsetof(Options, shards), OptionType::kUInt32T,
           OptionVerificationType::kNormal, OptionTypeFlags::kNone,
           ParseNumber<uint32_t, Options::kMinShards, Options::kMaxShards>)},
      {"key_order",
       OptionTypeInfo(offsetof(Options, key_order), OptionType::kEnum,
                      OptionVerificationType::kNormal, OptionTypeFlags::kNone,
                      ParseKeyOrder, SerializeKeyOrder, EqualKeyOrders)},
      {"max_entries",
       OptionTypeInfo(offsetof(Options, max_entries), OptionType::kUInt64T,
                      OptionVerificationType::kNormal, OptionTypeFlags::kNone,
                      ParseNumber<uint64_t, 0, UINT64_MAX>)},
      {"backpressure_percent",
       OptionTypeInfo(offsetof(Options, backpressure_percent),
                      OptionType::kUInt32T, OptionVerificationType::kNormal,
                      OptionTypeFlags::kNone, ParseNumber<uint32_t, 1, 100>)},
      {"log_on_seal",
       OptionTypeInfo(offsetof(Options, log_on_seal), OptionType::kBoolean,
                      OptionVerificationType::kNormal, OptionTypeFlags::kNone,
                      ParseBool)},
  };
  return map;
}

// RocksDB takes comparators of one name for one order, and so does this.
bool IsBytewise(const Comparator* comparator) {
  return comparator == BytewiseComparator() ||
         (comparator != nullptr &&
          std::strcmp(comparator->Name(), BytewiseComparator()->Name()) == 0);
}

Status CheckValues(const Options& options) {
  if (options.shards < Options::kMinShards ||
      options.shards > Options::kMaxShards) {
    return RefuseNumber("shards", std::to_string(options.shards),
                        Options::kMinShards, Options::kMaxShards);
  }
  if (NameOf(options.key_order) == nullptr) {
    return RefuseKeyOrder(std::to_string(static_cast<int>(options.key_order)));
  }
  if (options.backpressure_percent < 1 || options.backpressure_percent > 100) {
    return RefuseNumber("backpressure_percent",
                        std::to_string(options.backpressure_percent), 1, 100);
  }
  return Status::OK();
}

Options Nearest(Options options) {
  options.shards =
      std::clamp(options.shards, Options::kMinShards, Options::kMaxShards);
  if (NameOf(options.key_order) == nullptr) options.key_order = KeyOrder::kAuto;
  options.backpressure_percent =
      std::clamp(options.backpressure_percent, 1u, 100u);
  return options;
}

FastSkipStats Sum(const std::vector<FastSkipStats>& each) {
  FastSkipStats sum;
  for (const FastSkipStats& memtable : each) sum += memtable;
  return sum;
}

// Addresses of the two places that malloc takes memory from.
Status CheckAddresses() {
  for (const size_t bytes : {size_t{64}, size_t{4} << 20}) {
    const std::unique_ptr<char[]> sample(new char[bytes]);
    const Status status = CheckAddressWidth(sample.get());
    if (!status.ok()) return status;
  }
  return Status::OK();
}

}  // namespace

Status CheckAddressWidth(const void* address) {
  if (reinterpret_cast<uintptr_t>(address) >> kDiscShift == 0) {
    return Status::OK();
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%p", address);
  return Status::NotSupported(
      std::string(FastSkipListRepFactory::kClassName()) + ": heap address " +
      text + " does not fit in " + std::to_string(kDiscShift) +
      " bits (a tagging allocator or wider virtual addresses)");
}

Status CheckFastSkipListOptions(const FastSkipListOptions& options) {
  const Status status = CheckValues(options);
  return status.ok() ? CheckAddresses() : status;
}

FastSkipListRepFactory::FastSkipListRepFactory(
    const FastSkipListOptions& options)
    : refusal_(CheckValues(options)),
      options_(Nearest(options)),
      state_(std::make_shared<FactoryState>()) {
  RegisterOptions(&options_, OptionTable());
}

Status FastSkipListRepFactory::Check() const {
  return refusal_.ok() ? CheckFastSkipListOptions(options_) : refusal_;
}

std::string FastSkipListRepFactory::GetPrintableOptions() const {
  return "  shards: " + std::to_string(options_.shards) +
         "\n  key_order: " + NameOf(options_.key_order) +
         "\n  max_entries: " + std::to_string(options_.max_entries) +
         "\n  backpressure_percent: " +
         std::to_string(options_.backpressure_percent) +
         "\n  log_on_seal: " + (options_.log_on_seal ? "true" : "false") + "\n";
}

Status FastSkipListRepFactory::ConfigureOptions(
    const ConfigOptions& config_options,
    const std::unordered_map<std::string, std::string>& options,
    std::unordered_map<std::string, std::string>* unused) {
  const Status status =
      MemTableRepFactory::ConfigureOptions(config_options, options, unused);
  // Whoever configures a whole column family takes NotFound to mean that the
  // column family has no such option, and drops the message.
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
  const Status status = Check();
  if (!status.ok()) return status;
  if (options_.key_order == KeyOrder::kBytewise &&
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

std::vector<FastSkipStats> FastSkipListRepFactory::GetMemtableStats() const {
  return state_->memtables.GetStats([](const MemtableOwner&) { return true; });
}

FastSkipStats FastSkipListRepFactory::GetStats() const {
  return Sum(GetMemtableStats());
}

FastSkipStats FastSkipListRepFactory::GetStats(
    uint32_t column_family_id) const {
  return Sum(state_->memtables.GetStats([&](const MemtableOwner& owner) {
    return owner.column_family_id == column_family_id;
  }));
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
  std::vector<FastSkipStats> each = factory->state_->memtables.GetStats(
      [&](const MemtableOwner& other) { return other == owner; });
  for (FastSkipStats& memtable : each) {
    memtable.write_buffer_size = options.write_buffer_size;
    JudgePressure(&memtable);
  }
  *stats = Sum(each);
  return Status::OK();
}

MemTableRepFactory* NewFastSkipListRepFactory(
    const FastSkipListOptions& options) {
  return new FastSkipListRepFactory(options);
}

}  // namespace fastskip
