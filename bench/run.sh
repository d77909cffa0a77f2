#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [group [arguments of Google Benchmark]]: sets up what is missing, builds the benchmarks, runs one group or all,
# each with the library's own products and, where there are products, with those of the peers' BLAS.
# Each case runs beside its peers, interleaved; the ratios go to build/bench/ratios.csv, where other groups' rows stay.
set -eu
cd "$(dirname "$0")/.."
sh tests/setup.sh bench
# shellcheck disable=SC1091 # written by setup.sh
. build/setup.env
torch=OFF # a peer where it is installed
if [ -e /usr/include/torch/csrc/api/include/torch/torch.h ]; then torch=ON; fi
cmake -S . -B build/bench -DCMAKE_BUILD_TYPE=Release -DSELFPRED_TORCH=$torch -DSELFPRED_BUILD_TESTS=OFF -DSELFPRED_BUILD_EXAMPLES=OFF \
  -DSELFPRED_FETCH="${SELFPRED_FETCH:-OFF}"
cmake --build build/bench --parallel "$(nproc)"

unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE # the peer runs as its user would find it
export SELFPRED_BENCH_RATIOS="$PWD/build/bench/ratios.csv"
group=${1:-'*'}
if [ $# -gt 0 ]; then shift; fi
for program in build/bench/bench/selfpred_bench_$group; do
  [ -x "$program" ] || { echo "there is no group '$group'" >&2 && exit 1; }
  case $program in *_blas) continue ;; esac # after its own
  "$program" "$@"
  if [ -x "${program}_blas" ]; then "${program}_blas" "$@"; fi
done
if [ -f "$SELFPRED_BENCH_RATIOS" ]; then echo "ratios: $SELFPRED_BENCH_RATIOS"; fi
