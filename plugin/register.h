// SPDX-License-Identifier: Apache-2.0
//
// How RocksDB's own build finds fastskip: fastskip.mk names this function.
#pragma once

#include <string>

#include "fastskip_c.h"
#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class ObjectLibrary;
}  // namespace ROCKSDB_NAMESPACE

// Adds fastskip to `library`; returns how many factories that were.
extern "C" int fastskip_register(ROCKSDB_NAMESPACE::ObjectLibrary& library,
                                 const std::string& arg);
