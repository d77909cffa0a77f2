// SPDX-License-Identifier: MIT
// The rows of all views in one matrix, and the filter of their covariance without it.
#pragma once
#include <selfpred/predictor/rule.hpp>

namespace selfpred::detail {

/// M is host memory that a matrix view shows: rows of it can be written.
template <class M>
inline constexpr bool shows_matrix = false;
template <class M>
  requires matrix_with_solve<M> && reads_scalars_freely<M> && requires(M& m) { detail::operand(m).stride[0]; }
inline constexpr bool shows_matrix<M> = true;

template <class M>
struct sample_rows {
  static index workspace_size() { return 0; }
};
template <class M>
  requires shows_matrix<M>
struct sample_rows<M> {
  linalg::sample_side<M> side;

  /// The rows of every view, or of one; nullptr where their squares leave the range of the element type or are not finite:
  /// moments know what to do then.
  template <class Z>
  M const* stack(Z const& z, std::size_t only, index rows, index f) {
    M* y = nullptr;
    index at = 0;
    each_view(z, [&](std::size_t i, auto const& x) {
      if (only != every_view && i != only) return;
      if (!y) y = &work_.get(0, x, rows, f);
      auto const all = detail::operand(*y);
      auto block = view_matrix(&all(at, 0), shape_of(x).rows(), f, all.stride[0], all.stride[1]);
      auto const d = detached(x);
      copy(d.get(), block);
      at += shape_of(x).rows();
    });
    double const mean_square = dot(*y, *y) / static_cast<double>(rows * f);
    return mean_square >= 1e-12 && mean_square <= 1e12 ? y : nullptr;
  }
  index workspace_size() const { return work_.size() + side.workspace_size(); }

 private:
  workspace<M> work_;
};

}  // namespace selfpred::detail
