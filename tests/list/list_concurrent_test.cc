// SPDX-License-Identifier: Apache-2.0
// Many writers and readers on one list, and what each reader must have seen.
//
// The scheme. A key stands for a pair (lane, number); the entry carries a
// checksum of it. A lane belongs to one writer, which inserts the numbers 0, 1,
// 2, ... of each of its lanes and keeps two counters for it: `begun` is raised
// before an insert, `done` after it. A reader that loads `done` before a scan
// must find every number below it, in order and once; what it found must be
// below `begun` as loaded after the scan. How pairs become keys decides where
// inserts go: everywhere, into one place for each lane, at the end.

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/list/list_key_shapes.h"
#include "tests/list/list_test_util.h"

namespace fastskip {
namespace test {
namespace {

struct Pair {
  uint64_t lane;
  uint64_t number;
};

// Keys for pairs, and back. `user_key` has the pair in it twice, so that a
// damaged one is noticed.
struct KeyScheme {
  const char* name;
  std::string (*make)(Pair pair, uint64_t* sequence);
  bool (*parse)(std::string_view user_key, uint64_t sequence, Pair* pair);
};

uint64_t ReadBigEndian(std::string_view text, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) {
    value = value << 8 | static_cast<unsigned char>(text[at + i]);
  }
  return value;
}

bool Unpack(uint64_t packed, uint64_t check, Pair* pair) {
  pair->lane = packed >> 40;
  pair->number = packed & ((uint64_t{1} << 40) - 1);
  return check == ~packed;
}

// Scattered over all keys.
std::string MakeScattered(Pair pair, uint64_t* sequence) {
  const uint64_t packed = pair.lane << 40 | pair.number;
  *sequence = 7;
  return BigEndian(Scatter(packed), 8) + BigEndian(~packed, 8);
}
bool ParseScattered(std::string_view key, uint64_t, Pair* pair) {
  return key.size() == 16 &&
         Unpack(Gather(ReadBigEndian(key, 0)), ReadBigEndian(key, 8), pair);
}

// A long prefix for each lane, ascending in it.
std::string MakeClustered(Pair pair, uint64_t* sequence) {
  const uint64_t packed = pair.lane << 40 | pair.number;
  *sequence = pair.number;
  return CommonPrefix(24) + BigEndian(packed, 8) + BigEndian(~packed, 8);
}
bool ParseClustered(std::string_view key, uint64_t, Pair* pair) {
  return key.size() == 40 &&
         Unpack(ReadBigEndian(key, 24), ReadBigEndian(key, 32), pair);
}

// All lanes append at the same end.
std::string MakeAscending(Pair pair, uint64_t* sequence) {
  const uint64_t packed = pair.lane << 40 | pair.number;
  *sequence = 7;
  return BigEndian(pair.number, 8) + BigEndian(packed, 8) +
         BigEndian(~packed, 8);
}
bool ParseAscending(std::string_view key, uint64_t, Pair* pair) {
  return key.size() == 24 &&
         Unpack(ReadBigEndian(key, 8), ReadBigEndian(key, 16), pair) &&
         ReadBigEndian(key, 0) == pair->number;
}

// A few keys with very many versions each.
std::string MakeVersions(Pair pair, uint64_t* sequence) {
  const uint64_t packed = pair.lane << 40 | pair.number;
  *sequence = packed;
  return "key " + std::to_string(pair.lane % 3);
}
bool ParseVersions(std::string_view key, uint64_t sequence, Pair* pair) {
  Unpack(sequence, ~sequence, pair);
  return key == "key " + std::to_string(pair->lane % 3);
}

constexpr KeyScheme kSchemes[] = {
    {"Scattered", MakeScattered, ParseScattered},
    {"Clustered", MakeClustered, ParseClustered},
    {"Ascending", MakeAscending, ParseAscending},
    {"Versions", MakeVersions, ParseVersions},
};

class Generations {
 public:
  Generations(const KeyScheme& scheme, UserCompare compare, KnownOrder order,
              uint64_t lanes, uint64_t numbers)
      : scheme_(scheme),
        fixture_(compare, order, 8),
        numbers_(numbers),
        begun_(lanes),
        done_(lanes) {}

