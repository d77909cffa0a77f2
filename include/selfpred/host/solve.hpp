// SPDX-License-Identifier: MIT
// Symmetric positive definite solves in host memory for float and double: a blocked Cholesky factorisation whose bulk is
// the engine's product. Eigen's own takes its packing buffers from malloc above 128 KiB (4 a solve at f = 256).
#pragma once
#include <limits>
#include <selfpred/host/engine.hpp>

namespace selfpred::detail {

template <class S>
struct blocked_cholesky {
  using in = matrix_view<S const>;
  using out = matrix_view<S>;
  using products = eigen_products<S>;
  static constexpr index block = 32;  // what is left to plain loops grows with it, the product's efficiency too

  static out part(out const& x, index i, index j, index rows, index cols) {
    return view_matrix(&x(i, j), rows, cols, x.stride[0], x.stride[1]);
  }

  /// The lower triangle of x (columns contiguous) becomes L with x = L L^T; the rest of x is scratch. Returns the
  /// smallest pivot L_jj^2, or 0 where one is not positive and finite.
  static double factorise(out x);

  /// y <- L^-T L^-1 y. A block's substitution runs on a row-major copy, so that its loops go along the right-hand sides.
  static void substitute(out l, out y);

  /// y <- x^-1 y; x is destroyed. Returns the smallest pivot of the factorisation, 0 where it failed.
  static double spd_solve(out x, out y) {
    if (x.rows() == 0) return std::numeric_limits<double>::infinity();
    // x is symmetric, so a row-major x is its own transpose.
    if (!products::by_columns(x)) x = x.transposed();
    out const l = products::by_columns(x) ? x : products::template packed<6>(x);
    double const pivot = factorise(l);
    if (pivot > 0) substitute(l, y);
    return pivot;
  }

  /// y <- x^-1; x is destroyed. Returns the smallest pivot of the factorisation, 0 where it failed.
  static double spd_inverse(out x, out y) {
    products::scale(S(0), y);
    host_operations<S>::add_diagonal(1, y);
    return spd_solve(x, y);
  }
};

template <class S>
double blocked_cholesky<S>::factorise(out x) {
  index const n = x.rows();
  double least = std::numeric_limits<double>::infinity();
  for (index k = 0; k < n; k += block) {
    index const w = std::min(block, n - k), m = n - k;
    out const p = part(x, k, k, m, w);
    if (k > 0) products::gemm(S(-1), part(x, k, 0, m, k), part(x, k, 0, w, k).transposed(), S(1), p);
    for (index j = 0; j < w; ++j) {
      S* const column = &p(0, j);
      for (index l = 0; l < j; ++l) {
        S const factor = p(j, l);
        S const* const done = &p(0, l);
        for (index i = j; i < m; ++i) column[i] -= factor * done[i];
      }
      double const pivot = static_cast<double>(column[j]);
      if (!(pivot > 0) || !std::isfinite(pivot)) return 0;
      least = std::min(least, pivot);
      S const root = std::sqrt(column[j]);
      column[j] = root;
      for (index i = j + 1; i < m; ++i) column[i] /= root;
    }
  }
  return least;
}

template <class S>
void blocked_cholesky<S>::substitute(out l, out y) {
  index const n = l.rows(), m = y.cols(), last = (n - 1) / block * block;
  if (m == 0) return;
  out const rows = view_row_major(packing<S>::template buffer<5>(block * m), block, m);
  auto const solve = [&](index k, index w, bool forward) {
    out const yk = part(y, k, 0, w, m), r = part(rows, 0, 0, w, m);
    host_operations<S>::copy(yk, r);
    for (index step = 0; step < w; ++step) {
      index const i = forward ? step : w - 1 - step;
      S* const target = &r(i, 0);
      for (index p = forward ? 0 : i + 1; p < (forward ? i : w); ++p) {
        S const factor = forward ? l(k + i, k + p) : l(k + p, k + i);
        S const* const done = &r(p, 0);
        for (index c = 0; c < m; ++c) target[c] -= factor * done[c];
      }
      S const pivot = l(k + i, k + i);
      for (index c = 0; c < m; ++c) target[c] /= pivot;
    }
    host_operations<S>::copy(r, yk);
  };
  for (index k = 0; k < n; k += block) {
    index const w = std::min(block, n - k);
    if (k > 0) products::gemm(S(-1), part(l, k, 0, w, k), part(y, 0, 0, k, m), S(1), part(y, k, 0, w, m));
    solve(k, w, true);
  }
  for (index k = last; k >= 0; k -= block) {
    index const w = std::min(block, n - k), below = n - k - w;
    if (below > 0)
      products::gemm(S(-1), part(l, k + w, k, below, w).transposed(), part(y, k + w, 0, below, m), S(1),
                     part(y, k, 0, w, m));
    solve(k, w, false);
  }
}

template <>
struct host_solver<float> : blocked_cholesky<float> {};
template <>
struct host_solver<double> : blocked_cholesky<double> {};

}  // namespace selfpred::detail
