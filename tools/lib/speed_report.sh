# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What tools/compare.sh measured, as CSV, text, Markdown and chart: sourced after
# common.sh. $CSV names the file; a line of it is one round of one memtable. Lines
# that begin with "#", above, say what the figures depend on.

# shellcheck source=tools/lib/real_keys.sh
. "$FASTSKIP_ROOT/tools/lib/real_keys.sh"
# shellcheck source=tools/lib/speed_charts.sh
. "$FASTSKIP_ROOT/tools/lib/speed_charts.sh"

CSV_COLUMNS=workload,threads,batch,wal,memtable,round,micros,answer

# progress [text...]: on a terminal, overwrites the last one; without text, clears
# it.
progress() {
  [ -t 2 ] || return 0
  if [ $# -gt 0 ]; then
    printf '\r... %s\033[K' "$*" >&2
  else
    printf '\r\033[K' >&2
  fi
}

# start_csv <command>: with compare.sh --release, this checkout is what is measured.
start_csv() {
  local commit
  {
    say "# machine: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo |
      head -n 1), $(nproc) processors, $(uname -sr)"
    say "# measured: $(date +%F)"
    if [ -n "${RELEASE-}" ] &&
      commit=$(git -C "$FASTSKIP_ROOT" rev-parse --short HEAD 2>/dev/null); then
      say "# fastskip: commit $commit"
    fi
    say "# command: $1"
    say "$CSV_COLUMNS"
  } >"$CSV"
}

# note_versions <output of db_bench>: once.
note_versions() {
  local rocksdb
  ! grep -q '^# rocksdb:' "$CSV" || return 0
  rocksdb="$(sed -n 's/^RocksDB: *//p' "$1" | head -n 1)"
  if grep -q 'Assertions are enabled' "$1"; then
    rocksdb="$rocksdb, WITH ASSERTIONS (no fair figures)"
  fi
  sed -i "/^# command:/i # rocksdb: ${rocksdb:-unknown version}" "$CSV"
}

# check_csv <file>
check_csv() {
  [ -r "$1" ] || die "cannot read '$1'."
  grep -qxF "$CSV_COLUMNS" "$1" ||
    die "'$1' is no speed.csv (no line '$CSV_COLUMNS')."
}

# summary: of $CSV, lines of
#   workload threads batch wal memtable median ratio low high verdict
# where ratio is how many times faster than the first memtable it is (medians), low
# and high are the ratios of the least and the most favourable round, and verdict
# is "-" for the first memtable, else "same" or "DIFFERENT" answers.
summary() {
  awk -F, '
    /^#/ || $1 == "workload" { next }
    function median(name,    n, i, j, t, v) {
      n = split(rounds[name], v, " ")
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
          t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
        }
      return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    {
      key = $1 " " $2 " " $3 " " $4
      if (!(key in first)) { keys[++count] = key; first[key] = $5 }
      name = key " " $5
      if (!(name in rounds)) members[key] = members[key] "\n" $5
      rounds[name] = rounds[name] " " $7
      micros[name, $6] = $7
      answers[name] = answers[name] " " $6 ":" $8
      if ($6 + 0 > last) last = $6 + 0
    }
    END {
      for (i = 1; i <= count; i++) {
        key = keys[i]
        base = key " " first[key]
        n = split(substr(members[key], 2), member, "\n")
        for (j = 1; j <= n; j++) {
          name = key " " member[j]
          low = high = ""
          for (r = 1; r <= last; r++) {
            a = base SUBSEP r
            b = name SUBSEP r
            if (!(a in micros) || !(b in micros)) continue
            ratio = micros[b] > 0 ? micros[a] / micros[b] : 0
            if (low == "" || ratio < low) low = ratio
            if (high == "" || ratio > high) high = ratio
          }
          m = median(name)
          verdict = answers[name] == answers[base] ? "same" : "DIFFERENT"
          ratio = m > 0 ? median(base) / m : 0
          if (name == base) verdict = "-"
          printf "%s %.4f %.3f %.3f %.3f %s\n", name, m, ratio, low, high,
                 verdict
        }
      }
    }' "$CSV"
}

