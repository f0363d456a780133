// SPDX-License-Identifier: Apache-2.0
//
// What memtable_bench found out, as a table and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fastskip {
namespace bench {

// One operation of one memtable under one load, over all rounds.
struct Row {
  std::string keys;
  uint64_t entries = 0;
  uint64_t asked = 0;  // entries that were asked for: there may be fewer keys
  uint32_t value_size = 0;
  std::string memtable;
  std::string operation;
  uint32_t threads = 1;        // of the operation
  std::vector<double> rounds;  // nanoseconds per operation of each
  // Nanoseconds that so many operations of a pass of their own took at most;
  // sorted. Empty unless asked for.
  std::vector<uint32_t> latencies;
  double comparisons = -1;  // per operation; negative: not counted
};

// Of one memtable under one load.
struct Counters {
  std::string keys;
  uint64_t entries = 0;
  std::string memtable;
  std::vector<std::pair<std::string, double>> values;
};

struct Report {
  // Name and text of JSON: what was run, where, how.
  std::vector<std::pair<std::string, std::string>> setting;
  std::string order;         // of user keys, "" for by their bytes
  bool fresh_pages = false;  // see Request
  std::string base;          // the memtable that ratios refer to
  std::vector<Row> rows;
  std::vector<Counters> counters;
};

// Of one operation of one memtable with one number of entries, over all keys.
struct GeometricMean {
  uint64_t entries = 0;  // that were asked for
  std::string memtable;
  std::string operation;
  uint64_t keys = 0;       // kinds of keys
  double ratio = 0;        // geometric mean of their ratios of medians
  double worst = 0;        // the least of these ratios,
  std::string worst_keys;  // and whose it is
};
// In the order of the rows. Nothing of the memtable that ratios refer to, nor
// where there is but one kind of keys.
std::vector<GeometricMean> GeometricMeans(const Report& report);

std::string Quoted(const std::string& text);  // as JSON

// The table, for people and for awk: a line for each row, no blanks in fields.
std::string AsTable(const Report& report);
std::string AsJson(const Report& report);
// A line for each round, as tools/compare.sh keeps them:
// operation:keys:entries,threads,-,-,memtable,round,microseconds,answer
std::string AsCsv(const Report& report);

}  // namespace bench
}  // namespace fastskip
