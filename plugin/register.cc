// SPDX-License-Identifier: Apache-2.0

#include "register.h"

#include <string>

#include "../memtablerep/fast_skip_list_register.h"

int fastskip_register(ROCKSDB_NAMESPACE::ObjectLibrary& library,
                      const std::string&) {
  fastskip::RegisterFastSkipIn(&library);
  return 1;
}
