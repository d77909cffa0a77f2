// SPDX-License-Identifier: MIT
// Examples check themselves: a false expectation is printed, and main returns how many there were.
#pragma once

#include <cstdio>
#include <source_location>

inline int failures = 0;

inline void expect(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  ++failures;
  std::printf("%s:%u: expectation failed\n", where.file_name(), static_cast<unsigned>(where.line()));
}
