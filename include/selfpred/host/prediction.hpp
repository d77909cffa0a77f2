// SPDX-License-Identifier: MIT
// The loss of a linear prediction: Q = Z P, the normalised loss of Q's rows, dL/dZ = dL/dQ P^T. Rows are looked at a few
// panels at a time, as soon as these are whole, while they and their targets are in the level-2 cache.
#pragma once
#include <algorithm>
#include <optional>
#include <selfpred/host/products.hpp>
#include <type_traits>
#include <utility>

namespace selfpred::detail {

template <class S>
struct panel_prediction : panel_products<S> {
  using base = panel_products<S>;
  using base::rows, base::square, base::wide, base::tall, base::height, base::bytes, base::lanes;
  using typename base::in, typename base::out, typename base::vec, typename base::into;

  /// weight sum_i |u_i - v_i|^2, u = q / max(|q|, sqrt(epsilon)), q a row of z p, v alike of t; dz <- factor times its gradient
  /// in z. Nothing, and dz as it was, where products and loss one after another are better: of many columns the loss is a
  /// small part, and few rows cannot be split. The bits are those of gemm, normalized_loss, gemm but for the order of the sum.
  static std::optional<double> linear_prediction_loss(double epsilon, double weight, S factor, in z, in p, in t,
                                                      out dz);

 private:
  // Rows at once, about: their panels of Q, 4 bytes by 1024 columns at most, are in memory between the two products.
  static constexpr index most_rows = 1152;
  struct work {
    double epsilon, weight;
    S factor;
    in z, p, t;
    out dz;
    double* losses;  // a row
    S *q, *others;   // panels of Q, and of a few of t's rows
    index step = base::count(z.cols()) * square;
  };
  struct row_sums {
    alignas(64) double qq[height * rows] = {}, tt[height * rows] = {}, qt[height * rows] = {};
  };

