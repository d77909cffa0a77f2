// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>
#include <selfpred/optimizer/rule.hpp>

namespace selfpred {

/// Stochastic gradient descent with momentum: d = g + weight_decay w, m <- momentum m + d, w <- w - rate m, or with
/// nesterov w <- w - rate (d + momentum m). m starts at 0.
///
/// Source: Sutskever et al. 2013, equations 1 to 4, as torch.optim.SGD (dampening 0) writes them. Ranges: rate and
/// weight_decay at least 0, momentum in [0, 1). Example: fused_update{sgd{.rate = 0.1, .momentum = 0.9}, model}
struct sgd {
  double rate = 0.1;
  double momentum = 0.9;
  double weight_decay = 0;
  bool nesterov = false;

  static constexpr std::size_t moments = 1;
  void check() const {
    detail::expect_within("sgd", "rate", rate, 0, detail::no_limit);
    detail::expect_within("sgd", "momentum", momentum, 0, 1);
    detail::expect_within("sgd", "weight_decay", weight_decay, 0, detail::no_limit);
  }
  template <class S>
  auto element(std::int64_t) const {
    return [eta = static_cast<S>(rate), mu = static_cast<S>(momentum), decay = static_cast<S>(weight_decay),
            ahead = nesterov](S& w, S g, S& m) {
      S const d = g + decay * w;
      m = mu * m + d;
      w -= eta * (ahead ? d + mu * m : m);
    };
  }
};

}  // namespace selfpred