  // Inserts all numbers of the lanes l with l % writers == writer, in turn.
  void Write(uint64_t writer, uint64_t writers, Random random) {
    BlockSkipList::Finger finger;
    void* hint = nullptr;
    for (uint64_t number = 0; number < numbers_; ++number) {
      for (uint64_t lane = writer; lane < begun_.size(); lane += writers) {
        const char* entry = fixture_.Copy(Encode({lane, number}));
        begun_[lane].store(number + 1, std::memory_order_release);
        const uint64_t way = random.Uniform(4);
        const bool inserted = way == 0
                                  ? fixture_.list.InsertWithHint(entry, &hint)
                              : way == 1 ? fixture_.list.Insert(entry, &finger)
                                         : fixture_.list.Insert(entry);
        if (!inserted) Report("refused", entry);
        done_[lane].store(number + 1, std::memory_order_release);
        if (random.OneIn(16) && fixture_.list.Insert(entry)) {
          Report("accepted twice", entry);
        }
      }
    }
  }

  // Reads in all ways until told to stop.
  void Read(const std::atomic<bool>& stop, Random random) {
    while (!stop.load(std::memory_order_acquire)) {
      switch (random.Uniform(4)) {
        case 0:
          Scan(Direction::kForward);
          break;
        case 1:
          Scan(Direction::kBackward);
          break;
        default:
          for (int i = 0; i < 200; ++i) LookUp(&random);
          Wander(&random);
      }
    }
  }

  void CheckAtRest() {
    EXPECT_EQ("", fixture_.list.TEST_Validate());
    Scan(Direction::kForward);
    Scan(Direction::kBackward);
    EXPECT_EQ(0, failures_.load());
  }

  uint64_t scans() const { return scans_; }
  bool failed() const { return failures_ != 0; }

 private:
  enum class Direction { kForward, kBackward };

  std::string Encode(Pair pair) const {
    uint64_t sequence = 0;
    const std::string user_key = scheme_.make(pair, &sequence);
    return EncodeEntry(user_key, sequence, 1);
  }

  bool Parse(const char* entry, Pair* pair) const {
    const ParsedEntry parsed = ParseEntry(entry);
    return scheme_.parse(parsed.user_key, parsed.sequence, pair) &&
           pair->lane < begun_.size();
  }

  std::vector<uint64_t> Load(const std::vector<std::atomic<uint64_t>>& from) {
    std::vector<uint64_t> values;
    for (const auto& counter : from) {
      values.push_back(counter.load(std::memory_order_acquire));
    }
    return values;
  }

  // Walks the whole list and counts what belongs to each lane.
  void Scan(Direction direction) {
    const std::vector<uint64_t> committed = Load(done_);
    std::vector<uint64_t> found(committed.size());
    std::vector<uint64_t> greatest(committed.size());
    BlockSkipList::Iterator it(&fixture_.list);
    const char* last = nullptr;
    const bool forward = direction == Direction::kForward;
    for (forward ? it.SeekToFirst() : it.SeekToLast(); it.Valid();
         forward ? it.Next() : it.Prev()) {
      if (last != nullptr) {
        const int order = fixture_.comparator.Compare(last, it.key());
        if (forward ? order >= 0 : order <= 0) Report("in disorder", it.key());
      }
      last = it.key();
      Pair pair;
      if (!Parse(last, &pair)) {
        Report("damaged", last);
        continue;
      }
      if (pair.number < committed[pair.lane]) ++found[pair.lane];
      if (pair.number >= greatest[pair.lane]) {
        greatest[pair.lane] = pair.number + 1;
      }
    }
    const std::vector<uint64_t> begun = Load(begun_);
    for (size_t lane = 0; lane < committed.size(); ++lane) {
      // In order and so each once: as many as there were means all.
      if (found[lane] != committed[lane]) {
        Report(forward ? "not all found forwards" : "not all found backwards",
               nullptr);
      }
      if (greatest[lane] > begun[lane]) Report("found too early", nullptr);
    }
    scans_.fetch_add(1, std::memory_order_relaxed);
  }

