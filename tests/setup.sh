#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh [examples] [tests] [bench] [torch] [xtensor] [checkpoint] [blas]: finds what these need by trying it, says what is missing, and installs that.
#   as root, or with SELFPRED_SUDO=1, or after a yes at the terminal: by apt-get
#   as a plain user: the same packages, unpacked into build/_sys
#   without apt: CMake downloads the libraries (never with SELFPRED_OFFLINE=1)
# It leaves build/setup.env for the scripts that call it.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
sys=$root/build/_sys
work=$root/build/_setup
want=" ${*:-examples tests} "

say() { printf '%s\n' "selfpred: $*"; }
fail() { say "$*" >&2 && exit 1; }
wants() { case $want in *" $1 "*) return 0 ;; *) return 1 ;; esac }
mkdir -p "$work" 2>/dev/null || fail "cannot write to $root/build; copy the project to a folder of yours"

# --- what is here ---------------------------------------------------------------------------------------------------------

find_compiler() { # the first that compiles concepts and links
  printf '%s\n' '#include <concepts>' '#include <span>' 'int f(std::integral auto x) { return x; }' 'int main() { return f(0); }' >"$work/probe.cpp"
  for compiler in ${CXX:-} c++ g++ clang++ g++-14 g++-13 g++-12 clang++-19 clang++-18 clang++-17 clang++-16; do
    "$compiler" -std=c++20 "$work/probe.cpp" -o "$work/probe" 2>/dev/null && "$work/probe" && return 0
  done
  compiler=
  return 1
}

find_libraries() { # asks CMake for each; the names of the missing ones go to $work/missing
  rm -rf "$work/libraries" "$work/missing"
  mkdir "$work/libraries"
  cat >"$work/libraries/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(libraries LANGUAGES CXX)
foreach(package IN LISTS PACKAGES)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND OR (package STREQUAL "Eigen3" AND Eigen3_VERSION VERSION_LESS 3.4))
    file(APPEND ${MISSING} "${package}\n")
  endif()
endforeach()
file(APPEND ${MISSING} "")
END
  CXX=$compiler cmake -S "$work/libraries" -B "$work/libraries/build" "-DPACKAGES=$1" "-DMISSING=$work/missing" >"$work/libraries.log" 2>&1 ||
    echo "$1" | tr ';' '\n' >"$work/missing"
}

