// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// A square-root-like rule, evaluated on the eigenvalues of S: P = V h(l) V^T with S = V l V^T and h the rule's own scalar
/// function, in double. The same P as the rule's recursion up to rounding, without what the recursion makes of it: where
/// an eigendecomposition is at hand, or as a check of another evaluation.
///
/// Shapes, options and cautions are the rule's. Errors: the rule's; non_finite_error from the eigensolver. Needs
/// matrix_with_eigh (on hosts: selfpred/host/eigh.hpp). Cost: an eigendecomposition, about 9 f^3, and two products; f^2
/// numbers are sent to the tensor and f read back.
/// Example: make_objective<Eigen::MatrixXf>(by_eigh{newton_schulz{.iterations = 9}}, {.alpha = 0.3})
template <class Rule>
struct by_eigh {
  Rule rule;
  static constexpr bool reads_cross_covariance = false;

  void check() const { rule.check(); }
  moment_options moments() const { return rule.moments(); }

  template <matrix_with_eigh M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    shape const ff = shape_of(c.s);
    auto const f = static_cast<std::size_t>(ff.rows());
    M &v = work.get(0, p, ff), &scaled = work.get(1, p, ff);
    std::vector<double> l(f), diagonal(f * f);
    eigenvectors(c.s, l, v);
    for (double& x : l) x = detail::max(x, 0.0) * c.s_scale;  // below 0 is rounding
    rule.map_eigenvalues(l);
    for (std::size_t i = 0; i < f; ++i) diagonal[i * f + i] = l[i];
    copy_in(diagonal, p);
    gemm(1.0, v, op::none, p, op::none, 0.0, scaled);
    gemm_symmetric(1.0, scaled, op::none, v, op::transpose, 0.0, p);
  }
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    return rule.residual(c, work, p);
  }
  template <matrix M>
  std::string caution(covariances<M> const& c, workspace<M>& work) const {
    return rule.caution(c, work);
  }
};
template <class Rule>
by_eigh(Rule) -> by_eigh<Rule>;

}  // namespace selfpred
