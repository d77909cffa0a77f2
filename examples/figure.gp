# SPDX-License-Identifier: MIT
# gnuplot -c figure.gp table.csv figure.svg: accuracies of the rows that train_images wrote, and their deviations.
quoted = "'".ARG1."'"
rows = system("awk 'END { print NR - 1 }' ".quoted) + 0
raw = system("awk -F, '$1 == \"raw_pixels\" { print $4 }' ".quoted)
seeds = system("awk -F, 'NR == 2 { print $3 }' ".quoted) + 0
set terminal svg size 860,110 + 30 * rows font "sans,13" background "white"
set output ARG2
set datafile separator ","
set border 1 lc rgb "#888888"
set tics nomirror scale 0.4
set grid xtics ytics lt 1 lc rgb "#e8e8e8"
set xtics tc rgb "#444444"
set ytics noenhanced tc rgb "#222222"
set yrange [rows - 0.4:-0.6]
set offsets graph 0.04, graph 0.04, 0, 0
set xlabel "accuracy on held-back images, %".(seeds > 1 ? sprintf("; mean and standard deviation of %d seeds", seeds) : "")
set key at screen 0.98, screen 0.98 right top horizontal
set lmargin 26
set tmargin 2.5
if (strlen(raw) > 0) {
  set arrow from first raw + 0, graph 0 to first raw + 0, graph 1 nohead dt 2 lw 1.5 lc rgb "#444444"
  note = "dashed: probe of raw pixels"
} else {
  note = ""
}
set label note at screen 0.02, screen 1 - 18.0 / (110 + 30 * rows) tc rgb "#444444"
plot ARG1 using "linear_probe":($0 - 0.14):"linear_probe_std":ytic(1) with xerrorbars pt 7 ps 0.8 lw 1.8 lc rgb "#0072b2" \
       title "linear probe", \
     "" using "nearest_neighbours":($0 + 0.14):"nearest_neighbours_std" with xerrorbars pt 5 ps 0.7 lw 1.8 lc rgb "#d55e00" \
       title "20 nearest neighbours"
