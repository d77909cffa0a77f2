// expect: trainable_linear takes its P as fifth argument
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

void step(Eigen::MatrixXf const& z, Eigen::MatrixXf const& t, Eigen::MatrixXf const& p) {
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::trainable_linear{});
  auto const target = selfpred::stop_gradient(t);
#ifdef CONTROL
  objective.step(z, z, target, target, p);
#else
  objective.step(z, z, target, target), void(p);
#endif
}
