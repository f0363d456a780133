// SPDX-License-Identifier: Apache-2.0
// The rep's reads with checks, in each form that some RocksDB has (9.6 to 10.6,
// and 10.7 on): as the plain reads on sound memory, and Corruption, without a
// callback for a wrong entry, where bytes have gone bad. The class has them
// under every RocksDB, so these tests run under each.
//
// One thread, in which there are no races.
// Sanitizers: address

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "memtablerep/fast_skip_list_iterator.h"
#include "memtablerep/fast_skip_list_rep.h"
#include "memtablerep/rocksdb_compat.h"
#include "tests/list/list_key_shapes.h"
#include "tests/test_util.h"

namespace fastskip {
namespace test {
namespace {

using Order = FastSkipListOptions::KeyOrder;
using Status = rdb::Status;

// The keys that a lookup was handed.
using Found = std::vector<std::string>;

bool Collect(void* found, const char* entry) {
  auto* const keys = static_cast<Found*>(found);
  keys->push_back(std::string(ParseEntry(entry).user_key));
  return keys->size() < 3;
}

class ValidatingReadsTest : public ::testing::TestWithParam<Order> {
 protected:
  static constexpr uint64_t kEntries = 500;

  void SetUp() override {
    rep_ = std::make_unique<TestRep>(FastSkipFactory(GetParam()).get(),
                                     rdb::BytewiseComparator());
    for (uint64_t i = 0; i < kEntries; ++i) {
      const uint64_t scattered = i * 137 % kEntries;
      ASSERT_TRUE(rep_->Insert(KeyOf(scattered), 7, 1, "value;"));
    }
  }

  static std::string KeyOf(uint64_t i) { return "key" + BigEndian(2 * i, 4); }
  static std::string InternalKeyOf(uint64_t i) {
    return EncodeEntry(KeyOf(i), 7, 1).substr(1);
  }
  static Found KeysFrom(uint64_t i) {
    return {KeyOf(i), KeyOf(i + 1), KeyOf(i + 2)};
  }

  FastSkipListRep* rep() const {
    return static_cast<FastSkipListRep*>(rep_->get());
  }
  std::unique_ptr<FastSkipListIterator> NewIterator() const {
    return std::unique_ptr<FastSkipListIterator>(
        static_cast<FastSkipListIterator*>(rep()->GetIterator(nullptr)));
  }
  // The first byte of the user key in the entry itself.
  char* ByteOf(uint64_t i) const {
    const auto iter = NewIterator();
    iter->Seek(InternalKeyOf(i), nullptr);
    return const_cast<char*>(iter->key()) + 1;
  }

  // Every lookup of the i-th entry, with the order checked and `check`.
  std::vector<std::function<Status(uint64_t i, Found*)>> Lookups(
      const compat::EntryCheck& check) const {
    const auto key = [](uint64_t i) {
      return std::make_unique<rdb::LookupKey>(rdb::Slice(KeyOf(i)), 7, nullptr);
    };
    return {
        [=, this_rep = rep()](uint64_t i, Found* found) {
          return this_rep->GetAndValidate(*key(i), found, Collect, true);
        },
        [=, this_rep = rep()](uint64_t i, Found* found) {
          return this_rep->GetAndValidate(*key(i), found, Collect, true, true,
                                          check);
        },
        [=, this_rep = rep()](uint64_t i, Found* found) {
          const std::string entry = EncodeEntry(KeyOf(i), 7, 1);
          const char* const keys[] = {entry.data()};
          void* args[] = {found};
          return this_rep->MultiGet(1, keys, args, Collect, true, true, check);
        },
    };
  }

