// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The linear regression predictor: P = (S + damping trace(S)/f I)^-1 X (Grill et al. 2020, LRP; with damping 0 it is
/// (Z^T Z)^-1 Z^T Z', the minimiser of ||Z P - Z'||_F).
///
/// damping regularises the solve; the paper's ridge alpha is added to P by the pipeline and helps no singular S. With
/// fewer samples than f (2 b of two views) S is singular and needs damping > 0. Up to f samples the fit is exact and the
/// gradient vanishes, which status() says.
/// Shapes: S, X and P are f x f. Errors: domain_error for damping < 0, and (hosts) for a pivot that failed.
/// Cost: a Cholesky factorisation and f right-hand sides, 7/3 f^3; no synchronisation where scalars are handles.
/// Example: make_objective<Eigen::MatrixXf>(linear_regression{.damping = 1e-3})
struct linear_regression {
  double damping = 0;
  static constexpr bool reads_cross_covariance = true;

  void check() const { detail::expect_at_least("linear_regression", "damping", damping, 0); }
  moment_options moments() const { return {}; }

  template <matrix_with_solve M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    M& a = work.get(0, p, shape_of(p));
    damped(c, work, a);
    copy(c.x, p);
    scalar_t<M> const pivot = spd_solve(a, p);
    if (c.x_scale != c.s_scale) axpby(c.x_scale / c.s_scale, p, 0.0, p);
    if constexpr (detail::reads_scalars_freely<M>) {
      index const f = shape_of(p).rows();
      if (!(pivot > 0) || (damping == 0 && c.samples < f))
        throw domain_error(detail::complaint(
            "linear_regression",
            "the smallest pivot of S, with b = " + std::to_string(c.rows) + " and f = " + std::to_string(f),
            std::to_string(pivot), "above 0 and f samples or more, or damping above " + std::to_string(damping)));
    }
  }
  /// ||(S + damping trace(S)/f I) P - X||_F / ||X||_F.
  template <matrix_with_solve M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    M& a = work.get(0, p, shape_of(p));
    damped(c, work, a);
    return detail::regression_residual(c, a, p, work.get(2, p, shape_of(p)));
  }
  template <matrix_with_solve M>
  std::string caution(covariances<M> const& c, workspace<M>&) const {
    index const f = shape_of(c.s).rows();
    if (c.samples > f) return {};
    return detail::complaint(
        "linear_regression", "the number of samples", std::to_string(c.samples),
        "above f = " + std::to_string(f) + ": up to it the fit is exact and the gradient vanishes");
  }

 private:
  template <matrix M>
  void damped(covariances<M> const& c, workspace<M>& work, M& a) const {
    copy(c.s, a);
    if (damping == 0) return;
    M& identity = work.get(1, a, shape_of(a));
    axpby(0.0, c.s, 0.0, identity);
    add_diagonal(1.0, identity);
    scalar_t<M> const trace = dot(c.s, identity);
    add_diagonal(trace * scalar_t<M>(damping / static_cast<double>(shape_of(a).rows())), a);
  }
};

}  // namespace selfpred
