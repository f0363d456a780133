// SPDX-License-Identifier: Apache-2.0
//
// The names of fastskip in RocksDB's object registry, by which options in text
// form find it. Public; fast_skip_list_factory.h includes it.
//
//   fastskip   FastSkipListRepFactory   fastskip:<shards>
#pragma once

namespace fastskip {

// Makes the names known to every RocksDB database of this process. For programs
// that link libfastskip.a: libfastskip.so calls it when it is loaded, and a
// RocksDB that was built with the plugin knows the names by itself. Any thread,
// any number of times.
void RegisterFastSkip();

}  // namespace fastskip
