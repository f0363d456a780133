// SPDX-License-Identifier: Apache-2.0
//
// Runs several memtables in turn through the same work, and reports.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rocksdb/slice_transform.h"
#include "tools/memtable_bench/bad_request.h"
#include "tools/memtable_bench/key_sets.h"
#include "tools/memtable_bench/memtable_run.h"
#include "tools/memtable_bench/report.h"

namespace fastskip {
namespace bench {

struct Request {
  std::vector<std::string> memtables;  // ratios refer to the first
  std::vector<std::string> operations;
  std::vector<std::string> keys;
  FileOrder file_order = FileOrder::kAsWritten;
  std::vector<uint64_t> entries;
  std::optional<uint32_t> value_size;  // none: what goes with the keys
  uint32_t rounds = 5;
  uint32_t writers = 1;
  uint32_t readers = 1;
  bool insert_concurrently = false;
  TimeOf time = TimeOf::kWall;
  uint64_t reads = 0;          // 0: as many as entries
  uint64_t round_entries = 0;  // smaller memtables: as many as make up so many
  std::string comparator;
  OrderBy order_by = OrderBy::kOwn;
  size_t prefix_size = 0;  // 0: no prefix extractor
  // Each memtable on pages that the kernel has yet to provide; else on those
  // that memtables before it have left to malloc.
  bool fresh_pages = false;
  bool latency = false;
  bool counters = false;
  uint64_t seed = 1;
  bool progress = false;
};

class Bench {
 public:
  // Throws BadRequest.
  explicit Bench(const Request& request);
  // Throws std::runtime_error when a memtable answers wrongly.
  Report Run();

 private:
  enum class Pass { kMean, kLatency, kCount };
  struct Memtable {
    std::string name;
    std::shared_ptr<rdb::MemTableRepFactory> factory;
  };
  struct Load {
    const KeySet* keys;
    uint64_t entries;
    uint64_t asked;  // there may be fewer
  };
  // One memtable's share of one round.
  struct Share {
    std::map<Operation, Result> results;
    std::map<Operation, uint64_t> comparisons;
    double overhead = 0;  // bytes per entry
  };

  using Rows = std::map<Operation, std::vector<Row>>;  // one per memtable

  void OpenKeys();
  void MakeMemtables();
  void MakeOperations();
  uint32_t ValueSize(const Load& load) const;
  Rows NewRows(const Load& load) const;
  uint32_t LatencyRounds(const Load& load) const;
  void AddLatencies(const Load& load, Rows* rows);
  void AddCounts(const Load& load, Rows* rows, std::vector<Counters>* counters);
  static void TouchPages(uint64_t bytes);
  void RunLoad(const Load& load, Report* report);
  std::vector<Share> RunRound(const Load& load, uint32_t round, Pass pass);
  void RunMemtable(const Memtable& memtable, const Work& work, Pass pass,
                   Share* share);
  void CheckAnswers(const Load& load, const std::vector<Share>& shares) const;
  Work MakeWork(const Load& load, uint64_t seed) const;
  void Progress(const std::string& what);

  const Request request_;
  std::vector<std::unique_ptr<KeySet>> keys_;
  std::vector<Memtable> memtables_;
  std::set<Operation> operations_;
  const SuffixComparator suffix_;
  std::unique_ptr<rdb::MemTableRep::KeyComparator> order_;
  std::unique_ptr<const rdb::SliceTransform> prefix_;
  std::chrono::steady_clock::time_point last_progress_;
};

}  // namespace bench
}  // namespace fastskip