  // One key, near the end of what its lane holds.
  void LookUp(Random* random) {
    const uint64_t lane = random->Uniform(begun_.size());
    const uint64_t committed = done_[lane].load(std::memory_order_acquire);
    const uint64_t back = random->Zipf(committed + 1);
    const uint64_t number = committed - back + random->Uniform(3);
    const std::string key = Encode({lane, number});
    const char* at = fixture_.list.FindGreaterOrEqual(key.data());
    const bool found =
        at != nullptr && fixture_.comparator.Compare(at, key.data()) == 0;
    const bool contained = fixture_.list.Contains(key.data());
    const uint64_t begun = begun_[lane].load(std::memory_order_acquire);
    if (number < committed && !(found && contained)) {
      Report("lost", key.data());
    }
    if (number >= begun && (found || contained)) {
      Report("found too early", key.data());
    }
    if (found && !contained) Report("lost again", key.data());
  }

  // An iterator's steps to and fro around one place: nothing that was committed
  // before a step may be passed over by it.
  void Wander(Random* random) {
    const uint64_t lane = random->Uniform(begun_.size());
    const std::string start =
        Encode({lane, done_[lane].load(std::memory_order_acquire)});
    BlockSkipList::Iterator it(&fixture_.list);
    random->OneIn(2) ? it.Seek(start.data()) : it.SeekForPrev(start.data());
    for (int i = 0; i < 100 && it.Valid(); ++i) {
      const char* from = it.key();
      Pair near;
      if (!Parse(from, &near)) return Report("damaged", from);
      // A committed pair that may lie between here and where the step leads.
      const uint64_t other = random->Uniform(begun_.size());
      const uint64_t committed = done_[other].load(std::memory_order_acquire);
      const bool forward = random->OneIn(2);
      forward ? it.Next() : it.Prev();
      if (committed == 0) continue;
      const uint64_t number =
          near.number < committed ? near.number : committed - 1;
      for (const uint64_t n : {number, committed - 1}) {
        const std::string key = Encode({other, n});
        const int to_from = fixture_.comparator.Compare(key.data(), from);
        const int to_here =
            it.Valid() ? fixture_.comparator.Compare(key.data(), it.key())
                       : (forward ? -1 : 1);
        if (forward ? to_from > 0 && to_here < 0 : to_from < 0 && to_here > 0) {
          Report("passed over", key.data());
        }
      }
    }
  }

  void Report(const char* what, const char* entry) {
    if (failures_.fetch_add(1) < 20) {
      ADD_FAILURE() << what << ": " << DebugString(entry);
    }
  }

  const KeyScheme scheme_;
  ListFixture fixture_;
  const uint64_t numbers_;
  std::vector<std::atomic<uint64_t>> begun_;
  std::vector<std::atomic<uint64_t>> done_;
  std::atomic<uint64_t> scans_{0};
  std::atomic<int> failures_{0};
};

struct Crowd {
  int writers;
  int readers;
};
void PrintTo(const Crowd& crowd, std::ostream* out) {
  *out << crowd.writers << " writers, " << crowd.readers << " readers";
}

using Setting = std::tuple<Crowd, KeyScheme>;

class ListConcurrentTest : public ::testing::TestWithParam<Setting> {
 protected:
  // Lists one after the other, each filled from empty.
  void Run(UserCompare compare, KnownOrder order, uint64_t lists) {
    const auto [crowd, scheme] = GetParam();
    SCOPED_TRACE("seed " + std::to_string(ProcessSeed()));
    const uint64_t lanes = static_cast<uint64_t>(crowd.writers) * 2;
    for (uint64_t i = 0; i < lists && !HasFailure(); ++i) {
      Generations generations(scheme, compare, order, lanes,
                              kEntries / kSlowdown / lanes);
      std::atomic<bool> stop{false};
      std::vector<std::thread> writers, readers;
      for (int w = 0; w < crowd.writers; ++w) {
        writers.emplace_back([&, w, n = crowd.writers] {
          generations.Write(w, n, MakeRandom(i * 1000 + w));
        });
      }
      for (int r = 0; r < crowd.readers; ++r) {
        readers.emplace_back(
            [&, r] { generations.Read(stop, MakeRandom(i * 1000 + 500 + r)); });
      }
      for (std::thread& t : writers) t.join();
      stop.store(true, std::memory_order_release);
      for (std::thread& t : readers) t.join();
      generations.CheckAtRest();
    }
  }

