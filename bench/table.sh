#!/bin/sh
# SPDX-License-Identifier: MIT
# table.sh [ratios.csv [page]]: puts the table, best peer of each case, into docs/benchmarks.md and makes its figure of predictors;
# into another page the table alone.
set -eu
cd "$(dirname "$0")/.."
ratios=${1:-build/bench/ratios.csv}
page=${2:-docs/benchmarks.md}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -F, '
/^#/ || $1 == "case" { next }
!($1 in known) { known[$1] = ++n; name[n] = $1 }
!(($1, $3) in best) || $6 < best[$1, $3] { best[$1, $3] = $6; row[$1, $3] = $0 }
END {
  print "| case | products | ours ms | best peer | peer ms | ratio | limit / ours |"
  print "|---|---|---|---|---|---|---|"
  split("own blas", engines, " ")
  for (i = 1; i <= n; ++i)
    for (e = 1; e <= 2; ++e) {
      if (!((name[i], engines[e]) in row)) continue
      split(row[name[i], engines[e]], f, ",")
      ratio = sprintf("%.2f", f[7])
      if (f[5] ~ /^without /) ratio = sprintf("%.1f %% less", 100 * (1 - f[7]))
      if (sub(/ \(same kernel\)/, "", f[1])) ratio = "same kernel"
      limit = f[8] == "" ? "" : sprintf("%.2f", f[8])
      printf "| %s | %s | %.3g | %s | %.3g | %s | %s |\n", f[1], f[3], f[4], f[5], f[6], ratio, limit
    }
}' "$ratios" >"$work/table"
awk -v table="$work/table" '
/<!-- table -->/ { print; while ((getline line < table) > 0) print line; skip = 1 }
/<!-- \/table -->/ { skip = 0 }
!skip || /<!-- \/table -->/ { if (!/<!-- table -->/) print }' "$page" >"$work/page"
mv "$work/page" "$page"
if [ $# -gt 1 ]; then exit; fi
gnuplot -e "file='$ratios'" bench/predictors.gp
