// SPDX-License-Identifier: MIT
// What a spectrum says: pure functions of eigenvalues or singular values in any order. All of them are independent of the
// values' scale. Values below 0 are rounding and count as 0; a NaN or an infinity among them gives NaN.
#pragma once
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <selfpred/algorithm.hpp>
#include <selfpred/error.hpp>
#include <span>
#include <vector>

namespace selfpred::diagnostics {

using spectrum_view = std::span<double const>;

namespace detail {

inline std::vector<double> ascending(spectrum_view values) {  // by qsort: std::sort costs every user 0.05 s more
  std::vector<double> sorted(values.size());
  selfpred::detail::copy_n(values.data(), values.size(), sorted.data());
  std::qsort(sorted.data(), sorted.size(), sizeof(double), [](void const* a, void const* b) {
    double const x = *static_cast<double const*>(a), y = *static_cast<double const*>(b);
    return (x > y) - (x < y);
  });
  return sorted;
}
/// The largest value, 0 if there is none above 0, NaN if one is not finite.
inline double largest(spectrum_view values) {
  double most = 0;
  for (double const v : values) {
    if (!std::isfinite(v)) return std::numeric_limits<double>::quiet_NaN();
    most = selfpred::detail::max(most, v);
  }
  return most;
}

/// f summed over the values as shares of the largest, so that no square leaves its range; `most` is above 0.
template <class F>
double sum_of_shares(spectrum_view values, double most, F f) {
  double sum = 0;
  for (double const v : values) sum += f(selfpred::detail::max(v, 0.0) / most);
  return sum;
}

/// exp(-sum p log p), p = x / sum x + epsilon: what RankMe and LiDAR have in common.
inline double entropy_rank(spectrum_view values, double epsilon) {
  double const most = detail::largest(values);
  if (!(most > 0)) return most;
  double const total = detail::sum_of_shares(values, most, [](double x) { return x; });
  return std::exp(-detail::sum_of_shares(values, most, [&](double x) {
    double const p = x / total + epsilon;
    return p > 0 ? p * std::log(p) : 0;
  }));
}

}  // namespace detail

/// sum s^2 / max s^2 of singular values: ||M||_F^2 / ||M||_2^2 (Richemond et al. 2023, section 5).
///
/// Between 1 and their number: 1 at rank one, all of them for a multiple of an orthogonal matrix. 0 for none or zeros.
/// Example: stable_rank(std::vector{2.0, 1.0, 1.0}) is 1.5
inline double stable_rank(spectrum_view singular_values) {
  double const most = detail::largest(singular_values);
  return most > 0 ? detail::sum_of_shares(singular_values, most, [](double x) { return x * x; }) : most;
}

/// RankMe: exp(-sum p log p), p = s / sum s + epsilon, of the singular values of Z (Garrido et al. 2023, epsilon 1e-7).
///
/// Between 1 and min(b, f), beyond by what epsilon adds: 1.6e-6 a value. It has no healthy value of its own: of two runs
/// on one data set the higher has usually learnt more; towards 1 the latents collapse to a line. 0 for none or zeros.
/// Example: effective_rank(std::vector{1.0, 1.0, 0.0}, 0) is 2
inline double effective_rank(spectrum_view singular_values, double epsilon = 1e-7) {
  return detail::entropy_rank(singular_values, epsilon);
}

/// (sum l)^2 / sum l^2 of the eigenvalues of a covariance: the number of directions that share its trace.
///
/// Between 1 and their number; more lenient to a tail than RankMe. 0 for none or zeros.
/// Example: participation_ratio(std::vector{1.0, 1.0, 0.0}) is 2
inline double participation_ratio(spectrum_view eigenvalues) {
  double const most = detail::largest(eigenvalues);
  if (!(most > 0)) return most;
  double const sum = detail::sum_of_shares(eigenvalues, most, [](double x) { return x; });
  return sum * sum / detail::sum_of_shares(eigenvalues, most, [](double x) { return x * x; });
}

/// Which eigenvalues alpha_req fits: by rank, the largest being 1, and above `least` times the largest.
struct power_law_range {
  std::size_t first = 1;
  std::size_t last = std::numeric_limits<std::size_t>::max();
  double least = 1e-6;  ///< below lies rounding: of eigenvalues in float about f 1e-7
};

/// alpha of the power law l_i ~ i^-alpha: minus the slope of log l_i on log i by least squares, over the eigenvalues of a
/// covariance (alpha-ReQ, Agrawal et al. 2022).
///
/// Near 1 is healthy; near 0 every direction counts alike, noise included; far above 1 a few directions carry all. The
/// head of a spectrum is seldom a power law: give the range that you compare. Infinity where one value is left to fit
/// (rank one), NaN where none is. Errors: domain_error for first = 0 or last < first.
/// Example: alpha_req(std::vector{1.0, 0.5, 1.0 / 3}) is 1
inline double alpha_req(spectrum_view eigenvalues, power_law_range const& range = {}) {
  if (range.first == 0 || range.last < range.first || !(range.least >= 0))
    throw domain_error(selfpred::detail::complaint("alpha_req", "the range",
                                                   std::to_string(range.first) + " to " + std::to_string(range.last),
                                                   "first from 1, last from first and least from 0"));
  double const most = detail::largest(eigenvalues);
  if (!(most > 0)) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> const l = detail::ascending(eigenvalues);
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = range.first; i <= selfpred::detail::min(range.last, l.size()); ++i) {
    double const share = l[l.size() - i] / most;
    if (!(share > range.least)) break;
    double const u = std::log(static_cast<double>(i)), v = std::log(share);
    n += 1, x += u, y += v, xx += u * u, xy += u * v;
  }
  if (n < 2) return n == 1 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  return -(n * xy - x * y) / (n * xx - x * x);
}

/// The quantiles at `at`, each in [0, 1], of the values divided by the largest, between neighbours linear: the spread of a
/// spectrum over [0, 1] in a few numbers (Richemond et al. 2023 plot those of S). Zeros for zeros.
///
/// Errors: domain_error for no values or an `at` outside [0, 1].
/// Example: quantiles(std::vector{0.0, 1.0, 4.0}, {0.5}) is {0.25}
inline std::vector<double> quantiles(spectrum_view values, spectrum_view at) {
  if (values.empty()) throw domain_error("quantiles: there are no values, expected at least one");
  for (double const q : at)
    if (!(q >= 0 && q <= 1))
      throw domain_error(selfpred::detail::complaint("quantiles", "a quantile", std::to_string(q), "in [0, 1]"));
  double const most = detail::largest(values);
  std::vector<double> result(at.size());
  if (!(most > 0)) {  // 0 or NaN
    for (double& r : result) r = most;
    return result;
  }
  std::vector<double> const sorted = detail::ascending(values);
  auto const share = [&](std::size_t i) { return selfpred::detail::max(sorted[i], 0.0) / most; };
  for (std::size_t k = 0; k < at.size(); ++k) {
    double const place = at[k] * static_cast<double>(sorted.size() - 1), below = std::floor(place);
    auto const i = static_cast<std::size_t>(below), next = selfpred::detail::min(i + 1, sorted.size() - 1);
    result[k] = share(i) + (place - below) * (share(next) - share(i));
  }
  return result;
}
/// With the quantiles written out; the quartiles by default.
inline std::vector<double> quantiles(spectrum_view values, std::initializer_list<double> at = {0.25, 0.5, 0.75}) {
  return diagnostics::quantiles(values, spectrum_view(at.begin(), at.size()));
}

}  // namespace selfpred::diagnostics
