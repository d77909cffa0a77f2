#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [--with torch,xtensor,checkpoint,blas] [arguments of ctest]: sets up what is missing, builds the tests and examples, and runs them all.
# The package's consumers have a script of their own, tests/consumer/run.sh.
set -eu
cd "$(dirname "$0")/.."
with=
if [ "${1:-}" = --with ]; then with=$2 && shift 2; fi
case ${1:-} in -h | --help) sed -n '3,4s/^# //p' tests/run.sh && exit 0 ;; esac

# shellcheck disable=SC2046 # one word for each
sh tests/setup.sh examples tests $(echo "$with" | tr ',' ' ')
# shellcheck disable=SC1091 # written by setup.sh
. build/setup.env
torch=OFF xtensor=OFF checkpoint=OFF blas=OFF werror=OFF
case ",$with," in *,torch,*) torch=ON ;; esac
case ",$with," in *,xtensor,*) xtensor=ON ;; esac
case ",$with," in *,checkpoint,*) checkpoint=ON ;; esac
case ",$with," in *,blas,*) blas=ON ;; esac
case ${CI:-} in true | 1) werror=ON ;; esac

cmake -S . -B build/tests -DCMAKE_BUILD_TYPE=Release -DSELFPRED_BUILD_BENCH=OFF -DSELFPRED_TORCH=$torch -DSELFPRED_XTENSOR=$xtensor \
  -DSELFPRED_CHECKPOINT=$checkpoint -DSELFPRED_WITH_BLAS=$blas -DSELFPRED_WERROR=$werror -DSELFPRED_FETCH="${SELFPRED_FETCH:-OFF}"
cmake --build build/tests --parallel "$(nproc)"
ctest --test-dir build/tests --parallel "$(nproc)" --output-on-failure --label-exclude consumer "$@"
