// SPDX-License-Identifier: MIT
#include <cmath>
#include <selfpred/schedule/math.hpp>

#include "support/catch.hpp"

namespace d = selfpred::detail;

namespace {
// In units of the last place of double, relative to the standard library's own.
double ulps(double got, double expected) {
  return expected == 0 ? std::abs(got) : std::abs(got - expected) / std::abs(expected) * 0x1p52;
}
}  // namespace

TEST_CASE("schedule math: constant expressions with exact ends", "[schedule]") {
  static_assert(d::half_cosine(0, 7) == 1 && d::half_cosine(7, 7) == 0);
  static_assert(d::exp2(0) == 1 && d::exp2(10) == 1024 && d::exp2(-1) == 0.5 && d::exp2(-2000) == 0);
  static_assert(d::log2_ratio(8, 1) == 3 && d::log2_ratio(1, 4) == -2 && d::log2_ratio(5, 5) == 0);
  static_assert(d::pow(0, 2) == 0 && d::pow(0, 0) == 1 && d::pow(1, 1e9) == 1 && d::pow(0.3, 1) == 0.3);
  static_assert(d::newton_root(0) == 0 && d::newton_root(4) == 2 && d::newton_root(0.25) == 0.5);
  CHECK_THROWS_AS(d::exp2(2000), selfpred::domain_error);
}

TEST_CASE("schedule math: within a few units of the last place", "[schedule]") {
  double cosine = 0, exponential = 0, logarithm = 0, root = 0;
  for (int i = 0; i <= 2000; ++i) {
    cosine =
        std::max(cosine, std::abs(d::half_cosine(i, 2000) - (std::cos(3.14159265358979323846 * i / 2000) + 1) / 2));
    double const x = -30 + 0.03 * i, y = std::exp2(x);
    exponential = std::max(exponential, ulps(d::exp2(x), y));
    logarithm = std::max(logarithm, ulps(d::log2_ratio(y, 1), std::log2(y)));
    root = std::max(root, ulps(d::newton_root(y), std::sqrt(y)));
  }
  CHECK(cosine < 4e-16);
  CHECK(exponential <= 4);
  CHECK(logarithm <= 4);  // x = 2^n passes through 0 exactly
  CHECK(root <= 1);
}
