// SPDX-License-Identifier: MIT
#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>

namespace selfpred {

/// BYOL's schedule: tau(k) = 1 - (1 - base) (cos(pi k / steps) + 1) / 2, k counted from 0 and before the increment.
///
/// Source: Grill et al. 2020, section 3.2, and BYOL's public code. The ends are exact: tau(0) = base, and tau(k) = 1 from
/// k = steps on, where the target stands still. base in [0, 1]; 0.99 for 100 and 300 epochs, 0.996 for 1000.
/// Example: cosine_momentum{.base = 0.99, .steps = 10'000}
struct cosine_momentum {
  double base = 0.99;
  std::int64_t steps = 1;
  double operator()(std::int64_t k) const {
    if (k <= 0) return steps > 0 ? base : 1;
    if (k >= steps) return 1;
    return 1 - (1 - base) * (std::cos(std::numbers::pi * static_cast<double>(k) / static_cast<double>(steps)) + 1) / 2;
  }
};

}  // namespace selfpred
