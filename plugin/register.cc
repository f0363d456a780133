// SPDX-License-Identifier: Apache-2.0
//
// The names of fastskip in RocksDB's object registry.

#include "register.h"

#include <memory>
#include <mutex>
#include <string>

#include "../memtablerep/fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/options.h"
#include "rocksdb/status.h"
#include "rocksdb/utilities/object_registry.h"

namespace fastskip {
namespace {

using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::ObjectLibrary;
using ROCKSDB_NAMESPACE::Status;

// `uri` is a name that was registered, alone or with ":<shards>". Null, and why
// in `*error`, when fastskip cannot be made so. RocksDB demands the guard.
MemTableRepFactory* MakeFactory(const std::string& uri,
                                std::unique_ptr<MemTableRepFactory>* guard,
                                std::string* error) {
  auto factory = std::make_unique<FastSkipListRepFactory>();
  ROCKSDB_NAMESPACE::ConfigOptions config;
  config.ignore_unknown_options = false;
  config.invoke_prepare_options = false;
  const size_t colon = uri.find(':');
  Status status =
      colon == std::string::npos
          ? Status::OK()
          : factory->ConfigureOption(config, "shards", uri.substr(colon + 1));
  if (status.ok()) status = factory->PrepareOptions(config);
  if (!status.ok()) {
    *error =
        status.getState() != nullptr ? status.getState() : status.ToString();
    return nullptr;
  }
  *guard = std::move(factory);
  return guard->get();
}

}  // namespace

void RegisterFastSkip() {
  static std::once_flag once;
  std::call_once(once, [] {
    fastskip_register(*ObjectLibrary::Default(), std::string());
  });
}

}  // namespace fastskip

int fastskip_register(ROCKSDB_NAMESPACE::ObjectLibrary& library,
                      const std::string&) {
  using fastskip::FastSkipListRepFactory;
  using ROCKSDB_NAMESPACE::ObjectLibrary;
  // A separator with nothing behind it matches as well, so that "fastskip:" is
  // refused; a name that nobody knows would silently give the default memtable.
  library.AddFactory<ROCKSDB_NAMESPACE::MemTableRepFactory>(
      ObjectLibrary::PatternEntry(FastSkipListRepFactory::kClassName())
          .AnotherName(FastSkipListRepFactory::kNickName())
          .AddSeparator(":", /*at_least_one=*/false),
      fastskip::MakeFactory);
  return 1;
}

int fastskip_register_default(void) {
  fastskip::RegisterFastSkip();
  return 1;
}
