#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [arguments of train_images; --help lists them]: sets up what is missing, builds the program, and trains.
set -eu
cd "$(dirname "$0")/.."
sh tests/setup.sh examples
# shellcheck disable=SC1091 # written by setup.sh
. build/setup.env
cmake -S . -B build/examples -DCMAKE_BUILD_TYPE=Release -DSELFPRED_BUILD_TESTS=OFF -DSELFPRED_BUILD_BENCH=OFF \
  -DSELFPRED_FETCH="${SELFPRED_FETCH:-OFF}"
cmake --build build/examples --parallel "$(nproc)" --target selfpred_train_images
case " $* " in
  *" --out"*) ;;
  *) set -- --out build/examples "$@" ;; # where the table and the figure go
esac
# Threads that wait awake lose a tenfold of time where other programs use the cores.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
exec build/examples/examples/train_images "$@"
