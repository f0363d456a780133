// SPDX-License-Identifier: Apache-2.0
//
// What RocksDB seeks, in the form of an entry: the list compares entries alone.
#pragma once

#include <cstdint>
#include <string>

#include "list/varint.h"
#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/slice.h"

namespace fastskip {

// `internal_key` with its length in front, kept in `*space`. Valid until
// `*space` changes.
inline const char* EncodeTarget(const ROCKSDB_NAMESPACE::Slice& internal_key,
                                std::string* space) {
  char length[kMaxVarint32Bytes];
  const char* const end =
      EncodeVarint32(length, static_cast<uint32_t>(internal_key.size()));
  space->assign(length, static_cast<size_t>(end - length));
  space->append(internal_key.data(), internal_key.size());
  return space->data();
}

}  // namespace fastskip
