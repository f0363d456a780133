// SPDX-License-Identifier: Apache-2.0
//
// Bytes -> operations on a memtable representation beside a model. The model
// is a std::map of the addresses of entries, so that what the representation
// shows is compared by address, and the bytes of each entry at the end.
//
// The input: a head of four bytes (comparator, key order and shards, length of
// the keys' common prefix, its byte), then operations, each a byte followed by
// what it takes. Missing bytes read as 0: any input is valid.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/test_util.h"

namespace fastskip {
namespace test {

constexpr UserOrder kFuzzOrders[] = {
    {"Bytewise", CompareBytes},
    {"Reverse", CompareReverse},
    {"Numeric", CompareNumbers},
    {"IgnoringCase", CompareIgnoringCase},
    {"LastByteFirst", CompareLastByteFirst},
    {"LengthFirst", CompareLengthFirst},
    {"WithZFirst", CompareWithZFirst},
};

// Reads the input; zeros behind its end.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  uint8_t Byte() { return at_ == end_ ? 0 : *at_++; }
  uint32_t Two() {
    const uint32_t high = Byte();
    return high << 8 | Byte();
  }
  std::string Bytes(size_t n) {
    std::string bytes;
    for (; n > 0 && !empty(); --n) bytes.push_back(static_cast<char>(Byte()));
    return bytes;
  }

 private:
  const uint8_t* at_;
  const uint8_t* const end_;
};

class RepFuzzer {
 public:
  // kReversed: a model of another order, to show that differences are seen.
  enum class ModelOrder { kTrue, kReversed };

  RepFuzzer(const uint8_t* data, size_t size,
            ModelOrder model_order = ModelOrder::kTrue)
      : input_(data, size),
        order_(kFuzzOrders[input_.Byte() % std::size(kFuzzOrders)]),
        comparator_("fastskip.test.Fuzz", order_.compare),
        model_(Before{order_.compare, model_order}) {
    const uint8_t form = input_.Byte();
    using Order = FastSkipListOptions::KeyOrder;
    Order key_order = form % 3 == 0   ? Order::kAuto
                      : form % 3 == 1 ? Order::kBytewise
                                      : Order::kComparator;
    // DB::Open refuses it beside any other comparator.
    if (key_order == Order::kBytewise && order_.compare != CompareBytes) {
      key_order = Order::kAuto;
    }
    rep_ = std::make_unique<TestRep>(
        FastSkipFactory(key_order, 1 + form / 3 % 4).get(), &comparator_);
    const size_t length = input_.Byte() % 40;
    prefix_.assign(length, static_cast<char>(input_.Byte()));
    for (Cursor& cursor : cursors_) {
      cursor.iter.reset((*rep_)->GetIterator(nullptr));
      cursor.at = model_.end();
    }
  }

  // "" or the first answer that differs from the model's.
  std::string Run() {
    constexpr int kMostOperations = 2000;
    for (int i = 0; i < kMostOperations && !input_.empty() && error_.empty();
         ++i) {
      Operation(input_.Byte());
    }
    if (error_.empty()) CheckAll();
    if (error_.empty()) return error_;
    return error_ + " (" + order_.name + ", " + std::to_string(model_.size()) +
           " entries)";
  }

  uint64_t entries() const { return model_.size(); }

 private:
  struct ModelKey {
    std::string user_key;
    uint64_t sequence;
  };
  struct Before {
    UserCompare compare;
    ModelOrder model_order;
    bool operator()(const ModelKey& a, const ModelKey& b) const {
      const int order = compare(a.user_key, b.user_key);
      if (order == 0) return a.sequence > b.sequence;
      return model_order == ModelOrder::kTrue ? order < 0 : order > 0;
    }
  };
  struct Stored {
    const char* entry;
    std::string bytes;  // what was written there
  };
  using Model = std::map<ModelKey, Stored, Before>;
  struct Cursor {
    std::unique_ptr<rdb::MemTableRep::Iterator> iter;
    Model::const_iterator at;  // where the iterator should stand
  };

  void Fail(const std::string& what) {
    if (error_.empty()) error_ = what;
  }

