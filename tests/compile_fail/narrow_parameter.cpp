// expect: averaging in a narrow type loses every small update; keep the average in float
// SPDX-License-Identifier: MIT
#include <Eigen/Core>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

#ifdef CONTROL
using scalar = float;
#else
using scalar = Eigen::half;
#endif
using matrix = Eigen::Matrix<scalar, Eigen::Dynamic, Eigen::Dynamic>;

void train(matrix const& online) {
  selfpred::ema_target target{online, selfpred::constant_momentum{}};
  target.update(online);
}
