// SPDX-License-Identifier: MIT
// What a schedule is: tau as a pure function of the step, so that there is nothing to lose on resume.
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>

namespace selfpred {

/// tau as a pure function of the step, counted from 0. tau multiplies the old target.
template <class S>
concept momentum_schedule = requires(S const& s, std::int64_t step) {
  { s(step) } -> std::convertible_to<double>;
};

/// A schedule that does not act at every step: due(next, step) is the tau of one update at `step`, where `next` is the first
/// step that no update has seen; nothing where none is due. Without gaps next == step.
template <class S>
concept intermittent_schedule = momentum_schedule<S> && requires(S const& s, std::int64_t step) {
  { s.due(step, step) } -> std::same_as<std::optional<double>>;
};

/// tau of an update at `step`, or nothing where the schedule lets this step pass.
template <momentum_schedule S>
constexpr std::optional<double> momentum_due(S const& s, std::int64_t next, std::int64_t step) {
  if constexpr (intermittent_schedule<S>)
    return s.due(next, step);
  else
    return static_cast<double>(s(step));
}

/// The product of tau over the steps first .. last: what is left of the target after them. In closed form where the
/// schedule has one, product(first, last); else a loop from the end, which ends once less than 2^-60 is left.
template <momentum_schedule S>
constexpr double momentum_product(S const& s, std::int64_t first, std::int64_t last) {
  if constexpr (requires {
                  { s.product(first, last) } -> std::convertible_to<double>;
                })
    return s.product(first, last);
  else {
    double product = 1;
    for (std::int64_t k = last; k >= first; --k) {
      product *= static_cast<double>(s(k));
      if (product < 0x1p-60 && product > -0x1p-60 && last - first > 64) return 0;
    }
    return product;
  }
}

}  // namespace selfpred
