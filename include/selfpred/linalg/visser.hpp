// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/norms.hpp>

namespace selfpred::linalg {

/// Visser's iteration on a = scale * s, symmetric positive semidefinite: P_0 = I / (2 step), P <- P + step (a - P^2)
/// (Richemond et al. 2023, Proposition 5). It converges to a^(1/2) iff step sqrt(lambda_max(a)) < 1: with
/// Y = I - 2 step P it is Y <- (Y^2 + I - 4 step^2 a) / 2 from Y = 0.
///
/// Returns a tensor of the workspace, slots 0 to 2. step = 0 (of a zero matrix) gives 0. Cost: n products P^T P.
template <matrix M>
M const& visser(M const& s, scalar_t<M> const& scale, scalar_t<M> const& step, int iterations, workspace<M>& work) {
  shape const ff = shape_of(s);
  M &driven = work.get(0, s, ff), *p = &work.get(1, s, ff), *next = &work.get(2, s, ff);
  axpby(step * scale, s, 0.0, driven);
  axpby(0.0, s, 0.0, *p);
  add_diagonal(reciprocal(step) * scalar_t<M>(0.5), *p);
  scalar_t<M> const minus = step * scalar_t<M>(-1.0);
  for (int k = 0; k < iterations; ++k) {
    copy(*p, *next);
    axpby(1.0, driven, 1.0, *next);
    gemm_symmetric(minus, *p, op::transpose, *p, op::none, 1.0, *next);  // P is symmetric: its square is a Gram matrix
    std::swap(p, next);
  }
  return *p;
}

}  // namespace selfpred::linalg
