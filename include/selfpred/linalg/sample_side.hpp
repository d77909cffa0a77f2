// SPDX-License-Identifier: MIT
// A spectral filter of S = Y^T Y / n on the n x n side, for batches of fewer rows than features.
#pragma once
#include <selfpred/linalg/evaluation.hpp>

namespace selfpred::linalg {

/// r(S / ||S||_F) for S = Y^T Y / n, Y of n < f rows, without S: with G = Y Y^T / n, which has S's eigenvalues but for zeros,
///
///   r(S / ||S||) = r(0) I + Y^T U Y / (n ||G||),  U = (r(x) - r(0)) / x at x = G / ||G||,  ||G||_F = ||S||_F,
///
/// and U is a sum of the same shifted inverses: 1/(x + s) - 1/s = -x / (s (x + s)), so that a pole's coefficient a becomes
/// -a / s. The same function as on the f x f side, with the same error. Q = Z r(S) and its adjoint, which is itself since
/// r(S) is symmetric, are two products b n f each.
/// Cost of refresh: a symmetric product n^2 f, the design's inverses of n x n, and a product n^2 f; no allocation after the
/// first call of a shape. Not copyable: it refers to its workspace.
template <matrix_with_solve M>
class sample_side {
 public:
  /// False where a pivot was not positive: Y is not finite. `y` must stay as it is while this is used.
  bool refresh(rational_design const& r, M const& y) {
    y_ = &y;
    index const n = shape_of(y).rows();
    M& gram = work_.get(g, y, n, n);
    gemm_symmetric(1.0 / static_cast<double>(n), y, op::none, y, op::transpose, 0.0, gram);
    real_.clear(), pairs_.clear();
    at_zero_ = r.constant;
    double constant = r.slope;  // U's
    for (real_pole const& pole : r.real) {
      at_zero_ += pole.coefficient / pole.shift;
      real_.push_back({pole.shift, -pole.coefficient / pole.shift});
    }
    for (complex_pole const& pole : r.pairs) {  // (p + i q) / (u + i v) = ((p u + q v) + i (q u - p v)) / (u^2 + v^2)
      double const u = pole.shift, v = pole.imaginary, size = u * u + v * v;
      double const real_part = (pole.p * u + pole.q * v) / size, imaginary = (pole.q * u - pole.p * v) / size;
      at_zero_ += 2 * real_part;
      pairs_.push_back({u, v, -real_part, -imaginary});
    }
    auto const inner = linalg::sum_of_inverses({constant, 0, real_, pairs_, r.error, r.round_off}, gram, inner_work_);
    if (!inner) return false;
    norm_ = inner->norm;
    M& weighted = work_.get(uy, y, shape_of(y));
    gemm(reciprocal(norm_) * scalar_t<M>(1 / static_cast<double>(n)), inner->value, op::none, y, op::none, 0.0,
         weighted);
    return true;
  }
  index workspace_size() const { return work_.size() + inner_work_.size(); }
  /// ||S||_F.
  scalar_t<M> const& norm() const { return norm_; }

  /// out <- a x r(S / ||S||), x of any rows.
  void apply(scalar_t<M> const& a, M const& x, M& out) {
    M& inner = work_.get(xy, x, shape_of(x).rows(), shape_of(*y_).rows());
    gemm(1.0, x, op::none, *y_, op::transpose, 0.0, inner);
    axpby(a * scalar_t<M>(at_zero_), x, 0.0, out);
    gemm(a, inner, op::none, work_.get(uy, *y_, shape_of(*y_)), op::none, 1.0, out);
  }
  /// p <- a r(S / ||S||), f x f: a symmetric product n f^2.
  void matrix(scalar_t<M> const& a, M& p) {
    gemm_symmetric(a, *y_, op::transpose, work_.get(uy, *y_, shape_of(*y_)), op::none, 0.0, p);
    add_diagonal(a * scalar_t<M>(at_zero_), p);
  }

 private:
  enum slot : std::size_t { g, uy, xy };

  M const* y_ = nullptr;
  double at_zero_ = 0;
  scalar_t<M> norm_ = scalar_t<M>(0.0);
  std::vector<real_pole> real_;
  std::vector<complex_pole> pairs_;
  workspace<M> work_, inner_work_;
};

}  // namespace selfpred::linalg
