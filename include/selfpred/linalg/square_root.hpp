// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/linalg/evaluation.hpp>

namespace selfpred::linalg {

/// (s / ||s||_F)^(1/2) of a symmetric positive semidefinite s by Zolotarev's function composed with itself (Nakatsukasa &
/// Freund 2016): with X = s / ||s||_F, B = h_1(X), A = X B and X^(1/2) = A h_2(A B), h_1 and h_2 of two poles each.
///
/// Relative error 7.1e-8 for eigenvalues of X above 1.6e-5, absolute error 2.0e-4 below, where a float eigensolver's own
/// error of 1e-7 in X is as large in the root. over_x makes the quotient X^(1/2) / X = B h_2(A B) in its place, finite at 0.
/// Nothing where a pivot was not positive (hosts, which may look). For float: double has eigensolvers. Uses slots 0 to 4.
/// Cost: four inverses and two symmetric products, no allocation after the first call.
template <matrix_with_solve M>
std::optional<filtered<M>> square_root_in_two_stages(M const& s, workspace<M>& work, bool over_x = false) {
  shape const ff = shape_of(s);
  M &a = work.get(0, s, ff), &b = work.get(1, s, ff), &w = work.get(2, s, ff);
  scalar_t<M> const norm = linalg::frobenius_norm(s), unit = reciprocal(norm);
  rational_design const &first = root_stages[0], &second = root_stages[1];
  axpby(unit * scalar_t<M>(first.constant), s, 0.0, a);
  axpby(0.0, s, 0.0, b);
  add_diagonal(first.constant, b);
  bool const done = linalg::for_each_pole(
      first.real.size(), false, s, work, 3,
      [&](std::size_t i, pole_work<M>& at) { at.invert(unit, s, first.real[i].shift, *at.inverse); },
      [&](std::size_t i, pole_work<M>& at) {
        real_pole const& pole = first.real[i];
        axpby(pole.coefficient, *at.inverse, 1.0, b);
        axpby(-pole.coefficient * pole.shift, *at.inverse, 1.0, a);  // x / (x + s) = 1 - s / (x + s)
        add_diagonal(pole.coefficient, a);
      });
  if (!done) return std::nullopt;
  gemm_symmetric(1.0, a, op::none, b, op::none, 0.0, w);
  M &left = over_x ? b : a, &sum = over_x ? a : b;
  axpby(0.0, s, 0.0, sum);
  add_diagonal(second.constant, sum);
  bool const again = linalg::for_each_pole(
      second.real.size(), false, s, work, 3,
      [&](std::size_t i, pole_work<M>& at) { at.invert(1.0, w, second.real[i].shift, *at.inverse); },
      [&](std::size_t i, pole_work<M>& at) { axpby(second.real[i].coefficient, *at.inverse, 1.0, sum); });
  if (!again) return std::nullopt;
  gemm_symmetric(1.0, left, op::none, sum, op::none, 0.0, w);
  return filtered<M>{w, norm};
}

}  // namespace selfpred::linalg