  std::unique_ptr<TestRep> rep_;
};

INSTANTIATE_TEST_SUITE_P(Orders, ValidatingReadsTest,
                         ::testing::Values(Order::kAuto, Order::kBytewise,
                                           Order::kComparator),
                         [](const auto& info) {
                           return OrderName(info.param);
                         });

TEST_P(ValidatingReadsTest, LookupsOnSoundMemory) {
  uint64_t checked = 0;
  const compat::EntryCheck count = [&checked](const char*, bool) {
    ++checked;
    return Status::OK();
  };
  for (const auto& lookup : Lookups(count)) {
    for (uint64_t i = 0; i + 2 < kEntries; ++i) {
      Found found;
      ASSERT_TRUE(lookup(i, &found).ok());
      ASSERT_EQ(found, KeysFrom(i));
    }
  }
  EXPECT_GE(checked, 2 * kEntries);  // the first form has no check of entries
}

TEST_P(ValidatingReadsTest, WalksOnSoundMemory) {
  const compat::EntryCheck sound = [](const char*, bool) {
    return Status::OK();
  };
  const auto iter = NewIterator();
  for (uint64_t i = 1; i + 1 < kEntries; ++i) {
    ASSERT_TRUE(iter->SeekAndValidate(InternalKeyOf(i), nullptr, true).ok());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, KeyOf(i));
    ASSERT_TRUE(iter->NextAndValidate(true).ok());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, KeyOf(i + 1));
    ASSERT_TRUE(
        iter->SeekAndValidate(InternalKeyOf(i), nullptr, true, true, sound)
            .ok());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, KeyOf(i));
    ASSERT_TRUE(iter->PrevAndValidate(true).ok());
    ASSERT_EQ(ParseEntry(iter->key()).user_key, KeyOf(i - 1));
  }
}

TEST_P(ValidatingReadsTest, ABadKeyIsCorruption) {
  const compat::EntryCheck none;
  for (uint64_t i = 1; i + 1 < kEntries; i += 7) {
    char* const byte = ByteOf(i);
    const char intact = *byte;
    for (const char bad : {'\0', '\xff'}) {
      *byte = bad;
      for (const auto& lookup : Lookups(none)) {
        Found found;
        EXPECT_TRUE(lookup(i, &found).IsCorruption()) << i;
        EXPECT_TRUE(found.empty()) << i;
      }
      const auto iter = NewIterator();
      const std::string target = InternalKeyOf(i);
      EXPECT_TRUE(iter->SeekAndValidate(target, nullptr, true).IsCorruption());
      EXPECT_FALSE(iter->Valid());
      EXPECT_TRUE(iter->SeekAndValidate(target, nullptr, true, true, none)
                      .IsCorruption());
      EXPECT_FALSE(iter->Valid());
      for (const bool forward : {true, false}) {
        Status status;
        forward ? iter->SeekToFirst() : iter->SeekToLast();
        while (iter->Valid() && status.ok()) {
          status = forward ? iter->NextAndValidate(true)
                           : iter->PrevAndValidate(true);
        }
        EXPECT_TRUE(status.IsCorruption()) << i;
      }
    }
    *byte = intact;
  }
}

TEST_P(ValidatingReadsTest, AFailedCheckOfAnEntryIsTheAnswer) {
  constexpr uint64_t kVictim = 300;
  const char* const bad = ByteOf(kVictim) - 1;
  const compat::EntryCheck check = [bad](const char* entry, bool) {
    return entry == bad ? Status::Corruption("checksum") : Status::OK();
  };
  const auto lookups = Lookups(check);
  for (size_t form = 1; form < lookups.size(); ++form) {
    Found found;
    const Status status = lookups[form](kVictim, &found);
    EXPECT_NE(status.ToString().find("checksum"), std::string::npos);
    EXPECT_TRUE(found.empty());
  }
  const auto iter = NewIterator();
  const Status status = iter->SeekAndValidate(InternalKeyOf(kVictim), nullptr,
                                              false, false, check);
  EXPECT_NE(status.ToString().find("checksum"), std::string::npos);
  EXPECT_FALSE(iter->Valid());
}

}  // namespace
}  // namespace test
}  // namespace fastskip
