// SPDX-License-Identifier: MIT
// The verbs on scalars, the handles of docs/concepts.md: function objects, for the reason that ops.hpp gives.
#pragma once
#include <selfpred/concepts.hpp>

namespace selfpred {
namespace detail {

struct value_fn {
  double operator()(double x) const { return x; }
  template <has_adl_handle S>
  double operator()(S const& x) const {
    return value(x);
  }
};
struct sqrt_fn {
  double operator()(double x) const { return std::sqrt(x); }
  template <has_adl_handle S>
  S operator()(S const& x) const {
    return sqrt(x);
  }
};
struct reciprocal_fn {
  double operator()(double x) const { return x > 0 ? 1 / x : 0; }
  template <has_adl_handle S>
  S operator()(S const& x) const {
    return reciprocal(x);
  }
};

}  // namespace detail

inline constexpr detail::value_fn value{};       ///< read a scalar: the one host-device synchronisation
inline constexpr detail::sqrt_fn square_root{};  ///< of a scalar
inline constexpr detail::reciprocal_fn
    reciprocal{};  ///< of a scalar; 0 for 0: a zero tensor stays zero without a branch

}  // namespace selfpred
