#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/compare.sh finds the faults it is there to find. A script stands in for
# db_bench.
# shellcheck source=tests/tools_test/expect.sh
. "$(dirname "$0")/expect.sh"

# $1: what readrandom finds with fastskip, $2: the memtable that LOG names.
fake_db_bench() {
  cat >"$SCRATCH/db_bench" <<EOF
#!/bin/bash
for arg in "\$@"; do
  case \$arg in
    --db=*) db=\${arg#*=} ;;
    --memtablerep=*) memtable=\${arg#*=} ;;
  esac
done
mkdir -p "\$db"
found=100
micros=2.000
if [ "\$memtable" = fastskip ]; then
  found=$1
  micros=1.000
  echo "2026/01/01 1 Options.memtable_factory: $2" >"\$db/LOG"
fi
printf '... finished 100 ops\r'
echo "readrandom   :  \$micros micros/op 1 ops/sec 1.0 seconds 100 operations; 1.0 MB/s (\$found of 100 found)"
EOF
  chmod +x "$SCRATCH/db_bench"
}

compare() {
  "$FASTSKIP_ROOT/tools/compare.sh" --db-bench="$SCRATCH/db_bench" \
    --benchmarks="$1" --rounds=2
}

fake_db_bench 100 FastSkipListRepFactory
expect "equal answers pass" compare readrandom
same "the ratio" "$(compare readrandom | awk '$1 == "readrandom" { print $4, $5 }')" \
  "2.00 yes"
refuse "a benchmark without a result" compare readrandom,seekrandom
fake_db_bench 99 FastSkipListRepFactory
refuse "a key that is not found" compare readrandom
fake_db_bench 100 SkipListFactory
refuse "a run that used another memtable" compare readrandom
