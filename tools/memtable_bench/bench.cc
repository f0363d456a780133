// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/bench.h"

#include <algorithm>
#include <cstdio>

#include "rocksdb/convenience.h"
#include "tools/memtable_bench/list_counters.h"

namespace fastskip {
namespace bench {

Bench::Bench(const Request& request) : request_(request) {
  if (request.rounds < 1 || request.writers < 1 || request.readers < 1) {
    throw BadRequest("rounds, writers and readers are at least 1");
  }
  const rdb::Comparator* user = nullptr;
  if (request.comparator == "bytewise") user = rdb::BytewiseComparator();
  if (request.comparator == "reverse") user = rdb::ReverseBytewiseComparator();
  if (request.comparator == "suffix") user = &suffix_;
  if (user == nullptr) {
    throw BadRequest("there is no comparator '" + request.comparator + "'");
  }
  order_ = MakeOrder(request.order_by, user);
  if (request.prefix_size > 0) {
    prefix_.reset(rdb::NewFixedPrefixTransform(request.prefix_size));
  }
  for (const uint64_t entries : request.entries) {
    if (entries < 2) throw BadRequest("a memtable has at least 2 entries");
  }
  OpenKeys();
  MakeMemtables();
  MakeOperations();
}

void Bench::OpenKeys() {
  std::set<std::string> seen;
  for (const std::string& name : request_.keys) {
    keys_.push_back(OpenKeySet(name, request_.file_order));
    if (!seen.insert(keys_.back()->name()).second) {
      throw BadRequest("--keys: '" + name +
                       "' is the second one that reports " + "would call " +
                       keys_.back()->name());
    }
  }
}

void Bench::MakeMemtables() {
  rdb::ConfigOptions config;
  config.ignore_unsupported_options = false;
  std::set<std::string> seen;
  for (const std::string& name : request_.memtables) {
    Memtable memtable{name, nullptr};
    const rdb::Status status = rdb::MemTableRepFactory::CreateFromString(
        config, name, &memtable.factory);
    if (!status.ok() || memtable.factory == nullptr) {
      throw BadRequest("there is no memtable '" + name +
                       "': " + status.ToString());
    }
    if ((request_.writers > 1 || request_.insert_concurrently) &&
        !memtable.factory->IsInsertConcurrentlySupported()) {
      throw BadRequest("'" + name + "' takes one writer at a time");
    }
    if (prefix_ == nullptr &&
        std::string(memtable.factory->Name()).compare(0, 4, "Hash") == 0) {
      throw BadRequest("'" + name + "' needs a prefix size");
    }
    if (!seen.insert(name).second) {
      throw BadRequest("memtable '" + name + "' is named twice");
    }
    memtables_.push_back(memtable);
  }
}

void Bench::MakeOperations() {
  const auto& names = OperationNames();
  for (const std::string& operation : request_.operations) {
    const auto name = std::find_if(
        names.begin(), names.end(),
        [&](const OperationName& n) { return operation == n.name; });
    if (name == names.end()) {
      throw BadRequest("there is no operation '" + operation + "'");
    }
    operations_.insert(name->operation);
  }
}

void Bench::Progress(const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  if (!request_.progress || now - last_progress_ < std::chrono::seconds(1)) {
    return;
  }
  last_progress_ = now;
  std::fprintf(stderr, "... %-72s\r", what.c_str());
  std::fflush(stderr);
}

uint32_t Bench::ValueSize(const Load& load) const {
  return request_.value_size.value_or(load.keys->value_size());
}

Work Bench::MakeWork(const Load& load, uint64_t seed) const {
  Work work;
  work.keys = load.keys->Make(load.entries, seed);
  const uint64_t reads = request_.reads > 0 ? request_.reads : load.entries;
  work.present = DrawPresent(work.keys, reads, seed);
  if (operations_.count(Operation::kGetMissing) != 0) {
    work.missing = load.keys->Missing(work.keys, reads, seed);
  }
  work.value_size = ValueSize(load);
  work.writers = request_.writers;
  work.readers = request_.readers;
  work.insert_concurrently = request_.insert_concurrently;
  work.time = request_.time;
  work.prefix_extractor = prefix_.get();
  return work;
}

void Bench::RunMemtable(const Memtable& memtable, const Work& work, Pass pass,
                        Share* share) {
  std::unique_ptr<rdb::MemTableRepFactory> own;
  const CountingOrder counting(*order_);
  const bool count = pass == Pass::kCount;
  rdb::MemTableRepFactory* const factory =
      count ? FactoryForCounting(memtable.factory.get(), *order_, &own)
            : memtable.factory.get();
  const rdb::MemTableRep::KeyComparator& order =
      count ? static_cast<const rdb::MemTableRep::KeyComparator&>(counting)
            : *order_;
  const Measure measure =
      pass == Pass::kLatency ? Measure::kLatency : Measure::kMean;
  const auto keep = [&](Operation operation, const Result& result) {
    share->comparisons[operation] += CountingOrder::Take();
    share->results[operation].Add(result);
  };
  if (operations_.count(Operation::kInsertBeside) != 0 ||
      operations_.count(Operation::kGetBeside) != 0) {
    MemTableRun run(factory, order, work);
    Result insert, get;
    run.RunBeside(measure, &insert, &get);
    keep(Operation::kInsertBeside, insert);
    keep(Operation::kGetBeside, get);
  }
  MemTableRun run(factory, order, work);
  CountingOrder::Take();  // of a first entry of the memtable's own
  keep(Operation::kInsert, run.Run(Operation::kInsert, measure));
  for (const Operation operation : operations_) {
    if (operation > Operation::kInsert &&
        operation < Operation::kInsertBeside) {
      keep(operation, run.Run(operation, measure));
    }
  }
  share->overhead = run.OverheadPerEntry();
}

std::vector<Bench::Share> Bench::RunRound(const Load& load, uint32_t round,
                                          Pass pass) {
  std::vector<Share> shares(memtables_.size());
  const uint64_t lists =
      std::max<uint64_t>(1, request_.round_entries / load.entries);
  for (uint64_t list = 0; list < lists; ++list) {
    const Work work = MakeWork(
        load, Scatter(request_.seed) + uint64_t{round} * 1000003 + list);
    for (size_t i = 0; i < memtables_.size(); ++i) {
      // Each memtable comes first as often as any other.
      const size_t turn = (i + round + list) % memtables_.size();
      Progress(load.keys->name() + ", " + std::to_string(load.entries) +
               " entries: round " + std::to_string(round + 1) + ", " +
               memtables_[turn].name);
      RunMemtable(memtables_[turn], work, pass, &shares[turn]);
    }
  }
  CheckAnswers(load, shares);
  return shares;
}

void Bench::CheckAnswers(const Load& load,
                         const std::vector<Share>& shares) const {
  for (size_t i = 1; i < shares.size(); ++i) {
    for (const auto& [operation, result] : shares[i].results) {
      const Result& first = shares[0].results.at(operation);
      if (result.found != first.found || result.digest != first.digest) {
        throw std::runtime_error(
            memtables_[i].name + " and " + memtables_[0].name +
            " answer differently: " + load.keys->name() + ", " +
            std::to_string(load.entries) + " entries, " + NameOf(operation));
      }
    }
  }
}

// As many as there are, but no more samples of an operation than need be.
uint32_t Bench::LatencyRounds(const Load& load) const {
  constexpr uint64_t kSamples = 4000000;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(kSamples / load.entries, 1, request_.rounds));
}

void Bench::AddLatencies(const Load& load, Rows* rows) {
  for (uint32_t round = 0; round < LatencyRounds(load); ++round) {
    const std::vector<Share> shares = RunRound(load, round, Pass::kLatency);
    for (size_t i = 0; i < shares.size(); ++i) {
      for (const Operation operation : operations_) {
        const auto& more = shares[i].results.at(operation).latencies;
        auto& latencies = (*rows)[operation][i].latencies;
        latencies.insert(latencies.end(), more.begin(), more.end());
      }
    }
  }
  for (auto& [operation, of_all] : *rows) {
    for (Row& row : of_all) {
      std::sort(row.latencies.begin(), row.latencies.end());
    }
  }
}

void Bench::AddCounts(const Load& load, Rows* rows,
                      std::vector<Counters>* counters) {
  const std::vector<Share> shares = RunRound(load, 0, Pass::kCount);
  const Work work = MakeWork(load, Scatter(request_.seed));
  for (size_t i = 0; i < shares.size(); ++i) {
    for (const Operation operation : operations_) {
      (*rows)[operation][i].comparisons =
          static_cast<double>(shares[i].comparisons.at(operation)) /
          static_cast<double>(shares[i].results.at(operation).operations);
    }
    const auto list = ListCounters(*memtables_[i].factory, *order_, work);
    auto& values = (*counters)[i].values;
    values.insert(values.end(), list.begin(), list.end());
  }
}

// Has malloc take as much of the kernel as a memtable of so many bytes needs,
// and keep it.
void Bench::TouchPages(uint64_t bytes) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (uint64_t taken = 0; taken < bytes; taken += kArenaBlock) {
    blocks.emplace_back(new char[kArenaBlock]);
    volatile char* const block = blocks.back().get();
    for (size_t i = 0; i < kArenaBlock; i += 4096) block[i] = 0;
  }
}

