// expect: targets must be stopped: write objective.step\(z1, z2, selfpred::stop_gradient\(target1\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

void step(Eigen::MatrixXf const& z, Eigen::MatrixXf const& t) {
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::newton_schulz{});
#ifdef CONTROL
  objective.step(z, z, selfpred::stop_gradient(t), selfpred::stop_gradient(t));
#else
  objective.step(z, z, t, t);
#endif
}
