// SPDX-License-Identifier: MIT
// Spectra of tensors, read back to the host. Everything here synchronises.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/diagnostics/spectrum.hpp>
#include <selfpred/statistics.hpp>
#include <string>

namespace selfpred::diagnostics {
namespace detail {

/// The relative precision with which M keeps a number, whatever M is: 2^-23 for float, 2^-52 for double.
template <tensor M>
double resolution(M const& like) {
  std::vector<double> x(64);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = 1 + std::ldexp(1.0, -static_cast<int>(k));
  auto there = filled(like, shape(1, static_cast<index>(x.size())));
  copy_in(x, there);
  copy_out(there, x);
  std::size_t k = 0;
  while (k + 1 < x.size() && x[k + 1] > 1) ++k;
  return std::ldexp(1.0, -static_cast<int>(k));
}

/// Row-major values on the host. non_finite_error for a NaN or an infinity.
template <tensor M>
std::vector<double> finite_values(M const& m, char const* where, char const* what) {
  std::vector<double> v(static_cast<std::size_t>(shape_of(m).size()));
  copy_out(m, v);
  for (double const x : v)
    if (!std::isfinite(x))
      throw non_finite_error(std::string(where) + ": " + what + " has a NaN or an infinity, expected finite values");
  return v;
}

inline void expect_square(char const* where, char const* what, shape const& s) {
  if (s.rank != 2 || s.rows() != s.cols() || s.rows() == 0)
    throw shape_error(selfpred::detail::complaint(where, what, s.text(), "a square matrix"));
}

}  // namespace detail

/// The singular values of a matrix, largest first, each within a few eps ||m||_2.
///
/// They are the positive eigenvalues of [0 m; m^T 0]: those of m^T m would lose what is below sqrt(eps) ||m||_2.
/// Shapes: any r x c. Errors: non_finite_error. Cost: the eigenvalues of an (r + c) x (r + c) matrix.
/// Example: singular_values(objective.predictor())
template <matrix_with_eigh M>
std::vector<double> singular_values(M const& m) {
  shape const s = shape_of(m);
  auto const rows = static_cast<std::size_t>(s.rows()), cols = static_cast<std::size_t>(s.cols()), n = rows + cols;
  auto const v = detail::finite_values(m, "singular_values", "the matrix");
  double most = 0;
  for (double const x : v) most = selfpred::detail::max(most, std::abs(x));
  std::vector<double> w(n, 0.0);
  if (most > 0) {
    std::vector<double> both(n * n, 0.0);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) both[i * n + rows + j] = both[(rows + j) * n + i] = v[i * cols + j] / most;
    auto symmetric = filled(m, shape(static_cast<index>(n), static_cast<index>(n)));
    copy_in(both, symmetric);
    eigenvalues(symmetric, w);
  }
  std::vector<double> result;
  for (std::size_t i = 0; i < selfpred::detail::min(rows, cols); ++i)
    result.push_back(selfpred::detail::max(w[n - 1 - i], 0.0) * most);
  return result;
}

/// The eigenvalues of S, ascending, with its scale. What is below f eps times the largest is rounding, and is 0 here.
///
/// Feed them to participation_ratio, alpha_req and quantiles; their roots are the singular values of Z / sqrt(2 b).
/// Errors: non_finite_error. Cost: the eigenvalues of an f x f matrix. Example: latent_spectrum(sums.compute())
template <matrix_with_eigh M>
std::vector<double> latent_spectrum(covariances<M> const& c) {
  detail::expect_square("latent_spectrum", "S", shape_of(c.s));
  auto const f = static_cast<std::size_t>(shape_of(c.s).rows());
  (void)detail::finite_values(c.s, "latent_spectrum", "S");
  std::vector<double> l(f);
  eigenvalues(c.s, l);
  double const least = static_cast<double>(f) * detail::resolution(c.s) * l.back();
  for (double& x : l) x = x > least ? x * c.s_scale : 0;
  return l;
}

/// RankMe of the latents from their second moments: effective_rank of the roots of latent_spectrum. Uncentred, as RankMe.
///
/// Directions below sqrt(f eps) of the strongest do not count: in float 5e-3 of it at f = 256.
/// Example: rank_me(sums.compute())
template <matrix_with_eigh M>
double rank_me(covariances<M> const& c, double epsilon = 1e-7) {
  auto s = diagnostics::latent_spectrum(c);
  for (double& x : s) x = std::sqrt(x);
  return diagnostics::effective_rank(s, epsilon);
}

}  // namespace selfpred::diagnostics
