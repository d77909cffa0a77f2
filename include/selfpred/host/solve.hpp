// SPDX-License-Identifier: MIT
// Symmetric positive definite solves in host memory for float and double, by Eigen's Cholesky.
#pragma once
#include <Eigen/Cholesky>
#include <selfpred/host/engine.hpp>

namespace selfpred::detail {

template <class S>
struct eigen_solver {
  using matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
  using view = Eigen::Map<matrix, 0, Eigen::OuterStride<>>;

  /// y <- x^-1 y; x is destroyed. Returns the smallest pivot of the factorisation, 0 where it failed.
  static double spd_solve(matrix_view<S> x, matrix_view<S> y) {
    index const n = x.rows();
    if (n == 0) return std::numeric_limits<double>::infinity();
    // The factor is formed in place; x is symmetric, so a row-major x is its own transpose.
    if (!eigen_products<S>::by_columns(x)) x = x.transposed();
    matrix_view<S> const l = eigen_products<S>::by_columns(x) ? x : eigen_products<S>::template packed<2>(x);
    view factor(l.data, n, n, Eigen::OuterStride<>(eigen_products<S>::leading(l)));
    if (Eigen::internal::llt_inplace<S, Eigen::Lower>::blocked(factor) != -1) return 0;
    matrix_view<S> const z = eigen_products<S>::by_columns(y) ? y : eigen_products<S>::template packed<3>(y);
    view right(z.data, n, z.cols(), Eigen::OuterStride<>(eigen_products<S>::leading(z)));
    factor.template triangularView<Eigen::Lower>().solveInPlace(right);
    factor.template triangularView<Eigen::Lower>().adjoint().solveInPlace(right);
    if (z.data != y.data) host_operations<S>::copy(z, y);
    double const d = static_cast<double>(factor.diagonal().minCoeff());
    return factor.diagonal().allFinite() ? d * d : 0;  // the test of a pivot lets NaN pass
  }
};

template <>
struct host_solver<float> : eigen_solver<float> {};
template <>
struct host_solver<double> : eigen_solver<double> {};

}  // namespace selfpred::detail
