// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/memtable_run.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "memtablerep/fast_skip_list_factory.h"
#include "memtablerep/fast_skip_list_rep.h"

namespace fastskip {
namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

// Times one operation where Measure says so. This includes some 25 ns for
// reading the clock, so means are measured without it.
template <Measure measure>
class Stopwatch {
 public:
  explicit Stopwatch(Result*) {}
};
template <>
class Stopwatch<Measure::kLatency> {
 public:
  explicit Stopwatch(Result* result) : result_(result), start_(Clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    result_->latencies.push_back(static_cast<uint32_t>(
        std::min(Since(start_), static_cast<double>(UINT32_MAX))));
  }

 private:
  Result* const result_;
  const Clock::time_point start_;
};

double ProcessorTime() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec);
}

using Body = std::function<void(uint32_t, Result*)>;

// What threads saw, each with the time that it was running; and the time from
// their common start to the end of the last.
struct Threads {
  std::vector<Result> each;
  double wall = 0;
};

// Runs `body(i, …)` in `count` threads that start together.
Threads RunThreads(uint32_t count, const Body& body) {
  Threads threads;
  threads.each.resize(count);
  std::mutex mutex;
  std::condition_variable changed;
  uint32_t ready = 0;
  bool go = false;
  std::exception_ptr error;
  std::vector<std::thread> running;
  for (uint32_t i = 0; i < count; ++i) {
    running.emplace_back([&, i] {
      {
        std::unique_lock<std::mutex> lock(mutex);
        ++ready;
        changed.notify_all();
        changed.wait(lock, [&] { return go; });
      }
      const double start = ProcessorTime();
      try {
        body(i, &threads.each[i]);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        error = std::current_exception();
      }
      threads.each[i].nanoseconds = ProcessorTime() - start;
    });
  }
  Clock::time_point start;
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return ready == count; });
    go = true;
    start = Clock::now();
  }
  changed.notify_all();
  for (std::thread& thread : running) thread.join();
  threads.wall = Since(start);
  if (error) std::rethrow_exception(error);
  return threads;
}

// The sum of `results`; their time as `time` says.
Result Sum(const Result* results, uint32_t count, TimeOf time, double wall) {
  Result total;
  for (uint32_t i = 0; i < count; ++i) total.Add(results[i]);
  if (time == TimeOf::kWall) total.nanoseconds = wall * count;
  return total;
}

Result InThreads(TimeOf time, uint32_t count, const Body& body) {
  if (count > 1) {
    const Threads threads = RunThreads(count, body);
    return Sum(threads.each.data(), count, time, threads.wall);
  }
  Result result;
  const double cpu = ProcessorTime();
  const Clock::time_point start = Clock::now();
  body(0, &result);
  result.nanoseconds =
      time == TimeOf::kWall ? Since(start) : ProcessorTime() - cpu;
  return result;
}

// What RocksDB's read path loads of an entry: the key to compare, the tag, the
// length of the value.
struct Found {
  rdb::Slice user_key;
  uint64_t tag;
  uint32_t value_size;
};
Found Decode(const char* entry) {
  Found found;
  const rdb::Slice key = InternalKeyOf(entry);
  found.user_key = rdb::Slice(key.data(), key.size() - 8);
  found.tag = GetTag(key.data() + key.size() - 8);
  DecodeVarint32(key.data() + key.size(), &found.value_size);
  return found;
}

// Stops the readers when the last writer is done, also by an exception.
class Last {
 public:
  Last(std::atomic<uint32_t>* writing, std::atomic<bool>* stop)
      : writing_(writing), stop_(stop) {}
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
  ~Last() {
    if (writing_->fetch_sub(1) == 1) stop_->store(true);
  }

 private:
  std::atomic<uint32_t>* const writing_;
  std::atomic<bool>* const stop_;
};

struct Lookup {
  rdb::Slice user_key;
  uint64_t found;
  uint64_t digest;
};
bool SaveFound(void* arg, const char* entry) {
  Lookup* const lookup = static_cast<Lookup*>(arg);
  const Found found = Decode(entry);
  if (found.user_key == lookup->user_key) {
    ++lookup->found;
    lookup->digest += found.tag + found.value_size;
  }
  return false;
}

// The target of a seek to the newest version of a key.
class SeekTarget {
 public:
  explicit SeekTarget(size_t longest_key) : bytes_(kVarint + longest_key + 8) {}
  rdb::Slice Of(const rdb::Slice& key) {
    const uint64_t tag = kMaxSequence << 8 | 0xff;
    char* const to = bytes_.data() + kVarint;
    std::memcpy(to, key.data(), key.size());
    std::memcpy(to + key.size(), &tag, sizeof(tag));
    return rdb::Slice(to, key.size() + 8);
  }
  // With its length in front, as in an entry.
  const char* EntryOf(const rdb::Slice& key) {
    const auto size = static_cast<uint32_t>(Of(key).size());
    char* const entry = bytes_.data() + kVarint - VarintLength(size);
    EncodeVarint32(entry, size);
    return entry;
  }

