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
    if (e.info() != Eigen::Success || !e.eigenvalues().allFinite())  // a 1 x 1 NaN is a success
      throw non_finite_error(complaint("eigh", "x", "a matrix whose eigenvalues do not converge", "finite values"));
    return e;
  }
  static double eigh_power(matrix_view<S const> x, double power, matrix_view<S> y);
  static void eigenvalues(matrix_view<S const> x, std::span<double> w);
  static void eigenvectors(matrix_view<S const> x, std::span<double> w, matrix_view<S> v);

 private:
  template <class V>
  static void read(V const& values, std::span<double> w) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<double>(values[static_cast<index>(i)]);
  }
};

template <class S>
double eigen_eigensolver<S>::eigh_power(matrix_view<S const> x, double power, matrix_view<S> y) {
  if (x.rows() == 0) return 0;
  auto const e = decompose(x, Eigen::ComputeEigenvectors);
  matrix const w = e.eigenvalues().cwiseMax(S(0));
  matrix const scale = w.array().pow(static_cast<S>(power)).matrix();
  matrix const r = e.eigenvectors() * scale.col(0).asDiagonal() * e.eigenvectors().transpose();
  host_operations<S>::copy(view_column_major(r.data(), r.rows(), r.cols()), y);
  return static_cast<double>(w(w.rows() - 1, 0));
}

template <class S>
void eigen_eigensolver<S>::eigenvalues(matrix_view<S const> x, std::span<double> w) {
  if (x.rows() > 0) read(decompose(x, Eigen::EigenvaluesOnly).eigenvalues(), w);
}

template <class S>
void eigen_eigensolver<S>::eigenvectors(matrix_view<S const> x, std::span<double> w, matrix_view<S> v) {
  if (x.rows() == 0) return;
  auto const e = decompose(x, Eigen::ComputeEigenvectors);
  read(e.eigenvalues(), w);
  host_operations<S>::copy(view_column_major(e.eigenvectors().data(), x.rows(), x.cols()), v);
}

template <>
struct host_eigensolver<float> : eigen_eigensolver<float> {};
template <>
struct host_eigensolver<double> : eigen_eigensolver<double> {};

}  // namespace selfpred::detail
