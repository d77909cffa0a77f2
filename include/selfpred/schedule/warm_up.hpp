// SPDX-License-Identifier: MIT
// Averages that begin short and grow long. k counts updates from 0; start_after{n, ...} puts a start later.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/schedule/math.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

/// tau(k) = clamp(1 - (1 + k / gamma)^-power, least, most); tau(0) = 0 copies, whatever least is.
///
/// Source: ema-pytorch, timm's ModelEmaV3, diffusers (use_ema_warmup), k-diffusion's EMAWarmup. power 2/3 for runs of up
/// to a million steps, 3/4 for shorter ones; power 1 with gamma 1 weighs all networks equally until `most` is reached.
struct inverse_gamma_momentum {
  double gamma = 1, power = 2.0 / 3, least = 0, most = 0.9999;
  constexpr double operator()(std::int64_t k) const {
    if (k <= 0) return 0;
    double const ratio = detail::log2_ratio(gamma, gamma + static_cast<double>(k));
    return detail::clamp(1 - detail::exp2(power * ratio), least, most);
  }
};

/// tau(k) = min(most, (1 + k) / (offset + k)).
///
/// Source: diffusers, Marian and TensorFlow's ExponentialMovingAverage(num_updates), with offset 10: tau(0) = 0.1.
struct ratio_ramp_momentum {
  double most = 0.9999, offset = 10;
  constexpr double operator()(std::int64_t k) const {
    double const n = static_cast<double>(detail::max<std::int64_t>(k, 0));
    return detail::min(most, (1 + n) / (offset + n));
  }
};

/// tau(k) = 1 - max(least, gamma / (gamma + k)): tau(0) = 0 copies.
///
/// Source: mmengine's MomentumAnnealingEMA, whose momentum is 1 - tau: least 2e-4, gamma 100.
struct annealing_momentum {
  double least = 2e-4, gamma = 100;
  constexpr double operator()(std::int64_t k) const {
    double const n = static_cast<double>(detail::max<std::int64_t>(k, 0));
    return n == 0 ? 0 : detail::min(1 - least, n / (gamma + n));
  }
};

/// tau = 2^(-batch / half_life), both in images (or updates, with batch = 1); where ramp > 0, half_life is at most ramp
/// times the images seen, this batch included.
///
/// Source: EDM2, training/phema.py (traditional EMA, ramp 0.09); torchtitan's half-life fraction is of_training(0.05, n).
struct half_life_momentum {
  double half_life = 1, batch = 1, ramp = 0;
  static constexpr half_life_momentum of_training(double fraction, std::int64_t updates) {
    return {.half_life = fraction * static_cast<double>(updates)};
  }
  constexpr double operator()(std::int64_t k) const {
    double const seen = batch * static_cast<double>(detail::max<std::int64_t>(k, 0) + 1);
    double const h = ramp > 0 ? detail::min(half_life, ramp * seen) : half_life;
    return h > 0 ? detail::exp2(-batch / h) : 0;
  }
};

}  // namespace selfpred
