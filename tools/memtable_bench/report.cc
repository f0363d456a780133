// SPDX-License-Identifier: Apache-2.0

#include "tools/memtable_bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace fastskip {
namespace bench {
namespace {

__attribute__((format(printf, 1, 2))) std::string Format(const char* format,
                                                         ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double Least(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

double Greatest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// How many times faster than the base: of the medians, and in the rounds that
// were least and most favourable, each round of one beside the same of the
// other.
struct Ratio {
  double median = 0, low = 0, high = 0;
};
Ratio RatioTo(const Row& base, const Row& row) {
  std::vector<double> each;
  const size_t rounds = std::min(base.rounds.size(), row.rounds.size());
  for (size_t i = 0; i < rounds; ++i) {
    each.push_back(base.rounds[i] / row.rounds[i]);
  }
  return {Median(base.rounds) / Median(row.rounds), Least(each),
          Greatest(each)};
}

const Row* BaseOf(const Report& report, const Row& row) {
  for (const Row& other : report.rows) {
    if (other.memtable == report.base && other.operation == row.operation &&
        other.keys == row.keys && other.entries == row.entries) {
      return &other;
    }
  }
  return nullptr;
}

struct Percentile {
  const char* name;
  double part;
};
constexpr Percentile kPercentiles[] = {{"p50", 0.5},       {"p90", 0.9},
                                       {"p99", 0.99},      {"p99.9", 0.999},
                                       {"p99.99", 0.9999}, {"max", 1}};

uint32_t At(const std::vector<uint32_t>& sorted, double part) {
  const auto n = static_cast<double>(sorted.size());
  const auto i = static_cast<size_t>(part * n);
  return sorted[std::min(i, sorted.size() - 1)];
}

std::string LatencyTable(const Report& report) {
  std::string text;
  for (const Row& row : report.rows) {
    if (row.latencies.empty()) continue;
    if (text.empty()) {
      text = Format(
          "\nLatency, nanoseconds, the clock's own included\n%-17s %9s %-13s "
          "%-24s",
          "keys", "entries", "operation", "memtable");
      for (const Percentile& p : kPercentiles) text += Format(" %9s", p.name);
      text += "\n";
    }
    text += Format("%-17s %9llu %-13s %-24s", row.keys.c_str(),
                   static_cast<unsigned long long>(row.entries),
                   row.operation.c_str(), row.memtable.c_str());
    for (const Percentile& p : kPercentiles) {
      text += Format(" %9u", At(row.latencies, p.part));
    }
    text += "\n";
  }
  return text;
}

std::string CountersTable(const Report& report) {
  std::string text;
  for (const Counters& counters : report.counters) {
    if (counters.values.empty()) continue;
    text += Format("\n%s, %llu entries, %s:\n ", counters.keys.c_str(),
                   static_cast<unsigned long long>(counters.entries),
                   counters.memtable.c_str());
    for (const auto& value : counters.values) {
      text += Format(" %s=%.10g", value.first.c_str(), value.second);
    }
    text += "\n";
  }
  return text;
}

std::string MeansTable(const Report& report) {
  std::string text;
  for (const GeometricMean& mean : GeometricMeans(report)) {
    if (text.empty()) {
      text = Format(
          "\nGeometric mean of the ratios\n%-17s %9s %-13s %-24s %7s %7s  "
          "%s\n",
          "keys", "entries", "operation", "memtable", "mean", "worst", "of");
    }
    const std::string keys = "all_" + std::to_string(mean.keys);
    text += Format("%-17s %9llu %-13s %-24s %7.2f %7.2f  %s\n", keys.c_str(),
                   static_cast<unsigned long long>(mean.entries),
                   mean.operation.c_str(), mean.memtable.c_str(), mean.ratio,
                   mean.worst, mean.worst_keys.c_str());
  }
  return text;
}

std::string JsonMean(const GeometricMean& mean) {
  return Format(
             "    {\"entries\": %llu, \"memtable\": %s, \"operation\": %s, "
             "\"keys\": %llu, \"times_faster\": %.6g, ",
             static_cast<unsigned long long>(mean.entries),
             Quoted(mean.memtable).c_str(), Quoted(mean.operation).c_str(),
             static_cast<unsigned long long>(mean.keys), mean.ratio) +
         Format("\"worst\": {\"keys\": %s, \"times_faster\": %.6g}}",
                Quoted(mean.worst_keys).c_str(), mean.worst);
}

// "name": {…} of numbers.
std::string JsonObject(
    const std::vector<std::pair<std::string, double>>& values) {
  std::string text = "{";
  for (const auto& value : values) {
    if (text.size() > 1) text += ", ";
    text += Quoted(value.first) + Format(": %.10g", value.second);
  }
  return text + "}";
}

std::string JsonRow(const Report& report, const Row& row) {
  std::string text = Format(
      "    {\"keys\": %s, \"entries\": %llu, \"value_size\": %u, "
      "\"memtable\": %s, \"operation\": %s,\n     \"ns_per_operation\": ",
      Quoted(row.keys).c_str(), static_cast<unsigned long long>(row.entries),
      row.value_size, Quoted(row.memtable).c_str(),
      Quoted(row.operation).c_str());
  text += JsonObject({{"median", Median(row.rounds)},
                      {"mean", Mean(row.rounds)},
                      {"min", Least(row.rounds)},
                      {"max", Greatest(row.rounds)}});
  text += ",\n     \"rounds\": [";
  for (size_t i = 0; i < row.rounds.size(); ++i) {
    text += Format("%s%.6g", i > 0 ? ", " : "", row.rounds[i]);
  }
  text += "]";
  if (const Row* base = BaseOf(report, row)) {
    const Ratio ratio = RatioTo(*base, row);
    text += ",\n     \"times_faster\": " + JsonObject({{"median", ratio.median},
                                                       {"low", ratio.low},
                                                       {"high", ratio.high}});
  }
  if (row.comparisons >= 0) {
    text += Format(",\n     \"comparisons\": %.6g", row.comparisons);
  }
  if (!row.latencies.empty()) {
    std::vector<std::pair<std::string, double>> values;
    for (const Percentile& p : kPercentiles) {
      values.emplace_back(p.name, At(row.latencies, p.part));
    }
    text += ",\n     \"latency_ns\": " + JsonObject(values);
  }
  return text + "}";
}

}  // namespace

std::vector<GeometricMean> GeometricMeans(const Report& report) {
  std::vector<GeometricMean> means;
  for (const Row& row : report.rows) {
    const Row* const base = BaseOf(report, row);
    if (base == nullptr || base == &row) continue;
    auto mean = std::find_if(
        means.begin(), means.end(), [&](const GeometricMean& other) {
          return other.entries == row.asked && other.memtable == row.memtable &&
                 other.operation == row.operation;
        });
    if (mean == means.end()) {
      mean = means.insert(mean, GeometricMean());
      mean->entries = row.asked;
      mean->memtable = row.memtable;
      mean->operation = row.operation;
    }
    const double ratio = RatioTo(*base, row).median;
    mean->ratio += std::log(ratio);
    if (mean->keys == 0 || ratio < mean->worst) {
      mean->worst = ratio;
      mean->worst_keys = row.keys;
    }
    ++mean->keys;
  }
  for (GeometricMean& mean : means) {
    mean.ratio = std::exp(mean.ratio / static_cast<double>(mean.keys));
  }
  means.erase(
      std::remove_if(means.begin(), means.end(),
                     [](const GeometricMean& mean) { return mean.keys < 2; }),
      means.end());
  return means;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += Format("\\u%04x", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string AsTable(const Report& report) {
  std::string text =
      Format("%-17s %9s %-13s %-24s %9s %9s %9s %9s %7s %7s %7s", "keys",
             "entries", "operation", "memtable", "median", "mean", "min", "max",
             "ratio", "low", "high");
  bool compared = false;
  for (const Row& row : report.rows) compared |= row.comparisons >= 0;
  text += compared ? Format(" %11s\n", "comparisons") : "\n";
  for (const Row& row : report.rows) {
    text +=
        Format("%-17s %9llu %-13s %-24s %9.1f %9.1f %9.1f %9.1f",
               row.keys.c_str(), static_cast<unsigned long long>(row.entries),
               row.operation.c_str(), row.memtable.c_str(), Median(row.rounds),
               Mean(row.rounds), Least(row.rounds), Greatest(row.rounds));
    if (const Row* base = BaseOf(report, row)) {
      const Ratio ratio = RatioTo(*base, row);
      text += Format(" %7.2f %7.2f %7.2f", ratio.median, ratio.low, ratio.high);
    }
    text += row.comparisons >= 0 ? Format(" %11.2f\n", row.comparisons) : "\n";
  }
  return text + MeansTable(report) + LatencyTable(report) +
         CountersTable(report);
}

std::string AsJson(const Report& report) {
  std::string text = "{\n";
  for (const auto& entry : report.setting) {
    text += "  " + Quoted(entry.first) + ": " + entry.second + ",\n";
  }
  text += "  \"results\": [\n";
  for (size_t i = 0; i < report.rows.size(); ++i) {
    text += JsonRow(report, report.rows[i]);
    text += i + 1 < report.rows.size() ? ",\n" : "\n";
  }
  text += "  ],\n  \"geometric_means\": [\n";
  const std::vector<GeometricMean> means = GeometricMeans(report);
  for (size_t i = 0; i < means.size(); ++i) {
    text += JsonMean(means[i]) + (i + 1 < means.size() ? ",\n" : "\n");
  }
  text += "  ],\n  \"counters\": [\n";
  for (size_t i = 0; i < report.counters.size(); ++i) {
    const Counters& counters = report.counters[i];
    text += Format("    {\"keys\": %s, \"entries\": %llu, \"memtable\": %s, ",
                   Quoted(counters.keys).c_str(),
                   static_cast<unsigned long long>(counters.entries),
                   Quoted(counters.memtable).c_str());
    text += "\"values\": " + JsonObject(counters.values);
    text += i + 1 < report.counters.size() ? "},\n" : "}\n";
  }
  return text + "  ]\n}\n";
}

std::string AsCsv(const Report& report) {
  std::string text;
  for (const Row& row : report.rows) {
    std::string keys = row.keys + " keys";
    if (!report.order.empty()) keys += " by " + report.order;
    if (report.fresh_pages) keys += " on fresh pages";
    std::replace(keys.begin(), keys.end(), ' ', '_');
    for (size_t i = 0; i < row.rounds.size(); ++i) {
      // Answers that differ never get here.
      text += Format("%s:%s:%llu,%u,-,-,%s,%zu,%.6f,same\n",
                     row.operation.c_str(), keys.c_str(),
                     static_cast<unsigned long long>(row.entries), row.threads,
                     row.memtable.c_str(), i + 1, row.rounds[i] / 1000);
    }
  }
  return text;
}

}  // namespace bench
}  // namespace fastskip
