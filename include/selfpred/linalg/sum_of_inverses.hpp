// SPDX-License-Identifier: MIT
// A rational function of a symmetric matrix by its poles: shifted inverses, several at once where a host has threads.
#pragma once
#include <optional>
#include <selfpred/covariances.hpp>
#include <selfpred/linalg/norms.hpp>
#include <selfpred/linalg/pole_tables.hpp>
#include <selfpred/threads.hpp>

namespace selfpred::linalg {

/// (f(s / norm), norm), the norm ||s||_F where none was given. The value is a tensor of the workspace.
template <matrix M>
struct filtered {
  M const& value;
  scalar_t<M> norm;
};

/// From here on: what only threads need. No algorithm of one thread has as many slots.
inline constexpr std::size_t slots_of_threads = 32;

/// Of one inverse, in products f^3.
inline constexpr double cost_of_inverse = 0.65;

/// What one pole is made in, and whether one of its pivots was not positive (hosts, which may look).
template <matrix_with_solve M>
struct pole_work {
  M *shifted, *inverse, *second;  // the last for pairs
  bool failed = false;

  /// y <- (unit x + shift I + a z)^-1.
  void invert(scalar_t<M> const& unit, M const& x, double shift, M& y, double a = 0, M const* z = nullptr) {
    axpby(unit, x, 0.0, *shifted);
    add_diagonal(shift, *shifted);
    if (z) axpby(a, *z, 1.0, *shifted);
    scalar_t<M> const pivot = spd_inverse(*shifted, y);
    if constexpr (selfpred::detail::reads_scalars_freely<M>) failed = failed || !(pivot > 0);
  }
};

/// make(i, its pole_work) for every i below count, as many at once as this thread has parts for, 8 at most; then use(i,
/// pole_work) in the order of i, so that threads change no bit. False, and no more uses, from one that failed on. Takes
/// three slots (two without pairs) from `slot` on, and as many from slots_of_threads on for each other pole at work.
template <matrix_with_solve M, class Make, class Use>
bool for_each_pole(std::size_t count, bool pairs, M const& s, workspace<M>& work, std::size_t slot, Make make,
                   Use use) {
  constexpr std::size_t most = 8;
  shape const ff = shape_of(s);
  double const rows = static_cast<double>(ff.rows()), inverse = cost_of_inverse * rows * rows * rows;
  std::size_t together = 1;
  if constexpr (selfpred::detail::reads_scalars_freely<M>)
    together = static_cast<std::size_t>(selfpred::detail::parts_of(
        static_cast<index>(selfpred::detail::min(most, count)), inverse * static_cast<double>(count)));
  pole_work<M> at[most];
  for (std::size_t i = 0; i < count; i += together) {
    std::size_t const n = selfpred::detail::min(together, count - i);
    for (std::size_t k = 0, next = slot; k < n; next = slots_of_threads + 3 * k++)
      at[k] = {&work.get(next, s, ff), &work.get(next + 1, s, ff), pairs ? &work.get(next + 2, s, ff) : nullptr};
    selfpred::detail::split(static_cast<index>(n), inverse * static_cast<double>(n), [&](index first, index last) {
      for (auto k = static_cast<std::size_t>(first); k < static_cast<std::size_t>(last); ++k) make(i + k, at[k]);
    });
    for (std::size_t k = 0; k < n; ++k) {
      if (at[k].failed) return false;
      use(i + k, at[k]);
    }
  }
  return true;
}

/// r(s / norm) of a design, in slots 0 to 3, or nothing where a pivot was not positive (hosts, which may look). With
/// host_threads several poles at once, each in slots of its own.
/// Cost: an inverse a real pole; two a pair, and where q is not 0 a symmetric product; no allocation after the first call.
template <matrix_with_solve M>
std::optional<filtered<M>> sum_of_inverses(rational_design const& r, M const& s, scalar_t<M> const& norm,
                                           workspace<M>& work) {
  M& sum = work.get(0, s, shape_of(s));
  scalar_t<M> const unit = reciprocal(norm);
  scalar_t<M> const present = norm * unit;  // 1, and 0 of s = 0, of which r(0), +- the error, must not become a P
  axpby(unit * scalar_t<M>(r.slope), s, 0.0, sum);
  add_diagonal(present * scalar_t<M>(r.constant), sum);
  bool const real = linalg::for_each_pole(
      r.real.size(), false, s, work, 1,
      [&](std::size_t i, pole_work<M>& at) { at.invert(unit, s, r.real[i].shift, *at.inverse); },
      [&](std::size_t i, pole_work<M>& at) {
        axpby(present * scalar_t<M>(r.real[i].coefficient), *at.inverse, 1.0, sum);
      });
  // With A = X + u: Re (A + i v)^-1 = (A + v^2 A^-1)^-1 = R, Im = -v A^-1 R.
  bool const pairs =
      real && linalg::for_each_pole(
                  r.pairs.size(), true, s, work, 1,
                  [&](std::size_t i, pole_work<M>& at) {
                    complex_pole const& pole = r.pairs[i];
                    at.invert(unit, s, pole.shift, *at.inverse);
                    if (!at.failed)
                      at.invert(unit, s, pole.shift, *at.second, pole.imaginary * pole.imaginary, at.inverse);
                  },
                  [&](std::size_t i, pole_work<M>& at) {
                    complex_pole const& pole = r.pairs[i];
                    axpby(present * scalar_t<M>(2 * pole.p), *at.second, 1.0, sum);
                    if (pole.q != 0)
                      gemm_symmetric(present * scalar_t<M>(2 * pole.q * pole.imaginary), *at.inverse, op::none,
                                     *at.second, op::none, 1.0, sum);
                  });
  if (!pairs) return std::nullopt;
  return filtered<M>{sum, norm};
}
/// r(s / ||s||_F).
template <matrix_with_solve M>
std::optional<filtered<M>> sum_of_inverses(rational_design const& r, M const& s, workspace<M>& work) {
  return linalg::sum_of_inverses(r, s, linalg::frobenius_norm(s), work);
}

}  // namespace selfpred::linalg
