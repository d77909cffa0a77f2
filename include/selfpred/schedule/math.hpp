// SPDX-License-Identifier: MIT
// Elementary functions as constant expressions: std::cos, std::exp2 and std::pow are none on clang. Errors are a few units
// in the last place; the ends of schedules are exact because they never reach a series.
#pragma once
#include <bit>
#include <cstdint>
#include <numbers>
#include <selfpred/error.hpp>

namespace selfpred::detail {

/// sin(pi x) for |x| <= 1/4.
constexpr double sin_pi(double x) {
  double const t = std::numbers::pi * x, square = t * t;
  double s = 0;
  for (int i = 19; i > 1; i -= 2) s = (1 - s) * square / static_cast<double>(i * (i - 1));
  return t * (1 - s);
}
/// cos(pi x) for |x| <= 1/4.
constexpr double cos_pi(double x) {
  double const t = std::numbers::pi * x, square = t * t;
  double s = 0;
  for (int i = 18; i > 0; i -= 2) s = (1 - s) * square / static_cast<double>(i * (i - 1));
  return 1 - s;
}
/// (cos(pi k / n) + 1) / 2 for 0 <= k <= n as the square of a half-angle: exact at both ends, no cancellation near them.
constexpr double half_cosine(double k, double n) {
  double const root = 2 * k <= n ? cos_pi(k / n / 2) : sin_pi((n - k) / n / 2);
  return root * root;
}

/// log2(a / b) for a, b > 0 as 2 atanh((a - b) / (a + b)) / ln 2: exact differences where a and b are close counts.
constexpr double log2_ratio(double a, double b) {
  int exponent = 0;
  for (; a > 1.5 * b && exponent < 4096; ++exponent) a /= 2;
  for (; a < 0.75 * b && exponent > -4096; --exponent) a *= 2;
  double const s = (a - b) / (a + b), square = s * s;
  double sum = 0;
  for (int i = 23; i > 0; i -= 2) sum = sum * square + 1 / static_cast<double>(i);
  return exponent + 2 * s * sum * std::numbers::log2e;
}
/// 2^x; 0 below the normal numbers.
constexpr double exp2(double x) {
  if (x < -1022) return 0;
  if (x > 1023) throw domain_error("selfpred: an exponent above 1023 in a schedule, expected at most 1023");
  auto const whole = static_cast<std::int64_t>(x < 0 ? x - 0.5 : x + 0.5);
  double const t = (x - static_cast<double>(whole)) * std::numbers::ln2;
  double sum = 1;
  for (int i = 16; i > 0; --i) sum = 1 + sum * t / i;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(1023 + whole) << 52);
}
/// x^p for x >= 0; 0^0 = 1.
constexpr double pow(double x, double p) {
  if (p == 0 || x == 1) return 1;
  if (p == 1) return x;
  return x > 0 ? detail::exp2(p * log2_ratio(x, 1)) : 0;
}
/// The square root of x >= 0, by Newton from above.
constexpr double newton_root(double x) {
  if (x == 0) return 0;
  double root = x > 1 ? x : 1;
  for (;;) {
    double const next = (root + x / root) / 2;
    if (next >= root) return root;
    root = next;
  }
}

}  // namespace selfpred::detail
