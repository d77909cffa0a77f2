// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/evaluation.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The Stiefel predictor: P = B_n S^T / ||B_n||_F, B_n from n coupled Newton-Schulz steps on S^T S; B_n S^T tends to a
/// multiple of the polar factor (S^T S)^(-1/2) S^T (Richemond et al. 2023, Proposition 8; the paper's n is 9).
///
/// **It is small.** For a positive definite S the limit is I / ||S^-1||_F, a small multiple of I; at n = 9 with latents of
/// unit variance ||P||_2 is 0.03 to 0.13, so that alpha I usually dominates and the predictor is nearly switched off.
/// status() says so; objective_options{.rescale = rescaling::spectral} keeps P beside alpha.
/// Shapes: S and P are f x f. S = 0 gives P = 0. P is proportional to S, so latents of 1e30 have no P in float:
/// non_finite_error from the pipeline. Errors: domain_error for iterations < 0.
/// Cost: 3 n products f^3, or what `evaluate` has chosen (n = 9 has tables from 5.6e-5 on; below, automatic is the
/// recursion, n x n for batches of so few rows on hosts, 2 n <= f); no allocation after the first call, no synchronisation.
/// Example: make_objective<Eigen::MatrixXf>(stiefel{}, {.alpha = 0.3, .rescale = rescaling::spectral})
struct stiefel {
  int iterations = 9;
  evaluation evaluate = {};
  static constexpr bool reads_cross_covariance = false;

  void check() const {
    detail::expect_at_least("stiefel", "iterations", iterations, 0);
    evaluate.check("stiefel");
  }
  moment_options moments() const { return {}; }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    shape const ff = shape_of(p);
    scalar_t<M> const norm = linalg::frobenius_norm(c.s);
    M &unit = work.get(4, p, ff), &squared = work.get(5, p, ff);  // 0 to 3 are the iteration's
    axpby(reciprocal(norm), c.s, 0.0, unit);
    gemm_symmetric(1.0, unit, op::transpose, unit, op::none, 0.0, squared);
    auto const r = linalg::apply(filter(), plan<M>(), squared, work);
    gemm_symmetric(norm * scalar_t<M>(c.s_scale) * reciprocal(linalg::frobenius_norm(r.value)), r.value, op::none, unit,
                   op::transpose, 0.0, p);
  }
  /// ||P^2 - m I||_F / ||P^2||_F, m the mean of its diagonal: 0 where the symmetric P is a multiple of an orthogonal matrix.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const&, workspace<M>& work, M const& p) const {
    M& squared = work.get(0, p, shape_of(p));
    gemm_symmetric(1.0, p, op::transpose, p, op::none, 0.0, squared);
    scalar_t<M> const size = linalg::frobenius_norm(squared);
    add_diagonal(dot(p, p) * scalar_t<M>(-1.0 / static_cast<double>(shape_of(p).rows())), squared);
    return linalg::frobenius_norm(squared) * reciprocal(size);
  }
  template <matrix M>
  std::string caution(covariances<M> const&, workspace<M>&) const {
    return {};
  }
  /// Of P, in units of ||P||_2, beyond rounding: the relative error of B_n and that of its norm; 0 for the recursion.
  template <matrix M>
  double error_bound() const {
    return 2 * plan<M>().error_bound();
  }
  /// Whether P of n rows is made without S.
  template <matrix M>
  bool by_samples(index n, index f) const {
    return detail::prefers_samples(evaluate, n, f);
  }
  /// u <- U and p0 of P = p0 I + Y^T U Y / n, of f features, from Y Y^T / n; nothing where a pivot failed. U is
  /// B / ||B||_F: no row has a part in the f - n null directions, but the norm counts B(0) there, 1.5^n each.
  template <matrix_with_solve M>
  std::optional<double> of_samples(M const& gram, index f, workspace<M>& work, M& u) const {
    shape const nn = shape_of(gram);
    M &unit = work.get(4, gram, nn), &squared = work.get(5, gram, nn);  // 0 to 3 are what makes B's
    axpby(reciprocal(linalg::frobenius_norm(gram)), gram, 0.0, unit);
    gemm_symmetric(1.0, unit, op::transpose, unit, op::none, 0.0, squared);
    linalg::rational_design const* const r = plan<M>().design;
    auto const b = r ? linalg::sum_of_inverses(*r, squared, work) : linalg::apply(filter(), {}, squared, work);
    if (!b) return std::nullopt;
    double const at_zero = r ? linalg::divided_difference(*r, 0).at() : filter()(0);
    double const size = dot(b->value, b->value) + static_cast<double>(f - nn.rows()) * at_zero * at_zero;
    axpby(reciprocal(std::sqrt(size)), b->value, 0.0, u);
    return 0;
  }
  /// Eigenvalues of S, at least 0, become those of P.
  void map_eigenvalues(std::span<double> l) const {
    double const norm = detail::norm_of(l);
    std::vector<double> b;
    for (double const x : l) b.push_back(norm > 0 ? x / norm * (x / norm) : 0);
    double const squared = detail::norm_of(b);
    for (double& y : b) y = filter()(squared > 0 ? y / squared : 0);
    double const size = detail::norm_of(b);
    for (std::size_t i = 0; i < l.size(); ++i) l[i] *= b[i] / size;
  }

 private:
  linalg::spectral_filter filter() const { return {linalg::filter::newton_schulz_inverse, iterations}; }
  template <matrix M>
  linalg::evaluation_plan plan() const {
    evaluation how = evaluate;
    how.tolerance /= 2;
    return linalg::plan_evaluation<M>("stiefel", filter(), how);
  }
};

}  // namespace selfpred
