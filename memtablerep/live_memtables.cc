// SPDX-License-Identifier: Apache-2.0
#include "live_memtables.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fastskip {

using ROCKSDB_NAMESPACE::ColumnFamilyOptions;

namespace {

constexpr uint64_t kPage = 4096;

// RocksDB asks for a flush at 60 % of an arena block above write_buffer_size;
// a block is arena_block_size rounded up, or by default an eighth of the
// buffer, 1 MB at most. Both it puts within limits of its own first.
uint64_t SurelyFull(const ColumnFamilyOptions& options) {
  const uint64_t buffer = std::clamp<uint64_t>(options.write_buffer_size,
                                               64 << 10, uint64_t{64} << 30);
  const uint64_t block =
      options.arena_block_size > 0
          ? std::min<uint64_t>(options.arena_block_size, uint64_t{2} << 30)
          : std::min<uint64_t>(buffer / 8, 1 << 20);
  return buffer + block + 2 * kPage;
}

}  // namespace

void WriteBufferSizes::Note(const ColumnFamilyOptions& options) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t size = options.write_buffer_size;
  common_ = !noted_ || common_ == size ? size : 0;
  surely_full_ = std::max(surely_full_, SurelyFull(options));
  noted_ = true;
}

uint64_t WriteBufferSizes::common() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return common_;
}

uint64_t WriteBufferSizes::surely_full() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return noted_ ? surely_full_ : SurelyFull(ColumnFamilyOptions());
}

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
    const std::function<bool(const MemtableOwner&)>& wanted) const {
  std::vector<Member*> members;
  std::vector<FastSkipStats> stats;
  std::unique_lock<std::mutex> lock(mutex_);
  for (Member* member = first_; member != nullptr; member = member->next_) {
    if (wanted(member->owner_)) members.push_back(member);
  }
  stats.reserve(members.size());
  // Nothing throws from here on: who is read is let go again.
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

}  // namespace fastskip
