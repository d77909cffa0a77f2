#!/bin/sh
# SPDX-License-Identifier: MIT
# table.sh [ratios.csv]: puts the table of docs/benchmarks.md, best peer of each case, and the figure of predictors there.
set -eu
cd "$(dirname "$0")/.."
ratios=${1:-build/bench/ratios.csv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F, '
/^#/ || $1 == "case" { next }
!($1 in best) { order[++n] = $1 }
!($1 in best) || $5 < best[$1] { best[$1] = $5; row[$1] = $0 }
END {
  print "| case | ours ms | best peer | peer ms | ratio | limit / ours |"
  print "|---|---|---|---|---|---|"
  for (i = 1; i <= n; ++i) {
    split(row[order[i]], f, ",")
    # A case with a comma in its name has one field more.
    printf "| %s | %.3g | %s | %.3g | %.2f | %.2f |\n", f[1], f[3], f[4], f[5], f[6], f[7]
  }
}' "$ratios" >"$work/table"
awk -v table="$work/table" '
/<!-- table -->/ { print; while ((getline line < table) > 0) print line; skip = 1 }
/<!-- \/table -->/ { skip = 0 }
!skip || /<!-- \/table -->/ { if (!/<!-- table -->/) print }' docs/benchmarks.md >"$work/page"
mv "$work/page" docs/benchmarks.md
gnuplot -e "file='$ratios'" bench/predictors.gp
