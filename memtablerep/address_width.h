// SPDX-License-Identifier: Apache-2.0
//
// Whether this process's addresses fit the list, which keeps an address and a
// discriminator in one 64-bit word (list/block.h) and has 48 bits for the
// address. Tagging allocators and wider virtual addresses need more.
// Thread safety: any thread.
#pragma once

#include "rocksdb/rocksdb_namespace.h"
#include "rocksdb/status.h"

namespace fastskip {

// OK, or NotSupported that shows the address.
ROCKSDB_NAMESPACE::Status CheckAddressWidth(const void* address);

// CheckAddressWidth for a small and a large piece of the heap: malloc takes
// these from different places.
ROCKSDB_NAMESPACE::Status CheckHeapAddresses();

}  // namespace fastskip
