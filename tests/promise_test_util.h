// SPDX-License-Identifier: Apache-2.0
//
// For the tests of what a memtable library promises (promise_*): threads, on
// the harness of db_test_util.h and lsm_test_util.h.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "tests/lsm_test_util.h"

namespace fastskip {
namespace dbtest {

inline void OnThreads(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) all.emplace_back(body, t);
  for (std::thread& thread : all) thread.join();
}

// Plays `scenario` with fastskip alone, for what depends on how threads run,
// and expects that nothing unexpected happened.
inline void ExpectNothingUnexpected(const MemtableConfig& config,
                                    const Scenario& scenario) {
  TestSeed();
  const Transcript seen = Play(config, Role::kTested, scenario);
  EXPECT_EQ("", FirstUnexpected(seen));
  EXPECT_FALSE(seen.lines.empty());
}

}  // namespace dbtest
}  // namespace fastskip
