// SPDX-License-Identifier: MIT
// sizes.hpp: sizes that shrink in the sanitizer job.
#pragma once
#include <algorithm>

namespace selfpred_tests {

/// n, or about n / 8 where SELFPRED_TEST_SMALL is defined. An odd n stays odd, and no size falls below min(n, 9).
constexpr long size(long n) {
#ifdef SELFPRED_TEST_SMALL
  long const small = std::max(n / 8, std::min(n, 9L));
  return n % 2 == 1 ? small | 1 : small;
#else
  return n;
#endif
}

}  // namespace selfpred_tests
