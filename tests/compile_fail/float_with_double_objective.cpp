// expect: the element types differ from the objective's
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

void step(Eigen::MatrixXf const& z, Eigen::MatrixXd const& t) {
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::newton_schulz{});
#ifdef CONTROL
  auto const target = t.cast<float>().eval();
#else
  auto const& target = t;
#endif
  objective.step(z, z, selfpred::stop_gradient(target), selfpred::stop_gradient(target));
}