# Awk functions: a workload of summary in words.
LABELS='
  function grouped(n,    text) {
    for (; length(n) > 3; n = substr(n, 1, length(n) - 3))
      text = "," substr(n, length(n) - 2) text
    return n text
  }
  function label(workload, threads, batch, wal,    part, text, n, name) {
    n = split(workload, part, ":")
    text = part[1]
    if (n > 1) {
      # Names of keys keep their underscores.
      name = part[2]
      sub(/_keys.*/, "", name)
      text = substr(part[2], length(name) + 1)
      gsub("_", " ", text)
      text = "alone: " part[1] ", " name text ", " grouped(part[3]) " entries"
    }
    if (threads > 1) text = text ", " threads " threads"
    if (batch != "-" && batch > 1) text = text ", batches of " batch
    if (wal == "on") text = text ", WAL"
    return text
  }'

# report_text: the table. 1 where answers differ.
report_text() {
  sed -n 's/^# //p' "$CSV"
  summary | awk "$LABELS"'
    BEGIN {
      format = "%-62s %-14s %11s %7s %7s %7s  %s\n"
      printf "\n" format, "workload", "memtable", "micros/op", "ratio", "low",
             "high", "answers"
    }
    {
      printf format, label($1, $2, $3, $4), $5, sprintf("%.3f", $6),
             sprintf("%.2f", $7), sprintf("%.2f", $8), sprintf("%.2f", $9), $10
      if ($10 == "DIFFERENT") bad = 1
      if ($1 ~ /:/) alone = 1
    }
    END {
      print "\nratio: how many times faster than the first memtable (medians);" \
            "\nlow, high: the same in the least and the most favourable round"
      if (alone) print "alone: without a database around the memtable"
      exit NR == 0 || bad
    }' || {
    summary | awk '$10 == "DIFFERENT" { print $1 "," $2 "," $3 "," $4 "," }' |
      sort -u | while read -r key; do
      say "Answers differ (round, memtable, operations/found):"
      awk -F, -v key="$key" 'index($0, key) == 1 { print "  " $6, $5, $8 }' \
        "$CSV" | sort -n
    done
    return 1
  }
  say "worst row: $(worst_row)"
}

# report_markdown <dir>: the page of figures, with the charts that lie in the
# directory.
report_markdown() {
  say "<!-- Written by tools/compare.sh. -->"
  say "# Speed"
  say
  # shellcheck disable=SC2016  # no expansion is meant
  sed -n 's/^# \([a-z]*\): \(.*\)/- \1: `\2`/p' "$CSV"
  say "- raw data: [speed.csv](speed.csv), each round"
  [ ! -e "$1/memtable_bench.txt" ] ||
    say "- memtables by themselves: [memtable_bench.txt](memtable_bench.txt)," \
      "with latencies and counters"
  say
  charts_markdown "$1"
  ! has_real_keys || real_keys_markdown
  say "## All rows"
  say
  summary | awk "$LABELS"'
    {
      if ($1 ~ /:/) alone = 1
      key = $1 " " $2 " " $3 " " $4
      if (!(key in line)) {
        keys[++count] = key
        line[key] = "| " label($1, $2, $3, $4) sprintf(" | %.3f", $6)
        if (count == 1) { head = "| workload | " $5 ", µs"; rule = "| --- | ---:" }
      } else {
        line[key] = line[key] sprintf(" | %.3f | **%.2f** | %.2f – %.2f",
                                      $6, $7, $8, $9)
        if (count == 1) {
          head = head " | " $5 ", µs | times faster | in single rounds"
          rule = rule " | ---: | ---: | ---:"
        }
      }
    }
    END {
      print head " |\n" rule " |"
      for (i = 1; i <= count; i++) print line[keys[i]] " |"
      if (alone) print "\n\"alone\": without a database around the memtable."
    }'
}

