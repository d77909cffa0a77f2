// SPDX-License-Identifier: MIT
// The loops of a fused pass: one element of every stream at a time, whatever the streams are.
#pragma once
#include <selfpred/strided/element.hpp>
#include <selfpred/view.hpp>
#include <utility>

namespace selfpred::detail {

/// What becomes of the target: left alone (tau = 1), overwritten (tau = 0), or moved.
enum class blending { none, copy, blend };

// __restrict: fused_update has seen that streams that are written share no storage.
template <bool Dense, blending Mode, class C, class Element, class S, std::size_t Streams, class... M>
void fused_loop(index n, std::array<index, Streams> const& s, Element const& f, S p, C* __restrict c, S* __restrict x,
                S* __restrict w, S const* __restrict g, M* __restrict... m) {
  for (index i = 0; i < n; ++i) {
    auto const at = [&](std::size_t k) { return Dense ? i : i * s[k]; };
    S v = w[at(0)];
    if constexpr (Dense)
      f(v, g[i], m[i]...);
    else
      [&]<std::size_t... K>(std::index_sequence<K...>) {
        f(v, g[at(1)], m[at(4 + K)]...);
      }(std::index_sequence_for<M...>());
    w[at(0)] = v;
    if constexpr (Mode == blending::blend) x[at(2)] = ema_step<S>(p, v, x[at(2)]);  // ema_target's own
    if constexpr (Mode == blending::copy) x[at(2)] = v;
    if constexpr (!std::is_void_v<C>) c[at(3)] = static_cast<C>(v);
  }
}

/// One run of n elements. Streams are weight, gradient, target, copy, moments: s has their strides, unless Dense.
template <bool Dense, class C, class Element, class S, std::size_t Streams, class... M>
void fused_run(index n, std::array<index, Streams> const& s, Element const& f, blending mode, S p, C* c, S* x, S* w,
               S const* g, M*... m) {
  if (mode == blending::blend)
    fused_loop<Dense, blending::blend>(n, s, f, p, c, x, w, g, m...);
  else if (mode == blending::copy)
    fused_loop<Dense, blending::copy>(n, s, f, p, c, x, w, g, m...);
  else
    fused_loop<Dense, blending::none>(n, s, f, p, c, x, w, g, m...);
}

/// Sums in double over a run.
struct squares {
  double weight = 0, gradient = 0, product = 0;
  squares& operator+=(squares const& o) {
    weight += o.weight, gradient += o.gradient, product += o.product;
    return *this;
  }
};

// Lanes fix the order of the sums, so that vectors of any width give the same bits.
template <class S>
squares squares_of(index n, S const* w, index sw, S const* g, index sg) {
  constexpr index lanes = 8;
  double ww[lanes] = {}, gg[lanes] = {}, wg[lanes] = {};
  auto const add = [&](index k, S a, S b) {
    double const u = static_cast<double>(a), v = static_cast<double>(b);
    ww[k] += u * u, gg[k] += v * v, wg[k] += u * v;
  };
  index i = 0;
  if (sw == 1 && sg == 1)
    for (; i + lanes <= n; i += lanes)
      for (index k = 0; k < lanes; ++k) add(k, w[i + k], g[i + k]);
  for (; i < n; ++i) add(i % lanes, w[i * sw], g[i * sg]);
  squares sum;
  for (index k = 0; k < lanes; ++k) sum += {ww[k], gg[k], wg[k]};
  return sum;
}

}  // namespace selfpred::detail
