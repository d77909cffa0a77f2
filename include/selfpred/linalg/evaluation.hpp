// SPDX-License-Identifier: MIT
// One spectral filter, several exact evaluations: by the recursion that defines it, or as a sum of shifted inverses.
#pragma once
#include <cstdio>
#include <selfpred/covariances.hpp>
#include <selfpred/linalg/filters.hpp>
#include <selfpred/linalg/newton_schulz.hpp>
#include <selfpred/linalg/sum_of_inverses.hpp>
#include <selfpred/linalg/visser.hpp>

namespace selfpred {

/// How a square-root-like rule is evaluated: a choice of arithmetic, not of meaning. P is the same up to the tolerance,
/// in units of sqrt(||S||_F).
///
/// iteration() is the paper's recursion on S, of any matrix. rational(t) is a sum of shifted inverses
/// c + d X + sum_k a_k (X + s_k I)^-1, X = S / ||S||_F, from a table whose error and rounding together are at most t; it
/// needs matrix_with_solve, and an n that the table has. gram(t) is the same on the n x n side of a batch of n < f rows,
/// where S is not made (host memory, moments of one batch; else as rational). automatic() takes the cheaper by the cost
/// model below, and the recursion where the element type is not known when compiling (a device), where it is wider than
/// the table is exact, and where there is no solve or no table, as of two stages or Stiefel to 1e-5. Of Newton-Schulz and
/// Stiefel that recursion too is n x n for few rows: the same P, to rounding, though not to the bit.
///
/// Cost model, in products f^3: an inverse 0.65, a pair of complex poles two of them, the recursion half of its products,
/// of which an engine may make one triangle (docs/benchmarks.md measures both); the side of the rows where 2 n <= f.
/// Example: newton_schulz{.evaluate = evaluation::rational(3e-4)}
struct evaluation {
  enum class method : unsigned char { automatic, iteration, rational, gram };
  method by = method::automatic;
  double tolerance = 1e-5;

  static constexpr evaluation automatic(double tolerance = 1e-5) { return {method::automatic, tolerance}; }
  static constexpr evaluation iteration() { return {method::iteration, 0}; }
  static constexpr evaluation rational(double tolerance = 1e-5) { return {method::rational, tolerance}; }
  static constexpr evaluation gram(double tolerance = 1e-5) { return {method::gram, tolerance}; }
  void check(char const* where) const {
    if (by != method::iteration && !(tolerance > 0 && std::isfinite(tolerance)))
      throw domain_error(
          selfpred::detail::complaint(where, "evaluate.tolerance", std::to_string(tolerance), "finite and above 0"));
  }
  friend constexpr bool operator==(evaluation const&, evaluation const&) = default;
};

namespace detail {

inline std::string short_number(double x) {  // 1e-12, which to_string prints as 0
  char text[32];
  std::snprintf(text, sizeof text, "%g", x);
  return text;
}

}  // namespace detail

namespace linalg {

/// A choice that has been made: no design means the recursion.
struct evaluation_plan {
  rational_design const* design = nullptr;
  double left_out = 0;  ///< sup over [0, 1] of what the design leaves out
  double rounding = 0;  ///< a bound of what it makes of rounding; 0 for the recursion, whose own is not counted

  double error_bound() const { return left_out + rounding; }
};

/// Chooses an evaluation of f for tensors like M. Throws domain_error where `how` asks for what there is not; `where`
/// names the rule. Without counts_rounding the tolerance is of what is left out alone.
template <matrix M>
evaluation_plan plan_evaluation(char const* where, spectral_filter const& f, evaluation const& how,
                                bool counts_rounding = true) {
  if (how.by == evaluation::method::iteration) return {};
  double const known = operations_t<M>::unit_roundoff, rounding = known > 0 ? known : 0x1p-24;
  bool const asked = how.by != evaluation::method::automatic;
  rational_design const* design = nullptr;
  if constexpr (matrix_with_solve<M>)
    design = find_design(f.kind, f.iterations, f.c, how.tolerance, counts_rounding ? rounding : 0);
  if (asked && !design)
    throw domain_error(selfpred::detail::complaint(
        where, "evaluate", "rational to " + selfpred::detail::short_number(how.tolerance),
        matrix_with_solve<M> ? "a tolerance and numbers of which there is a table, or iteration()"
                             : "iteration(): this tensor has no solve"));
  if (!design || (!asked && (known == 0 || known < 0x1p-25 || cost_of_inverse * design->cost() > f.products() / 2)))
    return {};
  return {design, design->error, round_off_factor * rounding * design->round_off};
}

/// sum_of_inverses where the tensor has a solve.
template <matrix M>
std::optional<filtered<M>> evaluate(rational_design const& r, M const& s, workspace<M>& work) {
  if constexpr (matrix_with_solve<M>)
    return linalg::sum_of_inverses(r, s, work);
  else
    return std::nullopt;
}

/// f(s / ||s||_F) of a symmetric positive semidefinite s, evaluated as planned; by the recursion where a pivot of the
/// design fails, which only a matrix that is far from semidefinite, or not finite, can do. Uses slots 0 to 3.
template <matrix M>
filtered<M> apply(spectral_filter const& f, evaluation_plan const& plan, M const& s, workspace<M>& work) {
  if (plan.design)
    if (auto const r = linalg::evaluate(*plan.design, s, work)) return *r;
  if (f.kind == filter::visser) {
    scalar_t<M> const norm = linalg::frobenius_norm(s);
    return {linalg::visser(s, reciprocal(norm), scalar_t<M>(f.c), f.iterations, work), norm};
  }
  bool const inverse = f.kind == filter::newton_schulz_inverse;
  auto const r = linalg::newton_schulz(s, f.iterations, work, inverse);
  return {inverse ? r.b : r.a, r.norm};
}

}  // namespace linalg
}  // namespace selfpred
