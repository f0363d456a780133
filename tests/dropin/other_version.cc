// SPDX-License-Identifier: Apache-2.0
//
// Loaded in front of librocksdb.so, it makes that one look like another version
// under the same name, as where the name has the major version alone.

#include <string>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
// As rocksdb/version.h declares it.
std::string GetRocksVersionAsString(bool with_patch);
std::string GetRocksVersionAsString(bool) { return "6.5.4"; }
}  // namespace ROCKSDB_NAMESPACE
