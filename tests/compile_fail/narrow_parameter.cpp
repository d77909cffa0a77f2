// expect: averaging in a narrow type loses every small update; keep the average in float
// SPDX-License-Identifier: MIT
#include <Eigen/Core>
#include <selfpred/adapters/eigen.hpp>

#ifdef CONTROL
using scalar = float;
#else
using scalar = Eigen::half;
#endif
using matrix = Eigen::Matrix<scalar, Eigen::Dynamic, Eigen::Dynamic>;

void average(matrix const& online, matrix& target) { selfpred::lerp(0.01, online, target); }
