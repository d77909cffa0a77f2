# SPDX-License-Identifier: MIT
# gnuplot -c figure.gp table.csv figure.svg: accuracies of the rows that train_images wrote.
set terminal svg size 860,420 font "sans,12" background "white"
set output ARG2
set datafile separator ","
set style data histogram
set style histogram errorbars gap 1 linewidth 1
set style fill solid 0.85 border -1
set bars 0.6
set key top left horizontal
set grid ytics linecolor rgb "#dddddd"
set ylabel "accuracy on held-back images (%)"
set xtics rotate by -20 noenhanced
set offsets 0, 0, 2, 0
stats ARG1 using "linear_probe" every ::0::0 nooutput name "RAW"
plot ARG1 using "linear_probe":"linear_probe_std":xtic(1) title "linear probe" linecolor rgb "#3465a4", \
     "" using "nearest_neighbours":"nearest_neighbours_std" title "20 nearest neighbours" linecolor rgb "#f0a830", \
     RAW_max with lines linewidth 1.5 dashtype 2 linecolor rgb "#444444" title "probe of the first row"
