// SPDX-License-Identifier: Apache-2.0

#include "live_memtables.h"

#include <algorithm>

namespace fastskip {

void LiveMemtables::Add(Member* member) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // Behind all others of its owner.
  member->position_ = members_.emplace(member->owner_, member);
  member->birth_ = births_++;
  for (auto it = members_.lower_bound(member->owner_); it != member->position_;
       ++it) {
    it->second->OnSuccessor();
  }
}

void LiveMemtables::Remove(Member* member) {
  std::unique_lock<std::mutex> lock(mutex_);
  members_.erase(member->position_);
  read_.wait(lock, [&] { return member->readers_ == 0; });
}

std::vector<FastSkipStats> LiveMemtables::GetStats() const {
  std::unique_lock<std::mutex> lock(mutex_);
  return GetStatsOfRange(members_.begin(), members_.end(), &lock);
}

std::vector<FastSkipStats> LiveMemtables::GetStats(
    uint32_t column_family_id) const {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto begin =
      members_.lower_bound(MemtableOwner{column_family_id, nullptr});
  auto end = begin;
  while (end != members_.end() &&
         end->first.column_family_id == column_family_id) {
    ++end;
  }
  return GetStatsOfRange(begin, end, &lock);
}

std::vector<FastSkipStats> LiveMemtables::GetStats(
    const MemtableOwner& owner) const {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto [begin, end] = members_.equal_range(owner);
  return GetStatsOfRange(begin, end, &lock);
}

std::vector<FastSkipStats> LiveMemtables::GetStatsOfRange(
    Members::const_iterator begin, Members::const_iterator end,
    std::unique_lock<std::mutex>* lock) const {
  std::vector<Member*> members;
  std::vector<FastSkipStats> stats;
  for (auto it = begin; it != end; ++it) members.push_back(it->second);
  std::sort(
      members.begin(), members.end(),
      [](const Member* a, const Member* b) { return a->birth_ < b->birth_; });
  stats.reserve(members.size());
  // Nothing throws from here on, so every count that goes up comes down again.
  for (Member* member : members) ++member->readers_;
  for (Member* member : members) {
    lock->unlock();
    stats.push_back(member->GetStats());
    lock->lock();
    --member->readers_;
    read_.notify_all();
  }
  return stats;
}

void SetUnderPressure(FastSkipStats* stats) {
  const auto reached = [&](uint64_t amount, uint64_t limit) {
    return limit > 0 &&
           static_cast<double>(amount) * 100 >=
               static_cast<double>(limit) *
                   static_cast<double>(stats->backpressure_percent);
  };
  const bool under_pressure =
      stats->sealed == 0 &&
      (reached(stats->memory_reserved, stats->write_buffer_size) ||
       reached(stats->entries, stats->max_entries));
  stats->under_pressure = under_pressure ? 1 : 0;
}

}  // namespace fastskip
