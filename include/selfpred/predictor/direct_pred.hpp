// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/linalg/square_root.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {
namespace detail {

/// x^a for a > 0. A handle has only a square root: the binary digits of a say which roots of x are multiplied.
template <class S>
S power(S const& x, double a) {
  if constexpr (std::same_as<S, double>)
    return std::pow(x, a);
  else {
    S result(1.0), root = x;
    double whole = std::floor(a), fraction = a - whole;
    for (S square = x; whole >= 1; whole = std::floor(whole / 2), square = square * square)
      if (std::fmod(whole, 2) == 1) result = result * square;
    while (fraction > 0) {
      root = selfpred::square_root(root), fraction *= 2;
      if (fraction >= 1) result = result * root, fraction -= 1;
    }
    return result;
  }
}

}  // namespace detail

/// DirectPred: P = U max(g(l) + eps, floor) U^T with S = U l U^T, g(l) = max(l, 0)^exponent, or (max(l, 0) / l_max)^exponent
/// where relative (Tian et al. 2021; a baseline of Richemond et al. 2023 with S^(1/2), the default here; other exponents
/// are DirectSet of Wang et al. 2021).
///
/// published() is the code of Tian et al.: relative, eps 0.01, floor 1e-4, moments averaged with 0.3 of the old.
/// S = 0 gives P = max(eps, floor) I, and negative eigenvalues, which are rounding, count as 0. In float an eigenvalue
/// below 1e-7 l_max is rounding as well, and so is its root up to 3e-4 sqrt(l_max): eps is above that, exact zeros are
/// not to be had. Right for latents of any scale whose P is representable; relative, of any scale.
/// `evaluate`: iteration(), the default, is the eigendecomposition. Of the plain root (exponent 0.5, not relative, floor at
/// most eps) rational(5e-4) is four inverses; automatic() is, in float, four inverses and two products with an error of
/// 2e-4 sqrt(||S||_F) where eigenvalues are below 1.6e-5 ||S||_F and of 1e-6 above, as good as float's eigenvalues. gram(t)
/// is the same on the side of few rows, of moments of one batch.
/// Shapes: S and P are f x f. Errors: domain_error for an exponent that is not above 0, eps or floor below 0, a momentum
/// outside [0, 1); non_finite_error from the eigensolver. Needs matrix_with_eigh.
/// Cost: one eigendecomposition, about 9 f^3, and a product, or what `evaluate` has chosen; a second one only where floor > eps, since
/// max(h, floor) = floor + (h - floor)_+. No synchronisation of its own.
/// Example: make_objective<Eigen::MatrixXf>(direct_pred::published(), {.alpha = 0})
struct direct_pred {
  double exponent = 0.5;
  bool relative = false;                          ///< divide the eigenvalues by the largest
  double eps = 0;                                 ///< added to every eigenvalue of P
  double floor = 0;                               ///< least eigenvalue of P
  double statistics_momentum = 0;                 ///< weight of the old in the EMA of S
  evaluation evaluate = evaluation::iteration();  ///< here the eigendecomposition; see below

  static constexpr bool reads_cross_covariance = false;
  static constexpr direct_pred published() { return {0.5, true, 0.01, 1e-4, 0.3, {evaluation::method::iteration}}; }

  void check() const {
    if (!(exponent > 0) || !std::isfinite(exponent))
      throw domain_error(detail::complaint("direct_pred", "exponent", std::to_string(exponent), "finite and above 0"));
    detail::expect_at_least("direct_pred", "eps", eps, 0);
    detail::expect_at_least("direct_pred", "floor", floor, 0);
    if (!(statistics_momentum >= 0 && statistics_momentum < 1))
      throw domain_error(
          detail::complaint("direct_pred", "statistics_momentum", std::to_string(statistics_momentum), "in [0, 1)"));
    evaluate.check("direct_pred");
    bool const asked = evaluate.by == evaluation::method::rational || evaluate.by == evaluation::method::gram;
    if (asked && !plain())
      throw domain_error(
          "direct_pred: evaluate is rational or gram, expected iteration(): there is a table for exponent 0.5, not "
          "relative, floor at most eps");
  }
  moment_options moments() const { return {.momentum = statistics_momentum}; }

