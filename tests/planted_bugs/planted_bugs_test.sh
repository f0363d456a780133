#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The planted bugs still fit the code, and two of them, one of a step and one of
# a memory order, are caught. All of them: tests/planted_bugs/run.sh.
set -euo pipefail
cd "$(dirname "$0")"
./run.sh --fits
./run.sh inv1_empty_slot_without_split order_slot_cas
