// SPDX-License-Identifier: MIT
// Products of panels (squares.hpp), by tiles whose sums stay in registers.
#pragma once
#include <algorithm>
#include <selfpred/host/squares.hpp>
#include <type_traits>

namespace selfpred::detail {

template <class S>
struct panels : panel_squares<S> {
  using base = panel_squares<S>;
  using base::bytes, base::rows, base::lanes, base::parts, base::square;
  using typename base::vec, typename base::loose;

  // A tile is tall panels x wide columns of sums in registers: 24 of 32 with AVX-512, 8 of 16 below.
  static constexpr int wide = bytes / 8, tall = bytes == 64 ? 3 : 1;
  enum class into { set, negated, sum, difference };

  // g++ would read x from memory for each of its uses: with AVX2 66 of 104 GFLOP/s, 97 from registers.
  SELFPRED_INLINE vec in_register(vec x) {
#if defined(__x86_64__) && !defined(__clang__)
    asm("" : "+v"(x));
#endif
    return x;
  }
  // s = sum_k a(:, k) b(k, :). T panels of a lie `as` apart; of each, as many rows as s has.
  template <int T, int v, int W>
  SELFPRED_INLINE void accumulate(index k, S const* a, index as, S const* b, vec (&s)[v][W]) {
    constexpr int each = v / T;
    for (int i = 0; i < v; ++i)
      for (int j = 0; j < W; ++j) s[i][j] = vec{};
    S const* p[T];
    for (int t = 0; t < T; ++t) p[t] = a + t * as;
    for (; k > 0; --k) {
      vec x[v];
#pragma GCC unroll 16
      for (int i = 0; i < v; ++i) x[i] = in_register(reinterpret_cast<vec const*>(p[i / each])[i % each]);
#pragma GCC unroll 16
      for (int j = 0; j < W; ++j) {
        S const y = b[j];
#pragma GCC unroll 16
        for (int i = 0; i < v; ++i) s[i][j] += x[i] * y;
      }
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) p[t] += rows;
      b += rows;
    }
  }
  // c = that sum, or its negative, added or subtracted. T panels of c lie `cs` apart; `each` vectors of each.
  template <int T, int W = wide, int each = parts>
  SELFPRED_INLINE void tile(index k, S const* a, index as, S const* b, S* c, index cs, into how) {
    vec s[T * each][W];
    accumulate<T>(k, a, as, b, s);
#pragma GCC unroll 16
    for (int i = 0; i < T * each; ++i) {
      vec* const o = reinterpret_cast<vec*>(c + i / each * cs) + i % each;
      if (how == into::set)
#pragma GCC unroll 16
        for (int j = 0; j < W; ++j) o[j * parts] = s[i][j];
      else if (how == into::sum)
#pragma GCC unroll 16
        for (int j = 0; j < W; ++j) o[j * parts] += s[i][j];
      else if (how == into::difference)
#pragma GCC unroll 16
        for (int j = 0; j < W; ++j) o[j * parts] -= s[i][j];
      else
#pragma GCC unroll 16
        for (int j = 0; j < W; ++j) o[j * parts] = -s[i][j];
    }
  }
  // z = factor times that sum + keep z, of which z may have fewer rows and columns; with keep = 0, z is write-only.
  template <int T>
  SELFPRED_INLINE void tile(index k, S const* a, index as, S const* b, S factor, S keep, matrix_view<S> const& z) {
    vec s[T * parts][wide];
    accumulate<T>(k, a, as, b, s);
    auto const put = [&](S* o, index ld) {
#pragma GCC unroll 16
      for (int j = 0; j < wide; ++j)
#pragma GCC unroll 16
        for (int i = 0; i < T * parts; ++i) {
          loose& v = *reinterpret_cast<loose*>(o + j * ld + i * lanes);
          v = keep == S(0) ? s[i][j] * factor : s[i][j] * factor + v * keep;
        }
    };
    if (z.rows() == T * rows && z.cols() == wide && z.stride[0] == 1) return put(z.data, z.stride[1]);
    S c[wide * T * rows];  // at an edge, by the same arithmetic
    for (index j = 0; j < wide; ++j)
      for (index i = 0; i < T * rows; ++i)
        c[j * T * rows + i] = keep != S(0) && i < z.rows() && j < z.cols() ? z(i, j) : S(0);
    put(c, T * rows);
    for (index j = 0; j < z.cols(); ++j)
      for (index i = 0; i < z.rows(); ++i) z(i, j) = c[j * T * rows + i];
  }
  // Of a sum's terms, what is packed or passed over at once: its operands stay in the level-1 cache. 96 to 384 differ by 3 %.
  static constexpr index chunk = 128;

