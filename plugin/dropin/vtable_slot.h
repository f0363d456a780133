// SPDX-License-Identifier: Apache-2.0
//
// Slots of virtual methods in vtables (Itanium C++ ABI, which Linux uses on all
// processors), and replacing what is in one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace fastskip {

// Where the virtual `method` stands in the vtables of its class and of all that
// derive from it by single inheritance: bytes from the address point. A pointer
// to a virtual method is just that number, with a mark that it is virtual.
template <typename Method>
size_t VtableOffset(Method method) {
  std::ptrdiff_t words[2];
  static_assert(sizeof(method) == sizeof(words), "not the Itanium C++ ABI");
  std::memcpy(words, &method, sizeof(words));
#if defined(__aarch64__) || defined(__arm__)
  return static_cast<size_t>(words[0]);  // the mark is in the other word
#else
  return static_cast<size_t>(words[0] - 1);
#endif
}

// The slot in the vtable of the polymorphic `object`.
inline void** VtableSlot(const void* object, size_t offset) {
  char* vtable;
  std::memcpy(&vtable, object, sizeof(vtable));
  return reinterpret_cast<void**>(vtable + offset);
}

// Writes `function` into `slot`. The page of a vtable is read-only once the
// library is loaded (RELRO): it is made writable for the moment. Returns the
// reason, and changes nothing, where that is not permitted; else nothing. Other
// threads may call through the slot meanwhile; none may write to its page.
std::string ReplaceSlot(void** slot, void* function);

}  // namespace fastskip
