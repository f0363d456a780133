// SPDX-License-Identifier: Apache-2.0

#include "fast_skip_list_register.h"

#include <mutex>
#include <string>

#include "../plugin/register.h"
#include "rocksdb/utilities/object_registry.h"

namespace fastskip {

// Through the plugin's entry point, so that a program which links libfastskip.a
// takes fastskip_register from there: a librocksdb.a built with the plugin has
// one too, perhaps of another version.
void RegisterFastSkip() {
  static std::once_flag once;
  std::call_once(once, [] {
    fastskip_register(*ROCKSDB_NAMESPACE::ObjectLibrary::Default(),
                      std::string());
  });
}

}  // namespace fastskip
