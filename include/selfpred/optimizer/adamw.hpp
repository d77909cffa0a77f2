// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/optimizer/rule.hpp>

namespace selfpred {

/// Adam with decoupled weight decay, for step t = 1, 2, ...: m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2,
/// w <- (1 - rate weight_decay) w - rate m_hat / (sqrt(v_hat) + epsilon), m_hat = m / (1 - beta1^t), v_hat alike.
///
/// Source: Loshchilov & Hutter 2019, algorithm 2, as torch.optim.AdamW scales the decay (by rate). Ranges: rate and
/// weight_decay at least 0, betas in [0, 1), epsilon above 0. Where the compiler must keep errno (gcc's default), sqrt is
/// not vectorised: -fno-math-errno helps.
/// Example: fused_update{adamw{.rate = 1e-3}, model}
struct adamw {
  double rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;

  static constexpr std::size_t moments = 2;
  void check() const {
    detail::expect_within("adamw", "rate", rate, 0, detail::no_limit);
    detail::expect_within("adamw", "beta1", beta1, 0, 1);
    detail::expect_within("adamw", "beta2", beta2, 0, 1);
    detail::expect_within("adamw", "epsilon", epsilon, std::numeric_limits<double>::min(), detail::no_limit);
    detail::expect_within("adamw", "weight_decay", weight_decay, 0, detail::no_limit);
  }
  template <class S>
  auto element(std::int64_t step) const {
    double const t = static_cast<double>(step + 1);
    double const bias1 = 1 - std::pow(beta1, t), bias2 = 1 - std::pow(beta2, t);
    return
        [keep = static_cast<S>(1 - rate * weight_decay), eta = static_cast<S>(rate / bias1),
         scale = static_cast<S>(1 / std::sqrt(bias2)), new1 = static_cast<S>(1 - beta1), old2 = static_cast<S>(beta2),
         new2 = static_cast<S>(1 - beta2), eps = static_cast<S>(epsilon)](S& w, S g, S& m, S& v) {
          m += new1 * (g - m);
          v = old2 * v + new2 * (g * g);
          w = keep * w - eta * m / (std::sqrt(v) * scale + eps);
        };
  }
};

}  // namespace selfpred
