// SPDX-License-Identifier: MIT
// Karras et al. 2024 (EDM2): averages whose profile over training time t is the power t^gamma, at every moment of it.
#pragma once
#include <selfpred/schedule/math.hpp>
#include <selfpred/schedule/schedule.hpp>
#include <string>

namespace selfpred {

/// The relative standard deviation of the profile t^gamma: sigma^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)).
constexpr double power_sigma(double gamma) {
  return detail::newton_root((gamma + 1) / ((gamma + 2) * (gamma + 2) * (gamma + 3)));
}

/// gamma of a relative standard deviation: the largest real root of g^3 + 7 g^2 + (16 - u) g + 12 - u with u = sigma^-2.
/// Range: (0, 12^-1/2], where gamma >= 0; domain_error outside.
constexpr double power_gamma(double sigma) {
  if (!(sigma > 0 && sigma * sigma <= 1.0 / 12 + 1e-12))
    throw domain_error(detail::complaint("power_gamma", "sigma", std::to_string(sigma), "in (0, 0.288675]"));
  double const u = 1 / (sigma * sigma);
  double g = 1 / sigma;  // above the root, where the cubic is convex: Newton descends to it
  for (int i = 0; i < 100; ++i) {
    double const next = g - (((g + 7) * g + 16 - u) * g + 12 - u) / ((3 * g + 14) * g + 16 - u);
    if (!(next < g)) break;
    g = next;
  }
  return g > 0 ? g : 0;
}

/// tau(k) = (1 - 1 / (k + 1))^(gamma + 1) = (k / (k + 1))^(gamma + 1): t is measured at the end of the update. The first
/// update copies; gamma = 0 weighs all networks equally. The batch size cancels where it is constant.
///
/// Source: Karras et al. 2024, section 3.1; EDM2, training/phema.py, power_function_beta.
/// Example: power_momentum::of_sigma(0.05)
struct power_momentum {
  double gamma = 6.94;
  static constexpr power_momentum of_sigma(double sigma) { return {power_gamma(sigma)}; }
  constexpr double operator()(std::int64_t k) const { return product(k, k); }
  /// A power profile telescopes: any interval keeps the weight that its single steps would have.
  constexpr double product(std::int64_t first, std::int64_t last) const {
    if (last < first) return 1;
    if (first <= 0) return 0;
    return detail::exp2((gamma + 1) * detail::log2_ratio(static_cast<double>(first), static_cast<double>(last) + 1));
  }
};

}  // namespace selfpred
