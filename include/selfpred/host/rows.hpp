// SPDX-License-Identifier: MIT
// Row-wise passes over host matrices of either order. Sums are in double. Rows are taken in blocks of 64, so that a
// column-major matrix is read down its columns and no scratch memory is needed.
#pragma once
#include <cmath>
#include <selfpred/view.hpp>

namespace selfpred::detail {

/// Eight independent partial sums: a single one would wait for the latency of every addition. Their order is fixed, so
/// the result is the same on every machine that rounds alike.
template <class S>
double dot_run(index n, S const* x, index sx, S const* y, index sy) {
  constexpr index lanes = 8;
  double lane[lanes] = {};
  index i = 0;
  if (sx == 1 && sy == 1)
    for (; i + lanes <= n; i += lanes)
      for (index k = 0; k < lanes; ++k) lane[k] += static_cast<double>(x[i + k]) * static_cast<double>(y[i + k]);
  for (; i < n; ++i) lane[i % lanes] += static_cast<double>(x[i * sx]) * static_cast<double>(y[i * sy]);
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

inline constexpr index row_block = 64;

/// f(first_row, rows): the blocks of a matrix with `rows` rows.
template <class F>
void for_each_row_block(index rows, F f) {
  for (index i = 0; i < rows; i += row_block) f(i, std::min(row_block, rows - i));
}

/// sums[r] = sum_j x(i + r, j) y(i + r, j)
template <class S>
void row_dots(matrix_view<S const> x, matrix_view<S const> y, index i, index rows, double* sums) {
  if (x.stride[0] == 1 && y.stride[0] == 1) {
    std::fill_n(sums, rows, 0.0);
    for (index j = 0; j < x.cols(); ++j)
      for (index r = 0; r < rows; ++r) sums[r] += static_cast<double>(x(i + r, j)) * static_cast<double>(y(i + r, j));
  } else {
    for (index r = 0; r < rows; ++r)
      sums[r] = detail::dot_run(x.cols(), &x(i + r, 0), x.stride[1], &y(i + r, 0), y.stride[1]);
  }
}

/// f(x, r) of every element of a block, in the memory order of y: r counts rows within the block.
template <class S, class F>
void for_each_in_block(matrix_view<S> y, index i, index rows, F f) {
  if (y.stride[0] == 1)
    for (index j = 0; j < y.cols(); ++j)
      for (index r = 0; r < rows; ++r) f(i + r, j, r);
  else
    for (index r = 0; r < rows; ++r)
      for (index j = 0; j < y.cols(); ++j) f(i + r, j, r);
}

template <class S>
void normalize_rows(double epsilon, matrix_view<S const> x, matrix_view<S> y) {
  if (x.cols() == 0) return;
  detail::for_each_row_block(x.rows(), [&](index i, index rows) {
    double scale[row_block];
    detail::row_dots(x, x, i, rows, scale);
    for (index r = 0; r < rows; ++r) scale[r] = 1 / std::sqrt(scale[r] < epsilon ? epsilon : scale[r]);
    detail::for_each_in_block(y, i, rows, [&](index k, index j, index r) {
      y(k, j) = static_cast<S>(static_cast<double>(x(k, j)) * scale[r]);
    });
  });
}

// With r = max(|x|^2, epsilon)^(-1/2): g <- r (g - (x.g / |x|^2) x) where |x|^2 > epsilon, and r g below.
template <class S>
void normalize_rows_adjoint(double epsilon, matrix_view<S const> x, matrix_view<S> g) {
  if (x.cols() == 0) return;
  detail::for_each_row_block(x.rows(), [&](index i, index rows) {
    double scale[row_block], along[row_block];
    detail::row_dots<S>(x, x, i, rows, scale);
    detail::row_dots<S>(x, g, i, rows, along);
    for (index r = 0; r < rows; ++r) {
      bool const floored = scale[r] < epsilon;
      along[r] = floored ? 0 : along[r] / scale[r];
      scale[r] = 1 / std::sqrt(floored ? epsilon : scale[r]);
    }
    detail::for_each_in_block(g, i, rows, [&](index k, index j, index r) {
      g(k, j) = static_cast<S>(scale[r] * (static_cast<double>(g(k, j)) - along[r] * static_cast<double>(x(k, j))));
    });
  });
}

template <class S>
void scale_rows(matrix_view<S const> w, matrix_view<S const> x, matrix_view<S> y) {
  detail::for_each_row_block(x.rows(), [&](index i, index rows) {
    detail::for_each_in_block(y, i, rows, [&](index k, index j, index) { y(k, j) = w(k, 0) * x(k, j); });
  });
}

}  // namespace selfpred::detail
