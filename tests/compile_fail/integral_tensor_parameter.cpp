// expect: averaging an integral parameter has no meaning; list it in buffers\(model\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

#ifdef CONTROL
using vector = Eigen::VectorXf;
#else
using vector = Eigen::VectorXi;
#endif

void train(vector const& online) {
  selfpred::ema_target target{online, selfpred::constant_momentum{}};
  target.update(online);
}
