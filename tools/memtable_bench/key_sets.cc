// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/key_sets.h"

#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "tools/memtable_bench/bad_request.h"
#include "tools/memtable_bench/key_shapes.h"

namespace fastskip {
namespace bench {
namespace {

// Packages with many files; tools/memtable_bench.sh installs them.
constexpr char kPathPackages[] =
    "breeze-icon-theme cmake-data elementary-xfce-icon-theme golang-1.19-src "
    "lazarus-doc-2.2 libboost1.74-dev libc6-dev libeccodes-data "
    "libstdc++-12-dev libstdc++-12-doc linux-libc-dev manpages-dev "
    "mariadb-test-data numix-icon-theme perl-modules-5.36 rust-src tzdata";
constexpr char kWordPackage[] = "wamerican-huge";
constexpr char kWordFile[] = "/usr/share/dict/american-english-huge";

constexpr uint32_t kPathValueSize = 100;
constexpr uint32_t kWordValueSize = 32;
constexpr uint32_t kFileValueSize = 100;
constexpr size_t kLongestKey = 65535;

// Makes the key of a line, or throws BadRequest.
using ParseLine = std::function<std::string(const std::string& line)>;

class Shape final : public KeySet {
 public:
  explicit Shape(const KeyShape& shape)
      : KeySet(shape.name, shape.value_size) {}
  uint64_t AtMost(uint64_t entries) const override { return entries; }
  KeyList Make(uint64_t entries, uint64_t seed) const override {
    return MakeKeys(name(), entries, seed);
  }
  KeyList Missing(const KeyList& keys, uint64_t count,
                  uint64_t seed) const override {
    return DrawMissing(name(), keys, count, seed);
  }
};

class Listed final : public KeySet {
 public:
  Listed(const std::string& name, uint32_t value_size, KeyList&& keys,
         FileOrder order)
      : KeySet(name, value_size), keys_(std::move(keys)), order_(order) {
    for (size_t i = 0; i < keys_.size(); ++i) all_.insert(ViewOf(keys_[i]));
  }

  uint64_t AtMost(uint64_t entries) const override {
    return std::min<uint64_t>(entries, keys_.size());
  }

  KeyList Make(uint64_t entries, uint64_t seed) const override {
    std::vector<uint32_t> turn(keys_.size());
    std::iota(turn.begin(), turn.end(), 0);
    if (order_ == FileOrder::kShuffled) {
      Random random(seed);
      for (size_t i = turn.size(); i > 1; --i) {
        std::swap(turn[i - 1], turn[random.Uniform(i)]);
      }
    }
    KeyList made;
    made.Reserve(entries, keys_.bytes() / keys_.size() * entries);
    for (uint64_t i = 0; i < entries; ++i) made.Add(keys_[turn[i]]);
    return made;
  }

  // Keys that are there, longer by a byte, or by as many as it takes.
  KeyList Missing(const KeyList& keys, uint64_t count,
                  uint64_t seed) const override {
    Random random(seed);
    KeyList drawn;
    drawn.Reserve(count, count * (keys.bytes() / keys.size() + 1));
    for (uint64_t i = 0; i < count; ++i) {
      std::string key = keys[random.Uniform(keys.size())].ToString();
      do {
        key += '!';
      } while (all_.count(key) != 0);
      drawn.Add(key);
    }
    return drawn;
  }

 private:
  static std::string_view ViewOf(const ROCKSDB_NAMESPACE::Slice& key) {
    return std::string_view(key.data(), key.size());
  }

