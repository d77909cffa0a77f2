// expect: writable<
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>

void add(Eigen::MatrixXf const& x, float* p) {
#ifdef CONTROL
  Eigen::Map<Eigen::MatrixXf> y(p, x.rows(), x.cols());
#else
  Eigen::Map<Eigen::MatrixXf const> y(p, x.rows(), x.cols());
#endif
  selfpred::axpby(1.0, x, 1.0, y);
}
