// SPDX-License-Identifier: MIT
// What a square-root-like rule does to one eigenvalue. Every such rule is P = sqrt(||S||_F) f(S / ||S||_F) with one of these f.
#pragma once
#include <cmath>
#include <limits>
#include <selfpred/linalg/pole_tables.hpp>

namespace selfpred::linalg {

/// A_n(x): A_0 = x, B_0 = 1, T = (3 - B A) / 2, A <- A T, B <- T B (Richemond et al. 2023, Proposition 6).
constexpr double newton_schulz_filter(double x, int n) {
  double a = x, b = 1;
  for (int k = 0; k < n; ++k) {
    double const t = (3 - b * a) / 2;
    a *= t, b *= t;
  }
  return a;
}
/// B_n(x), 1.5^n at 0.
constexpr double newton_schulz_inverse_filter(double x, int n) {
  double a = x, b = 1;
  for (int k = 0; k < n; ++k) {
    double const t = (3 - b * a) / 2;
    a *= t, b *= t;
  }
  return b;
}
/// P_0 = 1 / (2 c), P <- P + c (x - P^2) (Proposition 5), c = eta sqrt(||S||_F).
constexpr double visser_filter(double x, int n, double c) {
  double p = 1 / (2 * c);
  for (int k = 0; k < n; ++k) p += c * (x - p * p);
  return p;
}

/// A filter with its numbers.
struct spectral_filter {
  filter kind = filter::newton_schulz;
  int iterations = 0;
  double c = 0;  ///< of visser

  /// Products f^3 of the recursion; none defines the root.
  constexpr double products() const {
    switch (kind) {
      case filter::newton_schulz:
        return 3 * iterations - 3;
      case filter::newton_schulz_inverse:
        return 3 * iterations - 2;
      case filter::visser:
        return iterations;
      case filter::square_root:
        break;
    }
    return std::numeric_limits<double>::infinity();
  }
  double operator()(double x) const {
    switch (kind) {
      case filter::newton_schulz:
        return newton_schulz_filter(x, iterations);
      case filter::newton_schulz_inverse:
        return newton_schulz_inverse_filter(x, iterations);
      case filter::visser:
        return visser_filter(x, iterations, c);
      case filter::square_root:
        break;
    }
    return std::sqrt(x > 0 ? x : 0);
  }
};

}  // namespace selfpred::linalg