  template <matrix_with_eigh M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    if (evaluate.by != evaluation::method::iteration && plain())
      if (auto const r = root(c.s, work)) {
        axpby(square_root(r->norm * scalar_t<M>(c.s_scale)), r->value, 0.0, p);
        if (eps > 0) add_diagonal(eps, p);
        return;
      }
    M& t = work.get(0, p, shape_of(p));
    if (relative) {  // of S / ||S||_F, so that no power leaves its range
      axpby(reciprocal(linalg::frobenius_norm(c.s)), c.s, 0.0, t);
      scalar_t<M> const largest = eigh_power(t, exponent, p);
      axpby(reciprocal(detail::power(largest, exponent)), p, 0.0, p);
    } else {
      eigh_power(c.s, exponent, p);
      if (c.s_scale != 1) axpby(std::pow(c.s_scale, exponent), p, 0.0, p);
    }
    if (floor > eps) {
      axpby(1.0, p, 0.0, t);
      add_diagonal(eps - floor, t);
      eigh_power(t, 1.0, p);  // drops the negative part
    }
    if (detail::max(eps, floor) > 0) add_diagonal(detail::max(eps, floor), p);
  }
  /// 0: the rule is a function of the eigenvalues, evaluated and not solved for.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const&, workspace<M>&, M const&) const {
    return scalar_t<M>(0.0);
  }
  /// None: every positive semidefinite S has its P.
  template <matrix M>
  std::string caution(covariances<M> const&, workspace<M>&) const {
    return {};
  }
  /// Of P, in units of sqrt(||S||_F), beyond rounding: 0 for the eigendecomposition.
  template <matrix M>
  double error_bound() const {
    if (evaluate.by == evaluation::method::iteration || !plain()) return 0;
    return in_two_stages<M>() ? two_stages : plan<M>().error_bound();
  }
  /// Whether P of n rows is made without S.
  template <matrix M>
  bool by_samples(index n, index f) const {
    return plain() && detail::prefers_samples(evaluate, n, f) && (in_two_stages<M>() || plan<M>().design);
  }
  /// u <- U and p0 of P = p0 I + Y^T U Y / n, of f features, from Y Y^T / n; nothing where a pivot failed.
  template <matrix_with_solve M>
  std::optional<double> of_samples(M const& gram, index f, workspace<M>& work, M& u) const {
    if (!in_two_stages<M>()) {
      auto const at_zero = linalg::stages_of_samples(
          gram, f, 1, [this](int) { return plan<M>().design; }, work, u);
      return at_zero ? std::optional(*at_zero + eps) : std::nullopt;
    }
    auto const r = linalg::square_root_in_two_stages(gram, work, true);
    if (!r) return std::nullopt;
    axpby(reciprocal(square_root(r->norm)), r->value, 0.0, u);
    return eps;
  }

 private:
  static constexpr double two_stages = 2e-4;
  bool plain() const { return exponent == 0.5 && !relative && floor <= eps; }
  // Of float tensors, where one stage cannot have the tolerance, and where the choice is left to us.
  template <matrix M>
  bool in_two_stages() const {
    constexpr bool is_float = matrix_with_solve<M> && operations_t<M>::unit_roundoff == 0x1p-24;
    return is_float && (evaluate.by == evaluation::method::automatic ||
                        (evaluate.tolerance >= two_stages && evaluate.tolerance < 5e-4));
  }
  template <matrix M>
  linalg::evaluation_plan plan() const {
    return linalg::plan_evaluation<M>("direct_pred", {linalg::filter::square_root}, evaluate);
  }
  template <matrix M>
  std::optional<linalg::filtered<M>> root(M const& s, workspace<M>& work) const {
    if constexpr (matrix_with_solve<M>) {
      if (in_two_stages<M>()) return linalg::square_root_in_two_stages(s, work);
      if (auto const chosen = plan<M>(); chosen.design) return linalg::sum_of_inverses(*chosen.design, s, work);
    } else
      plan<M>();  // says what there is not
    return std::nullopt;
  }
};

}  // namespace selfpred
