#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [seconds, default 60] [arguments of libFuzzer]: fuzzes the readers of checkpoints with clang, AddressSanitizer and
# UndefinedBehaviorSanitizer, and prints the final statistics; with -verbosity=1, every input that is new. What broke them, and what
# was learnt, stays under build/fuzz. Needs clang 16 and libclang-rt-16-dev.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
if [ $# -gt 0 ]; then shift; fi
clang=${CLANG:-clang++-16}
json=${SELFPRED_JSON_INCLUDE:-/usr/include} eigen=${SELFPRED_EIGEN_INCLUDE:-/usr/include/eigen3}
mkdir -p build/fuzz/corpus
build() { # <flags> <source> <program>
  # shellcheck disable=SC2086 # a list of flags
  "$clang" -std=c++20 $1 -g1 -Iinclude -isystem "$eigen" -idirafter "$json" "$2" -o "build/fuzz/$3"
}
build -O1 tests/fuzz/seeds.cpp seeds
build '-O2 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all' tests/fuzz/checkpoint.cpp checkpoint
build/fuzz/seeds build/fuzz/corpus
status=0 # the dictionary that libFuzzer recommends at the end is hundreds of lines
build/fuzz/checkpoint build/fuzz/corpus -max_total_time="$seconds" -dict=tests/fuzz/checkpoint.dict -max_len=4096 -timeout=10 \
  -rss_limit_mb=2048 -artifact_prefix=build/fuzz/ -print_final_stats=1 -verbosity=0 -print_funcs=0 "$@" >build/fuzz/log 2>&1 || status=$?
grep -v "# Uses:" build/fuzz/log
exit "$status"
