// SPDX-License-Identifier: MIT
// One leaf of a target and of the online model: looked at before anything is written, then written.
#pragma once
#include <selfpred/ema/plan.hpp>
#include <selfpred/model.hpp>

namespace selfpred::detail {

struct leaf_state {
  leaf_policy policy = leaf_policy::average;
  bool separately = false;   // in this update: not in the plan, for it has no contiguous memory
  std::int32_t shadow = -1;  // its number, where it has one
};

template <class T>
inline constexpr bool is_narrow_leaf = [] {
  using S = leaf_element_t<T>;
  if constexpr (std::is_void_v<S>)
    return false;
  else
    return narrow_element<S>;
}();

/// What averaging T would mean, as far as its type tells; libtorch knows only at run time.
template <class T>
inline constexpr bool is_integral_leaf = [] {
  using S = leaf_element_t<T>;
  if constexpr (std::is_void_v<S>)
    return false;
  else
    return integral_element<S>;
}();

template <class T>
bool is_averageable(T const& x) {
  if constexpr (std::is_arithmetic_v<T>)
    return !std::is_integral_v<T>;
  else if constexpr (is_narrow_leaf<T>)
    return true;  // in its shadow
  else
    return operations_t<T const>::averageable(detail::operand(x));
}
template <class T>
shape leaf_shape(T const& x) {
  if constexpr (std::is_arithmetic_v<T>)
    return {1, 1};
  else
    return shape_of(x);
}

/// The float shadow of narrow memory v.
template <class V>
auto shadow_view(shadow& own, V const& v) {
  return detail::dense_like(own.values.data(), v);
}
template <class X, class Y>
void fill_shadow(shadow& own, X const& x, Y& y) {
  using S = leaf_element_t<Y>;
  detail::walk(detail::memory(x), detail::shadow_view(own, detail::memory(y)),
               [](index n, auto const* u, index su, float* v, index sv) {
                 for (index i = 0; i < n; ++i) v[i * sv] = narrow_float<S>::widen(u[i * su]);
               });
}
/// The target's narrow leaf from its shadow.
template <class Y>
void round_shadow(shadow& own, Y& y, bool stochastic, std::uint64_t seed) {
  using S = leaf_element_t<Y>;
  std::uint64_t at = 0;
  auto const v = detail::memory(y);
  detail::walk(detail::shadow_view(own, v), v, [&](index n, float const* u, index su, S* z, index sz) {
    for (index i = 0; i < n; ++i)
      z[i * sz] = stochastic ? detail::round_stochastic<S>(u[i * su], detail::uniform(seed, own.leaf, at++))
                             : narrow_float<S>::round(u[i * su]);
  });
}

/// Infinities and NaN of a leaf that is in no plan; a tensor without visible memory is asked by its sum of squares.
template <class X>
index count_non_finite(X const& x) {
  if constexpr (std::is_void_v<leaf_element_t<X const>>)
    return detail::non_finite(static_cast<double>(selfpred::value(dot(x, x)))) ? 1 : 0;
  else {
    index count = 0;
    auto const u = detail::memory(x);
    detail::walk(u, u, [&](index n, auto const* p, index step, auto const*, index) {
      for (index i = 0; i < n; ++i) count += detail::non_finite(p[i * step]) ? 1 : 0;
    });
    return count;
  }
}

template <class X, class Y>
void assign(X const& x, Y& y) {
  if constexpr (tensor<X>)
    copy(x, y);
  else
    y = x;
}

/// The segment of a leaf that is to be averaged (in its shadow where it is narrow) or copied; false where its memory is not
/// one run. Shapes are equal.
template <class U, class V>
bool make_segment(segment& s, bool average, U const& u, V const& v) {
  using S = typename element_type<V>::type;
  s.x = u.data, s.y = v.data;
  s.size = detail::joint_run(u, v);
  s.loops = &copy_loops<S>;
  if constexpr (averages<S>)
    if (average) s.loops = &average_loops<S>;
  return s.size >= 0;
}
template <class U, class V>
bool make_narrow_segment(segment& s, shadow& own, cast_back back, U const& u, V const& v) {
  auto const w = detail::shadow_view(own, v);
  s.x = u.data, s.y = &own, own.narrow = v.data;
  s.size = detail::joint_run(u, w);
  s.loops = &narrow_loops<typename element_type<V>::type>;
  return s.size >= 0 && (back == cast_back::on_request || detail::joint_run(v, w) == s.size);
}

/// The leaf by itself: strided memory, or a tensor that does its operations.
template <class X, class Y>
tally update_separately(shadow* narrow, bool average, pass const& p, X const& x, Y& y) {
  tally t;
  if (p.count_non_finite) t.non_finite = detail::count_non_finite(x);
  if constexpr (is_narrow_leaf<Y>) {
    if (average) {
      using S = leaf_element_t<Y>;
      shadow& own = *narrow;
      auto const w = static_cast<float>(p.weight);
      detail::walk(detail::memory(x), detail::shadow_view(own, detail::memory(y)),
                   [&](index n, auto const* u, index su, float* v, index sv) {
                     for (index i = 0; i < n; ++i) {
                       float const wide = narrow_float<S>::widen(u[i * su]);
                       if (p.count_stalls && detail::stalls<S>(w, wide, v[i * sv])) ++t.stalled;
                       v[i * sv] = w == 1 ? wide : detail::ema_step<float>(w, wide, v[i * sv]);
                     }
                   });
      if (p.narrow != cast_back::on_request) detail::round_shadow(own, y, p.narrow == cast_back::stochastic, p.seed);
      return t;
    }
  } else if constexpr (tensor<Y> && !is_integral_leaf<Y>) {
    if (average) return lerp(p.weight, x, y), t;
  }
  detail::assign(x, y);
  return t;
}

}  // namespace selfpred::detail