  const KeyList keys_;
  const FileOrder order_;
  std::unordered_set<std::string_view> all_;  // of keys_
};

std::string TextKey(const std::string& line) { return line; }

// Of hexadecimal digits, with or without "0x", as ldb writes them.
std::string HexKey(const std::string& line) {
  size_t at = line.compare(0, 2, "0x") == 0 ? 2 : 0;
  const auto bad = [&](const char* why) {
    return BadRequest("'" + line.substr(0, 80) + "' " + why);
  };
  if ((line.size() - at) % 2 != 0) {
    throw bad("has an odd number of hexadecimal digits");
  }
  std::string key;
  for (; at < line.size(); at += 2) {
    if (std::isxdigit(static_cast<unsigned char>(line[at])) == 0 ||
        std::isxdigit(static_cast<unsigned char>(line[at + 1])) == 0) {
      throw bad("is not hexadecimal");
    }
    key += static_cast<char>(std::stoul(line.substr(at, 2), nullptr, 16));
  }
  return key;
}

// One key a line. `option`: as errors name the file.
KeyList ReadKeys(const std::string& option, const std::string& path,
                 const ParseLine& parse) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  KeyList keys;
  for (uint64_t number = 1; std::getline(file, line); ++number) {
    const std::string where = option + ", line " + std::to_string(number);
    std::string key;
    try {
      key = parse(line);
    } catch (const BadRequest& refusal) {
      throw BadRequest(where + ": " + refusal.what());
    }
    if (key.empty()) throw BadRequest(where + " is empty: a key has bytes");
    if (key.size() > kLongestKey) {
      throw BadRequest(where + ": a key of " + std::to_string(key.size()) +
                       " bytes; the most are " + std::to_string(kLongestKey));
    }
    keys.Add(key);
  }
  // A directory opens, and fails when it is read.
  if (!file.is_open() || file.bad()) {
    throw BadRequest(option + ": cannot read '" + path + "'");
  }
  if (keys.size() < 2 || keys.size() > UINT32_MAX) {
    throw BadRequest(option + ": a memtable has at least 2 keys and at most " +
                     std::to_string(UINT32_MAX) + ", and '" + path + "' has " +
                     std::to_string(keys.size()));
  }
  return keys;
}

KeyList Sorted(std::vector<std::string> keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  KeyList list;
  for (const std::string& key : keys) list.Add(key);
  return list;
}

std::unique_ptr<KeySet> Words() {
  KeyList words;
  try {
    words = ReadKeys("--keys=words", kWordFile, TextKey);
  } catch (const BadRequest& refusal) {
    throw BadRequest(std::string(refusal.what()) +
                     " (Debian: apt-get install " + kWordPackage + ")");
  }
  std::vector<std::string> sorted;
  for (size_t i = 0; i < words.size(); ++i) {
    sorted.push_back(words[i].ToString());
  }
  return std::make_unique<Listed>(
      "words", kWordValueSize, Sorted(std::move(sorted)), FileOrder::kShuffled);
}

std::unique_ptr<KeySet> Paths() {
  const std::string command =
      std::string("dpkg -L ") + kPathPackages + " 2>/dev/null";
  std::vector<std::string> paths;
  FILE* const output = popen(command.c_str(), "r");
  if (output != nullptr) {
    std::string line;
    for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) {
      if (c != '\n') {
        line += static_cast<char>(c);
        continue;
      }
      // The others tell of diversions and of empty packages.
      if (line[0] == '/') paths.push_back(line);
      line.clear();
    }
  }
  if (output == nullptr || pclose(output) != 0 || paths.size() < 2) {
    throw BadRequest(std::string("--keys=paths: dpkg -L does not list the "
                                 "files of all packages that it takes "
                                 "(Debian: apt-get install ") +
                     kPathPackages + ")");
  }
  return std::make_unique<Listed>(
      "paths", kPathValueSize, Sorted(std::move(paths)), FileOrder::kShuffled);
}

// "file=" or "hex=" and the last part of the path, in plain characters.
std::string NameInReports(const std::string& kind, const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && c != '.' && c != '-') c = '_';
  }
  return kind + "=" + name;
}

}  // namespace

const std::vector<NamedKeys>& OtherKeys() {
  static const std::vector<NamedKeys> others = {
      {"paths", "the files of some Debian packages, shuffled"},
      {"words", "those of the Debian package wamerican-huge, shuffled"}};
  return others;
}

std::unique_ptr<KeySet> OpenKeySet(const std::string& name, FileOrder order) {
  if (name == "words") return Words();
  if (name == "paths") return Paths();
  for (const std::string kind : {"file", "hex"}) {
    if (name.compare(0, kind.size() + 1, kind + ":") != 0) continue;
    const std::string path = name.substr(kind.size() + 1);
    return std::make_unique<Listed>(
        NameInReports(kind, path), kFileValueSize,
        ReadKeys("--keys=" + name, path, kind == "hex" ? HexKey : TextKey),
        order);
  }
  const KeyShape* const shape = FindShape(name);
  if (shape == nullptr) throw BadRequest("there are no keys '" + name + "'");
  return std::make_unique<Shape>(*shape);
}

}  // namespace bench
}  // namespace fastskip