Bench::Rows Bench::NewRows(const Load& load) const {
  Rows rows;
  for (const Memtable& memtable : memtables_) {
    for (const Operation operation : operations_) {
      Row row;
      row.keys = load.keys->name();
      row.entries = load.entries;
      row.asked = load.asked;
      row.value_size = ValueSize(load);
      row.memtable = memtable.name;
      row.operation = NameOf(operation);
      row.threads = operation == Operation::kInsert ||
                            operation == Operation::kInsertBeside
                        ? request_.writers
                        : request_.readers;
      rows[operation].push_back(row);
    }
  }
  return rows;
}

void Bench::RunLoad(const Load& load, Report* report) {
  constexpr uint64_t kMostOverhead = 192;  // bytes of an entry beside its value
  if (!request_.fresh_pages) {
    TouchPages(load.entries * (ValueSize(load) + kMostOverhead));
  }
  Rows rows = NewRows(load);
  std::vector<Counters> counters;
  for (const Memtable& memtable : memtables_) {
    counters.push_back({load.keys->name(), load.entries, memtable.name, {}});
  }
  for (uint32_t round = 0; round < request_.rounds; ++round) {
    const std::vector<Share> shares = RunRound(load, round, Pass::kMean);
    for (size_t i = 0; i < shares.size(); ++i) {
      for (const Operation operation : operations_) {
        const Result& result = shares[i].results.at(operation);
        rows[operation][i].rounds.push_back(
            result.nanoseconds / static_cast<double>(result.operations));
      }
      counters[i].values = {
          {"bytes_per_entry_over_raw_data", shares[i].overhead}};
    }
  }
  if (request_.latency) AddLatencies(load, &rows);
  if (request_.counters) AddCounts(load, &rows, &counters);
  for (auto& [operation, of_all] : rows) {
    for (Row& row : of_all) report->rows.push_back(std::move(row));
  }
  for (Counters& of_one : counters) report->counters.push_back(of_one);
}

Report Bench::Run() {
  Report report;
  if (request_.comparator != "bytewise") report.order = request_.comparator;
  report.fresh_pages = request_.fresh_pages;
  report.base = memtables_.front().name;
  // What only the first calls of a program cost is nobody's.
  const KeySet& first = *keys_.front();
  RunRound({&first, first.AtMost(1000), 1000}, 0, Pass::kMean);
  for (const auto& keys : keys_) {
    std::set<uint64_t> done;  // with few keys, sizes may fall together
    for (const uint64_t asked : request_.entries) {
      const uint64_t entries = keys->AtMost(asked);
      if (entries < asked && !done.insert(entries).second) continue;
      RunLoad({keys.get(), entries, asked}, &report);
    }
  }
  if (request_.progress) std::fprintf(stderr, "%-76s\r", "");
  return report;
}

}  // namespace bench
}  // namespace fastskip