# write_report <dir>
write_report() {
  local out=$1
  mkdir -p "$out"
  cp "$CSV" "$out/speed.csv"
  if compgen -G "$RAW/memtable_bench.*" >/dev/null; then
    cat "$RAW"/memtable_bench.* >"$out/memtable_bench.txt"
  elif [ -z "$FROM" ] || ! [ "$(dirname "$FROM")" -ef "$out" ]; then
    # That of other figures would not belong to these.
    rm -f "$out/memtable_bench.txt"
    [ -z "$FROM" ] || ! [ -r "$(dirname "$FROM")/memtable_bench.txt" ] ||
      cp "$(dirname "$FROM")/memtable_bench.txt" "$out/"
  fi
  draw_charts "$out"
  report_markdown "$out" >"$out/speed.md"
  say "Written: $out/speed.csv, speed.md, speed.png, speed*.svg"
  [ ! -e "$out/memtable_bench.txt" ] ||
    say "         $out/memtable_bench.txt (with latencies and counters)"
}

# memtable_bench_part <flag of memtable_bench...>: appends its rounds to $CSV.
memtable_bench_part() {
  local raw name
  BENCH_PARTS=$((BENCH_PARTS + 1))
  raw=$RAW/memtable_bench.$(printf '%02d' $BENCH_PARTS)
  name=memtable_bench$PLACE
  "$BENCH" --memtablerep="$MEMTABLES" --rounds="$ROUNDS" --csv="$SCRATCH/part" \
    "$@" >"$raw" ||
    die "memtable_bench failed: $BENCH $*"
  # As a heading.
  sed -i "1i \$ $name --memtablerep=$MEMTABLES --rounds=$ROUNDS $*" "$raw"
  say >>"$raw"
  sed "s/^\([^:]*:[^:]*\):/\1$PLACE:/" "$SCRATCH/part" >>"$CSV"
}

# run_memtable_bench: the memtables by themselves. NUM entries, and other sizes
# in proportion; one thread and two.
run_memtable_bench() {
  local few="--benchmarks=insert,get"
  BENCH_PARTS=0
  PLACE=
  progress "memtables by themselves"
  memtable_bench_part --entries="$NUM" --latency --counters
  memtable_bench_part --entries="$NUM" --pages=fresh $few
  memtable_bench_part --entries="$((NUM / 500)),$((NUM / 50))"
  memtable_bench_part --entries="$((NUM * 4)),$((NUM * 10))" $few
  memtable_bench_part --entries="$NUM" --writers=2 --readers=2 $few
  memtable_bench_part --entries="$NUM" $few --counters \
    --keys=ycsb,prefix,tables,appends,uuid,sequential,descending,zipf,onekey
  memtable_bench_part --entries="$NUM" $few --comparator=reverse
  memtable_bench_part --entries="$NUM" $few --comparator=suffix
  [ -z "$FULL" ] || run_real_keys
}

# run_real_keys: real encodings beside db_bench's keys, in tree and out of it.
run_real_keys() {
  local entries=$((NUM / 10)),$((NUM * 2 / 5)),$((NUM * 2)) flags
  flags=("--entries=$entries" "--benchmarks=insert,get,seek10,scan" --counters
    "--keys=random,$ENCODINGS,$LISTED_KEYS")
  progress "memtables by themselves, real encodings"
  memtable_bench_part "${flags[@]}"
  [ -n "$BENCH_OUT_OF_TREE" ] || return 0
  # Where it recognises the comparator, it is as fast as in tree.
  flags+=(--key_comparator=own)
  progress "memtables by themselves, real encodings, out of tree"
  BENCH=$BENCH_OUT_OF_TREE PLACE=_out_of_tree memtable_bench_part "${flags[@]}"
}
