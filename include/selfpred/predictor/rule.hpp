// SPDX-License-Identifier: MIT
// What a predictor is: a small stateless rule from the second moments of a batch to an f x f matrix P, with Q = Z P.
#pragma once
#include <selfpred/statistics.hpp>

namespace selfpred {

/// A closed-form predictor. `rule(covariances, workspace, p)` writes P; `reads_cross_covariance` says whether it needs X
/// (its products are skipped otherwise); `residual` measures how well P solves its equation; `check` throws domain_error
/// for options out of range. The tensor's capabilities that a rule needs are constraints of its call operator.
template <class R, class M>
concept predictor_rule = matrix<M> && requires(R const& rule, covariances<M> const& c, workspace<M>& work, M& p) {
  { R::reads_cross_covariance } -> std::convertible_to<bool>;
  { rule(c, work, p) } -> std::same_as<void>;
  { rule.residual(c, work, p) } -> std::same_as<scalar_t<M>>;
  rule.check();
};

namespace detail {

inline void expect_at_least(char const* where, char const* what, double got, double least) {
  if (!(got >= least) || !std::isfinite(got))
    throw domain_error(complaint(where, what, std::to_string(got), "finite and at least " + std::to_string(least)));
}

}  // namespace detail
}  // namespace selfpred
