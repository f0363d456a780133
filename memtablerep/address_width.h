// SPDX-License-Identifier: Apache-2.0
//
// The list keeps a pointer and a piece of the key in one 64-bit word
// (block.h), so a pointer that needs the upper bits cannot be held.
#pragma once

#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

// OK, or NotSupported that shows the address.
ROCKSDB_NAMESPACE::Status CheckAddressWidth(const void* address);

}  // namespace fastskip
