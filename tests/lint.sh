#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The step "lint" of tests/run.sh. See tests/lint.sh --help.
# Exit status: 0 no finding, 1 findings, 77 skipped.
#
# shellcheck disable=SC2317  # the functions of parts are called by their names
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../tools/lib/common.sh"

LLVM_MAJOR=14         # Debian 12's: another one formats and warns differently
SHELLCHECK_MINOR=0.9
MAX_LINES=600
LINT=$FASTSKIP_ROOT/build/lint
# For all checkouts, as ccache's.
PASSED=${XDG_CACHE_HOME:-${HOME:-$LINT}/.cache}/fastskip/lint
PARTS="lines format shell yaml tidy"
SKIPPED=77

usage() {
  cat <<END
usage: tests/lint.sh [part...]

  lines    no .h, .cc or .sh has more than $MAX_LINES lines
  format   clang-format changes no .h or .cc
  shell    shellcheck finds nothing in the scripts
  yaml     yamllint finds nothing in the .yml files
  tidy     clang-tidy, with the checks of .clang-tidy, finds nothing in
           memtablerep/, plugin/ and tools/ (functions of more than 60 lines
           among them)

All of them by default. Needs yamllint, and the major versions of Debian 12:
clang-format and clang-tidy $LLVM_MAJOR, shellcheck $SHELLCHECK_MINOR; with others nothing is
checked, and the exit status is $SKIPPED. What clang-tidy passed is remembered below
~/.cache/fastskip/lint, by the content of what it depends on.
END
}

WANTED=
for arg in "$@"; do
  case $arg in
    --help | -h)
      usage
      exit 0
      ;;
    *) [[ " $PARTS " == *" $arg "* ]] || die "'$arg' is no part (see --help)." ;;
  esac
  WANTED="$WANTED $arg"
done
cd "$FASTSKIP_ROOT"

need_program() {
  command -v "$1" >/dev/null || die "there is no $1 (tests/run.sh installs it)."
}

# version_of <program>
version_of() {
  need_program "$1"
  "$1" --version | sed -nE 's/.*version:? ([0-9]+(\.[0-9]+)*).*/\1/p' | head -n 1
}

# need_version <program> <version>: skips the rest where it is another one.
need_version() {
  local version
  version=$(version_of "$1")
  [[ $version != "$2".* ]] || return 0
  say "skipped: $1 is $version, not $2.x"
  exit $SKIPPED
}

# sources <find's -name pattern>...: the files of the checkout with these names.
sources() {
  local names=() name
  for name in "$@"; do names+=(-o -name "$name"); done
  find . \( -path './build*' -o -path ./.git \) -prune -o \
    -type f \( "${names[@]:1}" \) -print | sed 's|^\./||' | LC_ALL=C sort
}

check_lines() {
  sources '*.h' '*.cc' '*.sh' | xargs wc -l | awk -v max="$MAX_LINES" '
    $2 != "total" && $1 > max { print $2 ": " $1 " lines, more than " max; bad = 1 }
    END { exit bad }'
}

check_format() {
  sources '*.h' '*.cc' | xargs -P "$(job_count)" -n 20 \
    clang-format --dry-run -Werror 2>&1
}

check_shell() {
  { sources '*.sh' fastskip-run; echo .ci/run; } |
    xargs -P "$(job_count)" -n 6 shellcheck -x -f gcc
}

# "on:" is a key of workflows, not a truth value.
YAML_RULES='{extends: default, rules: {line-length: {max: 100},
  document-start: disable, truthy: {check-keys: false},
  comments: {min-spaces-from-content: 1}}}'

check_yaml() {
  sources '*.yml' | xargs yamllint --strict -f parsable -d "$YAML_RULES"
}

# The commands of a build of product and tools, one for each source file: some
# are compiled several times, and clang-tidy would check each.
write_commands() {
  cmake -S . -B "$LINT/cmake" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DFASTSKIP_BUILD_BENCH=ON >"$LINT/cmake.log" 2>&1 || {
    cat "$LINT/cmake.log"
    return 1
  }
  awk '
    /^{/ { entry = "" }
    { entry = entry $0 "\n" }
    /^  "file":/ { file = $2 }
    /^}/ && !seen[file]++ { entries = entries ",\n" entry }
    END { sub(/\n},?\n$/, "\n}", entries); print "[" substr(entries, 2) "\n]" }
    ' "$LINT/cmake/compile_commands.json" | sed 's/^},$/}/' \
    >"$LINT/compile_commands.json"
}

# One line on what every result depends on, but for the file itself.
common_key() {
  {
    clang-tidy --version
    cat .clang-tidy
    echo "$SHALLOW"
    sed "s#$FASTSKIP_ROOT#.#g" "$LINT/compile_commands.json"
    sources '*.h' | xargs sha256sum
    cat "$LINT"/cmake/include/fastskip/*.h
    dpkg-query -W librocksdb-dev libgflags-dev 'libstdc++-*-dev' 2>/dev/null ||
      true
  } | sha256sum
}

# The static analyzer looks at each function by itself: following calls takes five
# times as long, more than the step is allowed.
SHALLOW="--extra-arg=-Xclang --extra-arg=-analyzer-config
  --extra-arg=-Xclang --extra-arg=mode=shallow"

# tidy_file <common key> <file>: prints findings, and remembers where there are
# none.
tidy_file() {
  local passed output
  passed=$PASSED/$({ echo "$1 $2"; cat "$2"; } | sha256sum | cut -c1-40)
  [ ! -e "$passed" ] || return 0
  # shellcheck disable=SC2086  # a list of words
  if output=$(clang-tidy -p "$LINT" --quiet $SHALLOW "$2" 2>&1); then
    : >"$passed"
  else
    printf '%s\n' "$output" | grep -vE '^[0-9]+ warnings? (generated|treated)'
    return 1
  fi
}

check_tidy() {
  local key
  write_commands || return 1
  key=$(common_key)
  mkdir -p "$PASSED"
  find "$PASSED" -type f -mtime +30 -delete
  export -f tidy_file
  export LINT PASSED SHALLOW
  # rocksdb_objects.cc needs RocksDB's source tree.
  sources '*.cc' | grep -E '^(memtablerep|plugin|tools)/' |
    grep -v /rocksdb_objects.cc |
    xargs -P "$(job_count)" -I{} bash -c 'tidy_file "$@"' bash "$key" {}
}

need_version clang-format $LLVM_MAJOR
need_version clang-tidy $LLVM_MAJOR
need_version shellcheck $SHELLCHECK_MINOR
need_program yamllint
mkdir -p "$LINT"
STATUS=0
for part in ${WANTED:-$PARTS}; do
  started=$SECONDS
  if "check_$part"; then result=passed; else result=FAILED STATUS=1; fi
  say "$part: $result ($((SECONDS - started)) s)"
done
exit $STATUS
