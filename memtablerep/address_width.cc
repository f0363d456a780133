// SPDX-License-Identifier: Apache-2.0

#include "address_width.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "fast_skip_list_factory.h"
#include "list/block.h"

namespace fastskip {

using ROCKSDB_NAMESPACE::Status;

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

Status CheckHeapAddresses() {
  for (const size_t bytes : {size_t{64}, size_t{4} << 20}) {
    const std::unique_ptr<char[]> sample(new char[bytes]);
    Status status = CheckAddressWidth(sample.get());
    if (!status.ok()) return status;
  }
  return Status::OK();
}

}  // namespace fastskip
