// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/schedule/math.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

/// BYOL's schedule: tau(k) = end - (end - base) (cos(pi k / steps) + 1) / 2, k counted from 0 and before the increment.
///
/// Source: Grill et al. 2020, section 3.2, and BYOL's public code, with end = 1; solo-learn and MoCo v3 (by fractional
/// epoch, steps = epochs * steps_per_epoch) compute the same; mmpretrain states 1 - tau, from 0.004 to 0. The ends are
/// exact: tau(0) = base, and tau(k) = end from k = steps on. base and end in [0, 1]; base 0.97 for 40 epochs, 0.99 for
/// 100 and 300, 0.996 for 1000.
/// Example: cosine_momentum{.base = 0.99, .steps = 10'000}
struct cosine_momentum {
  double base = 0.99;
  std::int64_t steps = 1;
  double end = 1;
  constexpr double operator()(std::int64_t k) const {
    if (k >= steps) return end;
    if (k <= 0) return base;
    return end - (end - base) * detail::half_cosine(static_cast<double>(k), static_cast<double>(steps));
  }
};

/// lightly's convention: the divisor is steps - 1, so that the last of `steps` updates is made with tau = end already.
/// Where the cosine counts epochs (stable-pretraining), it is by_epoch{steps_per_epoch, cosine_momentum{base, epochs}}.
struct cosine_momentum_to_last_step {
  double base = 0.99;
  std::int64_t steps = 1;
  double end = 1;
  constexpr double operator()(std::int64_t k) const { return cosine_momentum{base, steps - 1, end}(k); }
};

}  // namespace selfpred
