// SPDX-License-Identifier: MIT
// What a predictor has become: the measures of Richemond et al. 2023, section 5. They synchronise: ask every few hundred
// steps.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/diagnostics/decompose.hpp>

namespace selfpred::diagnostics {

/// Of an f x f matrix P with singular values s. Theory: stable rank and trace grow towards the identity's during training,
/// the distance from an orthogonal matrix falls, and P^2 - P and P^T - P stay small against P.
struct predictor_report {
  double spectral_norm = 0;             ///< ||P||_2 = max s
  double frobenius_norm = 0;            ///< ||P||_F
  double stable_rank = 0;               ///< ||P||_F^2 / (f ||P||_2^2), in [1/f, 1]; 1 for a multiple of an orthogonal P
  double trace = 0;                     ///< tr P
  double normalised_trace = 0;          ///< tr P / (f ||P||_2), in [-1, 1]; 1 for a multiple of the identity alone
  double polar_distance = 1;            ///< ||P - U||_F / sqrt(f), U the nearest orthogonal matrix, P = U H
  double scaled_polar_distance = 1;     ///< min over c of ||c P - U||_F / sqrt(f), in [0, 1]: blind to P's scale
  double quasi_projection = 0;          ///< ||P^2 - P||_2; 0 for a projection
  double quasi_symmetry = 0;            ///< ||P^T - P||_2; 0 for a symmetric P
  double quasi_orthogonality = 0;       ///< ||P P^T - P||_2; 0 for an orthogonal projection alone
  std::vector<double> singular_values;  ///< largest first
};

namespace detail {

/// ||m||_2 exactly: the root of the largest eigenvalue of m^T m, which eps spoils least.
template <matrix_with_eigh M>
double exact_spectral_norm(M const& m, M& scaled, M& gram) {
  double const norm = value(square_root(dot(m, m)));
  if (!(norm > 0) || !std::isfinite(norm)) return norm;
  axpby(1 / norm, m, 0.0, scaled);
  gemm_symmetric(1.0, scaled, op::transpose, scaled, op::none, 0.0, gram);
  std::vector<double> l(static_cast<std::size_t>(shape_of(m).cols()));
  eigenvalues(gram, l);
  return std::sqrt(selfpred::detail::max(l.back(), 0.0)) * norm;
}

}  // namespace detail

/// Every measure of P at once. P = 0 has ranks, traces and norms of 0, and distances of 1.
///
/// Give it what is applied (objective.predictor(), with alpha I) or without alpha; the raw measures differ.
/// Errors: shape_error for a P that is not square, non_finite_error. Cost: the eigenvalues of one 2 f x 2 f and three
/// f x f matrices, five products. Example: report(objective.predictor()).stable_rank
template <matrix_with_eigh P>
predictor_report report(P const& p) {
  detail::expect_square("diagnostics.report", "P", shape_of(p));
  shape const ff = shape_of(p);
  auto const f = static_cast<double>(ff.rows());
  predictor_report r;
  auto const v = detail::finite_values(p, "diagnostics.report", "P");
  for (std::size_t i = 0; i < v.size(); i += static_cast<std::size_t>(ff.cols()) + 1) r.trace += v[i];
  r.singular_values = diagnostics::singular_values(p);
  auto const& s = r.singular_values;
  r.spectral_norm = s.front();
  double const rank = diagnostics::stable_rank(s);
  r.frobenius_norm = std::sqrt(rank) * r.spectral_norm;
  if (r.spectral_norm > 0) {
    double nuclear = 0, square = 0;  // in units of ||P||_2
    for (double const x : s) nuclear += x / s.front(), square += (x - 1) * (x - 1);
    r.stable_rank = rank / f;
    r.normalised_trace = r.trace / s.front() / f;
    r.polar_distance = std::sqrt(square / f);
    r.scaled_polar_distance = std::sqrt(selfpred::detail::max(0.0, 1 - nuclear * nuclear / (f * rank)));
  }
  auto a = filled(p, ff), b = filled(p, ff), c = filled(p, ff);
  copy(p, a);
  gemm(1.0, p, op::none, p, op::none, -1.0, a);
  r.quasi_projection = detail::exact_spectral_norm(a, b, c);
  copy(p, a);
  gemm(1.0, p, op::none, p, op::transpose, -1.0, a);
  r.quasi_orthogonality = detail::exact_spectral_norm(a, b, c);
  axpby(0.0, p, 0.0, b);
  add_diagonal(1.0, b);
  copy(p, a);
  gemm(1.0, p, op::transpose, b, op::none, -1.0, a);
  r.quasi_symmetry = detail::exact_spectral_norm(a, b, c);
  return r;
}

/// How far P and S share their eigenvectors: the mean of |v P v^T| / |v P| over the eigenvectors v of S, as rows, of those
/// with |v P| > least ||P||_F (after Tian et al. 2021, who find that a trained predictor aligns with S).
///
/// In [0, 1]: 1 where each v is an eigenvector of P; every rule that is a function of S has it by construction. The basis
/// of a multiple eigenvalue of S, 0 among them where 2 b < f, is arbitrary: only P's own multiples of I align with any.
/// 0 for P = 0. Shapes: both f x f. Errors: shape_error, non_finite_error. Cost: an eigendecomposition and a product.
/// Example: eigenspace_alignment(objective.predictor(), sums.compute().s)
template <matrix_with_eigh P, matrix_with_eigh S>
  requires compatible<P, S>
double eigenspace_alignment(P const& p, S const& s, double least = 1e-6) {
  detail::expect_square("eigenspace_alignment", "P", shape_of(p));
  if (shape_of(s) != shape_of(p))
    throw shape_error(
        selfpred::detail::complaint("eigenspace_alignment", "S", shape_of(s).text(), shape_of(p).text() + " as P"));
  double square = 0;
  for (double const x : detail::finite_values(p, "eigenspace_alignment", "P")) square += x * x;
  (void)detail::finite_values(s, "eigenspace_alignment", "S");
  auto const f = static_cast<std::size_t>(shape_of(p).rows());
  auto v = filled(p, shape_of(p)), q = filled(p, shape_of(p));
  std::vector<double> l(f), vectors(f * f), predicted(f * f);
  eigenvectors(s, l, v);
  gemm(1.0, v, op::transpose, p, op::none, 0.0, q);  // its rows are v P
  copy_out(v, vectors);
  copy_out(q, predicted);
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < f; ++i) {
    double along = 0, length = 0;
    for (std::size_t j = 0; j < f; ++j)
      along += predicted[i * f + j] * vectors[j * f + i], length += predicted[i * f + j] * predicted[i * f + j];
    if (!(length > least * least * square)) continue;
    sum += selfpred::detail::min(1.0, std::abs(along) / std::sqrt(length)), count += 1;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace selfpred::diagnostics
