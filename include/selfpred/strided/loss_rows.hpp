// SPDX-License-Identifier: MIT
// The normalised loss and its gradient over host rows in two passes: three sums a row, then the gradient.
#pragma once
#include <selfpred/strided/rows.hpp>
#include <selfpred/threads.hpp>

namespace selfpred::detail {

/// q.q, t.t and q.t of the rows of a block.
struct loss_sums {
  double qq[row_block], tt[row_block], qt[row_block];
};

template <class S>
void add_columns(matrix_view<S const> q, matrix_view<S const> t, index i, index rows, loss_sums& sums) {
  for (index r = 0; r < rows; ++r) sums.qq[r] = sums.tt[r] = sums.qt[r] = 0;
  constexpr index together = 4;  // columns: the sums are loaded and stored once for all of them
  index j = 0;
  for (; j + together <= q.cols(); j += together) {
    S const *x = &q(i, j), *y = &t(i, j);
    index const sx = q.stride[1], sy = t.stride[1];
    for (index r = 0; r < rows; ++r) {
      double qq = sums.qq[r], tt = sums.tt[r], qt = sums.qt[r];
      for (index k = 0; k < together; ++k) {
        double const a = static_cast<double>(x[r + k * sx]), b = static_cast<double>(y[r + k * sy]);
        qq += a * a, tt += b * b, qt += a * b;
      }
      sums.qq[r] = qq, sums.tt[r] = tt, sums.qt[r] = qt;
    }
  }
  for (; j < q.cols(); ++j)
    for (index r = 0; r < rows; ++r) {
      double const a = static_cast<double>(q(i + r, j)), b = static_cast<double>(t(i + r, j));
      sums.qq[r] += a * a, sums.tt[r] += b * b, sums.qt[r] += a * b;
    }
}

/// What the gradient of a row is made of, and its loss over weight. Rounded once a row.
template <class S>
struct loss_row {
  S unit_q, unit_t, along, factor;
  double loss;

  loss_row(double epsilon, double weight, double qq, double tt, double qt) {
    double const iq = inverse_norm(qq, epsilon), it = inverse_norm(tt, epsilon), cosine = qt * iq * it;
    unit_q = static_cast<S>(iq), unit_t = static_cast<S>(it), factor = static_cast<S>(2 * weight * iq);
    along = static_cast<S>(qq < epsilon ? 1 : cosine);
    loss = qq * iq * iq + tt * it * it - 2 * cosine;
    if (loss < 0) loss = 0;  // rounding; a NaN stays
  }
};
// Sums in double give 2 - 2 cos of float rows to a rounding of double. Of double rows near their targets that is all
// cancellation, and the loss is summed from differences, in order.
template <class S>
inline constexpr bool loss_by_differences = sizeof(S) >= sizeof(double);

/// The loss of the rows [first, first + rows) over weight, and their gradients: see below. At most row_block rows.
template <class S>
double normalized_loss(double epsilon, double weight, matrix_view<S const> q, matrix_view<S const> t, matrix_view<S> g,
                       index first, index rows) {
  double loss = 0;
  loss_sums sums;
  S unit_q[row_block], unit_t[row_block], along[row_block], factor[row_block];
  if (q.stride[0] == 1 && t.stride[0] == 1)
    detail::add_columns(q, t, first, rows, sums);
  else {
    detail::row_dots(q, q, first, rows, sums.qq);
    detail::row_dots(t, t, first, rows, sums.tt);
    detail::row_dots(q, t, first, rows, sums.qt);
  }
  for (index r = 0; r < rows; ++r) {
    loss_row<S> const row(epsilon, weight, sums.qq[r], sums.tt[r], sums.qt[r]);
    unit_q[r] = row.unit_q, unit_t[r] = row.unit_t, along[r] = row.along, factor[r] = row.factor;
    if constexpr (!loss_by_differences<S>) loss += row.loss;
  }
  detail::for_each_in_block(g, first, rows, [&](index k, index j, index r) {
    S const u = q(k, j) * unit_q[r], v = t(k, j) * unit_t[r];
    if constexpr (loss_by_differences<S>) loss += static_cast<double>((u - v) * (u - v));
    g(k, j) = factor[r] * (along[r] * u - v);
  });
  return loss;
}

/// weight sum_i |u_i - v_i|^2, u = q / max(|q|, sqrt(epsilon)), v alike, and g <- its gradient in q: with u.v = c,
/// 2 weight (c u - v) / |q|, or 2 weight (u - v) / sqrt(epsilon) below the floor.
template <class S>
double normalized_loss(double epsilon, double weight, matrix_view<S const> q, matrix_view<S const> t,
                       matrix_view<S> g) {
  if (q.cols() == 0) return 0;
  index const block = block_of(q);
  double const work = 32 * static_cast<double>(q.rows()) * static_cast<double>(q.cols());  // in time of multiply-adds
  return weight * detail::split_sum((q.rows() + block - 1) / block, work, [&](index i) {
           return detail::normalized_loss(epsilon, weight, q, t, g, i * block,
                                          detail::min(block, q.rows() - i * block));
         });
}

}  // namespace selfpred::detail
