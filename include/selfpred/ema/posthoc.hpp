// SPDX-License-Identifier: MIT
// Karras et al. 2024 (EDM2), post-hoc EMA: an average whose length nobody chose in training, from snapshots of two.
#pragma once
#include <cmath>
#include <selfpred/algorithm.hpp>
#include <selfpred/ema/names.hpp>
#include <selfpred/strided/operations.hpp>

namespace selfpred {

/// The profile t^gamma over 0 .. time, in updates or images: what power_momentum{gamma} has averaged by then.
struct power_profile {
  double gamma = 0, time = 1;
};

/// The integral of the product of two profiles, each of integral 1.
///
/// (ga + 1)(gb + 1) (ta / tb)^e / ((ga + gb + 1) max(ta, tb)), e = gb where ta < tb and -ga elsewhere (EDM2, appendix C.2).
inline double overlap_of_profiles(power_profile a, power_profile b) {
  double const exponent = a.time < b.time ? b.gamma : -a.gamma;
  return (a.gamma + 1) * (b.gamma + 1) * std::pow(a.time / b.time, exponent) /
         ((a.gamma + b.gamma + 1) * detail::max(a.time, b.time));
}

/// Weights, of sum 1, whose combination of snapshots comes closest to the profile wanted, in least squares over time.
///
/// Source: EDM2, training/phema.py, solve_posthoc_coefficients; normalised there too, so that what stood still is kept.
/// Errors: domain_error without snapshots, for a gamma below 0 or a time not above 0, and where two snapshots are so alike
/// that their weights cannot be told apart. Cost: n^3 / 3 in double.
inline std::vector<double> post_hoc_weights(std::vector<power_profile> const& snapshots, power_profile wanted) {
  auto const check = [](power_profile p) {
    if (!(p.gamma >= 0 && p.time > 0 && std::isfinite(p.gamma) && std::isfinite(p.time)))
      throw domain_error(detail::complaint("post_hoc_weights", "a profile",
                                           "gamma " + std::to_string(p.gamma) + ", time " + std::to_string(p.time),
                                           "gamma at least 0, time above 0"));
  };
  check(wanted);
  for (auto const& s : snapshots) check(s);
  std::size_t const n = snapshots.size();
  if (n == 0) throw domain_error("post_hoc_weights: there are 0 snapshots, expected at least 1");
  // Cholesky of the Gram matrix of profiles of norm 1, in long double: its condition grows with every snapshot.
  std::vector<long double> l(n * n), x(n), norm(n);
  auto const overlap = [](power_profile a, power_profile b) {
    return static_cast<long double>(overlap_of_profiles(a, b));
  };
  for (std::size_t i = 0; i < n; ++i) norm[i] = std::sqrt(overlap(snapshots[i], snapshots[i]));
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) {
      long double s = i == j ? 1 : overlap(snapshots[i], snapshots[j]) / (norm[i] * norm[j]);
      for (std::size_t k = 0; k < j; ++k) s -= l[i * n + k] * l[j * n + k];
      if (i == j && !(s > 1e-14L))
        throw domain_error(
            "post_hoc_weights: two snapshots have nearly the same profile, expected different times or gammas");
      l[i * n + j] = i == j ? std::sqrt(s) : s / l[j * n + j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = overlap(snapshots[i], wanted) / norm[i];
    for (std::size_t k = 0; k < i; ++k) x[i] -= l[i * n + k] * x[k];
    x[i] /= l[i * n + i];
  }
  long double sum = 0;
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
  for (std::size_t i = 0; i < n; ++i) sum += x[i] /= norm[i];
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i) weights[i] = static_cast<double>(x[i] / sum);
  return weights;
}

/// A model with the profile that it has averaged by.
template <class Model>
struct power_snapshot {
  power_profile profile;
  Model model;
};

/// out <- the combination of snapshots that comes closest to the profile wanted; integral parameters do not compile, buffers
/// are those of the latest snapshot. Returns the weights. Error of a leaf: its unit round-off times the sum of |weights|.
/// Errors: those of post_hoc_weights; shape_error where the models differ.
/// Example: examples/post_hoc_ema.cpp
template <class Model>
std::vector<double> synthesize(std::vector<power_snapshot<Model>> const& snapshots, power_profile wanted, Model& out) {
  std::vector<power_profile> profiles;
  for (auto const& s : snapshots) profiles.push_back(s.profile);
  auto const weights = post_hoc_weights(profiles, wanted);
  std::size_t latest = 0;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    if (profiles[i].time > profiles[latest].time) latest = i;
    pair_parameters(snapshots[i].model, out, [](auto const& x, auto& y) {
      if constexpr (tensor<decltype(x)>)
        if (shape_of(x) != shape_of(y))
          throw shape_error(
              detail::complaint("synthesize", "a tensor of a snapshot", shape_of(x).text(), shape_of(y).text()));
    });
  }
  for (std::size_t i = 0; i < snapshots.size(); ++i)
    pair_parameters(snapshots[i].model, out, [&](auto const& x, auto& y) {
      double const a = weights[i], b = i == 0 ? 0 : 1;
      if constexpr (tensor<decltype(x)>)
        axpby(a, x, b, y);
      else {
        static_assert(!std::is_integral_v<std::remove_cvref_t<decltype(x)>>,
                      "selfpred: averaging an integral parameter has no meaning; list it in buffers(model)");
        y = static_cast<std::remove_reference_t<decltype(y)>>(b == 0 ? a * x : a * x + y);
      }
    });
  pair_buffers(snapshots[latest].model, out, [](auto const& x, auto& y) {
    if constexpr (tensor<decltype(x)>)
      copy(x, y);
    else
      y = x;
  });
  return weights;
}

}  // namespace selfpred
