// SPDX-License-Identifier: MIT
// Matrices as panels: 64 bytes of a column, then the next column, so that a product's operands and its result are read
// and written in order, nothing is packed twice, and an odd size is a padded panel. Here is how numbers move between views and
// a panel's squares, on GNU vector extensions.
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
struct panel_squares {
#if defined(__AVX512F__)
  static constexpr int bytes = 64;
#elif defined(__AVX__)
  static constexpr int bytes = 32;
#else
  static constexpr int bytes = 16;
#endif
  using vec [[gnu::vector_size(bytes), gnu::may_alias]] = S;
  using loose [[gnu::vector_size(bytes), gnu::may_alias, gnu::aligned(sizeof(S))]] = S;
  static constexpr int rows = 64 / sizeof(S), lanes = bytes / sizeof(S), parts = rows / lanes, square = rows * rows;

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
  // 0, 1, ..., lanes - 1, to be compared with: selection is quick, copies of 1 to 15 numbers are as many calls.
  SELFPRED_INLINE auto lane() {
    using number = std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>;
    using numbers [[gnu::vector_size(bytes)]] = number;
    numbers n;
    for (int i = 0; i < lanes; ++i) n[i] = i;
    return n;
  }
  // The upper triangle of a square from its lower one.
  static void mirror(S* a, S* t) {
    transpose(a, rows, t, rows);
#pragma GCC unroll 16
    for (int j = 1; j < rows; ++j)
      for (int i = 0; i < parts; ++i) {
        vec& to = reinterpret_cast<vec*>(a)[j * parts + i];
        to = lane() < j - i * lanes ? reinterpret_cast<vec const*>(t)[j * parts + i] : to;
      }
  }
  /// `n` squares of each of the panels p, ..., p + count - 1 of a view, from the squares q on: a panel after the other.
  static void pack(matrix_view<S const> const& x, index p, index count, index q, index n, S* to) {
    bool const by_panels = x.stride[1] == 1;  // in the order of memory: at 4096 x 512, half of the time
    for (index i = 0; i < (by_panels ? count : n); ++i)
      for (index j = 0; j < (by_panels ? n : count); ++j) {
        index const panel = by_panels ? i : j, at = by_panels ? j : i;
        pack(x, p + panel, q + at, to + (panel * n + at) * square);
      }
  }
};

}  // namespace selfpred::detail
