// SPDX-License-Identifier: MIT
#pragma once
#include <limits>
#include <optional>
#include <selfpred/stop_gradient.hpp>
#include <selfpred/workspace.hpp>
#include <vector>

namespace selfpred::diagnostics {
namespace detail {

inline void expect_rows(char const* where, shape const& s) {
  if (s.rank != 2 || s.rows() == 0 || s.cols() == 0)
    throw shape_error(selfpred::detail::complaint(where, "the batch", s.text(), "at least one row and one column"));
}

}  // namespace detail

/// The scatter of rows about their mean, sum_i (z_i - m)^T (z_i - m), batch by batch: no batch is kept, and how rows are
/// split into batches changes rounding only.
///
/// Rows are shifted by the mean of the first batch before they are squared, so that nothing is lost where they are nearly
/// equal, which is what a collapse is. Sums are kept in accumulator_t<M>. M is the owner in which scratch is made.
/// A NaN stays until clear(). Errors: shape_error. Cost of add: a symmetric product b f^2 and one pass; no synchronisation.
template <matrix M>
class scatter {
 public:
  void clear() { count_ = 0; }
  index count() const { return count_; }
  index features() const { return origin_ ? shape_of(*origin_).cols() : 0; }

  /// Adds the rows of `rows`, which is scratch: it is shifted in place.
  void add(M& rows) {
    shape const s = shape_of(rows);
    detail::expect_rows("scatter.add", s);
    index const b = s.rows(), f = s.cols();
    if (count_ > 0 && f != features())
      throw shape_error(selfpred::detail::complaint("scatter.add", "the batch", s.text(),
                                                    std::to_string(features()) + " columns as before"));
    bool const first = count_ == 0;
    M& ones = work_.get(weights, rows, shape(b, 1), 1.0);
    if (features() != f) {
      origin_.emplace(filled(rows, shape(1, f)));
      sum_.emplace(accumulator(rows, shape(1, f)));
      squares_.emplace(accumulator(rows, shape(f, f)));
    }
    if (first) gemm(1.0 / static_cast<double>(b), ones, op::transpose, rows, op::none, 0.0, *origin_);
    gemm(-1.0, ones, op::none, *origin_, op::none, 1.0, rows);
    M &total = work_.get(row, rows, 1, f), &gram = work_.get(square, rows, f, f);
    gemm(1.0, ones, op::transpose, rows, op::none, 0.0, total);
    gemm_symmetric(1.0, rows, op::transpose, rows, op::none, 0.0, gram);
    accumulate(1.0, total, first ? 0.0 : 1.0, *sum_);
    accumulate(1.0, gram, first ? 0.0 : 1.0, *squares_);
    count_ += b;
  }

  /// Row-major, f x f. Synchronises. Throws state_error where nothing was added.
  std::vector<double> compute() const {
    if (count_ == 0) throw state_error("scatter.compute: nothing was added, expected a batch");
    auto const f = static_cast<std::size_t>(features());
    std::vector<double> s(f * f), m(f);
    copy_out(*squares_, s);
    copy_out(*sum_, m);
    for (std::size_t i = 0; i < f; ++i)
      for (std::size_t j = 0; j < f; ++j) s[i * f + j] -= m[i] * m[j] / static_cast<double>(count_);
    return s;
  }
  M const& like() const { return *origin_; }

 private:
  enum slot : std::size_t { weights, row, square };
  std::optional<M> origin_;
  std::optional<accumulator_t<M>> sum_, squares_;
  index count_ = 0;
  workspace<M> work_;
};

}  // namespace selfpred::diagnostics
