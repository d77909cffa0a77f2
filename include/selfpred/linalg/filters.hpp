// SPDX-License-Identifier: MIT
// What a square-root-like rule does to one eigenvalue. Every such rule is P = sqrt(||S||_F) f(S / ||S||_F) with one of these f.
#pragma once
#include <cmath>
#include <limits>
#include <selfpred/linalg/pole_tables.hpp>

namespace selfpred::linalg {

/// A_n(x) and B_n(x), which is 1.5^n at 0: A_0 = x, B_0 = 1, T = (3 - B A) / 2, A <- A T, B <- T B (Richemond et al. 2023,
/// Proposition 6).
struct newton_schulz_numbers {
  double a, b = 1;
  constexpr newton_schulz_numbers(double x, int n) : a(x) {
    for (int k = 0; k < n; ++k) {
      double const t = (3 - b * a) / 2;
      a *= t, b *= t;
    }
  }
};
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
        return newton_schulz_numbers(x, iterations).a;
      case filter::newton_schulz_inverse:
        return newton_schulz_numbers(x, iterations).b;
      case filter::visser:
        return visser_filter(x, iterations, c);
      case filter::square_root:
        break;
    }
    return std::sqrt(x > 0 ? x : 0);
  }
};

}  // namespace selfpred::linalg
