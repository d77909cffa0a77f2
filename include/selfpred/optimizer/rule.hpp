// SPDX-License-Identifier: MIT
// What an optimiser is to fused_update: a rule for one element, with the moments that it keeps of each.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <selfpred/error.hpp>

namespace selfpred {

/// Euclidean norms of one tensor, for rules that ask for them.
struct leaf_norms {
  double weight = 0;    ///< ||w||
  double gradient = 0;  ///< ||g||
  double product = 0;   ///< w . g
  bool vector = false;  ///< at most one extent above 1: a bias, a scale
};

namespace detail {

template <class R>
inline constexpr bool reads_norms = false;
template <class R>
  requires requires { R::reads_norms; }
inline constexpr bool reads_norms<R> = R::reads_norms;

inline constexpr double no_limit = std::numeric_limits<double>::infinity();

// least <= got < limit, and finite
inline void expect_within(char const* where, char const* what, double got, double least, double limit) {
  if (!(got >= least && got < limit))
    throw domain_error(complaint(where, what, std::to_string(got),
                                 "at least " + std::to_string(least) +
                                     (limit == no_limit ? " and finite" : " and below " + std::to_string(limit))));
}

template <class R, class S>
auto element_of_rule(R const& rule, std::int64_t step, leaf_norms const& norms) {
  if constexpr (reads_norms<R>)
    return rule.template element<S>(step, norms);
  else
    return rule.template element<S>(step);
}

}  // namespace detail

/// A rule of one's own has `static constexpr std::size_t moments` (0 to 4, each starts at 0), check(), which throws
/// domain_error, and element<S>(step), which gives f(S& w, S g, S& moment...) for the step, counted from 0. With `static
/// constexpr bool reads_norms = true` it is element<S>(step, leaf_norms), and costs one more pass over w and g.
template <class R>
concept optimizer_rule = requires(R const& rule, std::int64_t step, leaf_norms const& norms) {
  requires R::moments <= 4;
  rule.check();
  detail::element_of_rule<R, float>(rule, step, norms);
};

}  // namespace selfpred
