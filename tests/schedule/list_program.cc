// SPDX-License-Identifier: Apache-2.0
#include "tests/schedule/list_program.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sstream>

namespace fastskip {
namespace schedule {

namespace {

constexpr uint64_t kNever = ~uint64_t{0};

// The key stands in the value, where the list never looks.
std::string Encode(const Scenario& scenario, int key) {
  const char value[] = {static_cast<char>(key >> 8), static_cast<char>(key)};
  return test::EncodeEntry(scenario.user_key(key), scenario.sequence(key), 1,
                           std::string_view(value, 2));
}

int KeyOf(const char* entry) {
  const char* value = test::ParseEntry(entry).value;
  return static_cast<unsigned char>(value[0]) << 8 |
         static_cast<unsigned char>(value[1]);
}

bool NeedsKey(char letter) {
  return letter != 'F' && letter != 'L' && letter != 'r';
}

}  // namespace

char* ReusedChunks::AllocateChunk(size_t bytes) {
  const int left = left_.load(std::memory_order_relaxed);
  if (left == 0) throw std::bad_alloc();
  if (left > 0) left_.store(left - 1, std::memory_order_relaxed);
  const size_t at = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (at + bytes > kBytes) throw std::bad_alloc();
  return memory_.get() + at;
}

ListProgram::ListProgram(const Scenario& scenario)
    : scenario_(scenario),
      comparator_(scenario.compare),
      threads_(scenario.threads.size()) {
  // Ranks need all keys: first what the texts name, then what they do.
  keys_ = scenario.setup;
  for (const std::string& text : scenario.threads) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      if (NeedsKey(word[0])) keys_.push_back(std::stoi(word.substr(1)));
    }
  }
  const auto compare = [this](int a, int b) {
    return comparator_.Compare(Encode(scenario_, a).data(),
                               Encode(scenario_, b).data());
  };
  std::sort(keys_.begin(), keys_.end(),
            [&](int a, int b) { return compare(a, b) < 0; });
  keys_.erase(std::unique(keys_.begin(), keys_.end(),
                          [&](int a, int b) { return compare(a, b) == 0; }),
              keys_.end());
  for (const int key : keys_) encoded_.push_back(Encode(scenario_, key));
  fates_.resize(keys_.size());
  for (const int key : scenario.setup) setup_.push_back(RankOf(key));
  for (size_t i = 0; i < threads_.size(); ++i) {
    Parse(scenario.threads[i], &threads_[i]);
  }
}

void ListProgram::Parse(const std::string& text, Thread* thread) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    Operation operation{word[0], 0, nullptr, nullptr};
    if (NeedsKey(word[0])) {
      operation.rank = RankOf(std::stoi(word.substr(1)));
    } else if (word[0] == 'L') {
      operation.rank = static_cast<int>(keys_.size()) - 1;
    }
    operation.key = &encoded_[operation.rank];
    if (std::strchr("aigh", word[0]) != nullptr) {
      operation.entry.reset(new char[operation.key->size()]);
    }
    thread->operations.push_back(std::move(operation));
  }
}

int ListProgram::RankOf(int key) const {
  const std::string entry = Encode(scenario_, key);
  for (size_t rank = 0; rank < keys_.size(); ++rank) {
    if (comparator_.Compare(encoded_[rank].data(), entry.data()) == 0) {
      return static_cast<int>(rank);
    }
  }
  return kForeign;
}

int ListProgram::RankOfEntry(const char* entry) const {
  const int key = KeyOf(entry);
  for (size_t rank = 0; rank < keys_.size(); ++rank) {
    if (keys_[rank] == key) return static_cast<int>(rank);
  }
  return kForeign;
}

void ListProgram::SetUp() {
  list_.reset();
  arena_.reset();
  chunks_.Reset();
  arena_.emplace(&chunks_, 1);
  list_.emplace(&*arena_, &comparator_, scenario_.order);
  for (const int rank : setup_) list_->Insert(encoded_[rank].data());
  chunks_.Limit(scenario_.chunks_left);
  for (Thread& thread : threads_) {
    thread.inserts.clear();
    thread.reads.clear();
    thread.finger = BlockSkipList::Finger();
    thread.hint = nullptr;
  }
}

