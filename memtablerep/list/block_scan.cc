// SPDX-License-Identifier: Apache-2.0
//
// Which form of block_scan.h is in use.
#include "block_scan.h"

namespace fastskip {

namespace {

struct Available {
  Available() {
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (kAvx2BlockScan != nullptr && __builtin_cpu_supports("avx2")) {
      scans[count++] = kAvx2BlockScan;
    }
#endif
  }

  const BlockScan* scans[3] = {&kPortableBlockScan};
  int count = 1;
};

const Available& TheAvailable() {
  static const Available available;
  return available;
}

}  // namespace

RelaxedAtomic<const BlockScan*> best_block_scan{&kPortableBlockScan};

namespace {

[[maybe_unused]] const bool best_is_chosen = [] {
  const Available& available = TheAvailable();
  best_block_scan.Store(available.scans[available.count - 1]);
  return true;
}();

}  // namespace

const BlockScan* const* AvailableBlockScans() { return TheAvailable().scans; }

}  // namespace fastskip
