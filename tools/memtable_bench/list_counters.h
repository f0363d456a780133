// SPDX-License-Identifier: Apache-2.0
//
// What happens inside: comparator calls of any memtable, and the counters of
// fastskip's list. Counting costs time, so it is a pass of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/memtable_bench/memtable_run.h"

namespace fastskip {
namespace bench {

// Counts the calls of another comparator, in all threads.
class CountingOrder final : public rdb::MemTableRep::KeyComparator {
 public:
  explicit CountingOrder(const rdb::MemTableRep::KeyComparator& order)
      : order_(order) {}
  DecodedType decode_key(const char* entry) const override {
    return order_.decode_key(entry);
  }
  int operator()(const char* a, const char* b) const override;
  int operator()(const char* a, const rdb::Slice& b) const override;
  // Calls since the last. REQUIRES: no thread is in the comparator.
  static uint64_t Take();

 private:
  const rdb::MemTableRep::KeyComparator& order_;
};

// The factory to count with: `factory`, or where it is fastskip's, and would
// recognise `order` but not a CountingOrder around it, one that is told what
// the order is (kept by `*own`).
rdb::MemTableRepFactory* FactoryForCounting(
    rdb::MemTableRepFactory* factory,
    const rdb::MemTableRep::KeyComparator& order,
    std::unique_ptr<rdb::MemTableRepFactory>* own);

// Where `factory` is fastskip's: fills a list of its own, with its options, as
// `work` says, and returns the counters of list and arena. Empty otherwise.
std::vector<std::pair<std::string, double>> ListCounters(
    const rdb::MemTableRepFactory& factory,
    const rdb::MemTableRep::KeyComparator& order, const Work& work);

}  // namespace bench
}  // namespace fastskip