 private:
  static constexpr size_t kVarint = 5;  // bytes at most
  std::vector<char> bytes_;
};

void Require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace

const std::vector<OperationName>& OperationNames() {
  static const std::vector<OperationName> names = {
      {Operation::kInsert, "insert", "each entry, by the writers"},
      {Operation::kGet, "get", "keys that are there, by the readers"},
      {Operation::kMultiGet, "multiget",
       "the same, 32 at a time: MultiGet of fastskip, Gets of others"},
      {Operation::kGetMissing, "getmissing", "keys that are not"},
      {Operation::kSeek, "seek", "an iterator to keys that are there"},
      {Operation::kSeek10, "seek10", "a new iterator, a seek, ten steps"},
      {Operation::kScan, "scan", "all entries forward, per entry"},
      {Operation::kScanBack, "scanback", "all entries backward, per entry"},
      {Operation::kMake, "make", "empty memtables, made and dropped"},
      {Operation::kInsertBeside, "insertbeside",
       "the second half of the entries, readers beside"},
      {Operation::kGetBeside, "getbeside", "those readers, of the first half"}};
  return names;
}

const char* NameOf(Operation operation) {
  for (const OperationName& name : OperationNames()) {
    if (name.operation == operation) return name.name;
  }
  return "";
}

void Result::Add(const Result& other) {
  operations += other.operations;
  nanoseconds += other.nanoseconds;
  found += other.found;
  digest += other.digest;
  latencies.insert(latencies.end(), other.latencies.begin(),
                   other.latencies.end());
}

// The keys first, first + step, … below end.
struct MemTableRun::Part {
  uint64_t first;
  uint64_t step;
  uint64_t end;
  // Go on in circles until it is set (but take one step at least).
  const std::atomic<bool>* stop;
};

MemTableRun::MemTableRun(rdb::MemTableRepFactory* factory,
                         const rdb::MemTableRep::KeyComparator& order,
                         const Work& work)
    : factory_(factory),
      order_(order),
      work_(work),
      rep_(NewRep(&arena_)),
      values_(work.value_size + (size_t{64} << 10)) {
  Random random(work.keys.size());
  for (char& byte : values_) byte = static_cast<char>(random.Next());
}

std::unique_ptr<rdb::MemTableRep> MemTableRun::NewRep(BenchArena* arena) const {
  return std::unique_ptr<rdb::MemTableRep>(factory_->CreateMemTableRep(
      order_, arena->allocator(), work_.prefix_extractor, nullptr));
}

double MemTableRun::OverheadPerEntry() const {
  const double taken = static_cast<double>(arena_.UsedBytes()) +
                       static_cast<double>(rep_->ApproximateMemoryUsage());
  return (taken - static_cast<double>(raw_bytes_.load())) /
         static_cast<double>(work_.keys.size());
}

template <Measure measure>
void MemTableRun::Insert(const Part& part, Result* result) {
  const bool concurrently = work_.insert_concurrently || work_.writers > 1;
  const uint32_t value_size = work_.value_size;
  const size_t last_value = values_.size() - value_size;
  size_t value = part.first * 1021 % last_value;
  uint64_t raw = 0;
  if (measure == Measure::kLatency) {
    result->latencies.reserve((part.end - part.first) / part.step + 1);
  }
  for (uint64_t i = part.first; i < part.end; i += part.step) {
    const Stopwatch<measure> stopwatch(result);
    const rdb::Slice key = work_.keys[i];
    const auto internal_size = static_cast<uint32_t>(key.size() + 8);
    const size_t size = VarintLength(internal_size) + internal_size +
                        VarintLength(value_size) + value_size;
    char* to = nullptr;
    const rdb::KeyHandle handle = rep_->Allocate(size, &to);
    to = EncodeVarint32(to, internal_size);
    std::memcpy(to, key.data(), key.size());
    const uint64_t tag = (i + 1) << 8 | kTypeValue;
    std::memcpy(to + key.size(), &tag, sizeof(tag));
    to = EncodeVarint32(to + internal_size, value_size);
    std::memcpy(to, &values_[value], value_size);
    value += value_size;
    if (value >= last_value) value = 0;
    result->found += concurrently ? rep_->InsertKeyConcurrently(handle)
                                  : rep_->InsertKey(handle);
    raw += size;
    ++result->operations;
  }
  raw_bytes_.fetch_add(raw);
  Require(result->found == result->operations,
          "an entry that is none was refused as a duplicate");
}

