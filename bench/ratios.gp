# SPDX-License-Identifier: MIT
# gnuplot -e "group='ema'" bench/ratios.gp: the ratios of one group from build/bench/ratios.csv as a figure beside it.
if (!exists("group")) group = "objective"
if (!exists("file")) file = "build/bench/ratios.csv"
set terminal svg size 900,700 dynamic font "sans-serif,12"
set output sprintf("build/bench/%s.svg", group)
set datafile separator ","
set datafile commentschars "#"
set title sprintf("%s: time of the peer over ours", group)
set style fill solid 0.6
set boxwidth 0.7
set xtics rotate by -60 scale 0 font ",9" noenhanced
set bmargin 22
set grid ytics
set yrange [0:*]
unset key
select = sprintf("<grep '^%s/' %s", group, file)
label(i) = stringcolumn(1)[strlen(group)+2:] . ", " . stringcolumn(3) . ": " . stringcolumn(5)
plot select using 0:7:xtic(label(0)) with boxes linecolor rgb "#4477aa", \
  1 with lines linecolor rgb "#aa3377"
