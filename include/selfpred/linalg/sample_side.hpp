// SPDX-License-Identifier: MIT
// Functions of S = Y^T Y / n on the n x n side, for batches of fewer rows than features.
#pragma once
#include <selfpred/linalg/evaluation.hpp>
#include <utility>

namespace selfpred::linalg {

/// h(S) = h(0) I + Y^T U Y / n of f features by U = (h(x) - h(0)) / x at x = G = Y Y^T / n, for a chain of stages, each
/// y <- sqrt(||y||_F) r(y / ||y||_F), from y = S: r = *design(k), or where that is nullptr A_n of Newton-Schulz, n =
/// iterations, before which there may be no design. u <- U, h(0) is returned; nothing where a pivot was not positive.
///
/// G has S's eigenvalues but for f - n zeros. Those have the value z = h(0) at every stage: 0 first, then what a design leaves
/// there, and count in its norm. With X = y / ||y|| and x0 = z / ||y|| a stage is r(X) - r(x0) I = D (X - x0 I), D the
/// divided difference: a sum of r's own inverses; of the recursion B_n, since A_n = X B_n and x0 = 0. So
/// U <- U D / sqrt(||y||), and y = z I + U G: the same function as on the f x f side, with the same error.
/// Cost: the inverses or the recursions, n x n, and 2 symmetric products n^3 a stage after the first; no allocation after
/// the first call. Uses slots 0 to 4.
template <matrix_with_solve M, class Design>
std::optional<double> stages_of_samples(M const& gram, index f, int stages, Design const& design, workspace<M>& work,
                                        M& u, int iterations = 0) {
  M& scratch = work.get(4, gram, shape_of(gram));
  auto const null = static_cast<double>(f - shape_of(gram).rows());
  double z = 0;
  for (int k = 0; k < stages; ++k) {
    if (k > 0) {
      gemm_symmetric(1.0, u, op::none, gram, op::none, 0.0, scratch);
      add_diagonal(z, scratch);
    }
    M const& y = k > 0 ? scratch : gram;
    double const norm = std::sqrt(dot(y, y) + null * z * z), root = std::sqrt(norm);
    M const* quotient = nullptr;
    if (rational_design const* const r = design(k)) {
      divided_difference const d(*r, z * reciprocal(norm));
      auto const sum = linalg::sum_of_inverses(d.quotient(), y, norm, work);
      if (!sum) return std::nullopt;
      quotient = &sum->value, z = root * d.at();
    } else
      quotient = &linalg::newton_schulz(y, iterations, work, true).b;
    if (k > 0) {
      gemm_symmetric(reciprocal(root), u, op::none, *quotient, op::none, 0.0, scratch);
      copy(scratch, u);
    } else
      axpby(reciprocal(root), *quotient, 0.0, u);
  }
  return z;
}

/// P = p0 I + Y^T U Y / n of a batch Y of n < f rows, without S and without P. Q = Z P and its adjoint, which is itself since
/// P is symmetric, are two products b n f and one b n^2 each, of rows of Y itself one and one.
/// Cost of refresh: a symmetric product n^2 f and what makes U; no allocation after the first call of a shape. It refers to y
/// and inner, which must stay as they are while it is used; the workspace is scratch, of which make may use slots 0 to 7, G
/// is in the next, and the others in 9 to 11.
template <matrix_with_solve M>
class sample_side {
 public:
  /// inner <- U by make(G, work, inner), which returns p0 or nothing. False in the latter case.
  template <class Make>
  bool refresh(M const& y, M& inner, workspace<M>& work, Make const& make) {
    y_ = &y, u_ = &inner;
    gemm_symmetric(1.0 / static_cast<double>(shape_of(y).rows()), y, op::none, y, op::transpose, 0.0, gram(work));
    std::optional<double> const made = make(std::as_const(gram(work)), work, inner);
    at_zero_ = made.value_or(0);
    return made.has_value();
  }
  /// Y, U, p0, and the G that refresh has left.
  M const& rows() const { return *y_; }
  M const& inner() const { return *u_; }
  double at_zero() const { return at_zero_; }
  M& gram(workspace<M>& work) const { return work.get(g, *y_, shape_of(*u_)); }

  /// out <- x (a P + b I), x of any rows.
  template <compatible<M> X>
  void apply(double a, X const& x, double b, M& out, workspace<M>& work) const {
    index const n = shape_of(*y_).rows();
    M& along = work.get(xy, x, shape_of(x).rows(), n);
    gemm(1.0 / static_cast<double>(n), x, op::none, *y_, op::transpose, 0.0, along);
    apply_along(along, a, x, b, out, work);
  }
  /// The same where along = x Y^T / n is known: of rows of Y it is those of G.
  template <compatible<M> A, compatible<M> X>
  void apply_along(A const& along, double a, X const& x, double b, M& out, workspace<M>& work) const {
    M& weights = work.get(xyu, x, shape_of(along));
    gemm(1.0, along, op::none, *u_, op::none, 0.0, weights);
    axpby(a * at_zero_ + b, x, 0.0, out);
    gemm(a, weights, op::none, *y_, op::none, 1.0, out);
  }
  /// p <- P, f x f: a product n^2 f and a symmetric one n f^2.
  void matrix(M& p, workspace<M>& work) const {
    M& weighted = work.get(uy, *y_, shape_of(*y_));
    gemm(1.0 / static_cast<double>(shape_of(*y_).rows()), *u_, op::none, *y_, op::none, 0.0, weighted);
    gemm_symmetric(1.0, *y_, op::transpose, weighted, op::none, 0.0, p);
    add_diagonal(at_zero_, p);
  }

 private:
  enum slot : std::size_t { g = 8, uy, xy, xyu };  // below: make

  M const *y_ = nullptr, *u_ = nullptr;
  double at_zero_ = 0;
};

}  // namespace selfpred::linalg
