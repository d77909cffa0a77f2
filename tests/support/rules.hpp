// SPDX-License-Identifier: MIT
// rules.hpp: P of a covariance, P of latents, and functions of a symmetric matrix by another way (Eigen, in double).
#pragma once
#include <Eigen/Eigenvalues>
#include <selfpred/predictor/rule.hpp>
#include <selfpred/statistics.hpp>

#include "support/latents.hpp"

namespace selfpred_tests {

/// Z^T Z / b.
inline matrix_d covariance(matrix_d const& z) { return z.transpose() * z / static_cast<double>(z.rows()); }
/// With eigenvalues from about 1 to 4^-f.
inline matrix_d graded_covariance(selfpred::index f, std::uint64_t seed) {
  matrix_d z = latents(3 * f, f, seed);
  for (selfpred::index j = 0; j < f; ++j) z.col(j) *= std::exp2(-static_cast<double>(j));
  return covariance(z);
}
inline Eigen::VectorXd eigenvalues(matrix_d const& s) {
  return Eigen::SelfAdjointEigenSolver<matrix_d>(s, Eigen::EigenvaluesOnly).eigenvalues();
}
/// V h(l) V^T of S = V diag(l) V^T.
template <class H>
matrix_d of_spectrum(matrix_d const& s, H h) {
  Eigen::SelfAdjointEigenSolver<matrix_d> const e(s);
  return e.eigenvectors() * e.eigenvalues().unaryExpr(h).asDiagonal() * e.eigenvectors().transpose();
}

/// P of a rule that reads S alone, whose scale may be kept apart.
template <class M, class Rule>
M predict(Rule const& rule, M const& s, double scale = 1) {
  selfpred::workspace<M> work;
  M p = selfpred::filled(s, selfpred::shape_of(s));
  rule(selfpred::covariances<M>{s, s, scale, 1, 1}, work, p);
  return p;
}
template <class M, class Rule>
double residual(Rule const& rule, M const& s, M const& p, double scale = 1) {
  selfpred::workspace<M> work;
  return rule.residual(selfpred::covariances<M>{s, s, scale, 1, 1}, work, p);
}
template <class M, class Rule>
std::string caution(Rule const& rule, M const& s, double scale = 1) {
  selfpred::workspace<M> work;
  return rule.caution(selfpred::covariances<M>{s, s, scale, 1, 1}, work);
}

/// Hands S and X of one view of `z`, held in a form, with P and its workspace to f(covariances, workspace, p).
template <class Form, class F>
void with_moments(matrix_d const& z, F f) {
  using M = selfpred::owner_t<typename Form::tensor>;
  Form const held(z);
  selfpred::statistics<M> sums;
  sums.add(held.get(), held.get());
  auto const moments = sums.compute();
  selfpred::workspace<M> work;
  M p = selfpred::filled(held.get(), selfpred::shape_of(moments.s));
  f(moments, work, p);
}

}  // namespace selfpred_tests
