// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

namespace support {

template <class S>
using matrix_of = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class S>
using row_of = Eigen::Matrix<S, 1, Eigen::Dynamic, Eigen::RowMajor>;
using matrix = matrix_of<float>;
using Eigen::Index;

/// A batch is cut into a fixed number of lanes, whatever the number of threads. Sums are taken within a lane and then
/// in the order of the lanes, so results do not depend on how many threads there were.
inline constexpr int lanes = 8;

/// Calls work(lane, first, last) for every lane of n samples, in parallel where OpenMP is there. It must not throw.
template <class Work>
void each_lane(Index n, Work&& work) {
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (int lane = 0; lane < lanes; ++lane) work(lane, n * lane / lanes, n * (lane + 1) / lanes);
}

}  // namespace support
