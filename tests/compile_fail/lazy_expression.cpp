// expect: tensor_traits<.*Product<|tensor<X>. \[with X = Eigen::Product|does not satisfy .tensor.
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>

void add(Eigen::MatrixXf const& x, Eigen::MatrixXf& y) {
#ifdef CONTROL
  selfpred::axpby(1.0, (x * x).eval(), 1.0, y);
#else
  selfpred::axpby(1.0, x * x, 1.0, y);
#endif
}
