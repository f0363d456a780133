#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The models of the list's protocol, as a test.
set -euo pipefail
exec "$(dirname "$0")/run.sh"