template <Measure measure>
void MemTableRun::Get(const KeyList& keys, const Part& part,
                      Result* result) const {
  if (measure == Measure::kLatency) {
    result->latencies.reserve(part.end / part.step + 1);
  }
  Lookup lookup{rdb::Slice(), 0, 0};
  uint64_t operations = 0;
  uint64_t i = part.first;
  if (i >= part.end) return;  // more threads than keys
  do {
    const Stopwatch<measure> stopwatch(result);
    lookup.user_key = keys[i];
    const rdb::LookupKey key(lookup.user_key, kMaxSequence, nullptr);
    rep_->Get(key, &lookup, SaveFound);
    ++operations;
    i += part.step;
    if (i >= part.end) {
      if (part.stop == nullptr) break;
      i = part.first;
    }
  } while (part.stop == nullptr || !part.stop->load(std::memory_order_relaxed));
  result->operations = operations;
  result->found = lookup.found;
  result->digest = lookup.digest;
}

// As a RocksDB from 11.1 on asks with memtable_batch_lookup_optimization. The
// method is not in the interface before that: then it is called on the class.
// Others take a Get for each key, as the base class of 11.1 does.
template <Measure measure>
void MemTableRun::MultiGet(const Part& part, Result* result) const {
  constexpr size_t kBatch = 32;
  if (std::strcmp(factory_->Name(), FastSkipListRepFactory::kClassName()) !=
      0) {
    return Get<measure>(work_.present, part, result);
  }
  auto* const rep = static_cast<FastSkipListRep*>(rep_.get());
  const compat::EntryCheck no_check;
  std::vector<SeekTarget> keys(kBatch, SeekTarget(work_.present.longest()));
  const char* encoded[kBatch];
  Lookup lookups[kBatch] = {};
  void* args[kBatch];
  for (uint64_t i = part.first; i < part.end;) {
    const Stopwatch<measure> stopwatch(result);
    size_t count = 0;
    for (; count < kBatch && i < part.end; ++count, i += part.step) {
      lookups[count].user_key = work_.present[i];
      encoded[count] = keys[count].EntryOf(lookups[count].user_key);
      args[count] = &lookups[count];
    }
    rep->MultiGet(count, encoded, args, SaveFound, false, false, no_check);
    result->operations += count;
  }
  for (const Lookup& lookup : lookups) {
    result->found += lookup.found;
    result->digest += lookup.digest;
  }
}

template <Measure measure>
void MemTableRun::Seek(const Part& part, Result* result) const {
  const std::unique_ptr<rdb::MemTableRep::Iterator> iter(
      rep_->GetIterator(nullptr));
  SeekTarget target(work_.present.longest());
  if (measure == Measure::kLatency) {
    result->latencies.reserve(part.end / part.step + 1);
  }
  for (uint64_t i = part.first; i < part.end; i += part.step) {
    const Stopwatch<measure> stopwatch(result);
    const rdb::Slice key = work_.present[i];
    iter->Seek(target.Of(key), nullptr);
    if (iter->Valid()) {
      const Found found = Decode(iter->key());
      result->found += found.user_key == key;
      result->digest += found.tag + found.value_size;
    }
    ++result->operations;
  }
}

// A short range read: RocksDB makes an iterator of the memtable for each of its
// own.
template <Measure measure>
void MemTableRun::SeekAndStep(const Part& part, Result* result) const {
  constexpr int kSteps = 10;
  SeekTarget target(work_.present.longest());
  if (measure == Measure::kLatency) {
    result->latencies.reserve(part.end / part.step + 1);
  }
  for (uint64_t i = part.first; i < part.end; i += part.step) {
    const Stopwatch<measure> stopwatch(result);
    const rdb::Slice key = work_.present[i];
    const std::unique_ptr<rdb::MemTableRep::Iterator> iter(
        rep_->GetIterator(nullptr));
    iter->Seek(target.Of(key), nullptr);
    for (int step = 0; step <= kSteps && iter->Valid(); ++step) {
      const Found found = Decode(iter->key());
      if (step == 0) result->found += found.user_key == key;
      result->digest = result->digest * 31 + found.tag + found.value_size;
      if (step < kSteps) iter->Next();
    }
    ++result->operations;
  }
}

