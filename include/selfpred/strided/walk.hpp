// SPDX-License-Identifier: MIT
// One walk over two strided tensors, as few and as long inner runs as their strides allow.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <selfpred/algorithm.hpp>
#include <selfpred/view.hpp>
#include <utility>

namespace selfpred::detail {

// The dimensions of x and y that are longer than one, the fastest of y last, neighbours merged where both allow it.
// A contiguous pair of any rank is one run; so is a block of full columns.
struct joint_loop {
  int depth = 0;
  std::array<index, max_rank> extent{}, x{}, y{};

  template <class A, int R, class B, int Q>
  joint_loop(strided<A, R> const& a, strided<B, Q> const& b) {
    for (int i = 0; i < a.rank; ++i) {
      auto const d = static_cast<std::size_t>(i);
      if (a.extent[d] == 1) continue;
      auto k = static_cast<std::size_t>(depth++);
      for (; k > 0 && y[k - 1] < b.stride[d]; --k) extent[k] = extent[k - 1], x[k] = x[k - 1], y[k] = y[k - 1];
      extent[k] = a.extent[d], x[k] = a.stride[d], y[k] = b.stride[d];
    }
    if (depth == 0) {
      depth = 1, extent[0] = 1, x[0] = 1, y[0] = 1;
      return;
    }
    std::size_t m = 0;
    for (std::size_t d = 1; d < static_cast<std::size_t>(depth); ++d) {
      if (x[m] == x[d] * extent[d] && y[m] == y[d] * extent[d])
        extent[m] *= extent[d], x[m] = x[d], y[m] = y[d];
      else
        ++m, extent[m] = extent[d], x[m] = x[d], y[m] = y[d];
    }
    depth = static_cast<int>(m) + 1;
  }
};

/// run(n, x, step_of_x, y, step_of_y) for every run of x and y together. The shapes must be equal.
template <class A, int R, class B, int Q, class Run>
void walk(strided<A, R> const& x, strided<B, Q> const& y, Run run) {
  if (x.shape() != y.shape())
    throw shape_error(complaint("selfpred", "the shape of y", y.shape().text(), x.shape().text()));
  for (int d = 0; d < x.rank; ++d)
    if (x.extent[static_cast<std::size_t>(d)] == 0) return;
  joint_loop const loop(x, y);
  auto const last = static_cast<std::size_t>(loop.depth) - 1;
  // A row-major tensor into a column-major one strides through memory on one side, 8x slower; tiles of 32 x 32 keep
  // both sides in cache.
  if (last == 1 && loop.x[0] == 1 && loop.x[1] != 1) {
    constexpr index tile = 32;
    for (index i0 = 0; i0 < loop.extent[0]; i0 += tile)
      for (index j0 = 0; j0 < loop.extent[1]; j0 += tile) {
        index const rows = detail::min(tile, loop.extent[0] - i0), cols = detail::min(tile, loop.extent[1] - j0);
        for (index i = i0; i < i0 + rows; ++i)
          run(cols, x.data + i + j0 * loop.x[1], loop.x[1], y.data + i * loop.y[0] + j0 * loop.y[1], loop.y[1]);
      }
    return;
  }
  std::array<index, max_rank> at{};
  for (;;) {
    A* px = x.data;
    B* py = y.data;
    for (std::size_t d = 0; d < last; ++d) px += at[d] * loop.x[d], py += at[d] * loop.y[d];
    run(loop.extent[last], px, loop.x[last], py, loop.y[last]);
    std::size_t d = 0;  // counted from the innermost of the outer dimensions
    for (; d < last && ++at[last - 1 - d] == loop.extent[last - 1 - d]; ++d) at[last - 1 - d] = 0;
    if (d == last) return;
  }
}

/// The strides of dense memory for a tensor of shape s, dimensions in the memory order that `like` has.
template <std::size_t N>
std::array<index, max_rank> dense_strides(shape const& s, std::array<index, N> const& like) {
  std::array<std::size_t, max_rank> order{};  // dimensions, the fastest first
  for (std::size_t d = 0; d < static_cast<std::size_t>(s.rank); ++d) {
    std::size_t k = static_cast<std::size_t>(s.rank) - 1 - d, at = d;  // the last comes first where strides are equal
    for (; at > 0 && std::abs(like[order[at - 1]]) > std::abs(like[k]); --at) order[at] = order[at - 1];
    order[at] = k;
  }
  std::array<index, max_rank> stride{};
  index step = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.rank); step *= s.extent[order[i++]]) stride[order[i]] = step;
  return stride;
}

// The memory between the first and the last element of a view, as addresses that may be compared.
using bytes = std::pair<char const*, char const*>;
template <class S>
bytes address_range(strided<S const> const& x) {
  auto const *low = x.data, *high = x.data;
  for (int i = 0; i < x.rank; ++i) {
    auto const d = static_cast<std::size_t>(i);
    if (x.extent[d] == 0) return {nullptr, nullptr};
    (x.stride[d] < 0 ? low : high) += (x.extent[d] - 1) * x.stride[d];
  }
  return {reinterpret_cast<char const*>(low), reinterpret_cast<char const*>(high + 1)};
}
// Whether two of these share an address. As integers, for < says nothing about pointers into different arrays.
inline bool meet(bytes const& a, bytes const& b) {
  auto const at = [](char const* p) { return reinterpret_cast<std::uintptr_t>(p); };
  return a.first != a.second && b.first != b.second && at(a.first) < at(b.second) && at(b.first) < at(a.second);
}

}  // namespace selfpred::detail
