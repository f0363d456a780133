// SPDX-License-Identifier: Apache-2.0
//
// The values of FastSkipListOptions: their ranges, and their text form as
// RocksDB's options machinery needs it. Thread safety: pure functions.
#pragma once

#include <string>
#include <unordered_map>

#include "fast_skip_list_options.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace ROCKSDB_NAMESPACE {
class OptionTypeInfo;
}  // namespace ROCKSDB_NAMESPACE

namespace fastskip {

using OptionTable =
    std::unordered_map<std::string, ROCKSDB_NAMESPACE::OptionTypeInfo>;

// For RocksDB's RegisterOptions: parses, prints and compares each option by its
// name. Never destroyed: RocksDB may read the options of a factory that
// outlives this library's static objects.
const OptionTable* FastSkipListOptionTable();

// OK, or InvalidArgument that shows the first option out of range and its
// value, in the words that parsing uses.
ROCKSDB_NAMESPACE::Status CheckOptionValues(const FastSkipListOptions& options);

// `options` with each value out of range replaced by the nearest one in range,
// or by kAuto.
FastSkipListOptions NearestValidOptions(const FastSkipListOptions& options);

// One option a line, for RocksDB's LOG.
// REQUIRES: CheckOptionValues(options).ok()
std::string PrintOptions(const FastSkipListOptions& options);

}  // namespace fastskip
