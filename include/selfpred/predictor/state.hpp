// SPDX-License-Identifier: MIT
// What must be kept of a predictor to continue a run, in plain numbers.
#pragma once
#include <cmath>
#include <cstdint>
#include <selfpred/view.hpp>
#include <vector>

namespace selfpred {

/// Everything that a predictor remembers, in plain numbers for any serialiser. Exact for float and double tensors.
struct predictor_state {
  std::int64_t step = 0;             ///< steps taken
  std::int64_t refreshes = 0;        ///< of them, those that made a new P
  double momentum_product = 1;       ///< product of rho over the refreshes: P_bar / (1 - product) is unbiased
  index size = 0;                    ///< f
  std::vector<double> average = {};  ///< P_bar, row-major, f x f
  // Of an EMA of statistics; 1 and empty without one.
  double statistics_product = 1;
  std::vector<double> covariance = {}, cross = {};  ///< S_bar and, for a rule that reads it, X_bar; row-major, f x f

  friend bool operator==(predictor_state const&, predictor_state const&) = default;
};

namespace detail {

/// Throws domain_error for a state that no run can have.
inline void expect_possible(predictor_state const& s, bool averages_statistics, bool reads_cross_covariance) {
  auto const refuse = [](char const* what, std::string const& got, std::string const& expected) {
    throw domain_error(complaint("objective.restore", what, got, expected));
  };
  if (s.step < 0 || s.refreshes < 0 || s.refreshes > s.step || (s.step > 0) != (s.refreshes > 0))
    refuse("step, refreshes", std::to_string(s.step) + ", " + std::to_string(s.refreshes),
           "0 <= refreshes <= step, and one at the first step");
  if (!(s.momentum_product >= 0 && s.momentum_product <= 1) || (s.refreshes == 0) != (s.momentum_product == 1))
    refuse("momentum_product", std::to_string(s.momentum_product), "in [0, 1), or 1 before the first refresh");
  if (s.size < 0 || static_cast<std::size_t>(s.size) > s.average.size() + 1 ||
      static_cast<std::size_t>(s.size * s.size) != s.average.size() || (s.refreshes > 0) != (s.size > 0))
    refuse("average", std::to_string(s.average.size()) + " values",
           "size * size = " + std::to_string(s.size) + " squared, 0 before a refresh");
  bool const averaged = averages_statistics && s.refreshes > 0;
  if (!(s.statistics_product >= 0 && s.statistics_product <= 1) || averaged == (s.statistics_product == 1))
    refuse("statistics_product", std::to_string(s.statistics_product),
           "in [0, 1) with an EMA of statistics, 1 without");
  auto const expect = [&](char const* what, std::vector<double> const& v, bool there) {
    if (v.size() != (there ? s.average.size() : 0))
      refuse(what, std::to_string(v.size()) + " values", there ? "as many as average" : "none");
  };
  expect("covariance", s.covariance, averaged);
  expect("cross", s.cross, averaged && reads_cross_covariance);
  for (auto const& [what, values] :
       {std::pair{"average", &s.average}, {"covariance", &s.covariance}, {"cross", &s.cross}})
    for (double const v : *values)
      if (!std::isfinite(v)) refuse(what, std::to_string(v), "finite values");
}

}  // namespace detail
}  // namespace selfpred