template <Measure measure>
void MemTableRun::Scan(Operation direction, Result* result) const {
  const bool forward = direction == Operation::kScan;
  const std::unique_ptr<rdb::MemTableRep::Iterator> iter(
      rep_->GetIterator(nullptr));
  if (measure == Measure::kLatency) {
    result->latencies.reserve(work_.keys.size());
  }
  uint64_t entries = 0, digest = 0;
  if (forward) {
    iter->SeekToFirst();
  } else {
    iter->SeekToLast();
  }
  while (iter->Valid()) {
    const Stopwatch<measure> stopwatch(result);
    const Found found = Decode(iter->key());
    digest = digest * 31 + found.tag + found.value_size;
    ++entries;
    if (forward) {
      iter->Next();
    } else {
      iter->Prev();
    }
  }
  result->operations = result->found = entries;
  result->digest = digest;
  Require(entries == work_.keys.size(),
          "a scan met " + std::to_string(entries) + " entries");
}

// What a memtable and its arena cost before the first entry: RocksDB makes a
// new one after each flush, and reuses none.
template <Measure measure>
void MemTableRun::Make(Result* result) const {
  constexpr int kTimes = 1000;
  if (measure == Measure::kLatency) result->latencies.reserve(kTimes);
  for (int i = 0; i < kTimes; ++i) {
    const Stopwatch<measure> stopwatch(result);
    BenchArena arena;
    NewRep(&arena);
    ++result->operations;
  }
}

template <Measure measure>
void MemTableRun::Beside(Result* insert, Result* get) {
  const uint64_t half = work_.keys.size() / 2;
  Result before;
  Insert<Measure::kMean>({0, 1, half, nullptr}, &before);
  KeyList first_half;
  first_half.Reserve(work_.present.size(), work_.present.bytes());
  Random random(half);
  for (uint64_t i = 0; i < work_.present.size(); ++i) {
    first_half.Add(work_.keys[random.Uniform(half)]);
  }
  const uint32_t writers = work_.writers, readers = work_.readers;
  std::atomic<uint32_t> writing{writers};
  std::atomic<bool> stop{false};
  const Threads threads = RunThreads(writers + readers, [&](uint32_t i,
                                                            Result* result) {
    if (i >= writers) {
      Get<measure>(first_half, {i - writers, readers, first_half.size(), &stop},
                   result);
      return;
    }
    const Last last(&writing, &stop);
    Insert<measure>({half + i, writers, work_.keys.size(), nullptr}, result);
  });
  *insert = Sum(&threads.each[0], writers, work_.time, threads.wall);
  *get = Sum(&threads.each[writers], readers, work_.time, threads.wall);
  Require(get->found == get->operations,
          "readers beside writers did not find each key");
  get->digest = get->found = 0;  // depend on which thread was faster
}

template <Measure measure>
Result MemTableRun::Dispatch(Operation operation) {
  const auto read = [&](const auto& body) {
    return InThreads(work_.time, work_.readers, body);
  };
  const auto part = [&](uint32_t i, const KeyList& keys) {
    return Part{i, work_.readers, keys.size(), nullptr};
  };
  switch (operation) {
    case Operation::kInsert:
      return InThreads(
          work_.time, work_.writers, [&](uint32_t i, Result* result) {
            Insert<measure>({i, work_.writers, work_.keys.size(), nullptr},
                            result);
          });
    case Operation::kGet:
      return read([&](uint32_t i, Result* result) {
        Get<measure>(work_.present, part(i, work_.present), result);
        Require(result->found == result->operations,
                "get did not find each key");
      });
    case Operation::kMultiGet:
      return read([&](uint32_t i, Result* result) {
        MultiGet<measure>(part(i, work_.present), result);
        Require(result->found == result->operations,
                "multiget did not find each key");
      });
    case Operation::kGetMissing:
      return read([&](uint32_t i, Result* result) {
        Get<measure>(work_.missing, part(i, work_.missing), result);
        Require(result->found == 0, "get found a key that is not there");
      });
    case Operation::kSeek:
      return read([&](uint32_t i, Result* result) {
        Seek<measure>(part(i, work_.present), result);
        Require(result->found == result->operations,
                "seek did not find each key");
      });
    case Operation::kSeek10:
      return read([&](uint32_t i, Result* result) {
        SeekAndStep<measure>(part(i, work_.present), result);
        Require(result->found == result->operations,
                "seek10 did not find each key");
      });
    case Operation::kMake:
      return read([&](uint32_t, Result* result) { Make<measure>(result); });
    default:
      return read(
          [&](uint32_t, Result* result) { Scan<measure>(operation, result); });
  }
}

Result MemTableRun::Run(Operation operation, Measure measure) {
  return measure == Measure::kMean ? Dispatch<Measure::kMean>(operation)
                                   : Dispatch<Measure::kLatency>(operation);
}

void MemTableRun::RunBeside(Measure measure, Result* insert, Result* get) {
  if (measure == Measure::kMean) {
    Beside<Measure::kMean>(insert, get);
  } else {
    Beside<Measure::kLatency>(insert, get);
  }
}

}  // namespace bench
}  // namespace fastskip
