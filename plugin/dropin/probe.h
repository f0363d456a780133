// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dropin_memtables.h"

namespace fastskip {

// Makes a table of points and one of range deletions as RocksDB does it, with
// the factory that a column family has by default, and looks whether the first
// one alone is of `memtables`, knows its column family and keeps an entry.
// Returns the reason if not. REQUIRES: no database is open.
std::string Probe(DropInMemtables* memtables);

}  // namespace fastskip
