// SPDX-License-Identifier: Apache-2.0
//
// libFuzzer's entry to tests/fuzz/rep_fuzz.h: see FASTSKIP_BUILD_FUZZERS.
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/rep_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string error = fastskip::test::RepFuzzer(data, size).Run();
  if (!error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    std::abort();
  }
  return 0;
}
