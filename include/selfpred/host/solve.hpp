// SPDX-License-Identifier: MIT
// Symmetric positive definite matrices in host memory for float and double, by a Cholesky factorisation in panels: solves
// and the explicit inverse. Blocks on the diagonal are inverted, so that all the rest is products; that costs a block's
// condition in accuracy, not the matrix's (Higham 2002, 8.2 and 14.3). Sweeps of the whole matrix would: eps kappa^2.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <selfpred/host/engine.hpp>
#include <selfpred/host/leaf.hpp>

namespace selfpred::detail {

template <class S>
struct blocked_cholesky : cholesky_leaf<S> {
  using out = matrix_view<S>;
  using base = cholesky_leaf<S>;
  using into = typename base::into;
  static constexpr int max_block = 128 / base::rows;
  using base::rows, base::square, base::wide, base::tall;

  /// y <- x^-1 y; x is destroyed. Returns the smallest pivot of the factorisation, 0 where it failed.
  static double spd_solve(out x, out y);
  /// y <- x^-1, both triangles; x is destroyed. Returns the same.
  static double spd_inverse(out x, out y);

 private:
  // A matrix of `size` rows in panels. Of the block on the diagonal at work, W = L^-1: u has W^T by panels of the block,
  // w has W. `block` is in panels.
  struct work {
    index size, count, block, step = count * square, wide_step = block * square;
    S *m, *u, *w;
    double least = std::numeric_limits<double>::infinity();

    S* at(index p, index q) const { return m + p * step + q * square; }
    S* panel(index p) const { return u + p * wide_step; }
    index next(index k) const { return std::min(k + block, count); }
  };
  static work packed(out x, index block);

  static bool invert_block(work& k, index first);
  static bool factorise(work& k);
  static bool invert(work& k);
  static void substitute(work const& k, out y);

