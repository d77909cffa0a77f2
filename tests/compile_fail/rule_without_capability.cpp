// expect: this rule does not work on this tensor: it needs a capability that the tensor lacks
// SPDX-License-Identifier: MIT
// linear_regression needs a solve, which the remote tensor of the examples has not.
#include <selfpred/selfpred.hpp>

#include "examples/adapters/remote.hpp"

void train() {
#ifdef CONTROL
  auto objective = selfpred::make_objective<remote::tensor>(selfpred::newton_schulz{});
#else
  auto objective = selfpred::make_objective<remote::tensor>(selfpred::linear_regression{});
#endif
  (void)objective.step();
}
