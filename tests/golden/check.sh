#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh [SCRIPT PACKAGE]: the golden files are what make.py writes, byte for byte; or what SCRIPT --check says of its own.
# Without Python's PACKAGE this is skipped, with a word; nothing else needs Python.
set -eu
cd "$(dirname "$0")"
script=${1:-make.py} package=${2:-mpmath}
for python in python3 /usr/bin/python3; do
  if "$python" -c "import $package" 2>/dev/null; then exec "$python" "$script" --check; fi
done
echo "SKIPPED: no python3 with $package here, so $script --check was not run (apt install python3-$package)"
exit 77