  /// Columns [from, to) of T panels of c: of a times the transpose of b, whose panels lie `bs` apart.
  template <int T>
  static void strip(index k, S const* a, index as, S const* b, index bs, S* c, index cs, index from, index to,
                    into how) {
    index j = from;
    if constexpr (T == 1 && tall > 1 && rows >= 2 * wide)  // with one panel as many sums as registers hold
      for (; j % rows == 0 && j + 2 * wide <= to; j += 2 * wide)
        tile<T, 2 * wide>(k, a, as, b + j / rows * bs, c + j * rows, cs, how);
    for (; j < to; j += wide) tile<T>(k, a, as, b + j / rows * bs + j % rows, c + j * rows, cs, how);
  }
  /// The same, subtracted, of any number of terms.
  template <int T>
  static void subtract(index k, S const* a, index as, S const* b, index bs, S* c, index cs, index from, index to) {
    for (; k > 0; k -= chunk, a += chunk * rows, b += chunk * rows)
      strip<T>(std::min(k, chunk), a, as, b, bs, c, cs, from, to, into::difference);
  }
  /// Panels p, ..., p + T - 1 of c from column `from` to the diagonal. Above it, its squares hold anything afterwards.
  template <int T>
  static void trapezoid(index k, S const* a, S const* b, index s, S* c, index cs, index p, index from, into how) {
    constexpr int half = rows / 2;
    constexpr bool halves = parts > 1 && 2 * wide <= half;  // of the square on the diagonal, a quarter is above it
    index const end = (p + 1) * rows - halves * half;
    strip<T>(k, a + p * s, s, b, s, c + p * cs, cs, from, end, how);
    if constexpr (halves)
      for (index j = half; j < rows; j += 2 * wide)
        tile<1, 2 * wide, parts / 2>(k, a + p * s + half, s, b + p * s + j, c + p * cs + p * square + j * rows + half,
                                     cs, how);
    if constexpr (T > 1) trapezoid<T - 1>(k, a, b, s, c, cs, p + 1, (p + 1) * rows, how);
  }
  /// f(p, T): the panels from p on, as many at once as a tile takes.
  template <class F>
  SELFPRED_INLINE void groups(index p, index end, F f) {
    for (; p + tall <= end; p += tall) f(p, std::integral_constant<int, tall>());
    if constexpr (tall > 2)
      if (end - p == 2) return f(p, std::integral_constant<int, 2>());
    for (; p < end; ++p) f(p, std::integral_constant<int, 1>());
  }

  /// z <- a c + b z of the panels [first, last) of a lower triangle, which lie `cs` apart, and of their mirror image.
  static void unpack_symmetric(S* c, index cs, index first, index last, S a, S b, matrix_view<S> const& z) {
    alignas(64) S t[square];
    for (index q = 0; q < last; ++q)
      for (index p = std::max(first, q); p < last; ++p) {
        S* const from = c + p * cs + q * square;
        if (p == q) base::mirror(from, t);
        base::unpack(from, a, b, z, p, q);
        if (p > q) base::unpack(from, a, b, z.transposed(), p, q);
      }
  }
};

}  // namespace selfpred::detail

#undef SELFPRED_INLINE
