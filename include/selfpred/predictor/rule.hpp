// SPDX-License-Identifier: MIT
// What a predictor is: a small stateless rule from the second moments of a batch to an f x f matrix P, with Q = Z P.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/linalg/sample_side.hpp>
#include <selfpred/statistics.hpp>

namespace selfpred {

/// A closed-form predictor. `rule(covariances, workspace, p)` writes P; `reads_cross_covariance` says whether it needs X
/// (its products are skipped otherwise); `moments()` says how S and X are to be taken; `residual` measures how well P
/// solves its equation; `caution` is a sentence where the batch makes the rule mean something else than its user may
/// think, or empty (both may synchronise: they are for status()); `check` throws domain_error for options out of range.
/// The tensor's capabilities that a rule needs are constraints of its call operator.
template <class R, class M>
concept predictor_rule = matrix<M> && requires(R const& rule, covariances<M> const& c, workspace<M>& work, M& p) {
  { R::reads_cross_covariance } -> std::convertible_to<bool>;
  { rule(c, work, p) } -> std::same_as<void>;
  { rule.residual(c, work, p) } -> std::same_as<scalar_t<M>>;
  { rule.caution(c, work) } -> std::same_as<std::string>;
  { rule.moments() } -> std::same_as<moment_options>;
  rule.check();
};

namespace detail {

/// Whether P of n rows of f features is made on the n x n side.
inline bool prefers_samples(evaluation const& how, index n, index f) {
  return (how.by == evaluation::method::gram && n < f) || (how.by == evaluation::method::automatic && 2 * n <= f);
}

inline double norm_of(std::span<double const> l) {
  double most = 0, sum = 0;
  for (double const x : l) most = detail::max(most, std::abs(x));
  if (!(most > 0)) return most;
  for (double const x : l) sum += (x / most) * (x / most);
  return most * std::sqrt(sum);
}

/// ||P^(2^k) - S||_F / ||S||_F, the distance from the exact root of order 2^k. k products; slots 0 and 1.
template <matrix M>
scalar_t<M> root_residual(covariances<M> const& c, int k, workspace<M>& work, M const& p) {
  M *r = &work.get(0, p, shape_of(p)), *root = &work.get(1, p, shape_of(p));
  axpby(std::pow(c.s_scale, -std::exp2(-k)), p, 0.0, *root);
  for (int i = 0; i < k; ++i) {
    gemm_symmetric(1.0, *root, op::none, *root, op::none, 0.0, *r);
    std::swap(root, r);
  }
  axpby(-1.0, c.s, 1.0, *root);
  return linalg::frobenius_norm(*root) * selfpred::reciprocal(linalg::frobenius_norm(c.s));
}

/// ||(S + damping I) P - X||_F / ||X||_F, of a regression whose matrix is in a.
template <matrix M>
scalar_t<M> regression_residual(covariances<M> const& c, M const& a, M const& p, M& r) {
  copy(c.x, r);
  gemm(c.s_scale / c.x_scale, a, op::none, p, op::none, -1.0, r);
  return linalg::frobenius_norm(r) * selfpred::reciprocal(linalg::frobenius_norm(c.x));
}

}  // namespace detail
}  // namespace selfpred
