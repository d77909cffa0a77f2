// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/workspace.hpp>
#include <vector>

namespace selfpred::linalg {

/// ||x||_F = sqrt(sum x_ij^2). One reduction, no synchronisation.
template <tensor M>
scalar_t<M> frobenius_norm(M const& x) {
  return square_root(dot(x, x));
}

/// An estimate of ||x||_2, from below, by power iteration on x^T x from a fixed start.
///
/// Relative error about (sigma_2 / sigma_1)^(4 k) / 2 after k iterations where the two leading singular values are
/// apart; where they are not, any combination of their vectors is as good. Cost: 2 k products with a column, 3 k
/// reductions, no synchronisation; the start vector is sent once a call. 0 for a zero matrix.
template <matrix M>
scalar_t<M> spectral_norm(M const& x, workspace<M>& work, int iterations = 40) {
  shape const s = shape_of(x);
  M &v = work.get(0, x, s.cols(), 1), &u = work.get(1, x, s.rows(), 1);
  // Fixed, dense, and with no symmetry that a structured matrix could be orthogonal to.
  static thread_local std::vector<double> start;  // grows once: a step in steady state allocates nothing
  start.resize(static_cast<std::size_t>(s.cols()));
  for (std::size_t i = 0; i < start.size(); ++i) start[i] = 1 + 0.5 * std::sin(1.0 + 2.3 * static_cast<double>(i));
  copy_in(start, v);
  axpby(reciprocal(linalg::frobenius_norm(v)), v, 0.0, v);
  scalar_t<M> norm(0.0);
  for (int k = 0; k < iterations; ++k) {
    gemm(1.0, x, op::none, v, op::none, 0.0, u);
    norm = linalg::frobenius_norm(u);
    axpby(reciprocal(norm), u, 0.0, u);
    gemm(1.0, x, op::transpose, u, op::none, 0.0, v);
    norm = linalg::frobenius_norm(v);
    axpby(reciprocal(norm), v, 0.0, v);
  }
  return norm;
}

}  // namespace selfpred::linalg