  static void of_rows(work k);
  static void add_square(S const* q, S const* t, index n, row_sums& sums, index r);
  static void differentiate(work const& k, index p0, index count);
};

template <class S>
std::optional<double> panel_prediction<S>::linear_prediction_loss(double epsilon, double weight, S factor, in z, in p,
                                                                  in t, out dz) {
  index const b = z.rows(), f = z.cols(), unit = tall * rows;
  if (f > base::broad || 2 * b < f) return std::nullopt;
  double* const losses = panels<double>::template buffer<6>(b);
  double const work_of_all = 2 * static_cast<double>(b) * static_cast<double>(f) * static_cast<double>(f);
  split((b + unit - 1) / unit, work_of_all, [&](index first, index last) {
    index const pieces = ((last - first) * unit + most_rows - 1) / most_rows,
                each = (last - first + pieces - 1) / pieces;
    for (index at = first; at < last; at += each) {
      index const i = at * unit, m = std::min(each, last - at) * unit;
      of_rows({epsilon, weight, factor, base::part(z, i, 0, m, f), p, base::part(t, i, 0, m, f),
               base::part(dz, i, 0, m, f), losses + i, nullptr, nullptr});
    }
  });
  double loss = 0;
  for (index i = 0; i < b; ++i) loss += losses[i];
  return weight * loss;
}

template <class S>
void panel_prediction<S>::of_rows(work k) {
  index const m = k.z.rows(), f = k.z.cols(), all = base::count(m) * k.step;
  k.q = base::template buffer<4>(all), k.others = base::template buffer<5>(height * k.step);
  auto const into_panels = [step = k.step](S* to) {
    return [=](auto t, index from, index d, S const* u, index us, S const* v, index i, index j) {
      base::template tile<t>(d, u, us, v, to + i / rows * step + j * rows, step, from == 0 ? into::set : into::sum);
    };
  };
  base::block(
      m, f, f, [&](auto... which) { return base::packed(k.z, which...); }, k.p, into_panels(k.q),
      [&](index p0, index count) { differentiate(k, p0, count); });
  auto const gradient = [&](index p0, index, index from, index) {
    return std::pair<S const*, index>(k.q + p0 * k.step + from * rows, k.step);
  };
  if (k.dz.stride[0] == 1)
    return base::block(
        m, f, f, gradient, k.p.transposed(),
        [&](auto t, index from, index d, S const* u, index us, S const* v, index i, index j) {
          base::template tile<t>(d, u, us, v, k.factor, from == 0 ? S(0) : S(1),
                                 base::part(k.dz, i, j, t * rows, wide));
        },
        [](index, index) {});
  S* const g = base::template buffer<3>(all);
  base::block(m, f, f, gradient, k.p.transposed(), into_panels(g), [&](index p0, index count) {
    for (index p = p0; p < p0 + count; ++p)
      for (index s = 0; s < base::count(f); ++s) base::unpack(g + p * k.step + s * square, k.factor, S(0), k.dz, p, s);
  });
}

// Columns below n of a square of Q and one of t, whose rows are those from r on.
template <class S>
void panel_prediction<S>::add_square(S const* q, S const* t, index n, row_sums& sums, index r) {
  constexpr int few = bytes / int(sizeof(double));
  using real = std::conditional_t<sizeof(S) != 0, double, S>;  // a vector's element must depend on S for its size to
  using wider [[gnu::vector_size(bytes), gnu::may_alias]] = real;
  using piece [[gnu::vector_size(few * sizeof(S)), gnu::may_alias]] = S;
  for (int i = 0; i < rows; i += few) {
    auto const at = [i, r](double* sum) -> wider& { return *reinterpret_cast<wider*>(sum + r + i); };
    wider qq = at(sums.qq), tt = at(sums.tt), qt = at(sums.qt);
    for (index j = 0; j < n; ++j) {
      wider const u = __builtin_convertvector(*reinterpret_cast<piece const*>(q + j * rows + i), wider),
                  v = __builtin_convertvector(*reinterpret_cast<piece const*>(t + j * rows + i), wider);
      qq += u * u, tt += v * v, qt += u * v;
    }
    at(sums.qq) = qq, at(sums.tt) = tt, at(sums.qt) = qt;
  }
}

// Panels of Q, whole now, become dL/dQ.
template <class S>
void panel_prediction<S>::differentiate(work const& k, index p0, index count) {
  index const f = k.t.cols();
  row_sums sums;
  for (index s = 0; s < base::count(f); ++s)
    for (index p = 0; p < count; ++p) {
      S* const t = k.others + p * k.step + s * square;
      base::pack(k.t, p0 + p, s, t);
      add_square(k.q + (p0 + p) * k.step + s * square, t, std::min<index>(rows, f - s * rows), sums, p * rows);
    }
  alignas(64) S unit_q[rows], unit_t[rows], along[rows], factor[rows];
  for (index p = 0; p < count; ++p) {
    index const first = (p0 + p) * rows, m = std::min<index>(rows, k.t.rows() - first);
    for (index i = 0; i < rows; ++i) {
      index const r = p * rows + i;
      loss_row<S> const row(k.epsilon, k.weight, sums.qq[r], sums.tt[r], sums.qt[r]);
      unit_q[i] = row.unit_q, unit_t[i] = row.unit_t, along[i] = row.along, factor[i] = row.factor;
      if (i < m) k.losses[first + i] = row.loss;
    }
    S *const q = k.q + (p0 + p) * k.step, *const t = k.others + p * k.step;
    for (int i = 0; i < rows; i += lanes) {
      auto const of = [i](S const* x) { return *reinterpret_cast<vec const*>(x + i); };
      vec const unit = of(unit_q), other = of(unit_t), c = of(along), w = of(factor);
      vec differences{};
      for (index j = 0; j < f; ++j) {
        vec& g = *reinterpret_cast<vec*>(q + j * rows + i);
        vec const u = g * unit, v = *reinterpret_cast<vec const*>(t + j * rows + i) * other;
        if constexpr (loss_by_differences<S>) differences += (u - v) * (u - v);
        g = w * (c * u - v);
      }
      if constexpr (loss_by_differences<S>)
        for (index r = i; r < std::min<index>(i + lanes, m); ++r)
          k.losses[first + r] = static_cast<double>(differences[r - i]);
    }
  }
}

}  // namespace selfpred::detail
