// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/evaluation.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The Visser predictor: P_0 = I / (2 eta), P <- P + eta (S - P^2), n times, which tends to S^(1/2) (Richemond et al.
/// 2023, Proposition 5).
///
/// The finite n is part of its meaning: strong directions reach their root at once, weak ones are still above it, a floor
/// of about 1 / (eta n) under every eigenvalue of P. eta is c / sqrt(||S||_F) by default, and any c in (0, 1) converges;
/// an explicit eta, in units of S^(-1/2), must have eta sqrt(lambda_max(S)) < 1. The paper's n and eta are in an appendix
/// that is not public, and its words suggest a smaller eta: n = 50 and c = 1/2 are our choices.
/// Shapes: S and P are f x f. S = 0 gives P = 0. Right for latents of any scale whose P is representable.
/// Errors: domain_error for options out of range, and (hosts) for an explicit eta that would diverge.
/// Cost: n symmetric products f^3, n / 2 where the engine squares a matrix by one triangle, or what `evaluate` has
/// chosen; no synchronisation, no allocation after the first call. An explicit eta also costs 80 products with a column.
/// Example: make_objective<Eigen::MatrixXf>(visser{.iterations = 50, .c = 0.1})
struct visser {
  int iterations = 50;
  double c = 0.5;                  ///< eta sqrt(||S||_F), in (0, 1); read where there is no eta
  std::optional<double> eta = {};  ///< above 0
  evaluation evaluate = {};        ///< of the default eta; with one of its own the recursion runs
  static constexpr bool reads_cross_covariance = false;

  void check() const {
    detail::expect_at_least("visser", "iterations", iterations, 0);
    if (!(c > 0 && c < 1)) throw domain_error(detail::complaint("visser", "c", std::to_string(c), "in (0, 1)"));
    if (eta && (!(*eta > 0) || !std::isfinite(*eta)))
      throw domain_error(detail::complaint("visser", "eta", std::to_string(*eta), "finite and above 0"));
    evaluate.check("visser");
  }
  moment_options moments() const { return {}; }

  template <matrix M>
  void operator()(covariances<M> const& m, workspace<M>& work, M& p) const {
    if constexpr (detail::reads_scalars_freely<M>)
      if (eta && !(reach(m, work) < 1))
        throw domain_error(detail::complaint("visser", "eta sqrt(lambda_max(S)), with eta = " + std::to_string(*eta),
                                             std::to_string(reach(m, work)), "below 1, where the iteration converges"));
    if (!eta) {
      auto const r = linalg::apply(filter(), plan<M>(), m.s, work);
      return axpby(square_root(r.norm * scalar_t<M>(m.s_scale)), r.value, 0.0, p);
    }
    scalar_t<M> const norm = linalg::frobenius_norm(m.s);
    scalar_t<M> const root = square_root(norm * scalar_t<M>(m.s_scale));
    axpby(root, linalg::visser(m.s, reciprocal(norm), scalar_t<M>(*eta) * root, iterations, work), 0.0, p);
  }
  /// ||P^2 - S||_F / ||S||_F: the distance from the exact root, not an error of the rule.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& m, workspace<M>& work, M const& p) const {
    return detail::root_residual(m, 1, work, p);
  }
  template <matrix M>
  std::string caution(covariances<M> const& m, workspace<M>& work) const {
    if (!eta || reach(m, work) < 1) return {};
    return detail::complaint("visser", "eta sqrt(lambda_max(S))", std::to_string(reach(m, work)),
                             "below 1: the iteration diverges");
  }
  /// Of P, in units of sqrt(||S||_F), beyond rounding: 0 for the recursion.
  template <matrix M>
  double error_bound() const {
    return eta ? 0 : plan<M>().error_bound();
  }
  /// Whether P of n rows is made without S.
  template <matrix M>
  bool by_samples(index n, index f) const {
    return !eta && detail::prefers_samples(evaluate, n, f) && plan<M>().design;
  }
  /// u <- U and p0 of P = p0 I + Y^T U Y / n, of f features, from Y Y^T / n; nothing where a pivot failed.
  template <matrix_with_solve M>
  std::optional<double> of_samples(M const& gram, index f, workspace<M>& work, M& u) const {
    return linalg::stages_of_samples(
        gram, f, 1, [this](int) { return plan<M>().design; }, work, u);
  }
  /// Eigenvalues of S, at least 0, become those of P.
  void map_eigenvalues(std::span<double> l) const {
    double const norm = detail::norm_of(l), root = std::sqrt(norm);
    for (double& x : l) x = norm > 0 ? root * linalg::visser_filter(x / norm, iterations, eta ? *eta * root : c) : 0;
  }

 private:
  linalg::spectral_filter filter() const { return {linalg::filter::visser, iterations, c}; }
  template <matrix M>
  linalg::evaluation_plan plan() const {
    return linalg::plan_evaluation<M>("visser", filter(), evaluate);
  }
  template <matrix M>
  double reach(covariances<M> const& m, workspace<M>& work) const {
    return *eta * std::sqrt(value(linalg::spectral_norm(m.s, work)) * m.s_scale);
  }
};

}  // namespace selfpred
