// expect: z1 and z2 must be stored tensors. A lazy expression needs .eval\(\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

void step(Eigen::MatrixXf const& z, Eigen::MatrixXf const& t) {
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::direct_copy{});
  auto const target = selfpred::stop_gradient(t);
#ifdef CONTROL
  objective.step((2 * z).eval(), z, target, target);
#else
  objective.step(2 * z, z, target, target);
#endif
}
