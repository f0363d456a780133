// SPDX-License-Identifier: Apache-2.0
//
// User keys as systems on RocksDB encode them: rows and indexes of SQL
// databases, paths, windows, state of streams, metrics, counters, tenants.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fastskip {
namespace bench {

// A random number below `limit`.
using Draw = std::function<uint64_t(uint64_t limit)>;

struct KeyEncoding {
  const char* name;
  const char* what;
  uint32_t value_size;  // bytes of a value that goes with such a key
  // The key of entry `i` of `entries`, which are inserted in this order.
  std::string (*key)(uint64_t i, uint64_t entries, const Draw& draw);
};
const std::vector<KeyEncoding>& KeyEncodings();

// Null when there is none of that name.
const KeyEncoding* FindEncoding(const std::string& name);

// The hash of an identifier: scatters, and 0 as well.
uint64_t HashOf(uint64_t id);

}  // namespace bench
}  // namespace fastskip
