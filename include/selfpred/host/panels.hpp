// SPDX-License-Identifier: MIT
// Matrices as panels: 64 bytes of a column, then the next column, so that a product's operands and its result are read
// and written in order, nothing is packed twice, and an odd size is a padded panel. On GNU vector extensions.
#pragma once
#include <algorithm>
#include <cstdint>
#include <selfpred/view.hpp>
#include <type_traits>
#include <utility>
#include <vector>

// clang makes two halves of a 64-byte vector where it prefers 32 bytes, and the sums then live on the stack: 3 times slower.
#if defined(__clang__) && defined(__AVX512F__)
#define SELFPRED_INLINE [[gnu::always_inline, clang::min_vector_width(512)]] static inline
#else
#define SELFPRED_INLINE [[gnu::always_inline]] static inline
#endif

namespace selfpred::detail {

template <class S>
struct panels {
  // A tile is tall panels x wide columns of sums in registers: 24 of 32 with AVX-512, 8 of 16 below.
#if defined(__AVX512F__)
  static constexpr int bytes = 64, wide = 8, tall = 3;
#elif defined(__AVX__)
  static constexpr int bytes = 32, wide = 4, tall = 1;
#else
  static constexpr int bytes = 16, wide = 2, tall = 1;
#endif
  using vec [[gnu::vector_size(bytes), gnu::may_alias]] = S;
  using loose [[gnu::vector_size(bytes), gnu::may_alias, gnu::aligned(sizeof(S))]] = S;
  static constexpr int rows = 64 / sizeof(S), lanes = bytes / sizeof(S), parts = rows / lanes, square = rows * rows;
  enum class into { set, negated, sum, difference };

  static index count(index n) { return (n + rows - 1) / rows; }

  /// Aligned memory of a thread that lives on and only grows.
  template <int Slot>
  static S* buffer(index size) {
    struct alignas(64) line {
      S values[rows];
    };
    static thread_local std::vector<line> memory;
    if (auto const lines = static_cast<std::size_t>(count(size)) + 1; memory.size() < lines) memory.resize(lines);
    return memory.data()->values;
  }

