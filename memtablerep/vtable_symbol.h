// SPDX-License-Identifier: Apache-2.0
//
// Which class an object of a shared library is of, where its type information
// may be left out.
#pragma once

#include <initializer_list>

namespace fastskip {

// Whether the polymorphic `object` is of the class with this qualified name
// exactly: whether its first word is the address point of the vtable that the
// dynamic symbol of that name (Itanium C++ ABI) stands for. False where there
// is no such symbol, as in programs that link RocksDB statically, or the
// platform cannot tell. Thread-safe.
bool HasVtableOf(const void* object,
                 std::initializer_list<const char*> qualified_name);

}  // namespace fastskip
