// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_options.h"

#include "address_width.h"
#include "option_values.h"

namespace fastskip {

ROCKSDB_NAMESPACE::Status CheckFastSkipListOptions(
    const FastSkipListOptions& options) {
  const ROCKSDB_NAMESPACE::Status status = CheckOptionValues(options);
  return status.ok() ? CheckHeapAddresses() : status;
}

}  // namespace fastskip