  ModelKey Key() {
    const uint8_t form = input_.Byte();
    ModelKey key{"", uint64_t{form} >> 3};
    switch (form % 8) {
      case 0:
        key.user_key = input_.Bytes(input_.Byte() % 24);
        break;
      case 1:
        key.user_key = prefix_ + input_.Bytes(1);
        break;
      case 2:
        key.user_key = prefix_ + input_.Bytes(3);
        break;
      case 3:
        key.user_key = std::to_string(input_.Two() % 5000);
        break;
      case 4: {  // a known key, or one right beside it
        if (known_.empty()) break;
        key = known_[input_.Two() % known_.size()];
        const uint8_t change = input_.Byte();
        if (change % 4 == 1) key.sequence ^= change >> 2;
        if (change % 4 == 2) key.user_key.push_back(static_cast<char>(change));
        if (change % 4 == 3 && !key.user_key.empty()) key.user_key.pop_back();
        break;
      }
      case 5:  // up to 4 KB of one byte, and an end of its own
        key.user_key.assign(input_.Two() % 4096,
                            prefix_.empty() ? 'k' : prefix_[0]);
        key.user_key += input_.Bytes(1);
        break;
      case 6:  // many versions of one key
        key.user_key = prefix_;
        key.sequence = input_.Two();
        break;
      default:
        key.user_key = prefix_ + input_.Bytes(2);
        key.sequence = kMaxSequence - input_.Byte();
    }
    return key;
  }

  void Operation(uint8_t op) {
    Cursor& cursor = cursors_[op >> 7];
    const uint64_t allocated = (*rep_).allocator().calls();
    switch (op % 16) {
      case 0:
      case 1:
      case 2:
        return Insert(Key(), op);
      case 3:
        return InsertRun(op);
      case 4:
        Get(Key(), 1 + op / 16 % 8);
        break;
      case 5:
        Contains(Key());
        break;
      case 6:
      case 7:
        Seek(&cursor, Key(), op);
        break;
      case 8:
      case 9:
        SeekForPrev(&cursor, Key(), op);
        break;
      case 10:
        ToAnEnd(&cursor, op);
        break;
      case 11:
        Step(&cursor, 1 + op / 16 % 8, true);
        break;
      case 12:
        Step(&cursor, 1 + op / 16 % 8, false);
        break;
      case 13:
        Count(Key(), Key());
        break;
      case 14:
        Sample(op);
        break;
      default:
        Seldom(op);
    }
    if ((*rep_).allocator().calls() != allocated) {
      Fail("a read took memory from the allocator");
    }
  }

  void Seldom(uint8_t op) {
    switch (op >> 4) {
      case 0:
        read_only_ = true;
        (*rep_)->MarkReadOnly();
        break;
      case 1:
        if (read_only_) (*rep_)->MarkFlushed();
        break;
      case 2:
        RandomSeek(&cursors_[0]);
        break;
      case 3:
        if ((*rep_)->ApproximateMemoryUsage() != 0) Fail("uncounted memory");
        break;
      default:
        CheckCursors();
    }
  }

  // --- Inserts.

  void Insert(const ModelKey& key, uint8_t op) {
    if (read_only_) return;
    // Bits that neither the operation nor the cursor uses.
    const auto type = static_cast<uint8_t>(op % 3);
    const std::string bytes =
        EncodeEntry(key.user_key, key.sequence, type,
                    std::string(op / 16, static_cast<char>(op)));
    char* buffer = nullptr;
    const rdb::KeyHandle handle = (*rep_)->Allocate(bytes.size(), &buffer);
    std::memcpy(buffer, bytes.data(), bytes.size());
    if (op >= 0xf8) return;  // a handle given up
    const bool inserted = InsertHandle(handle, op / 16 % 8);
    const bool expected = model_.emplace(key, Stored{buffer, bytes}).second;
    if (inserted != expected) {
      Fail(expected ? "a new entry was refused" : "a duplicate was inserted");
    }
    if (expected) {
      known_.push_back(key);
      addresses_.insert(buffer);
    }
  }