void ListProgram::Run(int number) {
  Thread* thread = &threads_[number];
  for (const Operation& operation : thread->operations) {
    const char* key = operation.key->data();
    switch (operation.letter) {
      case 'f':
        Record(thread, ReadKind::kNotBelow, operation.rank,
               [&] { return list_->FindGreaterOrEqual(key); });
        break;
      case 'c':
        Record(thread, ReadKind::kExactly, operation.rank,
               [&] { return list_->Contains(key) ? key : nullptr; });
        break;
      case 'n':
        list_->ApproximateCount(key, encoded_.back().data());
        break;
      case 'r':
        list_->RandomEntry(1);
        break;
      case 'a':
      case 'i':
      case 'g':
      case 'h':
        RunInsert(thread, operation);
        break;
      default:
        RunWalk(thread, operation);
    }
  }
}

bool ListProgram::InsertBy(char letter, Thread* thread, const char* entry) {
  switch (letter) {
    case 'a':
      return list_->InsertAlone(entry, &thread->finger);
    case 'g':
      return list_->Insert(entry, &thread->finger);
    case 'h':
      return list_->InsertWithHint(entry, &thread->hint);
    default:
      return list_->Insert(entry);
  }
}

void ListProgram::RunInsert(Thread* thread, const Operation& operation) {
  char* entry = operation.entry.get();
  std::memcpy(entry, operation.key->data(), operation.key->size());
  Insert insert{operation.rank, entry, kNever, 0, Outcome::kFailed};
  StampNextStep(&insert.begin);
  try {
    insert.outcome = InsertBy(operation.letter, thread, entry)
                         ? Outcome::kInserted
                         : Outcome::kRefused;
  } catch (const std::bad_alloc&) {
  }
  insert.end = Now();
  thread->inserts.push_back(insert);
}

// A step of an iterator looks for the entry next to the one that it stands at.
void ListProgram::RunWalk(Thread* thread, const Operation& operation) {
  BlockSkipList::Iterator it(&*list_);
  const char* key = operation.key->data();
  const auto here = [&] { return it.Valid() ? it.key() : nullptr; };
  const auto next = [&] {
    Record(thread, ReadKind::kNotBelow, RankOfEntry(it.key()) + 1, [&] {
      it.Next();
      return here();
    });
  };
  const auto previous = [&] {
    Record(thread, ReadKind::kNotAbove, RankOfEntry(it.key()) - 1, [&] {
      it.Prev();
      return here();
    });
  };
  const bool down = operation.letter == '<' || operation.letter == 'L';
  Record(thread, down ? ReadKind::kNotAbove : ReadKind::kNotBelow,
         operation.rank, [&] {
           if (operation.letter == '<') {
             it.SeekForPrev(key);
           } else if (operation.letter == 'L') {
             it.SeekToLast();
           } else if (operation.letter == 'F') {
             it.SeekToFirst();
           } else {
             it.Seek(key);
           }
           return here();
         });
  if (operation.letter == '~') {
    for (int i = 0; i < 4 && it.Valid(); ++i) i % 2 == 0 ? next() : previous();
    return;
  }
  while (it.Valid()) down ? previous() : next();
}

template <typename Function>
void ListProgram::Record(Thread* thread, ReadKind kind, int rank,
                         Function function) {
  Read read{kind, rank, kNothing, 0, 0};
  uint64_t begin = kNever;
  StampNextStep(&begin);
  const char* found = function();
  read.end = Now();
  StampNextStep(nullptr);
  // A call without a single step sees what was there at the one before.
  read.begin = begin == kNever ? read.end : begin;
  if (found != nullptr) read.result = RankOfEntry(found);
  thread->reads.push_back(read);
}

std::string ListProgram::Check() {
  if (scenario_.order == KnownOrder::kUnknown &&
      scenario_.compare == test::CompareBytes &&
      list_->GetStats().uses_labels) {
    return "the bytewise order was taken for another one";
  }
  std::string wrong = CheckInserts();
  if (wrong.empty()) wrong = CheckContents();
  for (const Thread& thread : threads_) {
    for (const Read& read : thread.reads) {
      if (!wrong.empty()) return wrong;
      wrong = CheckRead(read);
    }
  }
  return wrong;
}

