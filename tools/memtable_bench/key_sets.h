// SPDX-License-Identifier: Apache-2.0
//
// What --keys names: shapes that are made (key_shapes.h), the paths and words
// of Debian packages, and the user's own keys out of a file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/memtable_bench/key_list.h"

namespace fastskip {
namespace bench {

// How keys of a file are used.
enum class FileOrder : uint8_t { kAsWritten, kShuffled };

// Thread safety: the const methods, from any number of threads.
class KeySet {
 public:
  KeySet(const std::string& name, uint32_t value_size)
      : name_(name), value_size_(value_size) {}
  virtual ~KeySet() = default;
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  // As reports name it, without blanks, commas and colons.
  const std::string& name() const { return name_; }
  // Bytes of a value that goes with such a key.
  uint32_t value_size() const { return value_size_; }

  // `entries`, or how many there are if that is less.
  virtual uint64_t AtMost(uint64_t entries) const = 0;
  // `entries` keys in the order of their use, as `seed` gives them. With those
  // that occur twice, an entry for each.
  // REQUIRES: AtMost(entries) == entries
  virtual KeyList Make(uint64_t entries, uint64_t seed) const = 0;
  // `count` keys that are none of `keys`, which Make made with that seed, and
  // lie scattered among them.
  virtual KeyList Missing(const KeyList& keys, uint64_t count,
                          uint64_t seed) const = 0;

 private:
  const std::string name_;
  const uint32_t value_size_;
};

// Keys that OpenKeySet knows beside those of KeyShapes().
struct NamedKeys {
  const char* name;
  const char* what;
};
const std::vector<NamedKeys>& OtherKeys();

// Throws BadRequest, which names what is wrong, and in a file the line.
std::unique_ptr<KeySet> OpenKeySet(const std::string& name, FileOrder order);

}  // namespace bench
}  // namespace fastskip
