// SPDX-License-Identifier: Apache-2.0

#include "option_values.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/utilities/options_type.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::ConfigOptions;
using ROCKSDB_NAMESPACE::OptionType;
using ROCKSDB_NAMESPACE::OptionTypeFlags;
using ROCKSDB_NAMESPACE::OptionTypeInfo;
using ROCKSDB_NAMESPACE::OptionVerificationType;
using ROCKSDB_NAMESPACE::Status;

namespace {

using KeyOrder = FastSkipListOptions::KeyOrder;
using Options = FastSkipListOptions;

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

// RocksDB's own parsers name the option but not the value, and read "-1" as a
// large number.
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

}  // namespace

const OptionTable* FastSkipListOptionTable() {
  static const OptionTable* const table = new OptionTable{
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
  return table;
}

Status CheckOptionValues(const FastSkipListOptions& options) {
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

FastSkipListOptions NearestValidOptions(const FastSkipListOptions& options) {
  Options valid = options;
  valid.shards =
      std::clamp(valid.shards, Options::kMinShards, Options::kMaxShards);
  if (NameOf(valid.key_order) == nullptr) valid.key_order = KeyOrder::kAuto;
  valid.backpressure_percent = std::clamp(valid.backpressure_percent, 1u, 100u);
  return valid;
}

std::string PrintOptions(const FastSkipListOptions& options) {
  return "  shards: " + std::to_string(options.shards) +
         "\n  key_order: " + NameOf(options.key_order) +
         "\n  max_entries: " + std::to_string(options.max_entries) +
         "\n  backpressure_percent: " +
         std::to_string(options.backpressure_percent) +
         "\n  log_on_seal: " + (options.log_on_seal ? "true" : "false") + "\n";
}

}  // namespace fastskip
