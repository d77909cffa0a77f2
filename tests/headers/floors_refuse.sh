#!/bin/sh
# SPDX-License-Identifier: MIT
# floors_refuse.sh: floors.sh is green on a sound house, and red on each way to break one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
house=$(mktemp -d)
trap 'rm -rf "$house"' EXIT

build() { # a sound house of four floors
  rm -rf "$house/selfpred"
  mkdir -p "$house/selfpred/adapters"
  echo '#include <cstddef>' >"$house/selfpred/error.hpp"
  echo '#include <selfpred/error.hpp>' >"$house/selfpred/ema.hpp"
  echo '#include <selfpred/ema.hpp>' >"$house/selfpred/selfpred.hpp"
  printf '#include <Eigen/Core>\n#include <selfpred/ema.hpp>\n' >"$house/selfpred/adapters/eigen.hpp"
}
refused() { # <header> <line>: the line must turn the house red
  build
  echo "$2" >>"$house/selfpred/$1"
  if sh "$here/floors.sh" "$house" >"$house/log"; then
    echo "not refused: $1 with $2" && exit 1
  fi
  echo "refused: $(head -n 1 "$house/log")"
}

build
sh "$here/floors.sh" "$house"
refused error.hpp '#include <selfpred/ema.hpp>'
refused error.hpp '# include <selfpred/adapters/eigen.hpp>'
refused ema.hpp '#include <selfpred/selfpred.hpp>'
refused ema.hpp '#include <Eigen/Core>'
refused ema.hpp '#include <malloc.h>'
refused ema.hpp '#include "error.hpp"'
refused selfpred.hpp '#include <selfpred/adapters/eigen.hpp>'
refused view.hpp '#include <selfpred/concepts.hpp>'
refused concepts.hpp '#include <selfpred/strided/array.hpp>'
refused stranger.hpp '// a header without a floor'
refused loss.hpp '// a header that the roof does not reach'
