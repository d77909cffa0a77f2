#!/bin/sh
# SPDX-License-Identifier: MIT
# floors.sh [include folder]: a header includes lower floors only, the core includes the standard library only, the roof covers the
# core, and every header has a floor. The table below is the rule; docs/design.md tells its reasons.
set -eu
cd "${1:-"$(dirname "$0")/../../include"}"

# shellcheck disable=SC2016 # the dollars are awk's
find selfpred -name '*.hpp' | LC_ALL=C sort | xargs awk '
function floor_of(header) {
  sub("^selfpred/", "", header)
  if (header ~ "^(algorithm|callable|version|config|error)\\.hpp$") return 0
  if (header == "executor.hpp") return 0.5
  if (header ~ "^(threads|view|concepts|scalars|ops)\\.hpp$") return 1
  if (header ~ "^checkpoint/") return 7
  if (header ~ "^strided/[^/]+\\.hpp$") return 1
  if (header ~ "^(host|adapters)/") return 7
  if (header ~ "^((model|members|stop_gradient|workspace)|schedule/[^/]+)\\.hpp$") return 2
  if (header ~ "^optimizer/[^/]+\\.hpp$") return 2
  if (header ~ "^linalg/(pole_tables|filters)\\.hpp$") return header ~ "filters" ? 2.2 : 2.1  # numbers alone
  if (header ~ "^linalg/(sum_of_inverses|evaluation|sample_side|square_root)\\.hpp$") return header ~ "sum_of" ? 3.4 : header ~ "evaluation" ? 3.5 : 3.6
  if (header == "covariances.hpp") return 2.6
  if (header == "moment_block.hpp") return 2.8
  if (header ~ "^testing/[^/]+\\.hpp$") return 2.5  # for the tests of users: may use floor 2, nobody stands on it
  if (header ~ "^((ema|statistics)|(ema|linalg)/[^/]+)\\.hpp$") return 3
  if (header ~ "^(loss|predictor/[^/]+|diagnostics/[^/]+|fused_update)\\.hpp$") return 4
  if (header ~ "^objective(_options|_directions|_losses)?\\.hpp$") return 5
  if (header == "selfpred.hpp") return 6
  return -1
}
# Neighbours on one floor: view, then concepts, scalars and ops, then strided memory; what the others of a folder share; and the
# tower among itself.
function neighbours(header, other) {
  if (floor_of(header) != floor_of(other)) return 0
  if (other ~ "^selfpred/(linalg/norms|predictor/rule)\\.hpp$") return header ~ "/(linalg|predictor)/" && header !~ "/(norms|rule)\\.hpp$"
  if (other ~ "/predictor/(moment_average|sample_rows|state)\\.hpp$") return header ~ "/pipeline\\.hpp$"
  if (header ~ "/diagnostics/" && other ~ "/diagnostics/") return tier(other) < tier(header)
  if (other ~ "/optimizer/(rule|step|streams)\\.hpp$") return header ~ "/optimizer/" && header !~ "/(rule|step|streams)\\.hpp$"
  if (header ~ "/optimizer/plan\\.hpp$" && other ~ "/model\\.hpp$") return 1
  if (other ~ "/schedule/(math|schedule)\\.hpp$") return header ~ "/schedule/" && header !~ "/(math|schedule)\\.hpp$"
  if (header ~ "/ema(/[a-z]+)?\\.hpp$" && other ~ "/ema(/[a-z]+)?\\.hpp$") return storey(other) < storey(header)
  if (other ~ "/model\\.hpp$" && header ~ "/members\\.hpp$") return 1
  if (other ~ "/objective_(options|directions|losses)\\.hpp$") return header ~ "/objective(_directions|_losses)?\\.hpp$"
  return floor_of(header) == 7 || (floor_of(header) == 1 && rank(other) <= rank(header) && rank(header) > 1)
}
# In diagnostics: numbers alone, then what measures tensors, then what is made of both, then all of them.
function tier(header) {
  return header ~ "/diagnostics/diagnostics" ? 3 : header ~ "/(spectrum|collapse_alarm)\\." ? 0 : header ~ "/(decompose|scatter)\\." ? 1 : 2
}
function storey(header) { return index("policy options kernels plan names leaf state swap checksum posthoc ema profiles", stem(header)) }
function rank(header) { return header ~ "/strided/" ? 100 : index("view concepts scalars ops", stem(header)) }
function stem(header) { sub(/.*\//, "", header); sub(/\.hpp$/, "", header); return header }
function wrong(text) { print FILENAME ":" FNR ": " text; failed = 1 }

FNR == 1 {
  headers[++count] = FILENAME
  if (floor_of(FILENAME) < 0) wrong("has no floor; add it to the table in tests/headers/floors.sh")
}
/^[ \t]*#[ \t]*include/ {
  line = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
  if (line !~ /^</) { wrong("includes with angle brackets only"); next }
  name = substr(line, 2, index(line, ">") - 2)
  if (name ~ /^selfpred\//) {
    includes[FILENAME] = includes[FILENAME] " " name
    here = floor_of(FILENAME); there = floor_of(name)
    if (there == 2.5 && here != 2.5) wrong("includes " name ", which is for tests")
    else if (there >= here && there != 2.5 && !neighbours(FILENAME, name)) wrong("is on floor " here " and includes " name " on floor " there)
  } else if (floor_of(FILENAME) < 7) {
    if (name !~ /^[a-z][a-z_0-9]*$/) wrong("is core and includes <" name ">")
    if (name ~ /^(iostream|random|regex)$/) wrong("is core and includes <" name ">, which every user would pay for")
  }
}
END {
  front = " selfpred/selfpred.hpp"; seen = " "
  while (split(front, list, " ")) {
    front = ""
    for (i in list) if (!index(seen, " " list[i] " ")) { seen = seen list[i] " "; front = front includes[list[i]] }
  }
  for (i = 1; i <= count; ++i)
    if (floor_of(headers[i]) < 6 && floor_of(headers[i]) != 2.5 && headers[i] !~ "/strided/shaped" && !index(seen, " " headers[i] " ")) {
      print headers[i] ": is not reached from selfpred/selfpred.hpp"; failed = 1
    }
  print (failed ? "the floors do not hold" : count " headers stand on their floors")
  exit failed
}'
