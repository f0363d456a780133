// SPDX-License-Identifier: Apache-2.0
#include "vtable_symbol.h"

#include <cstring>
#include <string>

#if defined(__GXX_ABI_VERSION) && defined(__unix__)
#include <dlfcn.h>
#define FASTSKIP_HAS_DLADDR 1
#else
#define FASTSKIP_HAS_DLADDR 0
#endif

namespace fastskip {

bool HasVtableOf(const void* object,
                 std::initializer_list<const char*> qualified_name) {
#if FASTSKIP_HAS_DLADDR
  std::string symbol = "_ZTVN";
  for (const char* const name : qualified_name) {
    symbol += std::to_string(std::strlen(name)) + name;
  }
  symbol += 'E';
  const char* vtable;
  std::memcpy(&vtable, object, sizeof(vtable));
  Dl_info info;
  // The address point lies behind the offset to top and the type information.
  constexpr size_t kAddressPoint = 2 * sizeof(void*);
  return dladdr(vtable, &info) != 0 && info.dli_sname != nullptr &&
         symbol == info.dli_sname &&
         vtable == static_cast<const char*>(info.dli_saddr) + kAddressPoint;
#else
  (void)object;
  (void)qualified_name;
  return false;
#endif
}

}  // namespace fastskip
