#!/bin/sh
# SPDX-License-Identifier: MIT
# compile_time.sh [flags, default -O2]: seconds of user time that a translation unit costs, median of 5. CXX names the
# compiler and EIGEN the folder of Eigen's headers.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091 # written by setup.sh
if [ -f build/setup.env ]; then . build/setup.env; fi
compiler=${CXX:-c++}
flags=${*:--O2}
for eigen in ${EIGEN:-} build/_sys/usr/include/eigen3 /usr/include/eigen3 /usr/local/include/eigen3; do
  if [ -e "$eigen/Eigen/Core" ]; then break; fi
done
[ -e "$eigen/Eigen/Core" ] || { echo "selfpred: no Eigen; EIGEN names the folder of its headers" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

: >"$work/empty.cpp"
echo '#include <selfpred/selfpred.hpp>' >"$work/core.cpp"
echo '#include <Eigen/Core>' >"$work/eigen_core.cpp"
cat >"$work/eigen.cpp" <<'END'
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>
END
cat >"$work/objective.cpp" <<'END'
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>
using matrix = Eigen::MatrixXf;
double step(matrix const& z1, matrix const& z2, matrix const& t1, matrix const& t2) {
  static auto objective = selfpred::make_objective<matrix>(selfpred::newton_schulz{.iterations = 9}, {.alpha = 0.3});
  return objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2)).loss;
}
END

seconds() { # of one compilation
  # shellcheck disable=SC2086 # flags are words
  (
    "$compiler" -std=c++20 $flags -Iinclude -isystem "$eigen" -c "$work/$1.cpp" -o "$work/$1.o"
    times
  ) | awk 'NR == 2 { split($1, t, /[ms]/); print 60 * t[1] + t[2] }'
}
median() { for _ in 1 2 3 4 5; do seconds "$1"; done | sort -n | sed -n 3p; }

echo "$("$compiler" --version | head -n 1), -std=c++20 $flags"
printf '%-34s %10s\n' 'translation unit' 'user s'
while read -r unit name; do printf '%-34s %10.2f\n' "$name" "$(median "$unit")"; done <<'END'
empty empty
core selfpred/selfpred.hpp
eigen_core Eigen/Core alone
eigen selfpred.hpp, adapters/eigen.hpp
objective an objective's step on Eigen
END
