#!/bin/sh
# SPDX-License-Identifier: MIT
# results.sh [folder, build/examples]: puts the table.csv and trajectory.csv of a run of train_images into docs/results.md,
# README.md and docs/figures.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/examples}

# The table as Markdown, with the named columns; `digits` gives the decimals of each.
table() { # <columns of table.csv> <headings> <digits>
  awk -F, -v columns="$1" -v headings="$2" -v digits="$3" '
    BEGIN {
      n = split(columns, column, " "); split(headings, heading, ";"); split(digits, digit, " ")
      split("raw_pixels=raw pixels;random_encoder=random encoder;no_predictor=no predictor (P = I);" \
            "trainable_linear=trainable linear;linear_regression=linear regression;direct_copy=DirectCopy;" \
            "direct_pred=DirectPred;direct_pred_published=DirectPred, as published;neumann=Neumann;visser=Visser;" \
            "newton_schulz=Newton-Schulz, n = 9;newton_schulz_stages_2=NS², n = 7;stiefel=Stiefel, n = 9;" \
            "stiefel_rescale_spectral=Stiefel, n = 9, rescale spectral", names, ";")
      for (i in names) { split(names[i], pair, "="); known[pair[1]] = substr(names[i], length(pair[1]) + 2) }
      line = "| row |"; rule = "|---|"
      for (c = 1; c <= n; ++c) { line = line " " heading[c] " |"; rule = rule "---|" }
      print line; print rule
    }
    NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }
    {
      line = "| " ($1 in known ? known[$1] : $1) " |"
      for (c = 1; c <= n; ++c) {
        value = $at[column[c]]
        if (value == "") { line = line " – |"; continue }
        format = "%." digit[c] "f"
        cell = sprintf(format, value)
        if ((column[c] "_std") in at && $3 > 1) cell = cell " ± " sprintf(format, $at[column[c] "_std"])
        line = line " " cell " |"
      }
      print line
    }' "$folder/table.csv"
}

# Replaces what stands between <!-- table --> and <!-- /table -->.
put() { # <file> <arguments of table>
  file=$1
  shift
  table "$@" >"$folder/table.md"
  awk -v new="$folder/table.md" '
    /^<!-- table -->$/ { print; while ((getline line < new) > 0) print line; inside = 1 }
    /^<!-- \/table -->$/ { inside = 0 }
    !inside && !/^<!-- table -->$/' "$file" >"$file.tmp"
  mv "$file.tmp" "$file"
}

put docs/results.md \
  "alpha linear_probe nearest_neighbours loss feature_std effective_rank predictor_norm_over_alpha stable_rank trace polar_distance milliseconds_per_step objective_share predictor_share" \
  'alpha;linear probe %;kNN %;loss;feature std;effective rank;\|\|P\|\|_2 / alpha;stable rank of P;trace of P;polar distance;ms per step;objective %;P %' \
  "1 2 2 3 2 1 1 3 3 3 1 2 2"
put README.md "linear_probe nearest_neighbours effective_rank" "linear probe %;kNN %;effective rank" "2 2 1"
gnuplot -c examples/figure.gp "$folder/table.csv" docs/figures/results.svg
if [ -e "$folder/trajectory.csv" ]; then
  gnuplot -c examples/trajectory.gp "$folder/trajectory.csv" docs/figures/training.svg
fi
