// SPDX-License-Identifier: Apache-2.0

#include "fastskip_c.h"

#include "../memtablerep/fast_skip_list_register.h"

int fastskip_register_default(void) {
  fastskip::RegisterFastSkip();
  return 1;
}
