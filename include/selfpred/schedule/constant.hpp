// SPDX-License-Identifier: MIT
#pragma once
#include <cstdint>

namespace selfpred {

/// tau(k) = tau. Range: [0, 1]; checked where it is used.
struct constant_momentum {
  double tau = 0.99;
  constexpr double operator()(std::int64_t) const { return tau; }
};

}  // namespace selfpred
