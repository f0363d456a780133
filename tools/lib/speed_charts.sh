# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The charts of tools/compare.sh, drawn by gnuplot: sourced by speed_report.sh,
# whose summary() and LABELS they use. On white, so that they can be read on a
# dark page too.

# The bars of the README's chart, at most twelve, as the table calls them. Half of
# them are rows on which fastskip gains little or loses, so that the chart does
# not flatter. A CSV with keys of real systems gets those of real_keys.sh; one
# that has none of these rows, a chart of its first twelve.
CHART_ROWS='fillseq|fillrandom|fillrandom, WAL|fillrandom, 2 threads|'\
'fillseq, 2 threads, WAL|readrandom|seekrandom|readseq|readwhilewriting|'\
'alone: get, random keys, 1,000 entries|'\
'alone: insert, random keys by suffix, 500,000 entries|'\
'alone: scan, random keys, 1,000 entries'

# The other charts, in the page's order, with their titles. Each is drawn where
# there are rows for it.
CHARTS='db_bench batches keys keys_out_of_tree sizes memory'
chart_title() {
  case $1 in
    db_bench) say "db_bench, one thread" ;;
    batches) say "db_bench, batches and threads" ;;
    keys) say "Keys of real systems, the memtable alone" ;;
    keys_out_of_tree) say "The same, comparator not recognised" ;;
    sizes) say "Random keys, by number of entries, the memtable alone" ;;
    memory) say "Memory beyond keys and values" ;;
  esac
}

# chart_points <chart>: lines "<label> TAB <series> TAB <value> TAB <low> TAB
# <high>", in the order of the chart. Series are memtables, or operations where
# one row has several of them; then of the second memtable.
chart_points() {
  if [ "$1" = memory ]; then
    memory_points
    return
  fi
  summary | awk -v OFS='\t' -v chart="$1" -v readme="$README_ROWS" \
    -v made="${ENCODINGS//,/|}" -v listed="${LISTED_KEYS//,/|}" "$LABELS"'
    BEGIN {
      for (i = split(readme, rows, "|"); i > 0; i--) wanted[rows[i]] = 1
      for (i = split(made "|" listed, rows, "|"); i > 0; i--) real[rows[i]] = 1
    }
    $10 == "-" { next }
    {
      if (other == "") other = $5
      alone = split($1, part, ":") == 3
      name = part[2]
      place = sub(/_keys_out_of_tree$/, "", name) ? "keys_out_of_tree" : \
        sub(/_keys$/, "", name) ? "keys" : ""
      many = $2 > 1 || ($3 != "-" && $3 > 1)
      text = label($1, $2, $3, $4)
      row = ""
      series = $5
      if (chart == "readme") {
        if (wanted[text]) row = text
      } else if (!alone) {
        if (chart == (many ? "batches" : "db_bench")) row = text
      } else if ($2 == 1 && $5 == other) {
        series = part[1]
        if (chart == place && name in real)
          row = name ", " grouped(part[3]) " entries"
        if (chart == "sizes" && place == "keys" && name == "random" &&
            series ~ /^(insert|get|seek|scan)$/)
          row = grouped(part[3]) " entries"
      }
      if (row == "") next
      # Keys in order of their numbers of entries, all else as it comes.
      print (alone && chart != "readme" ? part[3] + 0 : 0), NR, row, series, $7,
            $8, $9
    }' | sort -n -k1,1 -k2,2 | cut -f3-
}

# Bytes an entry, of each kind of keys: the first mention of each, which is in
# tree.
memory_points() {
  [ -r "$CHART_DIR/memtable_bench.txt" ] || return 0
  awk -v OFS='\t' "$LABELS"'
    /^[^ ,]*, [0-9]* entries, .*:$/ {
      split($0, part, ", ")
      sub(/ entries/, "", part[2])
      sub(/:$/, "", part[3])
      row = part[1] ", " grouped(part[2]) " entries"
      next
    }
    row != "" && sub(/^ *bytes_per_entry_over_raw_data=/, "") {
      if (!seen[row, part[3]]++) print part[2], NR, row, part[3], $1, $1, $1
      row = ""
    }' "$CHART_DIR/memtable_bench.txt" | sort -n -k1,1 -k2,2 | cut -f3-
}

