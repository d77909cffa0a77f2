// expect: same_as<.*host_operations<(float|double)>
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>

void add(Eigen::MatrixXf const& x, Eigen::MatrixXd const& wide, Eigen::MatrixXf& y) {
#ifdef CONTROL
  selfpred::axpby(1.0, wide.cast<float>().eval(), 1.0, y);
#else
  selfpred::axpby(1.0, wide, 1.0, y);
#endif
  selfpred::copy(x, y);
}
