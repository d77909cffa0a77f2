// expect: the two models have a different number of tensors
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/model.hpp>

void pair(Eigen::MatrixXf& a, Eigen::MatrixXf& b) {
  auto const two = std::tie(a, b);
#ifdef CONTROL
  auto const other = std::tie(b, a);
#else
  auto const other = std::tie(b);
#endif
  selfpred::pair_parameters(two, other, [](auto&, auto&) {});
}