# number_points <data>: writes lines "<row> <series> <value> <low> <high>
# <label>", both numbered, and prints the names of the series.
number_points() {
  awk -F'\t' -v data="$1" '
    {
      if (!($1 in row)) row[$1] = rows++
      if (!($2 in series)) { series[$2] = ++count; names = names " " $2 }
      printf "%d %d %s %s %s \"%s\"\n", row[$1], series[$2], $3, $4, $5, $1 >data
    }
    END { print substr(names, 2) }'
}

# draw <terminal> <data> <file> <title> <mark> <series...>: a bar for each line of
# data, rows from the top, and a line down at the value <mark>.
draw() {
  local rows terminal=$1 data=$2 file=$3 title=$4 mark=$5
  shift 5
  rows=$(sort -n "$data" | awk '{ n = $1 } END { print n + 1 }')
  gnuplot <<EOF
set terminal $terminal size 1080,$((rows * 24 * (1 + $#) / 2 + 140)) font 'sans,11' background 'white'
set output '$file'
set title "$title" noenhanced
set yrange [$rows - 0.4:-0.6]
set xrange [0:*]
set grid xtics
set border 3
set tics nomirror noenhanced
set rmargin 8
set key above right noenhanced
set linetype 1 lc rgb '#0072B2'
set linetype 2 lc rgb '#E69F00'
set linetype 3 lc rgb '#009E73'
set linetype 4 lc rgb '#CC79A7'
set arrow 1 from $mark,graph 0 to $mark,graph 1 nohead lw 2 lc rgb '#444444' front
names = '$*'
height = 0.8 / $#
top(row, i) = row - 0.4 + (i - 1) * height
middle(row, i) = top(row, i) + 0.45 * height
plot for [i=1:$#] '$data' using (\$2 == i ? \$3 : NaN):1:(0):3:(top(\$1, i)):(top(\$1, i) + 0.9 * height):ytic(6) \\
  with boxxyerror fill solid 0.75 noborder lc i title word(names, i), \\
  '$data' using 3:(middle(\$1, \$2)):4:5 with xerrorbars pt 0 lw 1.5 lc rgb '#222222' notitle, \\
  '$data' using 5:(middle(\$1, \$2)):(sprintf('  %.2f', \$3)) with labels left font ',9' notitle
EOF
}

# draw_chart <chart> <name of the file> <terminal...>: nothing where there are no
# points.
draw_chart() {
  local data=$SCRATCH/chart.$1 series base title terminal mark=1
  base=$(summary | awk 'NR == 1 { print $5 }')
  chart_points "$1" >"$data.points"
  [ "$1" != readme ] || [ -s "$data.points" ] || first_points >"$data.points"
  [ -s "$data.points" ] || return 0
  series=$(number_points "$data" <"$data.points")
  title="Times faster than $base\\n(medians; whiskers: the rounds one by one)"
  if [ "$1" = memory ]; then
    title="Bytes an entry, beyond keys and values"
    mark=0
  fi
  for terminal in "${@:3}"; do
    # shellcheck disable=SC2086  # names have no blanks
    draw "${terminal/png/pngcairo}" "$data" "$CHART_DIR/$2.$terminal" "$title" \
      $mark $series || die "gnuplot failed."
  done
}

# The first twelve rows.
first_points() {
  summary | awk -v OFS='\t' "$LABELS"'
    $10 == "-" { next }
    {
      text = label($1, $2, $3, $4)
      if (!(text in seen) && ++rows > 12) exit
      seen[text] = 1
      print text, $5, $7, $8, $9
    }'
}

# draw_charts <dir>
draw_charts() {
  local chart
  CHART_DIR=$1
  README_ROWS=$CHART_ROWS
  ! has_real_keys || README_ROWS=$REAL_CHART_ROWS
  for chart in $CHARTS; do rm -f "$1/speed_$chart.svg"; done
  draw_chart readme speed svg png
  for chart in $CHARTS; do draw_chart "$chart" "speed_$chart" svg; done
}

# charts_markdown <dir>: the charts that are there.
charts_markdown() {
  local chart
  for chart in $CHARTS; do
    [ -e "$1/speed_$chart.svg" ] || continue
    say "## $(chart_title "$chart")"
    say
    say "![$(chart_title "$chart")](speed_$chart.svg)"
    say
  done
}
