// SPDX-License-Identifier: Apache-2.0
//
// The user keys that memtable_bench makes: those of benchmarks, and encodings
// of systems on RocksDB.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/memtable_bench/key_list.h"

namespace fastskip {
namespace bench {

struct KeyShape {
  const char* name;
  const char* what;
  uint32_t value_size;  // bytes of a value that goes with such a key
};
const std::vector<KeyShape>& KeyShapes();

// Null when there is none of that name.
const KeyShape* FindShape(const std::string& name);

// `entries` keys of the shape, which KeyShapes() names, as `seed` gives them.
// With those that occur twice, an entry for each.
KeyList MakeKeys(const std::string& shape, uint64_t entries, uint64_t seed);

// `count` keys that are none of MakeKeys(shape, keys.size(), seed), and lie
// scattered among them.
KeyList DrawMissing(const std::string& shape, const KeyList& keys,
                    uint64_t count, uint64_t seed);

}  // namespace bench
}  // namespace fastskip
