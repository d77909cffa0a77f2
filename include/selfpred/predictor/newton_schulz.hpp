// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/newton_schulz.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The Newton-Schulz predictor: P = sqrt(||S||_F) A_n, A_n from n coupled steps on S, which tends to S^(1/2) (Richemond
/// et al. 2023, Proposition 6; the paper's n is 9).
///
/// The finite n is part of its meaning: P is a spectral filter that treats eigenvalues below 1.5^(-2n) ||S||_F linearly,
/// and an exact root is another predictor. Shapes: S and P are f x f. S = 0 gives P = 0. Right for latents of any scale
/// whose P is representable. Errors: domain_error for iterations < 0.
/// Cost: 3 n - 3 products f^3, no allocation after the first call, no synchronisation.
/// Example: make_objective<Eigen::MatrixXf>(newton_schulz{.iterations = 9}, {.alpha = 0.3})
struct newton_schulz {
  int iterations = 9;
  static constexpr bool reads_cross_covariance = false;

  void check() const { detail::expect_at_least("newton_schulz", "iterations", iterations, 0); }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    auto const r = linalg::newton_schulz(c.s, iterations, work);
    axpby(square_root(r.norm) * scalar_t<M>(std::sqrt(c.s_scale)), r.a, 0.0, p);
  }
  /// ||P^2 - S||_F / ||S||_F: the distance from the exact root, not an error of the rule.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    M &r = work.get(0, p, shape_of(p)), &root = work.get(1, p, shape_of(p));
    axpby(1 / std::sqrt(c.s_scale), p, 0.0, root);
    copy(c.s, r);
    gemm_symmetric(1.0, root, op::none, root, op::none, -1.0, r);
    return linalg::frobenius_norm(r) * reciprocal(linalg::frobenius_norm(c.s));
  }
};

}  // namespace selfpred
