// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/evaluation.hpp>
#include <selfpred/predictor/rule.hpp>

namespace selfpred {

/// The Newton-Schulz predictor: P = sqrt(||S||_F) A_n, A_n from n coupled steps on S, which tends to S^(1/2) (Richemond
/// et al. 2023, Proposition 6; the paper's n is 9). With stages = 2 it is NS^2, the rule applied to its own result, which
/// tends to S^(1/4) (the paper's n is then 7).
///
/// The finite n is part of its meaning: P is a spectral filter that treats eigenvalues below 1.5^(-2n) ||S||_F linearly,
/// and an exact root is another predictor. Shapes: S and P are f x f. S = 0 gives P = 0. Right for latents of any scale
/// whose P is representable. Errors: domain_error for iterations < 0, stages < 1, an evaluation that there is not.
/// Cost: stages (3 n - 3) products f^3, or what `evaluate` has chosen; no allocation after the first call, no
/// synchronisation. Stages share the tolerance: two of 7 have tables from 7.6e-5 on; below, automatic is the recursion, n x n
/// for batches of so few rows on hosts (2 n <= f).
/// Example: make_objective<Eigen::MatrixXf>(newton_schulz{.iterations = 7, .stages = 2}, {.alpha = 0.3})
struct newton_schulz {
  int iterations = 9;
  int stages = 1;
  evaluation evaluate = {};
  static constexpr bool reads_cross_covariance = false;

  void check() const {
    detail::expect_at_least("newton_schulz", "iterations", iterations, 0);
    detail::expect_at_least("newton_schulz", "stages", stages, 1);
    evaluate.check("newton_schulz");
  }
  moment_options moments() const { return {}; }

  template <matrix M>
  void operator()(covariances<M> const& c, workspace<M>& work, M& p) const {
    scalar_t<M> factor(c.s_scale);  // a stage is homogeneous: NS(c A) = sqrt(c) NS(A)
    for (int k = 0; k < stages; ++k) {
      auto const r = linalg::apply(filter(), plan<M>(k), k == 0 ? c.s : p, work);
      factor = square_root(factor * r.norm);
      copy(r.value, p);
    }
    axpby(factor, p, 0.0, p);
  }
  /// ||P^(2^stages) - S||_F / ||S||_F: the distance from the exact root, not an error of the rule.
  template <matrix M>
  scalar_t<M> residual(covariances<M> const& c, workspace<M>& work, M const& p) const {
    return detail::root_residual(c, stages, work, p);
  }
  template <matrix M>
  std::string caution(covariances<M> const&, workspace<M>&) const {
    return {};
  }
  /// Of P, in units of the root of ||S||_F that it has, beyond rounding: 0 for the recursion.
  template <matrix M>
  double error_bound() const {
    double left_out = 0, rounding = 0;
    for (int k = 0; k < stages; ++k) {
      auto const chosen = plan<M>(k);
      left_out = stage_gain() * left_out + chosen.left_out, rounding += chosen.rounding;
    }
    return left_out + rounding;
  }
  /// Whether P of n rows is made without S.
  template <matrix M>
  bool by_samples(index n, index f) const {
    return detail::prefers_samples(evaluate, n, f);
  }
  /// u <- U and p0 of P = p0 I + Y^T U Y / n, of f features, from Y Y^T / n; nothing where a pivot failed.
  template <matrix_with_solve M>
  std::optional<double> of_samples(M const& gram, index f, workspace<M>& work, M& u) const {
    int designed = stages;  // from here on; before it the recursion, of which 0 in the null directions stays 0
    while (designed > 0 && plan<M>(designed - 1).design) --designed;
    auto const design = [&](int k) { return k < designed ? nullptr : plan<M>(k).design; };
    return linalg::stages_of_samples(gram, f, stages, design, work, u, iterations);
  }
  /// Eigenvalues of S, at least 0, become those of P: the rule as a function of one number and of the batch's norm.
  void map_eigenvalues(std::span<double> l) const {
    for (int k = 0; k < stages; ++k) {
      double const norm = detail::norm_of(l), root = std::sqrt(norm);
      for (double& x : l) x = norm > 0 ? root * filter()(x / norm) : 0;
    }
  }

 private:
  linalg::spectral_filter filter() const { return {linalg::filter::newton_schulz, iterations}; }
  // A stage multiplies what the one before left out by its slope at 0, 1.5^n at most. Rounding is counted once a stage: it
  // is no larger at the small eigenvalues, where that slope is (tests/linalg/evaluation.test.cpp measures).
  double stage_gain() const { return std::pow(1.5, iterations); }
  template <matrix M>
  linalg::evaluation_plan plan(int stage) const {
    evaluation how = evaluate;
    int const later = stages - 1 - stage;
    if (stages > 1) how.tolerance *= (later == 0 ? 0.4 : 0.6 / (stages - 1)) / std::pow(stage_gain(), later);
    return linalg::plan_evaluation<M>("newton_schulz", filter(), how, later == 0);
  }
};

}  // namespace selfpred
