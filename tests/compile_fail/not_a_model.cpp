// expect: this type is neither a tensor \(selfpred::tensor_traits\) nor a model
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

struct network {
  Eigen::MatrixXf w;
};
#ifdef CONTROL
auto parameters(network& n) { return std::tie(n.w); }
#endif

void train(network const& online) { selfpred::ema_target target{online, selfpred::constant_momentum{}}; }
