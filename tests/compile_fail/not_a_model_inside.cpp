// expect: this type is neither a tensor \(selfpred::tensor_traits\) nor a model: write a free function parameters\(model\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

struct layer {
  Eigen::MatrixXf w;
};
#ifdef CONTROL
auto parameters(layer& l) { return std::tie(l.w); }
#endif
struct network {
  std::vector<layer> layers;
};
auto parameters(network& n) { return std::tie(n.layers); }

void train(network const& online) {
  selfpred::ema_target target{online, selfpred::constant_momentum{}};
  target.update(online);
}
