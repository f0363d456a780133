// SPDX-License-Identifier: Apache-2.0
//
// What libfastskip_dropin.so, which is loaded into every program, calls in
// libfastskip_dropin_rocksdb.so, which needs librocksdb.so and is loaded only
// where that is. DESIGN.md, "The drop-in", has the whole of it.
#pragma once

#include <stddef.h>

// The one symbol that the second library exports.
#define FASTSKIP_DROPIN_START "fastskip_dropin_start"

// Makes every SkipListFactory of this process give out fastskip's memtables.
// `options` is a text as "shards=8;log_on_seal=false", or null. Returns whether
// it took; if not, RocksDB's own memtables stay. `text`, of `size` bytes,
// receives the reason, or which RocksDB it is. REQUIRES: called once, before
// the program opens a database.
using FastSkipDropInStart = bool(const char* options, char* text, size_t size);
