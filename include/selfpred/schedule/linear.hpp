// SPDX-License-Identifier: MIT
#pragma once
#include <selfpred/error.hpp>
#include <selfpred/schedule/schedule.hpp>
#include <span>
#include <utility>

namespace selfpred {

/// tau(k) = base + (end - base) k / steps, and end from k = steps on.
///
/// Source: I-JEPA (0.996 to 1, steps = iterations an epoch * epochs * 1.25, so that training ends before the line does);
/// data2vec's linear anneal then hold is the same line (audio 0.999 to 0.9999 over 30 000 steps). Both ends are exact.
struct linear_momentum {
  double base = 0.996;
  std::int64_t steps = 1;
  double end = 1;
  constexpr double operator()(std::int64_t k) const {
    if (k >= steps) return end;
    if (k <= 0) return base;
    return end - (end - base) * (static_cast<double>(steps - k) / static_cast<double>(steps));
  }
};

/// tau(k) = values[k], and the last value past the end (DINOv2's CosineScheduler). `Values` is any sized random-access
/// range of numbers, kept by value: std::vector, std::array, or std::span for one that lives elsewhere.
/// Errors: domain_error where it is empty.
template <class Values>
struct precomputed_momentum {
  Values values;
  constexpr double operator()(std::int64_t k) const {
    auto const n = static_cast<std::int64_t>(std::size(values));
    if (n == 0) throw domain_error("precomputed_momentum: there are 0 values, expected at least 1");
    return static_cast<double>(*(std::begin(values) + static_cast<std::ptrdiff_t>(k < 0 ? 0 : k < n ? k : n - 1)));
  }
};
template <class Values>
precomputed_momentum(Values) -> precomputed_momentum<Values>;

}  // namespace selfpred
