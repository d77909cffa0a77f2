#!/bin/sh
# SPDX-License-Identifier: MIT
# snippets.sh [project folder]: every ```cpp block of README.md and docs/*.md follows a line `<!-- snippet: path#region -->` and equals
# the lines between `// [region]` and `// [/region]` of that file, which the tests compile, up to their common indentation.
set -eu
cd "${1:-"$(dirname "$0")/../.."}"

pages=
for page in README.md docs/*.md; do
  if [ -f "$page" ]; then pages="$pages $page"; fi
done
# shellcheck disable=SC2016,SC2086 # the dollars are awk's; a list of names
awk '
function wrong(text) { print FILENAME ":" start ": " text; failed = 1 }
function unindented(text,   lines, n, i, least, width, out) {
  n = split(text, lines, "\n"); least = 1000
  for (i = 1; i < n; ++i) if (match(lines[i], /[^ ]/)) { width = RSTART - 1; if (width < least) least = width }
  for (i = 1; i < n; ++i) out = out (lines[i] ~ /[^ ]/ ? substr(lines[i], least + 1) : "") "\n"
  return out
}
function region(path, name,   line, inside, found, text) {
  while ((getline line < path) > 0) {
    if (line ~ "^ *// \\[/" name "\\] *$") inside = 0
    if (inside && line !~ "^ *// \\[/?[a-z_0-9]+\\] *$") text = text line "\n"
    if (line ~ "^ *// \\[" name "\\] *$") { inside = 1; found = 1 }
  }
  close(path)
  return found ? unindented(text) : ""
}
FNR == 1 { block = ""; inside = 0; named = "" }
!inside && /^ *<!-- snippet: [^ ]+#[^ ]+ -->$/ { named = $3; next }
!inside && /^ *```(cpp|c\+\+)/ {
  inside = 1; block = ""; start = FNR; ++count
  if (named == "") wrong("no `<!-- snippet: path#region -->` above this block")
  next
}
inside && /^ *```$/ {
  inside = 0
  if (named != "") {
    split(named, at, "#"); text = region(at[1], at[2])
    if (text == "") wrong("there is no region " at[2] " in " at[1])
    else if (text != unindented(block)) wrong("differs from " named ", which is:\n" text)
  }
  named = ""; next
}
inside { block = block $0 "\n"; next }
/[^ ]/ { named = "" }
END { print (failed ? "snippets have drifted" : count + 0 " snippets are tested code"); exit failed }
' $pages /dev/null
