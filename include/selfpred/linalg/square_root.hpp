// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/evaluation.hpp>

namespace selfpred::linalg {

/// (s / ||s||_F)^(1/2) of a symmetric positive semidefinite s by Zolotarev's function composed with itself (Nakatsukasa &
/// Freund 2016): with X = s / ||s||_F, B = h_1(X), A = X B and X^(1/2) = A h_2(A B), h_1 and h_2 of two poles each.
///
/// Relative error 7.1e-8 for eigenvalues of X above 1.6e-5, absolute error 2.0e-4 below, where a float eigensolver's own
/// error of 1e-7 in X is as large in the root. Nothing where a pivot was not positive (hosts, which may look). For float:
/// double has eigensolvers. Uses slots 0 to 4. Cost: four inverses and two symmetric products, no allocation after the
/// first call.
template <matrix_with_solve M>
std::optional<filtered<M>> square_root_in_two_stages(M const& s, workspace<M>& work) {
  shape const ff = shape_of(s);
  M &a = work.get(0, s, ff), &shifted = work.get(1, s, ff), &inverse = work.get(2, s, ff), &b = work.get(3, s, ff),
    &w = work.get(4, s, ff);
  auto const inverted = [&](scalar_t<M> const& unit, M const& x, double shift) {
    axpby(unit, x, 0.0, shifted);
    add_diagonal(shift, shifted);
    scalar_t<M> const pivot = spd_inverse(shifted, inverse);
    if constexpr (selfpred::detail::reads_scalars_freely<M>) return pivot > 0;
    return true;
  };
  scalar_t<M> const norm = linalg::frobenius_norm(s), unit = reciprocal(norm);
  rational_design const &first = root_stages[0], &second = root_stages[1];
  axpby(unit * scalar_t<M>(first.constant), s, 0.0, a);
  axpby(0.0, s, 0.0, b);
  add_diagonal(first.constant, b);
  for (real_pole const& pole : first.real) {
    if (!inverted(unit, s, pole.shift)) return std::nullopt;
    axpby(pole.coefficient, inverse, 1.0, b);
    axpby(-pole.coefficient * pole.shift, inverse, 1.0, a);  // x / (x + s) = 1 - s / (x + s)
    add_diagonal(pole.coefficient, a);
  }
  gemm_symmetric(1.0, a, op::none, b, op::none, 0.0, w);
  axpby(0.0, s, 0.0, b);
  add_diagonal(second.constant, b);
  for (real_pole const& pole : second.real) {
    if (!inverted(1.0, w, pole.shift)) return std::nullopt;
    axpby(pole.coefficient, inverse, 1.0, b);
  }
  gemm_symmetric(1.0, a, op::none, b, op::none, 0.0, w);
  return filtered<M>{w, norm};
}

}  // namespace selfpred::linalg
