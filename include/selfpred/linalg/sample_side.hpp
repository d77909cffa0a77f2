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
/// r(S) is symmetric, are two products b n f and one b n^2 each, of rows of Y itself one and one.
/// Cost of refresh: a symmetric product n^2 f and the design's inverses of n x n; no allocation after the first call of a
/// shape. It refers to y and inner, which must stay as they are while it is used; the workspace is scratch, of which refresh
/// uses slots 0 to 4, with G in the last, and the others 5 to 7.
template <matrix_with_solve M>
class sample_side {
 public:
  /// inner <- U, n x n. False where a pivot was not positive: Y is not finite.
  bool refresh(rational_design const& r, M const& y, M& inner, workspace<M>& work) {
    y_ = &y, u_ = &inner;
    index const n = shape_of(y).rows();
    M& gram = work.get(g, y, n, n);
    gemm_symmetric(1.0 / static_cast<double>(n), y, op::none, y, op::transpose, 0.0, gram);
    static thread_local std::vector<real_pole> real;  // grow once
    static thread_local std::vector<complex_pole> pairs;
    real.clear(), pairs.clear();
    at_zero_ = r.constant;
    double constant = r.slope;  // U's
    for (real_pole const& pole : r.real) {
      at_zero_ += pole.coefficient / pole.shift;
      real.push_back({pole.shift, -pole.coefficient / pole.shift});
    }
    for (complex_pole const& pole : r.pairs) {  // (p + i q) / (u + i v) = ((p u + q v) + i (q u - p v)) / (u^2 + v^2)
      double const u = pole.shift, v = pole.imaginary, size = u * u + v * v;
      double const real_part = (pole.p * u + pole.q * v) / size, imaginary = (pole.q * u - pole.p * v) / size;
      at_zero_ += 2 * real_part;
      pairs.push_back({u, v, -real_part, -imaginary});
    }
    auto const sum = linalg::sum_of_inverses({constant, 0, real, pairs, r.error, r.round_off}, gram, work);
    if (!sum) return false;
    norm_ = sum->norm;
    copy(sum->value, inner);
    return true;
  }
  /// Y, U, ||S||_F, and the G that refresh has left.
  M const& rows() const { return *y_; }
  M const& inner() const { return *u_; }
  scalar_t<M> const& norm() const { return norm_; }
  M& gram(workspace<M>& work) const { return work.get(g, *y_, shape_of(*u_)); }

  /// out <- x (a r(S / ||S||) + b I), x of any rows.
  template <compatible<M> X>
  void apply(scalar_t<M> const& a, X const& x, scalar_t<M> const& b, M& out, workspace<M>& work) const {
    index const n = shape_of(*y_).rows();
    M& along = work.get(xy, x, shape_of(x).rows(), n);
    gemm(1.0 / static_cast<double>(n), x, op::none, *y_, op::transpose, 0.0, along);
    apply_along(along, a, x, b, out, work);
  }
  /// The same where along = x Y^T / n is known: of rows of Y it is those of G.
  template <compatible<M> A, compatible<M> X>
  void apply_along(A const& along, scalar_t<M> const& a, X const& x, scalar_t<M> const& b, M& out,
                   workspace<M>& work) const {
    M& weights = work.get(xyu, x, shape_of(along));
    gemm(reciprocal(norm_), along, op::none, *u_, op::none, 0.0, weights);
    axpby(a * scalar_t<M>(at_zero_) + b, x, 0.0, out);
    gemm(a, weights, op::none, *y_, op::none, 1.0, out);
  }
  /// p <- a r(S / ||S||), f x f: a product n^2 f and a symmetric one n f^2.
  void matrix(scalar_t<M> const& a, M& p, workspace<M>& work) const {
    M& weighted = work.get(uy, *y_, shape_of(*y_));
    gemm(reciprocal(norm_) * scalar_t<M>(1 / static_cast<double>(shape_of(*y_).rows())), *u_, op::none, *y_, op::none,
         0.0, weighted);
    gemm_symmetric(a, *y_, op::transpose, weighted, op::none, 0.0, p);
    add_diagonal(a * scalar_t<M>(at_zero_), p);
  }

 private:
  enum slot : std::size_t { g = 4, uy, xy, xyu };  // below: sum_of_inverses

  M const *y_ = nullptr, *u_ = nullptr;
  double at_zero_ = 0;
  scalar_t<M> norm_ = scalar_t<M>(0.0);
};

}  // namespace selfpred::linalg
