#!/bin/sh
# SPDX-License-Identifier: MIT
# python.sh <exchange program>: Python's safetensors and numpy open our files, and we open theirs. Without these packages it is
# skipped, with a word. build/venv is looked at first: python3 -m venv build/venv && build/venv/bin/pip install safetensors numpy ml_dtypes
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for python in "$here/../../build/venv/bin/python" python3 /usr/bin/python3; do
  if "$python" -c 'import safetensors.numpy, numpy' 2>/dev/null; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    "$1" write "$folder"
    "$python" "$here/python.py" "$folder"
    "$1" read "$folder"
    exit 0
  fi
done
echo "SKIPPED: no python3 with safetensors and numpy here, so no file was exchanged with it"
exit 77