  // z <- z W^T in the columns of the block at `first`, in place: a column needs those to its left.
  template <int T>
  static void multiply_lower(work const& k, index first, S* z) {
    z += first * square;
    for (index c = (k.next(first) - first) * rows - wide; c >= 0; c -= wide)
      base::template tile<T>(c + wide, z, k.step, k.at(first + c / rows, first) + c % rows, z + c * rows, k.step,
                             into::set);
  }
};

// x is symmetric, so a row-major x is its own transpose.
template <class S>
auto blocked_cholesky<S>::packed(out x, index block) -> work {
  if (x.stride[0] != 1) x = x.transposed();
  index const n = x.rows(), np = base::count(n);
  work k{.size = n, .count = np, .block = block, .m = nullptr, .u = nullptr, .w = nullptr};
  k.m = base::template buffer<0>(np * k.step);
  k.u = base::template buffer<1>(np * k.wide_step);
  k.w = base::template buffer<2>(block * k.wide_step);
  for (index q = 0; q < np; ++q)
    for (index p = q; p < np; ++p) base::pack(x, p, q, k.at(p, q));
  for (index i = n; i < np * rows; ++i) k.at(np - 1, np - 1)[i % rows * (rows + 1)] = S(1);
  return k;
}

// Panels of u and w for the block at `first`; false where a pivot is not positive and finite.
template <class S>
bool blocked_cholesky<S>::invert_block(work& k, index first) {
  index const count = k.next(first) - first, us = k.wide_step;
  S pivots[max_block * rows];
  base::leaf(k.at(first, first), k.step, count, k.panel(first), us, pivots);
  S least = std::numeric_limits<S>::max();
  for (index i = 0; i < std::min(count * rows, k.size - first * rows); ++i)
    least = std::min(least, std::isfinite(pivots[i]) ? pivots[i] : S(0));
  if (!(least > 0)) return false;
  k.least = std::min(k.least, static_cast<double>(least));
  for (index i = 0; i < count; ++i)
    for (index j = 0; j <= i; ++j)
      base::transpose(k.panel(first + j) + i * square, rows, k.w + i * us + j * square, rows);
  return true;
}

// In place, one rank-w update of one triangle a block. Left of the block at k the matrix has L^-T L^-1 of what is done,
// right of it the Schur complement, and above the diagonal, right of k, L^-T as far as it is known. With U = the panel of
// L below the block, W^T in it and L^-T times W^T above: the three parts change by -U U^T, -U U^T and +U U^T.
template <class S>
bool blocked_cholesky<S>::invert(work& k) {
  index const end = k.count, us = k.wide_step, ms = k.step;
  for (index first = 0; first < end; first = k.next(first)) {
    if (!invert_block(k, first)) return false;
    index const next = k.next(first), w = (next - first) * rows, right = next * rows, last = end * rows;
    auto const multiply = [&](index p, auto t) {
      base::template times_transpose<t>(w, k.at(p, first), ms, k.w, us, k.panel(p), us);
    };
    base::groups(0, first, multiply), base::groups(next, end, multiply);
    base::groups(0, first, [&](index p, auto t) {
      base::template trapezoid<t>(w, k.u, k.u, us, k.m, ms, p, 0, into::sum);
      base::template strip<t>(w, k.panel(p), us, k.u, us, k.at(p, 0), ms, right, last, into::difference);
    });
    auto const inside = [&](index p, auto t) {  // W^T is triangular: its panel p begins at its column p
      index const skip = (p - first) * square, d = w - (p - first) * rows;
      base::template trapezoid<t>(d, k.u + skip, k.u + skip, us, k.m, ms, p, 0, into::set);
      base::template strip<t>(d, k.panel(p) + skip, us, k.u + skip, us, k.at(p, 0), ms, right, last, into::negated);
    };
    constexpr int pair = std::min(2, tall);  // three would share the longest of three sums
    for (index p = first; p < next; p += pair)
      p + pair <= next ? inside(p, std::integral_constant<int, pair>()) : inside(p, std::integral_constant<int, 1>());
    base::groups(next, end, [&](index p, auto t) {
      base::template trapezoid<t>(w, k.u, k.u, us, k.m, ms, p, right, into::difference);
    });
  }
  return true;
}

template <class S>
double blocked_cholesky<S>::spd_inverse(out x, out y) {
  index const n = x.rows();
  work k = packed(x, n <= 128 ? std::max(1, 16 / rows) : n <= 1024 ? 64 / rows : max_block);
  if (!invert(k)) return 0;
  base::unpack_symmetric(k.m, k.step, 0, k.count, S(1), S(0), y);
  return k.least;
}

// By rows of blocks, each from the left: long sums, and every entry is written once. Below a block L stays, above it is
// L^T, on the diagonal W; u keeps W^T of every block.
template <class S>
bool blocked_cholesky<S>::factorise(work& k) {
  index const end = k.count, us = k.wide_step, ms = k.step;
  for (index first = 0; first < end; first = k.next(first)) {
    index const next = k.next(first), done = first * rows, right = next * rows;
    base::groups(first, next, [&](index p, auto t) {
      base::template trapezoid<t>(done, k.m, k.m, ms, k.m, ms, p, done, into::difference);
    });
    base::groups(next, end, [&](index p, auto t) {
      base::template subtract<t>(done, k.at(p, 0), ms, k.m, ms, k.at(p, 0), ms, done, right);
    });
    if (!invert_block(k, first)) return false;
    for (index p = first; p < next; ++p) std::copy_n(k.w + (p - first) * us, (p - first + 1) * square, k.at(p, first));
    base::groups(next, end, [&](index p, auto t) { multiply_lower<t>(k, first, k.at(p, 0)); });
    for (index p = next; p < end; ++p)
      for (index q = first; q < next; ++q) base::transpose(k.at(p, q), rows, k.at(q, p), rows);
  }
  return true;
}

// Right-hand sides are rows here, a group of panels at a time: z <- z L^-T, then z <- z L^-1, all of it products.
template <class S>
void blocked_cholesky<S>::substitute(work const& k, out y) {
  index const end = k.count, ms = k.step;
  out const right = y.transposed();
  auto const group = [&](index g, auto t) {
    S* const z = base::template buffer<3>(tall * ms);
    base::pack(right, g, t, 0, end, z);
    for (index first = 0; first < end; first = k.next(first)) {
      base::template subtract<t>(first * rows, z, ms, k.m, ms, z, ms, first * rows, k.next(first) * rows);
      multiply_lower<t>(k, first, z);
    }
    for (index first = (end - 1) / k.block * k.block; first >= 0; first -= k.block) {
      index const next = k.next(first), w = (next - first) * rows, from = next * square;
      base::template subtract<t>((end - next) * rows, z + from, ms, k.m + from, ms, z, ms, first * rows, next * rows);
      for (index c = 0; c < w; c += wide) {  // z <- z W in place: a column needs those to its right
        S* const at = z + first * square + c * rows;
        base::template tile<t>(w - c, at, ms, k.panel(first + c / rows) + c * rows + c % rows, at, ms, into::set);
      }
    }
    for (index p = 0; p < t; ++p)
      for (index q = 0; q < end; ++q) base::unpack(z + p * ms + q * square, S(1), S(0), right, g + p, q);
  };
  double const n = static_cast<double>(k.size);
  detail::split(base::count(right.rows()), n * n * static_cast<double>(right.rows()),
                [&](index from, index to) { base::groups(from, to, group); });
}

template <class S>
double blocked_cholesky<S>::spd_solve(out x, out y) {
  work k = packed(x, 64 / rows);
  if (!factorise(k)) return 0;
  substitute(k, y);
  return k.least;
}

template <>
struct host_solver<float> : blocked_cholesky<float> {};
template <>
struct host_solver<double> : blocked_cholesky<double> {};

}  // namespace selfpred::detail
