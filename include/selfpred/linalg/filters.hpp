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

namespace detail {

template <auto Poles>  // of one design, in the tables
inline constexpr std::size_t most = [] {
  std::size_t n = 0;
  for (filter_design const& each : filter_designs) n = selfpred::detail::max(n, (each.design.*Poles).size());
  return n;
}();

}  // namespace detail

/// (r(x) - r(x0)) / (x - x0) of a design of the tables, as a sum of the same inverses, and r(x0):
/// 1/(x + s) - 1/(x0 + s) = -(x - x0) / ((x0 + s) (x + s)), s real or complex, and a slope is left as a constant.
class divided_difference {
 public:
  constexpr divided_difference(rational_design const& r, double x0) : of_(r), at_(r.constant + r.slope * x0) {
    for (std::size_t i = 0; i < r.real.size(); ++i) {
      real_pole const& pole = r.real[i];
      double const value = pole.coefficient / (x0 + pole.shift);
      at_ += value;
      real_[i] = {pole.shift, -value};
    }
    for (std::size_t i = 0; i < r.pairs.size(); ++i) {  // (p + i q) / (a + i v), a = x0 + u
      complex_pole const& pole = r.pairs[i];
      double const a = x0 + pole.shift, v = pole.imaginary, size = a * a + v * v;
      double const p = (pole.p * a + pole.q * v) / size, q = (pole.q * a - pole.p * v) / size;
      at_ += 2 * p;
      pairs_[i] = {pole.shift, v, -p, -q};
    }
  }
  constexpr double at() const { return at_; }  ///< r(x0)
  /// With the errors of r. It refers to this object.
  constexpr rational_design quotient() const {
    return {of_.slope, 0, {real_, of_.real.size()}, {pairs_, of_.pairs.size()}, of_.error, of_.round_off};
  }

 private:
  rational_design of_;
  double at_;
  real_pole real_[detail::most<&rational_design::real>] = {};
  complex_pole pairs_[detail::most<&rational_design::pairs>] = {};
};

}  // namespace selfpred::linalg
