# SPDX-License-Identifier: MIT
# gnuplot bench/predictors.gp: docs/figures/predictors.svg, from the predictor group of build/bench/ratios.csv.
if (!exists("file")) file = "build/bench/ratios.csv"
set terminal svg size 900,420 dynamic font "sans-serif,12"
set output "docs/figures/predictors.svg"
set datafile separator ","
set multiplot layout 1,2

# Of the rows with our own products. Field 4 is our time, field 6 the peer's; f is what follows "f=" in the name.
ours(name) = sprintf("< grep -E '^predictor/%s,1,own,' %s | sed -E 's/.* f=([0-9]+)[^,]*,/\\1,/' | sort -t, -k1n -u", name, file)
peer(name) = sprintf("< grep -E '^predictor/%s,1,own,' %s | sed -E 's/.* f=([0-9]+)[^,]*,/\\1,/' | sort -t, -k1n -k6g | sort -t, -k1n -u -s", name, file)

set title "Newton-Schulz, n = 9: time against f"
set logscale xy
set xtics (64, 256, 512, 2048)
set xlabel "f"
set ylabel "ms, one thread"
set grid
set key right bottom
plot peer("newton_schulz 9 f=[0-9]+ to 1e-5") using 1:6 with linespoints linecolor rgb "#555555" pointtype 7 title "the literal recursion, best product", \
  ours("newton_schulz 9 f=[0-9]+ recursion") using 1:4 with linespoints linecolor rgb "#ccbb44" pointtype 7 title "recursion, one triangle", \
  ours("newton_schulz 9 f=[0-9]+ to 1e-5") using 1:4 with linespoints linecolor rgb "#4477aa" pointtype 7 title "six inverses, 1e-5", \
  ours("newton_schulz 9 f=[0-9]+ to 3e-4") using 1:4 with linespoints linecolor rgb "#aa3377" pointtype 7 title "three inverses, 3e-4"

set title "Ratio to the best peer, f = 512"
unset logscale
set logscale y
set xlabel "error asked for, units of the root of ||S||"
set ylabel "times faster"
set logscale x
set xtics auto
set format x "1e%T"
set xrange [3e-6:1e-3]
set yrange [1:100]
set key right top
at(name) = sprintf("< grep -E '^predictor/%s,1,own,' %s | sed -E 's/.* to ([0-9e.-]+),/\\1,/' | sort -t, -k1g -k6g | sort -t, -k1g -u -s", name, file)
plot at("newton_schulz 9 f=512 to [^,]*") using 1:7 with linespoints pointtype 7 linecolor rgb "#4477aa" title "Newton-Schulz, 9", \
  at("newton_schulz 7 . 7 f=512 to [^,]*") using 1:7 with points pointtype 7 linecolor rgb "#228833" title "NS^2, 7 + 7", \
  at("stiefel 9 f=512 to [^,]*") using 1:7 with points pointtype 5 linecolor rgb "#ccbb44" title "Stiefel, 9", \
  at("visser 50 f=512 to [^,]*") using 1:7 with points pointtype 7 linecolor rgb "#ee6677" title "Visser, 50", \
  at("square root f=512 to [^,]*") using 1:7 with points pointtype 9 linecolor rgb "#aa3377" title "exact root (over eigendecompositions)"
unset multiplot
