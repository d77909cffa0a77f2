// expect: A lazy expression needs .eval\(\)
// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/stop_gradient.hpp>

void stop(Eigen::MatrixXf const& x) {
#ifdef CONTROL
  auto const s = selfpred::stop_gradient((x * x).eval());
  (void)s;
#else
  selfpred::stop_gradient(x * x);
#endif
}
