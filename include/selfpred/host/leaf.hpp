// SPDX-License-Identifier: MIT
// The inverse of the Cholesky factor of a small block in panels: what cannot be a product of large matrices.
#pragma once
#include <algorithm>
#include <cmath>
#include <selfpred/host/panels.hpp>

namespace selfpred::detail {

template <class S>
struct cholesky_leaf : panels<S> {
  using base = panels<S>;
  using into = typename base::into;
  using vec = typename base::vec;
  using base::rows, base::lanes, base::parts, base::square, base::wide;

 protected:
  static void corner(S* a, S* u, S* pivots);
  static void leaf(S* m, index ms, index count, S* u, index us, S* pivots);
  // u <- x W^T, of n columns.
  template <int T>
  static void times_transpose(index n, S const* x, index xs, S const* w, index ws, S* u, index us) {
    for (index c = 0; c < n; c += wide)
      base::template tile<T>(c + wide, x, xs, w + c / rows * ws + c % rows, u + c * rows, us, into::set);
  }
};

// u <- L^-T of one square a = L L^T, which is destroyed. Columns of a and rows of L^-1 are updated by the same multipliers, and lie
// in one place: row l of L^-1 above what is left of column l. Roots are taken at the end, for a root and a quotient a column are
// one latency too many.
template <class S>
void cholesky_leaf<S>::corner(S* a, S* u, S* pivots) {
  alignas(64) S root[rows], d = a[0];
  vec *const av = reinterpret_cast<vec*>(a), *const uv = reinterpret_cast<vec*>(u);
#pragma GCC unroll 16
  for (int j = 0; j < rows; ++j) {
    S const r = S(1) / d;
    pivots[j] = d, root[j] = r;
    S const y = a[j * rows + (j + 1) % rows];  // the next pivot, before its column
    if (j + 1 < rows) d = a[(j + 1) * (rows + 1)] - y * y * r;
    vec v[parts];
    for (int i = 0; i < parts; ++i) v[i] = (base::lane() == j - i * lanes ? S(1) - vec{} : av[j * parts + i]) * r;
#pragma GCC unroll 16
    for (int l = j + 1; l < rows; ++l) {
      S const y = a[j * rows + l];
      for (int i = 0; i < parts; ++i) {
        vec& to = av[l * parts + i];
        to = (base::lane() == j - i * lanes ? vec{} : to) - v[i] * y;
      }
    }
  }
  for (int j = 0; j < rows; ++j) root[j] = std::sqrt(root[j]);
#pragma GCC unroll 16
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < parts; ++i) {
      vec const row = base::lane() == j - i * lanes ? S(1) - vec{} : av[j * parts + i];
      uv[j * parts + i] = base::lane() <= j - i * lanes ? row * root[j] : vec{};
    }
}

// u <- L^-T of a block of `count` panels, by the steps of `invert` without the product L^-T L^-1: those of a square.
template <class S>
void cholesky_leaf<S>::leaf(S* m, index ms, index count, S* u, index us, S* pivots) {
  alignas(64) S w[square];
  for (index q = 0; q < count; ++q) {
    S *const uq = u + q * square, *const right = m + q * square;
    corner(right + q * ms, uq + q * us, pivots + q * rows);
    if (count == 1) return;
    base::transpose(uq + q * us, rows, w, rows);
    auto const multiply = [&](index p, auto t) { times_transpose<t>(rows, right + p * ms, ms, w, 0, uq + p * us, us); };
    base::groups(0, q, multiply), base::groups(q + 1, count, multiply);
    index const from = (q + 1) * rows, to = count * rows;
    base::groups(0, q, [&](index p, auto t) {
      base::template strip<t>(rows, uq + p * us, us, uq, us, m + p * ms, ms, from, to, into::difference);
    });
    base::template strip<1>(rows, uq + q * us, us, uq, us, m + q * ms, ms, from, to, into::negated);
    base::groups(q + 1, count, [&](index p, auto t) {
      base::template trapezoid<t>(rows, uq, uq, us, m, ms, p, from, into::difference);
    });
  }
  for (index p = 1; p < count; ++p) std::fill_n(u + p * us, p * square, S(0));
}

}  // namespace selfpred::detail