std::string ListProgram::Describe(int rank) const {
  return rank < 0 ? "nothing" : "key " + std::to_string(keys_[rank]);
}

// Each key is accepted once and refused otherwise.
std::string ListProgram::CheckInserts() {
  for (Fate& fate : fates_) fate = {nullptr, kNever, kNever};
  for (const int rank : setup_) fates_[rank] = {encoded_[rank].data(), 0, 0};
  for (const Thread& thread : threads_) {
    for (const Insert& insert : thread.inserts) {
      Fate& fate = fates_[insert.rank];
      if (insert.outcome == Outcome::kFailed) {
        ++failed_inserts_;
        continue;
      }
      if (insert.outcome == Outcome::kInserted) {
        if (fate.entry != nullptr) return Describe(insert.rank) + " twice";
        fate.entry = insert.entry;
      }
      fate.begun = std::min(fate.begun, insert.begin);
      fate.committed = std::min(fate.committed, insert.end);
    }
  }
  for (size_t rank = 0; rank < fates_.size(); ++rank) {
    if (fates_[rank].entry == nullptr && fates_[rank].committed != kNever) {
      return Describe(static_cast<int>(rank)) + " refused by all";
    }
  }
  return "";
}

// Nothing that was there when the call began was passed over, and what was
// found had begun to be inserted.
std::string ListProgram::CheckRead(const Read& read) const {
  const auto complain = [&](int rank, const char* what) {
    std::ostringstream text;
    text << "a search for "
         << (read.kind == ReadKind::kNotAbove ? "<= " : ">= ") << read.rank
         << " (" << Describe(read.rank) << ") in steps " << read.begin << " to "
         << read.end << " found " << Describe(read.result) << " and " << what
         << " " << Describe(rank) << ", committed at " << fates_[rank].committed
         << ", begun at " << fates_[rank].begun;
    return text.str();
  };
  const int count = static_cast<int>(keys_.size());
  if (read.result == kForeign) return "found what was never inserted";
  int from = read.rank, to = read.result;  // the ranks passed over: [from, to)
  if (read.kind == ReadKind::kNotBelow) {
    if (to == kNothing) to = count;
    if (to < from) return complain(read.result, "went below with");
  } else if (read.kind == ReadKind::kNotAbove) {
    std::swap(from, to);
    if (from > to) return complain(read.result, "went above with");
    ++from;
    ++to;
  } else if (read.result == kNothing) {
    to = from + 1;
  } else {
    to = from;
  }
  for (int rank = std::max(0, from); rank < to; ++rank) {
    if (fates_[rank].committed < read.begin) {
      return complain(rank, "passed over");
    }
  }
  if (read.result != kNothing && (fates_[read.result].entry == nullptr ||
                                  fates_[read.result].begun > read.end)) {
    return complain(read.result, "came too early to");
  }
  return "";
}

// The list at rest holds the entries that were accepted, in order.
std::string ListProgram::CheckContents() const {
  const std::string broken = list_->TEST_Validate();
  if (!broken.empty()) return broken;
  BlockSkipList::Iterator it(&*list_);
  it.SeekToFirst();
  for (size_t rank = 0; rank < fates_.size(); ++rank) {
    const char* entry = fates_[rank].entry;
    const std::string name = Describe(static_cast<int>(rank));
    if (list_->Contains(encoded_[rank].data()) != (entry != nullptr)) {
      return name + (entry == nullptr ? " contained" : " lost to lookups");
    }
    if (entry == nullptr) continue;
    if (!it.Valid() || it.key() != entry) return name + " lost to the iterator";
    it.Next();
  }
  if (it.Valid()) return "more than was inserted";
  it.SeekToLast();
  for (size_t rank = fates_.size(); rank-- > 0;) {
    if (fates_[rank].entry == nullptr) continue;
    if (!it.Valid() || it.key() != fates_[rank].entry) {
      return Describe(static_cast<int>(rank)) + " lost backwards";
    }
    it.Prev();
  }
  return it.Valid() ? "more than was inserted, backwards" : "";
}

}  // namespace schedule
}  // namespace fastskip
