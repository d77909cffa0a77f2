// expect: the target of a loss must be stopped: write prediction_loss\(q, selfpred::stop_gradient\(target\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/loss.hpp>

void loss(Eigen::MatrixXf const& q, Eigen::MatrixXf const& t, Eigen::MatrixXf& gradient) {
  selfpred::workspace<Eigen::MatrixXf> work;
#ifdef CONTROL
  selfpred::prediction_loss(q, selfpred::stop_gradient(t), gradient, work);
#else
  selfpred::prediction_loss(q, t, gradient, work);
#endif
}
