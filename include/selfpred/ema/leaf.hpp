// SPDX-License-Identifier: MIT
// One leaf of a target and of the online model: looked at before anything is written, then written.
#pragma once
#include <selfpred/ema/plan.hpp>
#include <selfpred/model.hpp>

namespace selfpred::detail {

struct leaf_state {
  leaf_policy policy = leaf_policy::average;
  bool separately = false;   // in this update: not in the plan, for it has no contiguous memory
  host_array<float> shadow;  // of a narrow leaf that is averaged; in the order of the target's memory
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
auto shadow_view(leaf_state& state, V const& v) {
  return detail::dense_like(state.shadow.values.data(), v);
}
template <class X, class Y>
void fill_shadow(leaf_state& state, X const& x, Y& y) {
  using S = leaf_element_t<Y>;
  state.shadow = host_array<float>(leaf_shape(y));
  detail::walk(detail::memory(x), detail::shadow_view(state, detail::memory(y)),
               [](index n, auto const* u, index su, float* v, index sv) {
                 for (index i = 0; i < n; ++i) v[i * sv] = narrow_float<S>::widen(u[i * su]);
               });
}
/// The target's narrow leaf from its shadow.
template <class Y>
void round_shadow(leaf_state& state, Y& y, bool stochastic, std::uint64_t seed, std::size_t leaf) {
  using S = leaf_element_t<Y>;
  std::uint64_t at = 0;
  auto const v = detail::memory(y);
  detail::walk(detail::shadow_view(state, v), v, [&](index n, float const* u, index su, S* z, index sz) {
    for (index i = 0; i < n; ++i)
      z[i * sz] = stochastic ? detail::round_stochastic<S>(u[i * su], detail::uniform(seed, leaf, at++))
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

/// The segment of a leaf that is to be averaged or copied, or none where its memory is not one run. Shapes are equal.
template <class X, class Y>
bool make_segment(segment& s, leaf_state& state, bool average, cast_back back, X const& x, Y& y) {
  using S = leaf_element_t<Y>;
  auto const u = detail::memory(x);
  auto const v = detail::memory(y);
  s.x = u.data, s.y = v.data;
  s.scan = scan_run<S>;
  if constexpr (narrow_element<S>)
    if (average) {
      auto const w = detail::shadow_view(state, v);
      s.size = detail::joint_run(u, w);
      if (back != cast_back::on_request && detail::joint_run(v, w) != s.size) s.size = -1;
      s.y = w.data, s.narrow = v.data, s.run = narrow_run<S>;
      return s.size >= 0;
    }
  s.size = detail::joint_run(u, v);
  s.run = copy_run<S>;
  if constexpr (averages<S>)
    if (average) {
      using R = coefficient_t<S>;
      if constexpr (std::is_same_v<R, S>)
        s.run = average_run<S>;
      else
        s.run = average_complex_run<S, R>;
    }
  return s.size >= 0;
}

/// The leaf by itself: strided memory, or a tensor that does its operations.
template <class X, class Y>
tally update_separately(leaf_state& state, bool average, pass const& p, std::size_t leaf, X const& x, Y& y) {
  tally t;
  if (p.count_non_finite) t.non_finite = detail::count_non_finite(x);
  if constexpr (is_narrow_leaf<Y>) {
    if (average) {
      using S = leaf_element_t<Y>;
      auto const w = static_cast<float>(p.weight);
      detail::walk(detail::memory(x), detail::shadow_view(state, detail::memory(y)),
                   [&](index n, auto const* u, index su, float* v, index sv) {
                     for (index i = 0; i < n; ++i) {
                       float const wide = narrow_float<S>::widen(u[i * su]);
                       if (p.count_stalls && detail::stalls<S>(w, wide, v[i * sv])) ++t.stalled;
                       v[i * sv] = w == 1 ? wide : detail::ema_step<float>(w, wide, v[i * sv]);
                     }
                   });
      if (p.narrow != cast_back::on_request)
        detail::round_shadow(state, y, p.narrow == cast_back::stochastic, p.seed, leaf);
      return t;
    }
  } else if constexpr (tensor<Y> && !is_integral_leaf<Y>) {
    if (average) return lerp(p.weight, x, y), t;
  }
  detail::assign(x, y);
  return t;
}

}  // namespace selfpred::detail
