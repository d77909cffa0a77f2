// expect: averaging an integral parameter has no meaning; list it in buffers\(model\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

struct network {
  Eigen::MatrixXf w;
  long batches = 0;
};
#ifdef CONTROL
auto parameters(network& n) { return std::tie(n.w); }
auto buffers(network& n) { return std::tie(n.batches); }
#else
auto parameters(network& n) { return std::tie(n.w, n.batches); }
#endif

void train(network const& online) {
  selfpred::ema_target target{online, selfpred::constant_momentum{}, selfpred::buffer_policy::copy};
  target.update(online);
}
