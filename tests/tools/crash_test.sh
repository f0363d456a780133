#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A short run of tools/crash_test, and the proof that it sees a lost write.
# FASTSKIP_TEST_PERCENT scales it; FASTSKIP_TEST_SEED repeats its choices.
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"

crash_test() {
  "$FASTSKIP_BINARY_DIR/tools/crash_test" --db="$SCRATCH/crash" \
    --seed="${FASTSKIP_TEST_SEED:-0}" "$@"
}

# The error is found in the first rounds, or never.
output=$(crash_test --kills=20 --drop_one_in=500 2>&1) &&
  die "FAILED: writes were dropped and nobody saw it: $output"
expect "a dropped write is seen" grep -q FAILED <<<"$output"

expect "nothing is lost" crash_test \
  --seconds=$((45 * ${FASTSKIP_TEST_PERCENT:-100} / 100 + 1))
