// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/schedule/math.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

/// tau(k) = tau. Range: [0, 1]; checked where it is used.
struct constant_momentum {
  double tau = 0.99;
  constexpr double operator()(std::int64_t) const { return tau; }
  constexpr double product(std::int64_t first, std::int64_t last) const {
    return detail::pow(tau, static_cast<double>(last - first + 1));
  }
};

/// tau(k) = k / (k + 1): every online network so far has the same weight (SWA; torch's AveragedModel). The first update
/// copies.
struct equal_weight_momentum {
  constexpr double operator()(std::int64_t k) const {
    return k <= 0 ? 0 : static_cast<double>(k) / (1.0 + static_cast<double>(k));
  }
  constexpr double product(std::int64_t first, std::int64_t last) const {
    return first <= 0 ? 0 : static_cast<double>(first) / (1.0 + static_cast<double>(last));
  }
};

/// A copy after every `period` steps, at k = period - 1, 2 period - 1, ..., and a standing target between them
/// (DQN's target network; optax's periodic_update).
struct periodic_copy {
  std::int64_t period = 1;
  constexpr double operator()(std::int64_t k) const { return due(k, k).value_or(1); }
  constexpr std::optional<double> due(std::int64_t next, std::int64_t step) const {
    if (period < 1) throw domain_error("periodic_copy: period is below 1, expected at least 1");
    return (step + 1) / period > next / period ? std::optional<double>(0) : std::nullopt;
  }
};

}  // namespace selfpred
