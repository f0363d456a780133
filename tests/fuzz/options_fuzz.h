// SPDX-License-Identifier: Apache-2.0
//
// Bytes -> the text of a memtable's options. Whatever the text: an error with
// a message, or a factory whose own text makes an equal one. Never a crash.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "memtablerep/fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/options.h"

namespace fastskip {
namespace test {

class OptionsFuzzer {
 public:
  OptionsFuzzer(const uint8_t* data, size_t size) {
    RegisterFastSkip();
    form_ = size > 0 ? data[0] : 0;
    if (size > 1)
      text_.assign(reinterpret_cast<const char*>(data + 1), size - 1);
    config_.ignore_unknown_options = (form_ & 64) != 0;
    config_.ignore_unsupported_options = (form_ & 128) != 0;
  }

  // "" or what is wrong.
  std::string Run() {
    std::shared_ptr<ROCKSDB_NAMESPACE::MemTableRepFactory> factory;
    ROCKSDB_NAMESPACE::Status status;
    try {
      status = Parse(&factory);
    } catch (const std::logic_error&) {
      // RocksDB's own names ("skip_list:<number>") let std::stoull throw. A
      // text that begins with ours never reaches them.
      return names_fastskip_ ? "an exception" : "";
    }
    if (!status.ok()) {
      return status.ToString().size() > 0 ? "" : "an error without a message";
    }
    // Other memtables can be chosen too; they are not under test here.
    if (factory == nullptr ||
        factory->Name() != std::string(FastSkipListRepFactory::kClassName())) {
      return "";
    }
    accepted_ = true;
    return CheckAgain(factory.get());
  }

  bool accepted() const { return accepted_; }

 private:
  using FactoryPtr = std::shared_ptr<ROCKSDB_NAMESPACE::MemTableRepFactory>;

  ROCKSDB_NAMESPACE::Status Parse(FactoryPtr* factory) {
    namespace rdb = ROCKSDB_NAMESPACE;
    names_fastskip_ = form_ % 6 != 0 && form_ % 6 != 5;
    switch (form_ % 6) {
      case 0:
        return rdb::MemTableRepFactory::CreateFromString(config_, text_,
                                                         factory);
      case 1:
        return rdb::MemTableRepFactory::CreateFromString(
            config_, "fastskip" + text_, factory);
      case 2:
        return rdb::MemTableRepFactory::CreateFromString(
            config_, "{id=fastskip;" + text_ + "}", factory);
      case 3:
        return rdb::MemTableRepFactory::CreateFromString(
            config_, "id=FastSkipListRepFactory;" + text_, factory);
      case 4: {
        factory->reset(NewFastSkipListRepFactory());
        const rdb::Status status =
            (*factory)->ConfigureFromString(config_, text_);
        if (!status.ok()) return CheckUsable(factory->get(), status);
        return status;
      }
      default: {
        rdb::ColumnFamilyOptions family;
        const rdb::Status status = rdb::GetColumnFamilyOptionsFromString(
            config_, rdb::ColumnFamilyOptions(),
            "memtable_factory={id=fastskip;" + text_ + "}", &family);
        *factory = family.memtable_factory;
        return status;
      }
    }
  }

  // A factory that refused a change is still a valid one.
  ROCKSDB_NAMESPACE::Status CheckUsable(
      ROCKSDB_NAMESPACE::MemTableRepFactory* factory,
      const ROCKSDB_NAMESPACE::Status& status) {
    const std::string wrong = CheckAgain(factory);
    if (!wrong.empty()) {
      throw std::logic_error("after a refused option: " + wrong);
    }
    return status;
  }

  static std::string CheckAgain(
      ROCKSDB_NAMESPACE::MemTableRepFactory* factory) {
    namespace rdb = ROCKSDB_NAMESPACE;
    rdb::ConfigOptions strict;
    strict.ignore_unknown_options = false;
    strict.ignore_unsupported_options = false;
    const auto* options = factory->GetOptions<FastSkipListOptions>();
    if (options == nullptr) return "a factory without options";
    if (!CheckFastSkipListOptions(*options).ok()) {
      return "an impossible value was accepted";
    }
    const std::string text = factory->ToString(strict);
    FactoryPtr again;
    const rdb::Status status =
        rdb::MemTableRepFactory::CreateFromString(strict, text, &again);
    if (!status.ok()) return "'" + text + "' is refused: " + status.ToString();
    std::string mismatch;
    if (!factory->AreEquivalent(strict, again.get(), &mismatch)) {
      return "'" + text + "' makes another " + mismatch;
    }
    if (again->ToString(strict) != text) return "'" + text + "' is not stable";
    return factory->GetPrintableOptions() == again->GetPrintableOptions()
               ? ""
               : "other printable options";
  }

  uint8_t form_ = 0;
  std::string text_;
  ROCKSDB_NAMESPACE::ConfigOptions config_;
  bool names_fastskip_ = false;
  bool accepted_ = false;
};

}  // namespace test
}  // namespace fastskip
