// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/norms.hpp>

namespace selfpred::linalg {

/// What n coupled Newton-Schulz steps leave: a -> (s / norm)^(1/2), and b -> (s / norm)^(-1/2) if it was asked for.
template <matrix M>
struct newton_schulz_pair {
  M& a;
  M& b;
  scalar_t<M> norm;  ///< ||s||_F
};

/// The coupled Newton-Schulz iteration on a symmetric positive semidefinite s (Richemond et al. 2023, Proposition 6;
/// Higham 2008, equation 6.35): A_0 = s / ||s||_F, B_0 = I; T = (3 I - B A) / 2; A <- A T; B <- T B.
///
/// The number of steps is part of the result: it is a soft spectral filter with slope 1.5^n at 0, which eigenvalues below
/// about 1.5^(-2n) ||s||_F have not yet left. All iterates are polynomials in s, so every product is symmetric. s = 0
/// gives a = 0. Uses slots 0 to 3 of the workspace. Cost: 3 n - 3 products f^3 (B_0 = I makes two of them trivial, and
/// the last B is made on request only), one reduction, no synchronisation.
template <matrix M>
newton_schulz_pair<M> newton_schulz(M const& s, int iterations, workspace<M>& work, bool needs_b = false) {
  shape const ff = shape_of(s);
  M *a = &work.get(0, s, ff), *b = &work.get(1, s, ff), *t = &work.get(2, s, ff), *next = &work.get(3, s, ff);
  scalar_t<M> const norm = linalg::frobenius_norm(s);
  axpby(reciprocal(norm), s, 0.0, *a);
  for (int k = 0; k < iterations; ++k) {
    if (k == 0)
      axpby(-0.5, *a, 0.0, *t);
    else
      gemm_symmetric(-0.5, *b, op::none, *a, op::none, 0.0, *t);
    add_diagonal(1.5, *t);
    gemm_symmetric(1.0, *a, op::none, *t, op::none, 0.0, *next);
    std::swap(a, next);
    if (k == 0)
      std::swap(b, t);
    else if (needs_b || k + 1 < iterations) {
      gemm_symmetric(1.0, *t, op::none, *b, op::none, 0.0, *next);
      std::swap(b, next);
    }
  }
  if (iterations == 0 && needs_b) {
    axpby(0.0, *a, 0.0, *b);
    add_diagonal(1.0, *b);
  }
  return {*a, *b, norm};
}

}  // namespace selfpred::linalg
