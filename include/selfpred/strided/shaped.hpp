// SPDX-License-Identifier: MIT
// Elements that know no shape: a vector, an array, a span, a pointer. As they are, they are tensors of one dimension,
// enough for a model; shaped(...) gives them the extents that a matrix needs. Nothing is copied.
//
//   auto const z = selfpred::shaped(values, 32, 8);                                     // row by row
//   auto const z = selfpred::shaped<selfpred::memory_order::column_major>(values, 32, 8);
//
// Needs only the standard library; predictors need <selfpred/host/solve.hpp> as well. Results are host_array, whose
// `values` is a std::vector, row-major.
#pragma once
#include <array>
#include <selfpred/strided/operations.hpp>
#include <span>

namespace selfpred {

/// Which index runs fastest in memory: the last (C, NumPy, mdspan's layout_right) or the first (Fortran, BLAS).
enum class memory_order { row_major, column_major };

namespace detail {

template <class T>
inline constexpr bool is_flat = false;
template <class S, class A>
inline constexpr bool is_flat<std::vector<S, A>> = std::is_arithmetic_v<S> && !std::same_as<S, bool>;
template <class S, std::size_t N>
inline constexpr bool is_flat<std::array<S, N>> = std::is_arithmetic_v<S>;
template <class S, std::size_t N>
inline constexpr bool is_flat<std::span<S, N>> = std::is_arithmetic_v<S>;

template <memory_order Order, class S, std::size_t Rank>
strided<S, static_cast<int>(Rank)> shaped_view(S* p, std::array<index, Rank> const& extents) {
  strided<S, static_cast<int>(Rank)> v;
  v.data = p;
  v.extent = extents;
  index step = 1;
  for (std::size_t k = 0; k < Rank; ++k) {
    std::size_t const d = Order == memory_order::column_major ? k : Rank - 1 - k;
    v.stride[d] = step;
    step *= extents[d];
  }
  return v;
}

}  // namespace detail

/// std::vector, std::array and std::span of numbers are tensors of rank 1: one leaf of a model, not one a number.
template <class T>
  requires detail::is_flat<T>
struct tensor_traits<T> : shows_memory {
  static auto view(auto& x) {
    return detail::shaped_view<memory_order::row_major>(x.data(), std::array{std::ssize(x)});
  }
};

/// shaped(elements, extents...): a view of contiguous memory as a tensor of these extents; rank 1 to 8, static.
///
/// `elements` is a contiguous range that outlives the view (a vector, a span, an array; no temporary vector) or a pointer.
/// The view of const elements is read-only. Errors: shape_error where the range is not as long as the extents ask, or an
/// extent is negative; a pointer cannot be checked. Cost: none. Example: examples/spans.cpp
template <memory_order Order = memory_order::row_major, std::ranges::contiguous_range R, std::integral... N>
  requires std::ranges::sized_range<R> && std::ranges::borrowed_range<R> &&
           (sizeof...(N) > 0 && sizeof...(N) <= max_rank)
auto shaped(R&& elements, N... extents) {
  std::array<index, sizeof...(N)> const e{static_cast<index>(extents)...};
  bool const negative = ((extents < 0) || ...);
  if (negative || shape(e).size() != static_cast<index>(std::ranges::size(elements)))
    throw shape_error(detail::complaint("shaped", "the number of elements", std::to_string(std::ranges::size(elements)),
                                        shape(e).text()));
  return detail::shaped_view<Order>(std::ranges::data(elements), e);
}
template <memory_order Order = memory_order::row_major, class S, std::integral... N>
  requires(std::is_object_v<S> && sizeof...(N) > 0 && sizeof...(N) <= max_rank)
auto shaped(S* elements, N... extents) {
  return detail::shaped_view<Order>(elements, std::array<index, sizeof...(N)>{static_cast<index>(extents)...});
}

}  // namespace selfpred
