// expect: this rule does not work on this tensor: it needs a capability that the tensor lacks
// SPDX-License-Identifier: MIT
// linear_regression needs a solve, which the opaque tensor has not.
#include <selfpred/selfpred.hpp>

#include "support/opaque.hpp"

void train() {
#ifdef CONTROL
  auto objective = selfpred::make_objective<far::remote>(selfpred::newton_schulz{});
#else
  auto objective = selfpred::make_objective<far::remote>(selfpred::linear_regression{});
#endif
  (void)objective.step();
}
