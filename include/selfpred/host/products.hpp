// SPDX-License-Identifier: MIT
// Products of host memory in panels, those with a symmetric result by one triangle.
#pragma once
#include <algorithm>
#include <selfpred/host/panels.hpp>
#include <selfpred/strided/operations.hpp>
#include <selfpred/threads.hpp>
#include <utility>

namespace selfpred::detail {

template <class S>
struct panel_products : panels<S> {
  using in = matrix_view<S const>;
  using out = matrix_view<S>;
  using base = panels<S>;
  using base::rows, base::square, base::wide, base::tall;
  using typename base::into;

  /// z <- a x y + b z of any strides; with b = 0, z is write-only. z shares no storage with x or y.
  static void gemm(S a, in x, in y, S b, out z);
  /// The same where x y is symmetric: by one triangle, mirrored. x^T x always, another product from this size on: below
  /// it packing both operands costs what is saved.
  static void gemm_symmetric(S a, in x, in y, S b, out z);
  static constexpr index least_half = 64;

 protected:
  // Panels of x at once.
  static constexpr index height = 4 * tall;
  // Terms of a sum at once: three panels of x are 48 KiB, and z is read and written once for all of them.
  static constexpr index deep = 1024 / sizeof(S);
  // Columns of y at once: a quarter to a half of a level-2 cache.
  static constexpr index broad = 1024;

  template <class Panels, class Tile, class Done>
  static void block(index m, index depth, index n, Panels panels_of, in const& y, Tile tile, Done done);
  static void block(S a, in const& x, in const& y, S b, out const& z);
  static std::pair<S const*, index> packed(in const& x, index p0, index count, index k, index squares);
  static void triangle(S a, in const& x, in const& y, bool gram, S b, out const& z, index first, index last);
  template <class V>
  static V part(V const& x, index i, index j, index m, index n) {
    return {x.data + i * x.stride[0] + j * x.stride[1], std::min(m, x.rows() - i), std::min(n, x.cols() - j),
            x.stride[0], x.stride[1]};
  }
};

// Out of class, so that a program with many sources may instantiate them once (extern template).
template <class S>
void panel_products<S>::gemm(S a, in x, in y, S b, out z) {
  if (z.rows() == 0 || z.cols() == 0) return;
  if (z.stride[0] != 1 && z.stride[1] == 1) return gemm(a, y.transposed(), x.transposed(), b, z.transposed());
  if (a == S(0)) x = part(x, 0, 0, x.rows(), 0), y = part(y, 0, 0, 0, y.cols());
  double const work = static_cast<double>(z.rows()) * static_cast<double>(z.cols()) * static_cast<double>(x.cols());
  index const step = tall * rows;
  if (z.rows() >= z.cols())
    split((z.rows() + step - 1) / step, work, [&](index first, index last) {
      index const i = first * step, m = (last - first) * step;
      block(a, part(x, i, 0, m, x.cols()), y, b, part(z, i, 0, m, z.cols()));
    });
  else
    split(base::count(z.cols()), work, [&](index first, index last) {
      index const j = first * rows, n = (last - first) * rows;
      block(a, x, part(y, 0, j, y.rows(), n), b, part(z, 0, j, z.rows(), n));
    });
}

// By terms, then by columns, then by rows: y is packed once, a few panels of x stay in the level-1 cache for a row of tiles.
// panels_of(p, count, k, squares): panels of x from p on, their terms from k on, and how far apart the panels lie.
// tile(t, k, d, u, us, v, i, j): t panels of rows and `wide` columns at (i, j), and of their sums the d terms from k on.
// done(p, count): the panels from p on have all of their tiles.
template <class S>
template <class Panels, class Tile, class Done>
void panel_products<S>::block(index m, index depth, index n, Panels panels_of, in const& y, Tile tile, Done done) {
  index const vs = std::min(base::count(depth) * rows, deep) * rows;
  S* const v = base::template buffer<2>(base::count(std::min(n, broad)) * vs);
  for (index k = 0; k == 0 || k < depth; k += deep) {
    index const d = std::min(deep, depth - k), squares = base::count(d);
    in const yk = part(y, k, 0, d, n).transposed();
    for (index j0 = 0; j0 < n; j0 += broad) {
      index const columns = std::min(broad, n - j0);
      for (index q = 0; q < base::count(columns); ++q) base::pack(yk, j0 / rows + q, 1, 0, squares, v + q * vs);
      for (index p0 = 0; p0 < base::count(m); p0 += height) {
        index const count = std::min(height, base::count(m) - p0);
        auto const [u, us] = panels_of(p0, count, k, squares);
        base::groups(0, count, [&](index p, auto t) {
          for (index j = 0; j < columns; j += wide)
            tile(t, k, d, u + p * us, us, v + j / rows * vs + j % rows, (p0 + p) * rows, j0 + j);
        });
        if (k + d >= depth) done(p0, count);
      }
    }
  }
}
template <class S>
auto panel_products<S>::packed(in const& x, index p0, index count, index k, index squares)
    -> std::pair<S const*, index> {
  index const us = squares * square;
  S* const u = base::template buffer<1>(height * us);
  base::pack(x, p0, count, k / rows, squares, u);
  return {u, us};
}
template <class S>
void panel_products<S>::block(S a, in const& x, in const& y, S b, out const& z) {
  block(
      z.rows(), x.cols(), z.cols(), [&](auto... which) { return packed(x, which...); }, y,
      [&](auto t, index k, index d, S const* u, index us, S const* v, index i, index j) {
        base::template tile<t>(d, u, us, v, a, k == 0 ? b : S(1), part(z, i, j, t * rows, wide));
      },
      [](index, index) {});
}

template <class S>
void panel_products<S>::gemm_symmetric(S a, in x, in y, S b, out z) {
  bool const gram = x.data == y.data && x.rows() == y.cols() && x.cols() == y.rows() && x.stride[0] == y.stride[1] &&
                    x.stride[1] == y.stride[0];
  if (!gram && z.rows() < least_half) return gemm(a, x, y, b, z);
  if (z.rows() == 0) return;
  double const n = static_cast<double>(z.rows());
  split(
      base::count(z.rows()), n * n * static_cast<double>(x.cols()) / 2,
      [&](index first, index last) { triangle(a, x, y, gram, b, z, first, last); }, cut::triangle);
}

// The panels [first, last) of the lower triangle; `gram` says that y is x^T.
template <class S>
void panel_products<S>::triangle(S a, in const& x, in const& y, bool gram, S b, out const& z, index first, index last) {
  index const depth = std::min<index>(base::chunk, x.cols()), size = last * base::count(depth) * square,
              cs = last * square;
  S *const c = base::template buffer<0>(last * cs), *const u = base::template buffer<1>(size),
           *const v = gram ? u : base::template buffer<2>(size);
  for (index k = 0; k == 0 || k < x.cols(); k += base::chunk) {
    index const d = std::min(depth, x.cols() - k);
    index const from = gram ? 0 : first, n = base::count(d), s = n * square;
    base::pack(x, from, last - from, k / rows, n, u + from * s);
    if (!gram) base::pack(y.transposed(), 0, last, k / rows, n, v);
    base::groups(first, last, [&](index p, auto t) {
      base::template trapezoid<t>(d, u, v, s, c, cs, p, 0, k == 0 ? into::set : into::sum);
    });
  }
  base::unpack_symmetric(c, cs, first, last, a, b, z);
}

}  // namespace selfpred::detail
