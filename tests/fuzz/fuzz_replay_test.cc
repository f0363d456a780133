// SPDX-License-Identifier: Apache-2.0
// The fuzzers' bodies in the normal tests: their corpora (tests/fuzz/corpus),
// and random changes of them.
//
// One thread, in which there are no races.
// Sanitizers: address

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/options_fuzz.h"
#include "tests/fuzz/rep_fuzz.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

// ctest says where the sources are; by hand it is where one stands.
std::vector<std::string> Corpus(const std::string& name) {
  const char* root = std::getenv("FASTSKIP_SOURCE_DIR");
  const std::filesystem::path dir =
      std::filesystem::path(root != nullptr ? root : ".") / "tests" / "fuzz" /
      "corpus" / name;
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return inputs;
}

template <typename Fuzzer>
std::string RunOn(const std::string& input) {
  return Fuzzer(reinterpret_cast<const uint8_t*>(input.data()), input.size())
      .Run();
}

std::string Hex(const std::string& input) {
  return rdb::Slice(input).ToString(true);
}

// Some bytes changed, cut, doubled, or replaced by a part of another input.
std::string Mutated(Random& random, const std::vector<std::string>& corpus) {
  std::string input = corpus[random.Uniform(corpus.size())];
  for (uint64_t changes = 1 + random.Uniform(6); changes > 0; --changes) {
    const size_t at = random.Uniform(input.size() + 1);
    switch (random.Uniform(4)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(random());
        break;
      case 1:
        input.insert(at, 1, static_cast<char>(random()));
        break;
      case 2:
        input.erase(at, 1 + random.Uniform(4));
        break;
      default: {
        const std::string& other = corpus[random.Uniform(corpus.size())];
        const size_t from = random.Uniform(other.size() + 1);
        input.insert(at, other, from, 1 + random.Uniform(64));
      }
    }
  }
  return input;
}

template <typename Fuzzer>
void ReplayAndMutate(const std::string& name, uint64_t mutations) {
  const std::vector<std::string> corpus = Corpus(name);
  ASSERT_GE(corpus.size(), 20u);
  for (const std::string& input : corpus) {
    ASSERT_EQ(RunOn<Fuzzer>(input), "") << Hex(input);
  }
  Random random = MakeRandom();
  for (uint64_t i = 0; i < mutations * TestPercent() / 100; ++i) {
    const std::string input = Mutated(random, corpus);
    ASSERT_EQ(RunOn<Fuzzer>(input), "") << Hex(input);
  }
}

TEST(FuzzReplay, Rep) { ReplayAndMutate<RepFuzzer>("rep", 10000 / kSlowdown); }

TEST(FuzzReplay, Options) {
  ReplayAndMutate<OptionsFuzzer>("options", 20000 / kSlowdown);
}

// The corpora are worth replaying: they reach depth, and both outcomes.
TEST(FuzzReplay, CorporaReachFar) {
  uint64_t most = 0;
  for (const std::string& input : Corpus("rep")) {
    RepFuzzer fuzzer(reinterpret_cast<const uint8_t*>(input.data()),
                     input.size());
    EXPECT_EQ(fuzzer.Run(), "");
    most = std::max(most, fuzzer.entries());
  }
  EXPECT_GT(most, 1000u);
  uint64_t accepted = 0, refused = 0;
  for (const std::string& input : Corpus("options")) {
    OptionsFuzzer fuzzer(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
    EXPECT_EQ(fuzzer.Run(), "");
    ++(fuzzer.accepted() ? accepted : refused);
  }
  EXPECT_GT(accepted, 3u);
  EXPECT_GT(refused, 3u);
}

// A body that cannot fail proves nothing: beside a model of another order the
// same bytes must fail.
TEST(FuzzReplay, AWrongOrderIsSeen) {
  uint64_t seen = 0;
  for (const std::string& input : Corpus("rep")) {
    RepFuzzer fuzzer(reinterpret_cast<const uint8_t*>(input.data()),
                     input.size(), RepFuzzer::ModelOrder::kReversed);
    if (!fuzzer.Run().empty()) ++seen;
  }
  EXPECT_GT(seen, 10u);
}

}  // namespace
}  // namespace test
}  // namespace fastskip
