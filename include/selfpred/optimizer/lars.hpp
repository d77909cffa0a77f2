// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/optimizer/rule.hpp>

namespace selfpred {

/// Which norm the trust ratio divides by: ||g|| + weight_decay ||w|| (the paper's), or ||g + weight_decay w|| (BYOL's code).
enum class trust_norm { separate, joint };

/// Layer-wise adaptive rates: r = trust ||w|| / (||g|| + weight_decay ||w||) for each tensor, m <- momentum m + rate r
/// (g + weight_decay w), w <- w - m. r = 1 where a norm is 0.
///
/// Source: You, Gitman & Ginsburg 2017, algorithm 1. BYOL (Grill et al. 2020, section 3.3) trains with trust 1e-3,
/// weight_decay 1.5e-6, and leaves biases and scales (adapt_vectors = false: tensors with at most one extent above 1)
/// without ratio and decay. Ranges: rate, weight_decay and trust at least 0, momentum in [0, 1).
/// Example: fused_update{lars{.rate = 0.2}, model}
struct lars {
  double rate = 0.2;
  double momentum = 0.9;
  double weight_decay = 1.5e-6;
  double trust = 1e-3;
  trust_norm norm = trust_norm::separate;
  bool adapt_vectors = false;

  static constexpr std::size_t moments = 1;
  static constexpr bool reads_norms = true;
  void check() const {
    detail::expect_within("lars", "rate", rate, 0, detail::no_limit);
    detail::expect_within("lars", "momentum", momentum, 0, 1);
    detail::expect_within("lars", "weight_decay", weight_decay, 0, detail::no_limit);
    detail::expect_within("lars", "trust", trust, 0, detail::no_limit);
  }
  /// r of a tensor.
  double ratio(leaf_norms const& n) const {
    if (n.vector && !adapt_vectors) return 1;
    double divisor = n.gradient + weight_decay * n.weight;
    if (norm == trust_norm::joint)
      divisor = std::sqrt(std::fmax(0, n.gradient * n.gradient + 2 * weight_decay * n.product +
                                           weight_decay * n.weight * weight_decay * n.weight));
    return n.weight > 0 && divisor > 0 ? trust * n.weight / divisor : 1;
  }
  template <class S>
  auto element(std::int64_t, leaf_norms const& n) const {
    double const decay = n.vector && !adapt_vectors ? 0 : weight_decay;
    return [eta = static_cast<S>(rate * ratio(n)), mu = static_cast<S>(momentum), decay = static_cast<S>(decay)](
               S& w, S g, S& m) {
      m = mu * m + eta * (g + decay * w);
      w -= m;
    };
  }
};

}  // namespace selfpred
