// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// DirectCopy: P = S (Wang et al. 2021; a baseline of Richemond et al. 2023, which needs alpha > 0 to train).
///
/// Shapes: S and P are f x f. Errors: non_finite_error from the pipeline where S itself overflows.
/// Cost: one pass over f x f, no synchronisation. Example: make_objective<Eigen::MatrixXf>(direct_copy{}, {.alpha = 0.3})
struct direct_copy {
  static constexpr bool reads_cross_covariance = false;

  void check() const {}
  moment_options moments() const { return {}; }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>&, M& p) const {
    if (c.s_scale == 1)
      copy(c.s, p);
    else
      axpby(c.s_scale, c.s, 0.0, p);
  }
  /// 0: the rule is its own solution.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const&, workspace<M>&, M const&) const {
    return scalar_t<M>(0.0);
  }
  template <matrix M>
  std::string caution(covariances<M> const&, workspace<M>&) const {
    return {};
  }
};

}  // namespace selfpred
