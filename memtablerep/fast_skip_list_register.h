// SPDX-License-Identifier: Apache-2.0
//
// The names of fastskip in RocksDB's object registry, by which options in text
// form find it. Public; fast_skip_list_factory.h includes it.
//
//   fastskip   FastSkipListRepFactory   fastskip:<shards>
//
// Thread safety: any thread, any number of times.
#pragma once

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class ObjectLibrary;
}  // namespace ROCKSDB_NAMESPACE

namespace fastskip {

// Makes the names known to every RocksDB database of this process. For programs
// that link libfastskip.a: libfastskip.so calls it when it is loaded, and a
// RocksDB that was built with the plugin knows the names by itself.
void RegisterFastSkip();

// Makes the names known to the users of `library` alone. Adds them once more at
// each call, as ObjectLibrary does.
void RegisterFastSkipIn(ROCKSDB_NAMESPACE::ObjectLibrary* library);

}  // namespace fastskip