probe() { # sets $tools, $libraries and $extras: the packages behind what is missing
  tools='' libraries='' extras=''
  # shellcheck disable=SC1091 # written by remember()
  if [ -f "$root/build/setup.env" ]; then . "$root/build/setup.env"; fi
  find_compiler || tools="g++"
  echo 'cmake_minimum_required(VERSION 3.22)' >"$work/probe.cmake"
  cmake -P "$work/probe.cmake" >/dev/null 2>&1 || tools="$tools cmake"
  if command -v ninja >/dev/null; then export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"; else
    command -v make >/dev/null || tools="$tools ninja-build"
  fi

  packages=Eigen3
  if wants examples || wants tests; then packages="$packages;CLI11;ZLIB"; fi
  if wants tests; then packages="$packages;Catch2"; fi
  if wants bench; then packages="$packages;benchmark"; fi
  if wants xtensor; then packages="$packages;xtensor"; fi
  if wants torch; then packages="$packages;Torch"; fi
  if wants checkpoint; then packages="$packages;nlohmann_json"; fi
  if wants blas; then packages="$packages;BLAS"; fi
  if [ -n "$tools" ]; then echo "$packages" | tr ';' '\n' >"$work/missing"; else find_libraries "$packages"; fi
  while read -r package; do
    case $package in
      Eigen3) libraries="$libraries libeigen3-dev" ;;
      CLI11) libraries="$libraries libcli11-dev" ;;
      ZLIB) libraries="$libraries zlib1g-dev" ;;
      Catch2) libraries="$libraries catch2" ;;
      benchmark) libraries="$libraries libbenchmark-dev" ;;
      xtensor) libraries="$libraries libxtensor-dev xtl-dev" ;;
      Torch) libraries="$libraries libtorch-dev" ;;
      nlohmann_json) libraries="$libraries nlohmann-json3-dev" ;;
      BLAS) libraries="$libraries libopenblas-dev" ;;
    esac
  done <"$work/missing"

  if wants examples; then # a figure and real images: the program runs without them
    command -v gnuplot >/dev/null || extras="$extras gnuplot-nox"
    [ -n "$(data_folder)" ] || extras="$extras dataset-fashion-mnist"
  fi
  if wants bench && ! ls /usr/lib/*/libopenblas.so >/dev/null 2>&1; then extras="$extras libopenblas-dev"; fi
}

data_folder() { # where Fashion-MNIST lies, if it does
  for folder in "${SELFPRED_DATA:-}" /usr/share/datasets/fashion-mnist "$sys/usr/share/datasets/fashion-mnist"; do
    if [ -e "$folder/train-images-idx3-ubyte.gz" ]; then echo "$folder" && break; fi
  done
}

remember() { # what the run scripts need to know; build/_sys comes before the system
  paths='' includes=''
  {
    echo "# written by tests/setup.sh"
    case $compiler in '' | c++ | g++) ;; *) echo "export CXX='$compiler'" ;; esac
    if [ -n "${CMAKE_GENERATOR:-}" ]; then echo "export CMAKE_GENERATOR='$CMAKE_GENERATOR'"; fi
    if [ -d "$sys/usr" ]; then
      for folder in "$sys"/usr/lib/*-linux-gnu* "$sys"/lib/*-linux-gnu*; do
        if [ -d "$folder" ]; then paths=${paths:+$paths:}$folder; fi
      done
      for folder in "$sys"/usr/include/*-linux-gnu*; do
        if [ -d "$folder" ]; then includes=${includes:+$includes:}$folder; fi
      done
      echo "export PATH='$sys/bin:$sys/usr/bin':\"\$PATH\""
      echo "export CMAKE_PREFIX_PATH='$sys/usr'\"\${CMAKE_PREFIX_PATH:+:\$CMAKE_PREFIX_PATH}\""
      if [ -n "$paths" ]; then echo "export LD_LIBRARY_PATH='$paths'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""; fi
      if [ -n "$includes" ]; then echo "export CPLUS_INCLUDE_PATH='$includes'"; fi
    fi
    if [ -n "$(data_folder)" ]; then echo "export SELFPRED_DATA=\"\${SELFPRED_DATA:-$(data_folder)}\""; fi
  } >"$root/build/setup.env"
}

# --- what can be done about it --------------------------------------------------------------------------------------------

install_packages() { # as root, or through the command in $1
  $1 apt-get update
  available=
  for package in $extras; do
    if apt-cache show "$package" >/dev/null 2>&1; then available="$available $package"; else say "this release has no $package"; fi
  done
  # shellcheck disable=SC2086 # lists of names
  $1 env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $tools $libraries $available
}

apt_here() { # apt-get and apt-cache as a plain user, with their state in build/_sys
  tool=$1
  shift
  "$tool" -o "Dir::State=$sys/apt/state" -o "Dir::State::status=/var/lib/dpkg/status" -o "Dir::Cache=$sys/apt/cache" \
    -o Debug::NoLocking=true "$@"
}

unpack_packages() {
  mkdir -p "$sys/apt/state/lists/partial" "$sys/apt/cache/archives/partial" "$sys/debs" "$sys/bin"
  apt_here apt-get update
  names=
  for package in $tools $libraries $extras; do
    if apt_here apt-cache show "$package" >/dev/null 2>&1; then names="$names $package"; else say "this release has no $package"; fi
  done
  # What these lack on this very system, with their dependencies; never another C or C++ run-time library.
  # shellcheck disable=SC2086
  closure=$(apt_here apt-get install --no-install-recommends --print-uris -qq -y $names 2>/dev/null |
    sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" | grep -v -x -E 'libc6|libc-bin|libc6-dev|libstdc\+\+6|libgcc-s1|gcc-[0-9]+-base') || closure=$names
  # shellcheck disable=SC2086
  (cd "$sys/debs" && apt_here apt-get download $closure)
  for package in "$sys"/debs/*.deb; do dpkg -x "$package" "$sys"; done
  rm -rf "$sys/debs" "$sys/apt"
  # A development package's libx.so names a library that the system has already: point there.
  find "$sys" -name '*.so' -type l | while read -r link; do
    target=$(basename "$(readlink "$link")")
    for folder in /usr/lib/*-linux-gnu* /lib/*-linux-gnu*; do
      if [ ! -e "$link" ] && [ -e "$folder/$target" ]; then ln -sf "$folder/$target" "$link"; fi
    done
  done
  if [ -x "$sys/usr/bin/gnuplot-nox" ]; then ln -sf "$sys/usr/bin/gnuplot-nox" "$sys/bin/gnuplot"; fi
}

# --- now ------------------------------------------------------------------------------------------------------------------

probe
if [ -z "$tools$libraries$extras" ]; then
  remember
  say "everything is here ($compiler, $(cmake --version | sed -n 's/^cmake version //p'))"
  exit 0
fi
say "not found on this system:$(echo " $tools $libraries $extras" | tr -s ' ')"

has_apt=$(command -v apt-get || true)
line="apt-get install --no-install-recommends$(echo " $tools $libraries $extras" | tr -s ' ')"
if [ -n "$has_apt" ] && [ "$(id -u)" = 0 ]; then
  say "installing these with apt-get"
  install_packages ""
elif [ -n "$has_apt" ] && [ "${SELFPRED_SUDO:-}" = 1 ]; then
  say "installing these with sudo apt-get, as SELFPRED_SUDO=1 asks"
  install_packages sudo
else
  answer=
  if [ -n "$has_apt" ] && [ -t 0 ] && [ -t 1 ] && command -v sudo >/dev/null; then
    printf 'selfpred: install these with sudo apt-get? Otherwise they are unpacked into build/_sys. [y/N] '
    read -r answer
  fi
  case $answer in
    y | Y | yes) install_packages sudo ;;
    *)
      case " $tools " in *" g++ "*)
        fail "there is no C++20 compiler, and only an administrator can install one. The line for them:
  $line" ;;
      esac
      if [ -n "$has_apt" ]; then
        say "downloading these and unpacking them into build/_sys; nothing is installed"
        unpack_packages || say "apt-get could not download them"
      fi
      ;;
  esac
fi

remember
probe
remember
if [ -n "$tools" ]; then fail "still missing:$tools. The line for an administrator: $line"; fi
if [ -n "$libraries" ]; then
  case "$libraries" in *zlib* | *xtensor* | *torch* | *openblas*) fail "still missing:$libraries. The line for an administrator: $line" ;; esac
  if [ "${SELFPRED_OFFLINE:-}" = 1 ]; then fail "still missing:$libraries, and SELFPRED_OFFLINE=1 forbids to download them"; fi
  say "CMake will download:$libraries"
  echo "export SELFPRED_FETCH=ON" >>"$root/build/setup.env"
fi
if [ -n "$extras" ]; then say "doing without:$extras"; fi
say "ready"
