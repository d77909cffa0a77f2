// SPDX-License-Identifier: MIT
// Symmetric eigendecompositions in host memory for float and double, by Eigen. Apart, for it costs seconds to compile.
#pragma once
#include <Eigen/Eigenvalues>
#include <selfpred/host/engine.hpp>

namespace selfpred::detail {

template <class S>
struct eigen_eigensolver {
  using matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

  static matrix dense(matrix_view<S const> x) {
    matrix m(x.rows(), x.cols());
    host_operations<S>::copy(x, view_column_major(m.data(), m.rows(), m.cols()));
    return m;
  }
  static Eigen::SelfAdjointEigenSolver<matrix> decompose(matrix_view<S const> x, int what) {
    Eigen::SelfAdjointEigenSolver<matrix> e(dense(x), what);
    if (e.info() != Eigen::Success)
      throw non_finite_error(complaint("eigh", "x", "a matrix whose eigenvalues do not converge", "finite values"));
    return e;
  }
  static void eigh_power(matrix_view<S const> x, double power, matrix_view<S> y);
  static void eigenvalues(matrix_view<S const> x, std::span<double> w);
};

template <class S>
void eigen_eigensolver<S>::eigh_power(matrix_view<S const> x, double power, matrix_view<S> y) {
  if (x.rows() == 0) return;
  auto const e = decompose(x, Eigen::ComputeEigenvectors);
  auto const scale = e.eigenvalues().cwiseMax(S(0)).array().pow(static_cast<S>(power)).matrix();
  matrix const r = e.eigenvectors() * scale.asDiagonal() * e.eigenvectors().transpose();
  host_operations<S>::copy(view_column_major(r.data(), r.rows(), r.cols()), y);
}

template <class S>
void eigen_eigensolver<S>::eigenvalues(matrix_view<S const> x, std::span<double> w) {
  if (x.rows() == 0) return;
  auto const e = decompose(x, Eigen::EigenvaluesOnly);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<double>(e.eigenvalues()[static_cast<index>(i)]);
}

template <>
struct host_eigensolver<float> : eigen_eigensolver<float> {};
template <>
struct host_eigensolver<double> : eigen_eigensolver<double> {};

}  // namespace selfpred::detail
