// expect: this model has buffers; name what becomes of them
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

struct network {
  Eigen::MatrixXf w, mean;
};
auto parameters(network& n) { return std::tie(n.w); }
auto buffers(network& n) { return std::tie(n.mean); }

void train(network const& online) {
#ifdef CONTROL
  selfpred::ema_target target{online, selfpred::constant_momentum{}, selfpred::buffer_policy::copy};
#else
  selfpred::ema_target target{online, selfpred::constant_momentum{}};
#endif
  target.update(online);
}
