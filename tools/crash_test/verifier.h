// SPDX-License-Identifier: Apache-2.0
//
// Reads all of a database after a round of the crash test, in the ways that a
// user might open it.
#pragma once

#include <string>

#include "tools/crash_test/expected_state.h"
#include "tools/crash_test/round.h"

namespace fastskip {
namespace crash_test {

struct Found {
  std::string error;  // "" when all reads agree
  Versions versions;
};

// Opens the database with `memtable` and the round's options, ends what was
// prepared, and reads every key by Get and by scans in both directions.
//
// For rounds that need WALs of their own.
enum class Wals { kLeft, kEmptied };
Found ReadAll(const Round& round, Memtable memtable, const std::string& dir,
              Wals after, Random* random);

// Reads every key by Debian's ldb, which knows nothing of fastskip. Requires a
// round without transactions.
Found ReadAllByLdb(const std::string& ldb, const std::string& dir);

}  // namespace crash_test
}  // namespace fastskip
