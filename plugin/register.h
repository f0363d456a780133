// SPDX-License-Identifier: Apache-2.0
//
// The plugin's entry point in RocksDB's own build, which finds its name in
// fastskip.mk and calls it when the object registry is made.
#pragma once

#include <string>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class ObjectLibrary;
}  // namespace ROCKSDB_NAMESPACE

// Adds fastskip to `library`; returns how many factories it added. RocksDB
// gives the signature; fastskip has no use for `arg`.
extern "C" int fastskip_register(ROCKSDB_NAMESPACE::ObjectLibrary& library,
                                 const std::string& arg);