  bool InsertHandle(rdb::KeyHandle handle, int how) {
    switch (how) {
      case 0:
      case 1:
        return (*rep_)->InsertKey(handle);
      case 2:
      case 3:
        return (*rep_)->InsertKeyConcurrently(handle);
      case 4: {
        char* batch_hint = nullptr;
        const bool inserted = (*rep_)->InsertKeyWithHintConcurrently(
            handle, reinterpret_cast<void**>(&batch_hint));
        delete[] batch_hint;  // as RocksDB frees it
        return inserted;
      }
      default:
        return (*rep_)->InsertKeyWithHint(handle, &hints_[how - 5]);
    }
  }

  // A few bytes of input for many entries: blocks fill up and split.
  void InsertRun(uint8_t op) {
    ModelKey key = Key();
    const std::string start = key.user_key;
    const int count = input_.Byte();
    const uint32_t seed = input_.Two();
    for (int i = 0; i < count && error_.empty(); ++i) {
      const uint32_t n = seed + static_cast<uint32_t>(i);
      switch (op >> 5) {
        case 0:
          key.user_key = start + BigEndianBytes(n);
          break;
        case 1:
          key.user_key = start + BigEndianBytes(~n);
          break;
        case 2:
          key.user_key =
              start + BigEndianBytes(static_cast<uint32_t>(Scatter(n)));
          break;
        case 3:
          key.user_key = start + std::to_string(Scatter(n) % 1000);
          break;
        case 4:
          key.sequence = n;
          break;
        case 5:
          key.sequence = Scatter(n) % 512;
          break;
        case 6:
          key.user_key = std::to_string(n % 4096) + start;
          break;
        default:
          key.user_key = start + std::string(i % 64, static_cast<char>(n));
      }
      Insert(key, static_cast<uint8_t>(i * 16));
    }
  }

