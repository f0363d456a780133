# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The keys of real systems among memtable_bench's, and their part of the report of
# tools/compare.sh: sourced by speed_report.sh.
# shellcheck disable=SC2034  # used by the scripts that source this

# Made by memtable_bench, as many as are asked for.
ENCODINGS=sql_row,sql_index_append,object_path,window_store,keyed_state,\
metric_time,uuid_text,zipf_counter,tenants
# Out of packages, which have so many and no more.
LISTED_KEYS=paths,words
# Those packages, as tools/memtable_bench/key_sets.cc has them.
PATHS_PACKAGES="breeze-icon-theme cmake-data elementary-xfce-icon-theme
  golang-1.19-src lazarus-doc-2.2 libboost1.74-dev libc6-dev libeccodes-data
  libstdc++-12-dev libstdc++-12-doc linux-libc-dev manpages-dev
  mariadb-test-data numix-icon-theme perl-modules-5.36 rust-src tzdata"
WORDS_PACKAGES=wamerican-huge

# install_key_packages <flag of memtable_bench...>: what its --keys take.
install_key_packages() {
  local arg
  for arg in "$@"; do
    case $arg in
      --keys=* | -keys=*) arg=${arg#*=} ;;
      *) continue ;;
    esac
    # shellcheck disable=SC2086  # lists of words
    {
      ! has paths "$arg" || install_packages $PATHS_PACKAGES
      ! has words "$arg" || install_packages $WORDS_PACKAGES
    }
  done
}

# The rows of the chart for a CSV that has them: half of them of real encodings,
# some of either half where fastskip gains least.
REAL_CHART_ROWS='fillrandom|fillseq, 2 threads, WAL|readrandom|seekrandom|readseq|'\
'alone: scan, random keys, 1,000 entries|'\
'alone: insert, sql_row keys, 200,000 entries|'\
'alone: get, sql_row keys, 200,000 entries|'\
'alone: insert, paths keys, 200,000 entries|'\
'alone: seek10, zipf_counter keys, 200,000 entries|'\
'alone: insert, object_path keys out of tree, 200,000 entries|'\
'alone: get, zipf_counter keys out of tree, 200,000 entries'

# worst_row: of $CSV, the row on which a memtable is slowest, compared with the
# first one.
worst_row() {
  summary | awk "$LABELS"'
    $10 != "-" && (ratio == "" || $7 < ratio) {
      ratio = $7
      row = label($1, $2, $3, $4)
      memtable = $5
    }
    END { if (row != "") printf "%s: %.2f (%s)\n", row, ratio, memtable }'
}

has_real_keys() {
  awk -F, -v wanted="$ENCODINGS,$LISTED_KEYS" '
    BEGIN { for (i = split(wanted, names, ","); i > 0; i--) real[names[i]] = 1 }
    split($1, part, ":") == 3 {
      sub(/_keys.*/, "", part[2])
      if (part[2] in real) found = 1
    }
    END { exit !found }' "$CSV"
}

# real_keys_markdown: a table for each number of entries, each memtable but the
# first, and each place (in tree, out of it). Listed keys of which there are fewer
# stand in the table for the next larger number.
real_keys_markdown() {
  summary | awk -v made="$ENCODINGS" -v listed="$LISTED_KEYS" "$LABELS"'
    function in_list(name, list) { return index("," list ",", "," name ",") > 0 }
    function cell(key,    r) {
      if (!(key in ratio)) return " | –"
      r = sprintf("%.2f", ratio[key])
      return " | " (ratio[key] < 1 ? "**" r "**" : r)
    }
    # The least number of entries of a table that has room for so many.
    function table_of(entries,    i, best) {
      for (i = 1; i <= sizes; i++)
        if (size[i] >= entries && (best == "" || size[i] < best)) best = size[i]
      return best == "" ? entries : best
    }
    $10 != "-" && split($1, part, ":") == 3 && $2 == 1 {
      name = part[2]
      if (!sub(/_keys$/, "", name) && !sub(/_keys_out_of_tree$/, "", name)) next
      if (name != "random" && !in_list(name, made "," listed)) next
      place = part[2] ~ /out_of_tree$/ ? "out of tree" : "in tree"
      n = ++rows
      row_name[n] = name
      row_place[n] = place
      row_operation[n] = part[1]
      row_entries[n] = part[3]
      row_memtable[n] = $5
      row_ratio[n] = $7
      if (in_list(name, made) && !seen_size[part[3]]++) size[++sizes] = part[3]
      if (!seen_memtable[$5]++) memtable[++memtables] = $5
      if (!seen_place[place]++) places[++place_count] = place
      if (name != "random" && !seen_operation[part[1]]++) operation[++operations] = part[1]
    }
    function table(entries, name, place,    i, k, line, head, rule, n) {
      delete ratio; delete order; delete listed_as; delete sum; delete of
      n = 0
      for (i = 1; i <= rows; i++) {
        if (row_memtable[i] != name || row_place[i] != place) continue
        if (in_list(row_name[i], listed)) {
          if (table_of(row_entries[i]) != entries) continue
        } else if (row_entries[i] != entries) continue
        ratio[row_name[i] " " row_operation[i]] = row_ratio[i]
        if (!(row_name[i] in listed_as)) {
          order[++n] = row_name[i]
          listed_as[row_name[i]] = row_name[i] == "random" ? "db_bench\047s" : \
            row_name[i] (row_entries[i] == entries ? "" : \
                         " (" grouped(row_entries[i]) " entries)")
        }
        if (row_name[i] == "random") continue
        sum[row_operation[i]] += log(row_ratio[i])
        of[row_operation[i]]++
      }
      head = "| keys"; rule = "| ---"
      for (k = 1; k <= operations; k++) {
        head = head " | " operation[k]
        rule = rule " | ---:"
      }
      printf "## Real encodings beside db_bench\047s keys, %s entries, %s, %s\n\n", \
        grouped(entries), name, place
      print head " |\n" rule " |"
      for (i = 1; i <= n; i++) {
        line = "| " listed_as[order[i]]
        for (k = 1; k <= operations; k++)
          line = line cell(order[i] " " operation[k])
        print line " |"
      }
      line = "| geometric mean, without db_bench\047s"
      for (k = 1; k <= operations; k++) {
        if (operation[k] in of)
          ratio["mean " operation[k]] = exp(sum[operation[k]] / of[operation[k]])
        line = line cell("mean " operation[k])
      }
      print line " |\n"
    }
    END {
      for (s = 1; s <= sizes; s++)
        for (m = 1; m <= memtables; m++)
          for (p = 1; p <= place_count; p++) table(size[s], memtable[m], places[p])
    }'
  say "Times faster than the first memtable, medians, without a database around it;"
  say "below 1, in bold, slower. \"Out of tree\" is fastskip compiled without"
  say "RocksDB's internal headers, under \`key_order=auto\`."
  say
  say "Worst of all rows: $(worst_row)."
  say
}
