// SPDX-License-Identifier: Apache-2.0
//
// Part of libfastskip.so alone: registers fastskip when the library is loaded,
// so that programs which know nothing of fastskip find it under LD_PRELOAD. The
// order of static initialisers does not matter: RocksDB makes its registry when
// it is first used.

#include "../memtablerep/fast_skip_list_register.h"

namespace {
[[maybe_unused]] const bool registered = [] {
  fastskip::RegisterFastSkip();
  return true;
}();
}  // namespace
