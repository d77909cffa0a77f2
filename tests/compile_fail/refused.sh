#!/bin/sh
# SPDX-License-Identifier: MIT
# refused.sh <file> <compiler> [flags]: green if the compiler refuses the file and says what the file's first line expects.
set -u
file=$1
shift
expected=$(sed -n '1s|^// expect: ||p' "$file")
[ -n "$expected" ] || { echo "$file: line 1 must be '// expect: <regular expression>'" && exit 1; }
if said=$(LC_ALL=C "$@" "$file" 2>&1); then
  echo "$file compiles, and must not" && exit 1
fi
printf '%s\n' "$said" | grep -E -e "$expected" && exit 0
printf '%s\nexpected: %s\n' "$said" "$expected"
exit 1