  static std::string BigEndianBytes(uint32_t n) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(n >> shift));
    }
    return bytes;
  }

  // --- Reads.

  static std::string Encode(const ModelKey& key) {
    return EncodeEntry(key.user_key, key.sequence, 0);
  }
  static std::string Internal(const ModelKey& key) {
    const std::string entry = Encode(key);
    return entry.substr(entry.size() - key.user_key.size() - 8);
  }

  void Get(const ModelKey& key, size_t most) {
    struct Collector {
      std::vector<const char*> found;
      size_t most;
    } collector{{}, most};
    const rdb::LookupKey lookup(key.user_key, key.sequence, nullptr);
    (*rep_)->Get(lookup, &collector, [](void* arg, const char* entry) {
      auto* const c = static_cast<Collector*>(arg);
      c->found.push_back(entry);
      return c->found.size() < c->most;
    });
    auto at = model_.lower_bound(key);
    for (const char* entry : collector.found) {
      if (at == model_.end() || at->second.entry != entry) {
        return Fail("Get called back with a wrong entry");
      }
      ++at;
    }
    if (collector.found.size() < most && at != model_.end()) {
      Fail("Get ended too early");
    }
  }

  void Contains(const ModelKey& key) {
    if ((*rep_)->Contains(Encode(key).data()) != (model_.count(key) > 0)) {
      Fail("Contains");
    }
  }

  void Compare(const Cursor& cursor, const char* what) {
    const char* const shown =
        cursor.iter->Valid() ? cursor.iter->key() : nullptr;
    const char* const expected =
        cursor.at != model_.end() ? cursor.at->second.entry : nullptr;
    if (shown != expected) {
      Fail(std::string(what) + " shows " + DebugString(shown) + " instead of " +
           DebugString(expected));
    }
  }

  void Seek(Cursor* cursor, const ModelKey& key, uint8_t op) {
    const std::string entry = Encode(key), internal = Internal(key);
    if (op & 16) {
      cursor->iter->Seek(rdb::Slice(), entry.data());
    } else {
      cursor->iter->Seek(internal, nullptr);
    }
    cursor->at = model_.lower_bound(key);
    Compare(*cursor, "Seek");
  }

  void SeekForPrev(Cursor* cursor, const ModelKey& key, uint8_t op) {
    const std::string entry = Encode(key), internal = Internal(key);
    if (op & 16) {
      cursor->iter->SeekForPrev(rdb::Slice(), entry.data());
    } else {
      cursor->iter->SeekForPrev(internal, nullptr);
    }
    cursor->at = model_.upper_bound(key);
    cursor->at =
        cursor->at == model_.begin() ? model_.end() : std::prev(cursor->at);
    Compare(*cursor, "SeekForPrev");
  }

  void ToAnEnd(Cursor* cursor, uint8_t op) {
    if (op & 16) {
      cursor->iter->SeekToFirst();
      cursor->at = model_.begin();
    } else {
      cursor->iter->SeekToLast();
      cursor->at = model_.empty() ? model_.end() : std::prev(model_.end());
    }
    Compare(*cursor, "SeekToFirst or SeekToLast");
  }

  // The model's iterators are live as well: a step shows what came since.
  void Step(Cursor* cursor, int steps, bool forwards) {
    for (; steps > 0 && cursor->at != model_.end() && error_.empty(); --steps) {
      if (forwards) {
        cursor->iter->Next();
        ++cursor->at;
      } else {
        cursor->iter->Prev();
        cursor->at =
            cursor->at == model_.begin() ? model_.end() : std::prev(cursor->at);
      }
      Compare(*cursor, forwards ? "Next" : "Prev");
    }
  }

  void RandomSeek(Cursor* cursor) {
    cursor->iter->RandomSeek();
    if (cursor->iter->Valid() == model_.empty()) return Fail("RandomSeek");
    if (model_.empty()) {
      cursor->at = model_.end();
      return;
    }
    if (addresses_.count(cursor->iter->key()) == 0) {
      return Fail("RandomSeek shows no entry");
    }
    const ParsedEntry parsed = ParseEntry(cursor->iter->key());
    cursor->at = model_.find({std::string(parsed.user_key), parsed.sequence});
    Compare(*cursor, "RandomSeek");
  }

  void Count(const ModelKey& from, const ModelKey& to) {
    const uint64_t count =
        (*rep_)->ApproximateNumEntries(Internal(from), Internal(to));
    if (!model_.key_comp()(from, to)) {
      if (count != 0) Fail("entries in an empty range");
      return;
    }
    const auto exact = static_cast<uint64_t>(
        std::distance(model_.lower_bound(from), model_.lower_bound(to)));
    // "About" is what the interface promises. Small ranges are counted.
    if (exact < 50 ? count > 4 * exact + 200
                   : count > 8 * exact || count < exact / 8) {
      Fail("a range of " + std::to_string(exact) + " entries estimated as " +
           std::to_string(count));
    }
  }

  void Sample(uint8_t op) {
    std::unordered_set<const char*> sample;
    const uint64_t wanted = op / 16 % 2 == 0 ? op / 16 : model_.size() / 2;
    (*rep_)->UniqueRandomSample(model_.size(), wanted, &sample);
    if (sample.size() > wanted) Fail("a sample is too large");
    if (wanted > 0 && !model_.empty() && sample.empty()) {
      Fail("an empty sample");
    }
    for (const char* entry : sample) {
      if (addresses_.count(entry) == 0) Fail("a sample of no entry");
    }
  }

  // --- The whole.

  void CheckCursors() {
    for (const Cursor& cursor : cursors_) {
      // Nothing moves an iterator but its owner.
      if (cursor.at != model_.end()) Compare(cursor, "an iterator at rest");
    }
  }

  void CheckAll() {
    CheckCursors();
    Cursor& cursor = cursors_[0];
    ToAnEnd(&cursor, 16);
    Step(&cursor, static_cast<int>(model_.size()), true);
    ToAnEnd(&cursor, 0);
    Step(&cursor, static_cast<int>(model_.size()), false);
    for (const auto& [key, stored] : model_) {
      if (std::memcmp(stored.entry, stored.bytes.data(), stored.bytes.size()) !=
          0) {
        return Fail("the bytes of an entry have changed");
      }
      Contains(key);
    }
  }

  FuzzInput input_;
  const UserOrder order_;
  const FunctionComparator comparator_;
  Model model_;
  std::unique_ptr<TestRep> rep_;
  std::string prefix_;
  bool read_only_ = false;
  void* hints_[3] = {};
  Cursor cursors_[2];
  std::vector<ModelKey> known_;
  std::unordered_set<const char*> addresses_;
  std::string error_;
};

}  // namespace test
}  // namespace fastskip
