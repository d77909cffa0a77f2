#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [build folder]: installs selfpred, then builds and runs a project that uses it in each of the ways its users do, with and
# without Eigen, and sees that it refuses what it must.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=${1:-$source/build/consumer}
rm -rf "$build"
mkdir -p "$build"
cd "$build"
log=$build/log
if command -v ninja >/dev/null; then export CMAKE_GENERATOR=Ninja; fi

must() { "$@" >"$log" 2>&1 || { cat "$log" && echo "FAILED: $*" && exit 1; }; }
must_refuse() { # <what it must say> <command>
  said=$1
  shift
  if "$@" >"$log" 2>&1; then echo "NOT REFUSED: $*" && exit 1; fi
  tr -s ' \n' ' ' <"$log" | grep -q -e "$said" || { cat "$log" && echo "REFUSED WITHOUT A WORD OF '$said': $*" && exit 1; }
}
consumer() { # <build folder> <way> [options]
  folder=$1 way=$2
  shift 2
  cmake -S "$here" -B "$folder" -DWAY="$way" -DCMAKE_BUILD_TYPE=Debug "$@"
}
no_json=-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
no_eigen=-DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON
developer_off="-DSELFPRED_BUILD_TESTS=OFF -DSELFPRED_BUILD_EXAMPLES=OFF -DSELFPRED_BUILD_BENCH=OFF"

# shellcheck disable=SC2086 # a list of options
must cmake -S "$source" -B package $developer_off $no_eigen -DCMAKE_INSTALL_PREFIX="$build/prefix"
must cmake --install package
must grep -q selfpred prefix/share/cmake/selfpred/selfpredTargets.cmake
if grep -rn -e "$source" -e "$build" prefix/share/cmake; then echo "FAILED: the package names the folders it was built in" && exit 1; fi
echo "ok  the package installs without Eigen in sight"

must_refuse '9.9' consumer wrong_version installed -DCMAKE_PREFIX_PATH="$build/prefix" -DVERSION=9.9
must_refuse 'libeigen3-dev' consumer no_eigen installed -DCMAKE_PREFIX_PATH="$build/prefix" -DCOMPONENTS=eigen $no_eigen
must_refuse 'nlohmann-json3-dev' consumer no_json installed -DCMAKE_PREFIX_PATH="$build/prefix" -DCOMPONENTS=checkpoint $no_json
must_refuse 'nlohmann-json3-dev' consumer no_json_below subdirectory -DSOURCE="$source" -DSELFPRED_CHECKPOINT=ON $no_json
must_refuse "no component 'brain'" consumer unknown_component installed -DCMAKE_PREFIX_PATH="$build/prefix" -DCOMPONENTS=brain
echo "ok  a wrong version, an unknown component, a missing Eigen and a missing nlohmann_json are refused with a sentence"

# A user of checkpoints needs nlohmann_json; where there is none, that part is left out with a word.
json=
if echo '#include <nlohmann/json.hpp>' | "${CXX:-c++}" -fsyntax-only -x c++ - 2>/dev/null; then json=yes; fi
if [ -z "$json" ]; then echo "SKIPPED: no nlohmann_json here, so no consumer of selfpred::checkpoint was built"; fi
each() { # <name> <way> [options]: core alone without Eigen, then both
  name=$1
  shift
  must consumer "$name" "$@" $no_eigen
  must cmake --build "$name" --target core
  must "$name/core"
  must consumer "$name" "$@" -UCMAKE_DISABLE_FIND_PACKAGE_Eigen3 -DCOMPONENTS=eigen
  must cmake --build "$name"
  must "$name/eigen"
  if [ -n "$json" ]; then
    must consumer "$name" "$@" -DCOMPONENTS=checkpoint -DSELFPRED_CHECKPOINT=ON
    must cmake --build "$name" --target checkpoint
    must "$name/checkpoint"
  fi
  echo "ok  $name"
}
each installed installed -DCMAKE_PREFIX_PATH="$build/prefix" -DVERSION="$(sed -n 's/.*MINOR /0./p' "$source/include/selfpred/version.hpp")"
if [ -e /usr/include/xtensor ]; then
  must consumer xtensor_installed installed -DCMAKE_PREFIX_PATH="$build/prefix" -DCOMPONENTS=xtensor
  must cmake --build xtensor_installed
  must xtensor_installed/xtensor_user
  must consumer xtensor_subdirectory subdirectory -DSOURCE="$source" -DSELFPRED_XTENSOR=ON -DCOMPONENTS=xtensor
  must cmake --build xtensor_subdirectory
  must xtensor_subdirectory/xtensor_user
  must_refuse 'libeigen3-dev' consumer xtensor_alone subdirectory -DSOURCE="$source" -DSELFPRED_XTENSOR=ON $no_eigen
  echo "ok  xtensor, installed and as a subdirectory"
fi
must_refuse 'libxtensor-dev' consumer no_xtensor installed -DCMAKE_PREFIX_PATH="$build/prefix" -DCOMPONENTS=xtensor \
  -DCMAKE_DISABLE_FIND_PACKAGE_xtensor=ON
# shellcheck disable=SC2086 # a list of options
if cmake -S "$source" -B package_blas $developer_off -DSELFPRED_WITH_BLAS=ON -DCMAKE_INSTALL_PREFIX="$build/prefix_blas" >"$log" 2>&1; then
  must cmake --install package_blas
  must consumer blas_installed installed -DCMAKE_PREFIX_PATH="$build/prefix_blas" -DCOMPONENTS=eigen -DBLAS=ON
  must cmake --build blas_installed
  must blas_installed/eigen
  must consumer blas_subdirectory subdirectory -DSOURCE="$source" -DSELFPRED_WITH_BLAS=ON -DCOMPONENTS=eigen -DBLAS=ON
  must cmake --build blas_subdirectory
  must blas_subdirectory/eigen
  must_refuse 'libopenblas-dev' consumer no_blas installed -DCMAKE_PREFIX_PATH="$build/prefix_blas" -DCOMPONENTS=eigen \
    -DCMAKE_DISABLE_FIND_PACKAGE_BLAS=ON
  echo "ok  with a BLAS, installed and as a subdirectory"
else
  echo "SKIPPED: no BLAS here, so no consumer of SELFPRED_WITH_BLAS was built"
fi
must_refuse 'libopenblas-dev' consumer no_blas_below subdirectory -DSOURCE="$source" -DSELFPRED_WITH_BLAS=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_BLAS=ON
mv prefix moved
each moved installed -DCMAKE_PREFIX_PATH="$build/moved"
each subdirectory subdirectory -DSOURCE="$source"
must cmake -E chdir "$source" cmake -E tar czf "$build/selfpred.tar.gz" CMakeLists.txt .cmake include LICENSE
each fetched fetched -DSOURCE="$build/selfpred.tar.gz"
for way in subdirectory fetched; do
  must cmake --install "$way" --prefix "$build/nothing"
  if [ -e nothing ]; then echo "FAILED: a sub-project build installs files" && exit 1; fi
done
echo "ok  a sub-project build brings no test, no flag and no install rule"

eigen=$(sed -n 's/^Eigen3_DIR:PATH=//p' installed/CMakeCache.txt)/../../../include/eigen3
must "${CXX:-c++}" -std=c++20 -I "$source/include" "$here/core.cpp" -o plain_core
must ./plain_core
must "${CXX:-c++}" -std=c++20 -I "$source/include" -isystem "$eigen" "$here/eigen.cpp" -o plain_eigen
must ./plain_eigen
echo "ok  a compiler and -I include"
