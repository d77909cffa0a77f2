# SPDX-License-Identifier: MIT
# gnuplot -c trajectory.gp trajectory.csv trajectory.svg: P and the spectrum of S over training, three panels for each
# predictor.
quoted = "'".ARG1."'"
names = system("awk -F, 'NR > 1 && !seen[$1]++ { print $1 }' ".quoted)
last = system("awk -F, 'NR > 1 && $3 + 0 > m { m = $3 + 0 } END { print m }' ".quoted) + 0
seeds = system("awk -F, 'NR > 1 && !seen[$2]++ { ++n } END { print n }' ".quoted) + 0

# The step; then mean, mean - deviation and mean + deviation over the seeds of the columns stable_rank to q75.
of(name) = "< awk -F, -v name=".name." '$1 == name { if (!n[$3]++) step[++steps] = $3; for (i = 4; i <= 9; ++i) { ".\
  "sum[$3, i] += $i; squares[$3, i] += $i * $i } } END { for (s = 1; s <= steps; ++s) { k = step[s]; printf \"%s\", k; ".\
  "for (i = 4; i <= 9; ++i) { m = sum[k, i] / n[k]; v = squares[k, i] / n[k] - m * m; ".\
  "d = n[k] > 1 && v > 0 ? sqrt(v * n[k] / (n[k] - 1)) : 0; printf \" %g %g %g\", m, m - d, m + d } print \"\" } }' ".quoted

count = words(names)
across = count < 4 ? count : 4
left = 92; wide = 176; gap = 14; head = 62; tall = 104; title_room = 30; block_room = 3 * (tall + 8) + title_room + 34
width = left + across * (wide + gap) + 10
height = head + block_room * ((count + across - 1) / across)
x(pixels) = pixels / (width * 1.0)
y(pixels) = 1 - pixels / (height * 1.0)
floor_to(v, least) = v > least ? v : least

blue = "#0072b2"; orange = "#d55e00"; green = "#007a5a"; grey = "#555555"
set terminal svg size width,height font "sans,12" background "white"
set output ARG2
set datafile separator whitespace
set multiplot
set label 1 "Predictor P before alpha I, and eigenvalues of the covariance S of a batch, over training" \
  at screen x(left), y(18) font ",13"
set label 2 (seeds > 1 ? sprintf("Lines: means of %d seeds; bands: one standard deviation. ", seeds) : "")."S: median with the band of the quartiles." \
  at screen x(left), y(38) tc rgb grey font ",11"
unset key
set border 3 lc rgb "#888888"
set tics nomirror scale 0.4 font ",10" tc rgb grey
set grid ytics lt 1 lc rgb "#e8e8e8"
set xrange [0:last]
set style fill transparent solid 0.25 noborder
do for [k = 1:count] {
  across_ = (k - 1) % across
  top = head + block_room * ((k - 1) / across) + title_room
  set lmargin at screen x(left + across_ * (wide + gap))
  set rmargin at screen x(left + across_ * (wide + gap) + wide)
  first = across_ == 0

  set tmargin at screen y(top)
  set bmargin at screen y(top + tall)
  set title word(names, k) noenhanced offset 0, -0.6 font ",12"
  if (first) { set ylabel "stable rank\nof P, / f" tc rgb blue font ",11" offset 0.5, 0 } else { unset ylabel }
  set logscale y
  set yrange [5e-3:1.2]
  set ytics (first ? "1" : "" 1, first ? "0.1" : "" 0.1, first ? "0.01" : "" 0.01)
  set xtics ("" 0, "" last)
  plot of(word(names, k)) using 1:(floor_to($3, 1e-9)):(floor_to($4, 1e-9)) with filledcurves lc rgb blue, \
       "" using 1:2 with lines lw 2 lc rgb blue
  unset label 1; unset label 2

  set tmargin at screen y(top + tall + 8)
  set bmargin at screen y(top + 2 * tall + 8)
  unset title
  if (first) { set ylabel "polar distance\nof P" tc rgb orange font ",11" offset 0.5, 0 }
  unset logscale y
  set yrange [0:1.02]
  set ytics (first ? "1" : "" 1, first ? "0.5" : "" 0.5, first ? "0" : "" 0)
  plot of(word(names, k)) using 1:9:10 with filledcurves lc rgb orange, \
       "" using 1:8 with lines lw 2 lc rgb orange

  set tmargin at screen y(top + 2 * tall + 16)
  set bmargin at screen y(top + 3 * tall + 16)
  if (first) { set ylabel "eigenvalues of S\n/ largest" tc rgb green font ",11" offset 0.5, 0 }
  set logscale y
  set yrange [1e-7:1.5]
  set ytics (first ? "1" : "" 1, first ? "10^{-2}" : "" 1e-2, first ? "10^{-4}" : "" 1e-4, first ? "10^{-6}" : "" 1e-6)
  set xtics ("" 0, "" last)
  set label 3 "0" at graph 0, graph -0.12 center tc rgb grey font ",10"
  set label 4 sprintf("%d steps", last + 1) at graph 1, graph -0.12 right tc rgb grey font ",10"
  plot of(word(names, k)) using 1:(floor_to($11, 1e-9)):(floor_to($17, 1e-9)) with filledcurves lc rgb green, \
       "" using 1:(floor_to($14, 1e-9)) with lines lw 2 lc rgb green
  unset label 3; unset label 4
}
unset multiplot
