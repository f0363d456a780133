// SPDX-License-Identifier: Apache-2.0
//
// The child of the crash test: opens the database and writes until it is
// killed, or until the round's time is over.
#pragma once

#include <cstdint>
#include <string>

#include "tools/crash_test/expected_state.h"
#include "tools/crash_test/round.h"

namespace fastskip {
namespace crash_test {

struct WriterOptions {
  std::string db;
  uint64_t milliseconds = 0;  // then it closes the database and returns
  // For a test of the test: one write in so many is acknowledged but not done.
  uint64_t drop_one_in = 0;
};

// Ends the program with a message, and kWriterFailed, when RocksDB reports an
// error or a read shows what it should not.
constexpr int kWriterFailed = 10;
void RunWriter(const Round& round, const WriterOptions& options,
               ExpectedState* expected);

}  // namespace crash_test
}  // namespace fastskip
