// SPDX-License-Identifier: MIT
// Shapes, and the strided view through which tensors in host memory show themselves.
#pragma once
#include <array>
#include <cstddef>
#include <selfpred/algorithm.hpp>
#include <selfpred/error.hpp>
#include <string>
#include <type_traits>

namespace selfpred {
namespace detail {

// What a for loop asks of a range: <ranges> alone would be a tenth of this library's compile time.
template <class R>
concept iterable = requires(R& r) {
  std::begin(r) != std::end(r);
  *std::begin(r);
};
template <class R>
using item_t = std::remove_cvref_t<decltype(*std::begin(std::declval<R&>()))>;

}  // namespace detail

using index = std::ptrdiff_t;
inline constexpr int max_rank = 8;
inline constexpr int any_rank = -1;

/// Whether gemm reads an operand as it is or transposed.
enum class op { none, transpose };

/// The extents of a tensor. Storage is inline: making and comparing shapes never allocates.
struct shape {
  std::array<index, max_rank> extent{};
  int rank = 0;

  constexpr shape() = default;
  constexpr shape(index rows, index cols) : extent{rows, cols}, rank(2) {}

  /// From any range of integers (a vector of extents, at::IntArrayRef, std::array). Throws shape_error above rank 8.
  template <detail::iterable R>
    requires(!std::same_as<std::remove_cvref_t<R>, shape>)
  explicit constexpr shape(R const& extents) {
    for (auto e : extents) {
      if (rank == max_rank) throw shape_error("shape: rank is above 8, expected at most 8");
      extent[static_cast<std::size_t>(rank++)] = static_cast<index>(e);
    }
  }

  constexpr index const* begin() const { return extent.data(); }
  constexpr index const* end() const { return extent.data() + rank; }
  constexpr index rows() const { return extent[0]; }
  constexpr index cols() const { return extent[1]; }
  constexpr index size() const {
    index n = 1;
    for (index e : *this) n *= e;
    return n;
  }
  friend constexpr bool operator==(shape const&, shape const&) = default;

  /// "3 x 4", for messages.
  std::string text() const {
    std::string s;
    for (index e : *this) s += (s.empty() ? "" : " x ") + std::to_string(e);
    return s.empty() ? "scalar" : s;
  }
};

/// The library's own tensor: a pointer, extents, and strides counted in elements. Rank is static where the tensor's is.
template <class S, int Rank = any_rank>
struct strided {
  static constexpr int capacity = Rank < 0 ? max_rank : Rank;
  S* data = nullptr;
  int rank = Rank < 0 ? 0 : Rank;
  std::array<index, capacity> extent{}, stride{};

  strided() = default;
  strided(S* p, index rows, index cols, index row_stride, index col_stride)
    requires(Rank == 2)
      : data(p), extent{rows, cols}, stride{row_stride, col_stride} {}

  // mutable -> const and static -> any rank cost nothing; any rank -> static rank is checked when it happens
  template <class U, int Q>
    requires std::is_convertible_v<U (*)[], S (*)[]> && (Rank == any_rank || Q == any_rank || Q == Rank)
  strided(strided<U, Q> const& o) : data(o.data), rank(o.rank) {
    if (Rank >= 0 && o.rank != Rank)
      throw shape_error(detail::complaint("strided", "rank", std::to_string(o.rank), std::to_string(Rank)));
    detail::copy_n(o.extent.data(), rank, extent.data());
    detail::copy_n(o.stride.data(), rank, stride.data());
  }

  selfpred::shape shape() const {
    selfpred::shape s;
    s.rank = rank;
    detail::copy_n(extent.data(), rank, s.extent.data());
    return s;
  }
  index rows() const { return extent[0]; }
  index cols() const { return extent[1]; }
  S& operator()(index i, index j) const { return data[i * stride[0] + j * stride[1]]; }
  strided transposed() const
    requires(Rank == 2)
  {
    return {data, extent[1], extent[0], stride[1], stride[0]};
  }
};

template <class S>
using matrix_view = strided<S, 2>;

// What adapters call. Arguments are any integers: braces would make every size_t a narrowing error.

template <class S>
matrix_view<S> view_matrix(S* p, auto rows, auto cols, auto row_stride, auto col_stride) {
  return {p, static_cast<index>(rows), static_cast<index>(cols), static_cast<index>(row_stride),
          static_cast<index>(col_stride)};
}
template <class S>
matrix_view<S> view_row_major(S* p, auto rows, auto cols) {
  return view_matrix(p, rows, cols, cols, 1);
}
template <class S>
matrix_view<S> view_column_major(S* p, auto rows, auto cols) {
  return view_matrix(p, rows, cols, 1, rows);
}
/// A view of any rank from ranges of extents and strides; a static Rank is checked.
template <int Rank = any_rank, class S>
strided<S, Rank> view_tensor(S* p, auto const& extents, auto const& strides) {
  shape const e(extents), s(strides);
  if (e.rank != s.rank || (Rank >= 0 && e.rank != Rank))
    throw shape_error(detail::complaint("view_tensor", "rank of the strides", std::to_string(s.rank),
                                        std::to_string(Rank >= 0 ? Rank : e.rank)));
  strided<S, Rank> v;
  v.data = p;
  v.rank = e.rank;
  detail::copy_n(e.extent.data(), e.rank, v.extent.data());
  detail::copy_n(s.extent.data(), e.rank, v.stride.data());
  return v;
}
/// A contiguous row-major view of a given shape.
template <class S>
strided<S> view_dense(S* p, shape const& s) {
  strided<S> v;
  v.data = p;
  v.rank = s.rank;
  index step = 1;
  for (int d = s.rank - 1; d >= 0; --d) {
    auto const k = static_cast<std::size_t>(d);
    v.extent[k] = s.extent[k];
    v.stride[k] = step;
    step *= s.extent[k];
  }
  return v;
}

}  // namespace selfpred
