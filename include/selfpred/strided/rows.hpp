// SPDX-License-Identifier: MIT
// Row-wise passes over host matrices of either order. Sums are in double. Rows are taken in blocks, so that a column-major
// matrix is read down its columns and the scratch memory is a few arrays on the stack.
#pragma once
#include <cmath>
#include <selfpred/algorithm.hpp>
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

// Down columns a long block is 4x faster than 64 rows at 1024 x 512: with short ones every column is a page of its own.
// Along rows a short one is, for the block stays in cache between its two passes.
inline constexpr index row_block = 1024;

template <class S>
index block_of(matrix_view<S> const& x) {
  return x.stride[0] == 1 ? row_block : 32;
}
/// f(first_row, rows): the blocks of x.
template <class S, class F>
void for_each_row_block(matrix_view<S> const& x, F f) {
  index const block = detail::block_of(x);
  for (index i = 0; i < x.rows(); i += block) f(i, detail::min(block, x.rows() - i));
}

/// sums[r] = sum_j x(i + r, j) y(i + r, j)
template <class S>
void row_dots(matrix_view<S const> x, matrix_view<S const> y, index i, index rows, double* sums) {
  if (x.stride[0] == 1 && y.stride[0] == 1) {
    for (index r = 0; r < rows; ++r) sums[r] = 0;
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

/// max(square, epsilon)^(-1/2); 0 for 0, so that with epsilon = 0 a zero row stays zero.
inline double inverse_norm(double square, double epsilon) {
  double const floored = square < epsilon ? epsilon : square;
  return floored == 0 ? 0 : 1 / std::sqrt(floored);
}

template <class S>
void normalize_rows(double epsilon, matrix_view<S const> x, matrix_view<S> y) {
  if (x.cols() == 0) return;
  detail::for_each_row_block(x, [&](index i, index rows) {
    double sums[row_block];
    S scale[row_block];  // rounded once a row: a product in double would halve the speed of the pass
    detail::row_dots(x, x, i, rows, sums);
    for (index r = 0; r < rows; ++r) scale[r] = static_cast<S>(inverse_norm(sums[r], epsilon));
    detail::for_each_in_block(y, i, rows, [&](index k, index j, index r) { y(k, j) = x(k, j) * scale[r]; });
  });
}

// With r = max(|x|^2, epsilon)^(-1/2): g <- r (g - (x.g / |x|^2) x) where |x|^2 > epsilon, and r g below.
template <class S>
void normalize_rows_adjoint(double epsilon, matrix_view<S const> x, matrix_view<S> g) {
  if (x.cols() == 0) return;
  detail::for_each_row_block(x, [&](index i, index rows) {
    double scale[row_block], along[row_block];
    detail::row_dots<S>(x, x, i, rows, scale);
    detail::row_dots<S>(x, g, i, rows, along);
    for (index r = 0; r < rows; ++r) {
      bool const floored = scale[r] < epsilon || scale[r] == 0;
      along[r] = floored ? 0 : along[r] / scale[r];
      scale[r] = inverse_norm(scale[r], epsilon);
    }
    detail::for_each_in_block(g, i, rows, [&](index k, index j, index r) {
      g(k, j) = static_cast<S>(scale[r] * (static_cast<double>(g(k, j)) - along[r] * static_cast<double>(x(k, j))));
    });
  });
}

template <class S>
void scale_rows(matrix_view<S const> w, matrix_view<S const> x, matrix_view<S> y) {
  detail::for_each_row_block(x, [&](index i, index rows) {
    detail::for_each_in_block(y, i, rows, [&](index k, index j, index) { y(k, j) = w(k, 0) * x(k, j); });
  });
}

}  // namespace selfpred::detail