  // s = sum_k a(:, k) b(k, :). T panels of a lie `as` apart.
  template <int T, int W>
  SELFPRED_INLINE void accumulate(index k, S const* a, index as, S const* b, vec (&s)[T * parts][W]) {
    constexpr int v = T * parts;
    for (int i = 0; i < v; ++i)
      for (int j = 0; j < W; ++j) s[i][j] = vec{};
    S const* p[T];
    for (int t = 0; t < T; ++t) p[t] = a + t * as;
    for (; k > 0; --k) {
      vec x[v];
#pragma GCC unroll 16
      for (int i = 0; i < v; ++i) x[i] = reinterpret_cast<vec const*>(p[i / parts])[i % parts];
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
  // c = that sum, or its negative, added or subtracted. T panels of c lie `cs` apart.
  template <int T, int W = wide>
  SELFPRED_INLINE void tile(index k, S const* a, index as, S const* b, S* c, index cs, into how) {
    vec s[T * parts][W];
    accumulate<T>(k, a, as, b, s);
#pragma GCC unroll 16
    for (int i = 0; i < T * parts; ++i) {
      vec* const o = reinterpret_cast<vec*>(c + i / parts * cs) + i % parts;
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
    strip<T>(k, a + p * s, s, b, s, c + p * cs, cs, from, (p + 1) * rows, how);
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

  // One step of a transpose: of two vectors D apart, the halves that have to change places do.
  template <int D, int... I>
  SELFPRED_INLINE void exchange(vec& x, vec& y, std::integer_sequence<int, I...>) {
    vec const low = __builtin_shufflevector(x, y, (I & D ? lanes + I - D : I)...);
    y = __builtin_shufflevector(x, y, (I & D ? lanes + I : I + D)...);
    x = low;
  }
  template <int D>
  SELFPRED_INLINE void exchange(vec* v) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
      if (!(i & D)) exchange<D>(v[i], v[i + D], std::make_integer_sequence<int, lanes>());
    if constexpr (D > 1) exchange<D / 2>(v);
  }
  /// b <- scale a^T, squares of `rows` whose columns lie `as` and `bs` apart.
  static void transpose(S const* a, index as, S* b, index bs, S scale = S(1)) {
    for (int i = 0; i < rows; i += lanes)
      for (int j = 0; j < rows; j += lanes) {
        vec v[lanes];
#pragma GCC unroll 16
        for (int k = 0; k < lanes; ++k) v[k] = *reinterpret_cast<loose const*>(a + (j + k) * as + i) * scale;
        exchange<lanes / 2>(v);
#pragma GCC unroll 16
        for (int k = 0; k < lanes; ++k) *reinterpret_cast<loose*>(b + (i + k) * bs + j) = v[k];
      }
  }

  /// The square (p, q) of a view; beyond its edges zeros.
  static void pack(matrix_view<S const> const& x, index p, index q, S* to) {
    index const i0 = p * rows, j0 = q * rows, m = std::min<index>(rows, x.rows() - i0),
                n = std::min<index>(rows, x.cols() - j0);
    if (m == rows && n == rows && x.stride[1] == 1) return transpose(&x(i0, j0), x.stride[0], to, rows);
    if (m < rows || n < rows) std::fill_n(to, square, S(0));
    if (m == rows && x.stride[0] == 1)
      for (index j = 0; j < n; ++j)
        for (int i = 0; i < rows; i += lanes)
          *reinterpret_cast<vec*>(to + j * rows + i) = *reinterpret_cast<loose const*>(&x(i0, j0 + j) + i);
    else
      for (index j = 0; j < n; ++j)
        for (index i = 0; i < m; ++i) to[j * rows + i] = x(i0 + i, j0 + j);
  }
  /// z <- a c + b z in the square (p, q) of z; with b = 0, z is write-only.
  static void unpack(S const* c, S a, S b, matrix_view<S> const& z, index p, index q) {
    index const i0 = p * rows, j0 = q * rows, m = std::min<index>(rows, z.rows() - i0),
                n = std::min<index>(rows, z.cols() - j0);
    if (m == rows && n == rows && z.stride[0] == 1) {
#pragma GCC unroll 16
      for (int j = 0; j < rows; ++j)
        for (int i = 0; i < rows; i += lanes) {
          loose& o = *reinterpret_cast<loose*>(&z(i0, j0 + j) + i);
          vec const v = *reinterpret_cast<vec const*>(c + j * rows + i) * a;
          o = b == S(0) ? v : v + b * o;
        }
    } else if (m == rows && n == rows && z.stride[1] == 1) {
      if (b == S(0)) return transpose(c, rows, &z(i0, j0), z.stride[0], a);
      alignas(64) S t[square];
      transpose(c, rows, t, rows);
      unpack(t, a, b, z.transposed(), q, p);
    } else {
      for (index j = 0; j < n; ++j)
        for (index i = 0; i < m; ++i) {
          S& o = z(i0 + i, j0 + j);
          o = b == S(0) ? a * c[j * rows + i] : a * c[j * rows + i] + b * o;
        }
    }
  }
  // The upper triangle of a square from its lower one. By selection: copies of 1 to 15 numbers are as many calls.
  static void mirror(S* a, S* t) {
    using number = std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>;
    using numbers [[gnu::vector_size(bytes)]] = number;
    numbers lane;
    for (int i = 0; i < lanes; ++i) lane[i] = i;
    transpose(a, rows, t, rows);
#pragma GCC unroll 16
    for (int j = 1; j < rows; ++j)
      for (int i = 0; i < parts; ++i) {
        vec& to = reinterpret_cast<vec*>(a)[j * parts + i];
        to = lane < j - i * lanes ? reinterpret_cast<vec const*>(t)[j * parts + i] : to;
      }
  }
  /// The same of the panels [first, last) of a lower triangle, which lie `cs` apart, and of their mirror image.
  static void unpack_symmetric(S* c, index cs, index first, index last, S a, S b, matrix_view<S> const& z) {
    alignas(64) S t[square];
    for (index q = 0; q < last; ++q)
      for (index p = std::max(first, q); p < last; ++p) {
        S* const from = c + p * cs + q * square;
        if (p == q) mirror(from, t);
        unpack(from, a, b, z, p, q);
        if (p > q) unpack(from, a, b, z.transposed(), p, q);
      }
  }
};

}  // namespace selfpred::detail

#undef SELFPRED_INLINE
