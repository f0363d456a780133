// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/key_encodings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/memtable_bench/key_list.h"

namespace fastskip {
namespace bench {
namespace {

void AppendBigEndian(std::string* to, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    to->push_back(static_cast<char>(value >> shift));
  }
}

// Groups of eight bytes, each followed by 0xFF; the last one is padded with
// zeros, and followed by 0xFF less their number. Text of any length orders so.
void AppendInGroups(std::string* to, const std::string& text) {
  for (size_t at = 0; at < text.size(); at += 8) {
    const size_t size = std::min<size_t>(8, text.size() - at);
    to->append(text, at, size);
    to->append(8 - size, '\0');
    to->push_back(static_cast<char>(0xFF - (8 - size)));
  }
}

// A row in a transactional SQL database: table and row number as text, then the
// time of its version, newest first.
std::string SqlRow(uint64_t, uint64_t entries, const Draw& draw) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  std::string row = "t";
  AppendBigEndian(&row, kSign + 40 + draw(12), 8);
  row += "_r";
  AppendBigEndian(&row, kSign + draw(entries), 8);
  std::string key = "z";
  AppendInGroups(&key, row);
  AppendBigEndian(&key, ~(uint64_t{1} << 60 | draw(100000)), 8);
  return key;
}

// Index number, ascending column, row: six indexes that are appended to at
// once.
std::string SqlIndexAppend(uint64_t i, uint64_t, const Draw& draw) {
  constexpr uint64_t kIndexes = 6;
  std::string key;
  AppendBigEndian(&key, 256 + i % kIndexes, 4);
  AppendBigEndian(&key, i / kIndexes, 8);
  AppendBigEndian(&key, draw(1000), 4);
  return key;
}

// Account, then the path of an object in a bucket.
std::string ObjectPath(uint64_t, uint64_t entries, const Draw& draw) {
  std::string key;
  AppendBigEndian(&key, 77 + draw(20), 8);
  const auto bucket = static_cast<unsigned>(draw(16));
  const auto month = static_cast<unsigned>(draw(12) + 1);
  char path[64];
  std::snprintf(path, sizeof(path), ".bucket/%02u/photos/2026/%02u/%08llu.jpg",
                bucket, month, static_cast<unsigned long long>(draw(entries)));
  return key + path;
}

// Of a stream processor: user, start of a window of a minute, number.
std::string WindowStore(uint64_t i, uint64_t entries, const Draw& draw) {
  std::string key = "user-" + std::to_string(draw(entries / 20 + 1));
  AppendBigEndian(&key, 1766000000000 + i / 1000 * 60000, 8);
  AppendBigEndian(&key, 0, 4);
  return key;
}

// Of a stream processor: key group, session behind its length, namespace.
std::string KeyedState(uint64_t, uint64_t entries, const Draw& draw) {
  const uint64_t id = draw(entries);
  const std::string session = "sess" + std::to_string(id);
  std::string key;
  AppendBigEndian(&key, HashOf(id) % 128, 2);
  AppendBigEndian(&key, session.size(), 1);
  return key + session + "VoidNamespace";
}

// Metric and time of 5000 metrics, each every ten seconds.
std::string MetricTime(uint64_t i, uint64_t, const Draw& draw) {
  constexpr uint64_t kMetrics = 5000;
  std::string key;
  AppendBigEndian(&key, draw(kMetrics), 8);
  AppendBigEndian(&key, 1766000000 + i / kMetrics * 10, 8);
  return key;
}

std::string UuidText(uint64_t, uint64_t entries, const Draw& draw) {
  const uint64_t high = HashOf(draw(entries));
  const uint64_t low = HashOf(high);
  char text[40];
  std::snprintf(text, sizeof(text), "%08x-%04x-4%03x-%04x-%012llx",
                static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff),
                static_cast<unsigned>(high & 0xfff),
                static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

// floor(entries ^ u): the smaller, the more often.
std::string ZipfCounter(uint64_t, uint64_t entries, const Draw& draw) {
  const double u =
      std::ldexp(static_cast<double>(draw(uint64_t{1} << 53)), -53);
  const double rank = std::floor(std::pow(static_cast<double>(entries), u));
  return "cnt:" + std::to_string(static_cast<uint64_t>(rank));
}

// 400 tenants under a hash, each with documents of its own.
std::string Tenants(uint64_t, uint64_t entries, const Draw& draw) {
  constexpr uint64_t kTenants = 400;
  char tenant[32];
  std::snprintf(tenant, sizeof(tenant), "tenant/%016llx",
                static_cast<unsigned long long>(HashOf(draw(kTenants))));
  std::string key = std::string(tenant) + "/doc/";
  AppendBigEndian(&key, draw(entries / kTenants + 1), 4);
  return key;
}

}  // namespace

uint64_t HashOf(uint64_t id) { return Scatter(id + kGoldenRatio); }

const std::vector<KeyEncoding>& KeyEncodings() {
  static const std::vector<KeyEncoding> encodings = {
      {"sql_row", "rows of 12 SQL tables, with versions", 120, SqlRow},
      {"sql_index_append", "six SQL indexes, each ascending", 40,
       SqlIndexAppend},
      {"object_path", "account and path of an object", 200, ObjectPath},
      {"window_store", "user and time, of a stream processor", 60, WindowStore},
      {"keyed_state", "group and session, of a stream processor", 48,
       KeyedState},
      {"metric_time", "5000 metrics, each in order of time", 16, MetricTime},
      {"uuid_text", "UUIDs as text, some with several versions", 100, UuidText},
      {"zipf_counter", "counters, few of them written most often", 8,
       ZipfCounter},
      {"tenants", "documents of 400 tenants under a hash", 60, Tenants}};
  return encodings;
}

const KeyEncoding* FindEncoding(const std::string& name) {
  for (const KeyEncoding& encoding : KeyEncodings()) {
    if (name == encoding.name) return &encoding;
  }
  return nullptr;
}

}  // namespace bench
}  // namespace fastskip
