// SPDX-License-Identifier: Apache-2.0

#include "write_buffer_sizes.h"

#include <algorithm>

namespace fastskip {

using ROCKSDB_NAMESPACE::ColumnFamilyOptions;

namespace {

constexpr uint64_t kPageBytes = 4096;

// RocksDB flushes at 60 % of an arena block above write_buffer_size
// (MemTable::ShouldFlushNow). A block is arena_block_size rounded up, or by
// default an eighth of the buffer, at most 1 MB. RocksDB first puts both within
// limits of its own (SanitizeOptions, OptimizeBlockSize).
uint64_t SurelyFull(const ColumnFamilyOptions& options) {
  const uint64_t buffer = std::clamp<uint64_t>(options.write_buffer_size,
                                               64 << 10, uint64_t{64} << 30);
  const uint64_t block =
      options.arena_block_size > 0
          ? std::min<uint64_t>(options.arena_block_size, uint64_t{2} << 30)
          : std::min<uint64_t>(buffer / 8, 1 << 20);
  return buffer + block + 2 * kPageBytes;
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

}  // namespace fastskip
