// SPDX-License-Identifier: Apache-2.0

#include "live_memtables.h"

namespace fastskip {

void LiveMemtables::Add(Member* member) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Member* other = first_; other != nullptr; other = other->next_) {
    if (other->owner_ == member->owner_) other->OnSuccessor();
  }
  member->previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = member;
  last_ = member;
}

void LiveMemtables::Remove(Member* member) {
  std::unique_lock<std::mutex> lock(mutex_);
  (member->previous_ == nullptr ? first_ : member->previous_->next_) =
      member->next_;
  (member->next_ == nullptr ? last_ : member->next_->previous_) =
      member->previous_;
  read_.wait(lock, [&] { return member->readers_ == 0; });
}

std::vector<FastSkipStats> LiveMemtables::GetStats(
    const std::function<bool(const MemtableOwner&)>& is_wanted) const {
  std::vector<Member*> members;
  std::vector<FastSkipStats> stats;
  std::unique_lock<std::mutex> lock(mutex_);
  for (Member* member = first_; member != nullptr; member = member->next_) {
    if (is_wanted(member->owner_)) members.push_back(member);
  }
  stats.reserve(members.size());
  // Nothing throws from here on, so every count that goes up comes down again.
  for (Member* member : members) ++member->readers_;
  for (Member* member : members) {
    lock.unlock();
    stats.push_back(member->GetStats());
    lock.lock();
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
