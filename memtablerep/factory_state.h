// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "live_memtables.h"
#include "write_buffer_sizes.h"

namespace fastskip {

// What the memtables of one factory share. They hold it together with the
// factory, which they may outlive. Thread safety: any number of threads.
struct FactoryState {
  WriteBufferSizes write_buffer_sizes;
  LiveMemtables memtables;
};

}  // namespace fastskip
