// SPDX-License-Identifier: Apache-2.0
//
// One memtable at work: the calls that RocksDB's write and read paths make of
// a MemTableRep, by N writers and M readers, timed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb/slice_transform.h"
#include "tools/memtable_bench/key_list.h"
#include "tools/memtable_bench/rocksdb_parts.h"

namespace fastskip {
namespace bench {

enum class Operation {
  kInsert,
  kGet,
  kMultiGet,  // as kGet, 32 keys at a time
  kGetMissing,
  kSeek,
  kSeek10,
  kScan,      // all entries forward
  kScanBack,  // all entries backward
  kMake,      // empty memtables, made and dropped
  // Half of the entries are there; the writers add the other half, while the
  // readers get keys of the first until all is written.
  kInsertBeside,
  kGetBeside,
};

struct OperationName {
  Operation operation;
  const char* name;
  const char* what;
};
const std::vector<OperationName>& OperationNames();
const char* NameOf(Operation operation);

enum class TimeOf {
  kWall,       // from start to end, times threads
  kProcessor,  // while its threads were running: for a busy machine
};

// What one memtable is filled with and asked for.
struct Work {
  KeyList keys;     // the i-th is written with sequence number i + 1
  KeyList present;  // of `keys`
  KeyList missing;
  uint32_t value_size = 100;
  uint32_t writers = 1;
  uint32_t readers = 1;
  bool insert_concurrently = false;  // with one writer as well
  TimeOf time = TimeOf::kWall;
  const rdb::SliceTransform* prefix_extractor = nullptr;
};

// What an operation took and saw.
struct Result {
  uint64_t operations = 0;
  double nanoseconds = 0;  // as Work::time says
  // Equal for all memtables, but where readers run beside writers.
  uint64_t found = 0;
  uint64_t digest = 0;
  std::vector<uint32_t> latencies;  // nanoseconds; empty unless asked for
  void Add(const Result& other);
};

enum class Measure { kMean, kLatency };

class MemTableRun {
 public:
  // All of these outlive the object.
  MemTableRun(rdb::MemTableRepFactory* factory,
              const rdb::MemTableRep::KeyComparator& order, const Work& work);

  // kInsert, or one of the two "beside", comes first and once. Throws
  // std::runtime_error for a wrong answer.
  Result Run(Operation operation, Measure measure);
  // Both at once; `*get` is what the readers did.
  void RunBeside(Measure measure, Result* insert, Result* get);

  // Memory taken from RocksDB's arena, less the bytes of the entries.
  double OverheadPerEntry() const;

 private:
  struct Part;
  template <Measure measure>
  Result Dispatch(Operation operation);
  template <Measure measure>
  void Insert(const Part& part, Result* result);
  template <Measure measure>
  void Get(const KeyList& keys, const Part& part, Result* result) const;
  template <Measure measure>
  void MultiGet(const Part& part, Result* result) const;
  template <Measure measure>
  void Seek(const Part& part, Result* result) const;
  template <Measure measure>
  void SeekAndStep(const Part& part, Result* result) const;
  template <Measure measure>
  void Scan(Operation direction, Result* result) const;
  template <Measure measure>
  void Make(Result* result) const;
  template <Measure measure>
  void Beside(Result* insert, Result* get);
  std::unique_ptr<rdb::MemTableRep> NewRep(BenchArena* arena) const;

  rdb::MemTableRepFactory* const factory_;
  const rdb::MemTableRep::KeyComparator& order_;
  const Work& work_;
  BenchArena arena_;
  std::unique_ptr<rdb::MemTableRep> rep_;
  std::vector<char> values_;
  std::atomic<uint64_t> raw_bytes_{0};
};

}  // namespace bench
}  // namespace fastskip
