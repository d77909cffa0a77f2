// SPDX-License-Identifier: MIT
// Products of element types without an engine. Those of float and double are declared here and defined by host/engine.hpp,
// host/solve.hpp and host/eigh.hpp: a forgotten header is an error, never a second definition.
#pragma once
#include <selfpred/view.hpp>

namespace selfpred::detail {

/// Of long double, or a user's own.
template <class S>
struct host_products {
  static void gemm(S a, matrix_view<S const> x, matrix_view<S const> y, S b, matrix_view<S> z) {
    for (index i = 0; i < z.rows(); ++i)
      for (index j = 0; j < z.cols(); ++j) {
        S s(0);
        for (index k = 0; k < x.cols(); ++k) s += x(i, k) * y(k, j);
        z(i, j) = b == S(0) ? a * s : a * s + b * z(i, j);
      }
  }
  static void gemm_symmetric(S a, matrix_view<S const> x, matrix_view<S const> y, S b, matrix_view<S> z) {
    gemm(a, x, y, b, z);
  }
};
template <>
struct host_products<float>;
template <>
struct host_products<double>;

template <class S>
struct host_solver;  // host/solve.hpp
template <class S>
struct host_eigensolver;  // host/eigh.hpp

}  // namespace selfpred::detail
