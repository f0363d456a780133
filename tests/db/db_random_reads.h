// SPDX-License-Identifier: Apache-2.0
//
// Random reads of a database, noted in the transcript.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/db/db_test_util.h"

namespace fastskip {
namespace dbtest {

inline std::string RandomKey(DbRun& run, uint64_t keys) {
  std::string key = Key(Below(run.random, keys));
  // Also targets between the keys.
  if (Below(run.random, 4) == 0) key.push_back('5');
  return key;
}

// One random step of `it`, noted.
inline void RandomStep(DbRun& run, Iterator* it, uint64_t keys) {
  switch (Below(run.random, 10)) {
    case 0:
      it->Seek(RandomKey(run, keys));
      break;
    case 1:
      it->SeekForPrev(RandomKey(run, keys));
      break;
    case 2:
      if (Below(run.random, 4) == 0) {
        it->SeekToFirst();
      } else if (Below(run.random, 3) == 0) {
        it->SeekToLast();
      } else {
        it->Seek(RandomKey(run, keys));
      }
      break;
    case 3:
    case 4:
    case 5:
    case 6:
      if (it->Valid()) it->Next();
      break;
    default:
      if (it->Valid()) it->Prev();
  }
  run.NoteAt(it, "at");
}

// One MultiGet of up to 40 keys of all column families: some are missing, some
// repeat. Each answer must be that of Get.
inline void NoteMultiGet(DbRun& run, const ReadOptions& read, uint64_t keys) {
  const size_t n = 1 + Below(run.random, 40);
  std::vector<std::string> names(n);
  std::vector<size_t> numbers(n);
  for (size_t i = 0; i < n; ++i) {
    names[i] = i > 0 && Below(run.random, 5) == 0 ? names[i - 1]
                                                  : RandomKey(run, keys);
    numbers[i] = Below(run.random, run.families().size());
  }
  Handles families;
  for (const size_t f : numbers) families.push_back(run.family(f));
  const std::vector<Slice> slices(names.begin(), names.end());
  std::vector<rocksdb::PinnableSlice> values(n);
  std::vector<Status> statuses(n);
  run.db()->MultiGet(read, n, families.data(), slices.data(), values.data(),
                     statuses.data());
  for (size_t i = 0; i < n; ++i) {
    const std::string found = statuses[i].ok() ? Show(values[i])
                              : statuses[i].IsNotFound()
                                  ? "(none)"
                                  : statuses[i].ToString();
    run.Note("multiget ", names[i], " = ", found);
    run.Expect(found == run.Get(names[i], read, numbers[i]),
               "MultiGet answers as Get does");
  }
}

}  // namespace dbtest
}  // namespace fastskip