  static constexpr uint64_t kEntries = 12000;
};

TEST_P(ListConcurrentTest, BytewiseUnderAuto) {
  Run(CompareBytes, KnownOrder::kUnknown, 3);
}
TEST_P(ListConcurrentTest, KnownBytewise) {
  Run(CompareBytes, KnownOrder::kBytewise, 3);
}
TEST_P(ListConcurrentTest, OtherOrderUnderAuto) {
  Run(CompareLastByteFirst, KnownOrder::kUnknown, 2);
}
TEST_P(ListConcurrentTest, ReverseOrderUnderAuto) {
  Run(CompareReverse, KnownOrder::kUnknown, 2);
}
TEST_P(ListConcurrentTest, KnownReverse) {
  Run(CompareReverse, KnownOrder::kReverse, 3);
}
TEST_P(ListConcurrentTest, LabelsFromTheStart) {
  Run(CompareWithZFirst, KnownOrder::kNeither, 2);
}

std::string SettingName(const ::testing::TestParamInfo<Setting>& info) {
  const auto [crowd, scheme] = info.param;
  return std::string(scheme.name) + std::to_string(crowd.writers) + "w" +
         std::to_string(crowd.readers) + "r";
}

INSTANTIATE_TEST_SUITE_P(
    All, ListConcurrentTest,
    ::testing::Combine(::testing::Values(Crowd{1, 1}, Crowd{2, 2}, Crowd{6, 2},
                                         Crowd{12, 4}, Crowd{48, 16}),
                       ::testing::ValuesIn(kSchemes)),
    SettingName);

// --- The same keys from several threads -------------------------------------

class DuplicateRaceTest : public ::testing::TestWithParam<int> {
 protected:
  // Every thread inserts every key, all at about the same time: each key is
  // accepted from exactly one of them.
  void Run(UserCompare compare, KnownOrder order) {
    const int threads = GetParam();
    const uint64_t keys = 40000 / kSlowdown / threads;
    for (uint64_t shape = 0; shape < std::size(kSchemes); ++shape) {
      ListFixture fixture(compare, order, 8);
      std::vector<std::atomic<int>> accepted(keys);
      std::vector<std::atomic<const char*>> winner(keys);
      std::atomic<int> waiting{threads};
      const auto race = [&](int thread) {
        Random random = MakeRandom(thread);
        waiting.fetch_sub(1);
        while (waiting.load() > 0) std::this_thread::yield();
        for (uint64_t i = 0; i < keys; ++i) {
          // Nearly in step; with an older one now and then.
          const uint64_t k = random.OneIn(4) ? random.Uniform(i + 1) : i;
          uint64_t sequence = 0;
          const std::string key =
              kSchemes[shape].make({k % 8, k / 8}, &sequence);
          const char* entry =
              fixture.Copy(EncodeEntry(key, sequence, random.Uniform(3)));
          if (fixture.list.Insert(entry)) {
            accepted[k].fetch_add(1);
            winner[k].store(entry);
          }
          if (!fixture.list.Contains(entry)) ADD_FAILURE() << "lost";
        }
      };
      std::vector<std::thread> racers;
      for (int t = 0; t < threads; ++t) racers.emplace_back(race, t);
      for (std::thread& t : racers) t.join();
      ASSERT_EQ("", fixture.list.TEST_Validate());
      uint64_t total = 0;
      for (uint64_t k = 0; k < keys; ++k) {
        ASSERT_LE(accepted[k].load(), 1) << "key " << k;
        if (accepted[k].load() == 0) continue;
        ++total;
        ASSERT_EQ(winner[k].load(),
                  fixture.list.FindGreaterOrEqual(winner[k].load()));
      }
      ASSERT_GT(total, keys / 2);
      BlockSkipList::Iterator it(&fixture.list);
      for (it.SeekToFirst(); it.Valid(); it.Next()) --total;
      ASSERT_EQ(0u, total);
    }
  }
};

TEST_P(DuplicateRaceTest, BytewiseUnderAuto) {
  Run(CompareBytes, KnownOrder::kUnknown);
}
TEST_P(DuplicateRaceTest, KnownBytewise) {
  Run(CompareBytes, KnownOrder::kBytewise);
}
TEST_P(DuplicateRaceTest, OtherOrderUnderAuto) {
  Run(CompareLastByteFirst, KnownOrder::kUnknown);
}
TEST_P(DuplicateRaceTest, LabelsFromTheStart) {
  Run(CompareReverse, KnownOrder::kNeither);
}

INSTANTIATE_TEST_SUITE_P(All, DuplicateRaceTest,
                         ::testing::Values(2, 4, 16, 64),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace test
}  // namespace fastskip
