// SPDX-License-Identifier: Apache-2.0

#include "tools/crash_test/verifier.h"

#include <cstdio>
#include <memory>

#include "rocksdb/utilities/transaction.h"

namespace fastskip {
namespace crash_test {

using ROCKSDB_NAMESPACE::FlushOptions;
using ROCKSDB_NAMESPACE::Iterator;
using ROCKSDB_NAMESPACE::ReadOptions;
using ROCKSDB_NAMESPACE::Slice;
using ROCKSDB_NAMESPACE::Status;
using ROCKSDB_NAMESPACE::Transaction;
using ROCKSDB_NAMESPACE::WriteOptions;

namespace {

// Enters a pair that was read; "" or what is wrong with it.
std::string Enter(uint32_t family, const Slice& name, const Slice& value,
                  Versions* versions) {
  const uint32_t key = ParseKey(family, name);
  if (key == kKeys) return "a key that nobody wrote: " + name.ToString(true);
  if ((*versions)[key] != kAbsent) {
    return "a key shown twice: " + name.ToString(true);
  }
  (*versions)[key] = ParseValue(key, value);
  return (*versions)[key] == kAbsent
             ? "a value that nobody wrote, of key " + name.ToString(true)
             : "";
}

std::string Scan(const OpenDb& db, uint32_t family, bool forwards,
                 Versions* versions) {
  ReadOptions read;
  read.total_order_seek = true;
  const std::unique_ptr<Iterator> iter(
      db->NewIterator(read, db.family(family)));
  const auto* const comparator = db.family(family)->GetComparator();
  std::string previous;
  if (forwards) {
    iter->SeekToFirst();
  } else {
    iter->SeekToLast();
  }
  for (bool first = true; iter->Valid(); first = false) {
    std::string error = Enter(family, iter->key(), iter->value(), versions);
    if (!error.empty()) return error;
    if (!first) {
      const int order = comparator->Compare(previous, iter->key());
      if (forwards ? order >= 0 : order <= 0) return "a scan out of order";
    }
    previous = iter->key().ToString();
    if (forwards) {
      iter->Next();
    } else {
      iter->Prev();
    }
  }
  return iter->status().ok() ? "" : iter->status().ToString();
}

std::string GetAll(const OpenDb& db, uint32_t family,
                   const Versions& versions) {
  const uint32_t begin = family * kKeysPerFamily;
  for (uint32_t key = begin; key < begin + kKeysPerFamily; ++key) {
    std::string value;
    const Status status =
        db->Get(ReadOptions(), db.family(family), KeyName(key), &value);
    if (!status.ok() && !status.IsNotFound()) return status.ToString();
    const uint32_t version = status.ok() ? ParseValue(key, value) : kAbsent;
    if (version != versions[key]) {
      return "Get shows version " + std::to_string(version) + " of key " +
             std::to_string(key) + ", a scan " + std::to_string(versions[key]);
    }
  }
  return "";
}

// What was prepared when the writer was killed goes either way.
std::string EndPrepared(const OpenDb& db, Random* random) {
  if (db.transactions() == nullptr) return "";
  std::vector<Transaction*> prepared;
  db.transactions()->GetAllPreparedTransactions(&prepared);
  for (Transaction* transaction : prepared) {
    const std::unique_ptr<Transaction> owned(transaction);
    const Status status =
        (*random)() % 2 == 0 ? owned->Commit() : owned->Rollback();
    if (!status.ok()) return status.ToString();
  }
  return "";
}

// A flush leaves the last WAL in use unless the memtables hold something.
std::string EmptyWals(const OpenDb& db) {
  Status status;
  for (uint32_t family = 0; family < kFamilies; ++family) {
    status = db->Delete(WriteOptions(), db.family(family), "nobody's key");
    if (!status.ok()) return status.ToString();
  }
  status = db->Flush(FlushOptions(), db.families());
  return status.ok() ? "" : "flush: " + status.ToString();
}

// ldb is to run without fastskip.
std::string ScanCommand(const std::string& ldb, const std::string& dir,
                        uint32_t family) {
  return "env -u LD_PRELOAD " + ldb + " --db='" + dir +
         "' --try_load_options --column_family=" + FamilyName(family) +
         " scan --hex";
}

}  // namespace

Found ReadAll(const Round& round, Memtable memtable, const std::string& dir,
              Wals after, Random* random) {
  Found found{"", Versions(kKeys, kAbsent)};
  OpenDb db;
  // Recovered memtables may be more than the WriteBufferManager allows: a write
  // would wait for a flush that nobody has begun.
  Round unlimited = round;
  unlimited.options.write_buffer_manager.reset();
  const Status status = db.Open(unlimited, memtable, dir);
  if (!status.ok()) {
    found.error = "open: " + status.ToString();
    return found;
  }
  found.error = EndPrepared(db, random);
  Versions backwards(kKeys, kAbsent);
  const bool both = !round.options.inplace_update_support;  // no Prev there
  for (uint32_t family = 0; family < kFamilies && found.error.empty();
       ++family) {
    found.error = Scan(db, family, true, &found.versions);
    if (!found.error.empty()) break;
    found.error = GetAll(db, family, found.versions);
    if (!both || !found.error.empty()) continue;
    found.error = Scan(db, family, false, &backwards);
  }
  if (both && found.error.empty() && backwards != found.versions) {
    found.error = "a scan backwards shows something else";
  }
  if (found.error.empty() && after == Wals::kEmptied) {
    found.error = EmptyWals(db);
  }
  return found;
}

Found ReadAllByLdb(const std::string& ldb, const std::string& dir) {
  Found found{"", Versions(kKeys, kAbsent)};
  for (uint32_t family = 0; family < kFamilies; ++family) {
    const std::string command = ScanCommand(ldb, dir, family);
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
      found.error = "cannot start " + ldb;
      return found;
    }
    char* line = nullptr;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, pipe)) > 0;) {
      const std::string text(line, static_cast<size_t>(length));
      const size_t colon = text.find(" : 0x");
      std::string name, value;
      if (text.compare(0, 2, "0x") != 0 || colon == std::string::npos ||
          !Slice(text.data() + 2, colon - 2).DecodeHex(&name) ||
          !Slice(text.data() + colon + 5, text.size() - colon - 6)
               .DecodeHex(&value)) {
        found.error = "ldb says " + text;
        continue;
      }
      const std::string error = Enter(family, name, value, &found.versions);
      if (!error.empty()) found.error = "ldb: " + error;
    }
    free(line);
    const int status = pclose(pipe);
    if (status != 0) found.error = "ldb ends with " + std::to_string(status);
    if (!found.error.empty()) return found;
  }
  return found;
}

}  // namespace crash_test
}  // namespace fastskip
