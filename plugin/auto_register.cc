// SPDX-License-Identifier: Apache-2.0
//
// Part of libfastskip.so alone: registers fastskip when the library is loaded,
// so that stock programs know it under LD_PRELOAD. RocksDB's registry is made
// by its first user, so the order of static initialisers does not matter.

#include "../memtablerep/fast_skip_list_factory.h"

namespace {
[[maybe_unused]] const bool registered = [] {
  fastskip::RegisterFastSkip();
  return true;
}();
}  // namespace
