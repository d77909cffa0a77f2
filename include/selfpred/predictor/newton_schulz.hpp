// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/newton_schulz.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The Newton-Schulz predictor: P = sqrt(||S||_F) A_n, A_n from n coupled steps on S, which tends to S^(1/2) (Richemond
/// et al. 2023, Proposition 6; the paper's n is 9). With stages = 2 it is NS^2, the rule applied to its own result, which
/// tends to S^(1/4) (the paper's n is then 7).
///
/// The finite n is part of its meaning: P is a spectral filter that treats eigenvalues below 1.5^(-2n) ||S||_F linearly,
/// and an exact root is another predictor. Shapes: S and P are f x f. S = 0 gives P = 0. Right for latents of any scale
/// whose P is representable. Errors: domain_error for iterations < 0 or stages < 1.
/// Cost: stages (3 n - 3) products f^3, no allocation after the first call, no synchronisation.
/// Example: make_objective<Eigen::MatrixXf>(newton_schulz{.iterations = 7, .stages = 2}, {.alpha = 0.3})
struct newton_schulz {
  int iterations = 9;
  int stages = 1;
  static constexpr bool reads_cross_covariance = false;

  void check() const {
    detail::expect_at_least("newton_schulz", "iterations", iterations, 0);
    detail::expect_at_least("newton_schulz", "stages", stages, 1);
  }
  moment_options moments() const { return {}; }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    scalar_t<M> factor(c.s_scale);  // a stage is homogeneous: NS(c A) = sqrt(c) NS(A)
    for (int k = 0; k < stages; ++k) {
      auto const r = linalg::newton_schulz(k == 0 ? c.s : p, iterations, work);
      factor = square_root(factor * r.norm);
      copy(r.a, p);
    }
    axpby(factor, p, 0.0, p);
  }
  /// ||P^(2^stages) - S||_F / ||S||_F: the distance from the exact root, not an error of the rule.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    return detail::root_residual(c, stages, work, p);
  }
  template <matrix M>
  std::string caution(covariances<M> const&, workspace<M>&) const {
    return {};
  }
};

}  // namespace selfpred
