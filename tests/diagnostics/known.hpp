// SPDX-License-Identifier: MIT
// known.hpp: matrices whose spectra are known, and latents in batches.
#pragma once
#include <Eigen/Core>
#include <selfpred/diagnostics/diagnostics.hpp>

#include "support/catch.hpp"
#include "support/decomposed.hpp"
#include "support/latents.hpp"

namespace selfpred_tests {

using numbers = std::vector<double>;
using Eigen::Index;
namespace diagnostics = selfpred::diagnostics;

/// An orthogonal matrix without symmetry: two reflections.
inline matrix_d orthogonal(Index n, std::uint64_t seed) {
  auto const reflection = [&](std::uint64_t s) -> matrix_d {
    matrix_d const v = latents(n, 1, s).colwise().normalized();
    return matrix_d::Identity(n, n) - 2 * v * v.transpose();
  };
  return n == 1 ? matrix_d::Identity(1, 1) : matrix_d(reflection(2 * seed) * reflection(2 * seed + 1));
}
inline matrix_d diagonal(numbers const& d) {
  auto const n = static_cast<Index>(d.size());
  return Eigen::Map<Eigen::VectorXd const>(d.data(), n).asDiagonal() * matrix_d::Identity(n, n);
}
/// U diag(d) V^T; symmetric where seeds are equal.
inline matrix_d with_values(numbers const& d, std::uint64_t u = 1, std::uint64_t v = 1) {
  auto const n = static_cast<Index>(d.size());
  return orthogonal(n, u) * diagonal(d) * orthogonal(n, v).transpose();
}
inline far::decomposed sent(matrix_d const& m) {
  far::decomposed x(m.rows(), m.cols());
  by_rows<double> const rows = m;
  selfpred::copy_in(std::span<double const>(rows.data(), static_cast<std::size_t>(rows.size())), x);
  return x;
}
/// f(batch) of consecutive rows, sizes[k] of them at a time, then the rest.
template <class M, class F>
void in_batches(M const& z, std::vector<Index> const& sizes, F f) {
  Index row = 0;
  for (Index const n : sizes) f(M(z.middleRows(row, n)), row), row += n;
  if (row < z.rows()) f(M(z.bottomRows(z.rows() - row)), row);
}
/// Of at least 18 rows.
inline std::vector<std::vector<Index>> const splits{{}, {1}, {2, 5}, {9, 1, 1, 7}};

}  // namespace selfpred_tests
