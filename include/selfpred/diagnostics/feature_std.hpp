// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/diagnostics/scatter.hpp>

namespace selfpred::diagnostics {

/// The standard deviation of a feature over samples, mean over the f features, of rows z / |z| (lightly,
/// std_of_l2_normalized) or, with normalise_rows = false, of z itself (data2vec): 1/f sum_j sqrt(var_j), var with n - 1.
///
/// Of unit rows: 1/sqrt(f) where they spread evenly (relative() is 1), 0 where all are one direction. Of z itself data2vec
/// stops a run after 5000 updates below 0.1 of the targets or 0.01 of the predictions. One row gives 0; NaN for a NaN,
/// or for raw values whose squares overflow, until clear(). M is the owner in which scratch is made.
/// Errors: shape_error for a batch without rows or of other columns; state_error for value() before a batch.
/// Cost of add: one b x f scratch, b f^2; no synchronisation. value() reads f^2 numbers back.
/// Example: feature_std<Eigen::MatrixXf> spread; spread.add(z1); spread.add(z2); spread.relative()
template <matrix M>
class feature_std {
 public:
  explicit feature_std(bool normalise_rows = true) : normalise_(normalise_rows) {}

  void clear() { sums_.clear(); }
  index rows() const { return sums_.count(); }

  template <compatible<M> Z>
  void add(Z const& z) {
    detail::expect_rows("feature_std.add", shape_of(z));
    auto const constant = stop_gradient(z);
    M& u = work_.get(0, z, shape_of(z));
    if (normalise_)
      normalize_rows(0.0, constant.get(), u);
    else
      copy(constant.get(), u);
    sums_.add(u);
  }
  double value() const {
    auto const s = sums_.compute();
    auto const f = static_cast<std::size_t>(sums_.features());
    double const n = static_cast<double>(selfpred::detail::max<index>(rows() - 1, 1));
    double sum = 0;
    for (std::size_t j = 0; j < f; ++j) {
      double const variance = s[j * f + j] / n;
      sum += std::sqrt(variance < 0 ? 0 : variance);  // a NaN stays
    }
    return sum / static_cast<double>(f);
  }
  /// value() sqrt(f): of unit rows, 1 is healthy and 0 a collapse whatever f is.
  double relative() const { return value() * std::sqrt(static_cast<double>(sums_.features())); }

 private:
  bool normalise_;
  scatter<M> sums_;
  workspace<M> work_;
};

}  // namespace selfpred::diagnostics
