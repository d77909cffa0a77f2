// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The scale s of the expansion: 1 on sums over rows (the paper's text), 1/rows, or 1/||S||_F, a bound of lambda_max.
enum class neumann_scale { sum, mean, spectral };

/// The Neumann predictor, NE: P = 2 s Z^T Z' - (s Z^T Z)(s Z^T Z') (Richemond et al. 2023, Proposition 3), with Z^T Z =
/// rows S and Z^T Z' = rows X: the first two terms of (s Z^T Z)^-1 = 2 I - s Z^T Z + ..., applied to s Z^T Z'.
///
/// The expansion holds for eigenvalues of s Z^T Z in (0, 2); beyond 2 the factor 2 - lambda turns the direction round,
/// which status() reports. The paper leaves the scale open. Ours: the mean over rows of unit length, whose eigenvalues
/// lie in [0, 1]; P applies to z as it is. Shapes: S, X and P are f x f. A zero S gives 2 s X.
/// Errors: non_finite_error from the pipeline where P overflows (unnormalised latents of 1e30, say).
/// Cost: one product f^3, no synchronisation, no allocation; the products of X with the statistics.
/// Example: make_objective<Eigen::MatrixXf>(neumann{}, {.alpha = 0.15})
struct neumann {
  neumann_scale scale = neumann_scale::mean;
  bool normalise_rows = true;
  static constexpr bool reads_cross_covariance = true;

  void check() const {}
  moment_options moments() const { return {.normalise_rows = normalise_rows}; }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>&, M& p) const {
    scalar_t<M> const s = scale_of(c), sx = s * scalar_t<M>(c.x_scale / c.s_scale);
    axpby(scalar_t<M>(2.0) * sx, c.x, 0.0, p);
    gemm(scalar_t<M>(-1.0) * s * sx, c.s, op::none, c.x, op::none, 1.0, p);
  }
  /// ||S P - X||_F / ||X||_F: how far the expansion is from the regression that it expands.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    return detail::regression_residual(c, c.s, p, work.get(0, p, shape_of(p)));
  }
  template <matrix M>
  std::string caution(covariances<M> const& c, workspace<M>& work) const {
    double const largest = value(scale_of(c)) * value(linalg::spectral_norm(c.s, work));
    if (largest < 2) return {};
    return detail::complaint("neumann", "the largest eigenvalue of s Z^T Z", std::to_string(largest),
                             "below 2: beyond it the expansion turns directions round");
  }

 private:
  /// s in units of the stored c.s: s S = scale_of(c) c.s.
  template <matrix M>
  scalar_t<M> scale_of(covariances<M> const& c) const {
    if (scale == neumann_scale::spectral) return reciprocal(linalg::frobenius_norm(c.s));
    return scalar_t<M>(c.s_scale * (scale == neumann_scale::sum ? static_cast<double>(c.samples) : 1.0));
  }
};

}  // namespace selfpred
