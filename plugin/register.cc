// SPDX-License-Identifier: Apache-2.0

#include "register.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "../memtablerep/fast_skip_list_factory.h"
#include "rocksdb/convenience.h"
#include "rocksdb/memtablerep.h"
#include "rocksdb/status.h"
#include "rocksdb/utilities/object_registry.h"

namespace {

using fastskip::FastSkipListRepFactory;
using ROCKSDB_NAMESPACE::MemTableRepFactory;
using ROCKSDB_NAMESPACE::ObjectLibrary;
using ROCKSDB_NAMESPACE::Status;

// Called by RocksDB's registry. `uri` is a registered name, alone or followed
// by ":<shards>". The result is owned by `*guard`; null, and the reason in
// `*error`, when the part behind the colon is refused.
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

int fastskip_register(ObjectLibrary& library, const std::string&) {
  // Matches a colon with nothing behind it as well, so that MakeFactory refuses
  // "fastskip:". RocksDB silently replaces a name that nothing matches by the
  // default memtable.
  library.AddFactory<MemTableRepFactory>(
      ObjectLibrary::PatternEntry(FastSkipListRepFactory::kClassName())
          .AnotherName(FastSkipListRepFactory::kNickName())
          .AddSeparator(":", /*at_least_one=*/false),
      MakeFactory);
  return 1;
}
