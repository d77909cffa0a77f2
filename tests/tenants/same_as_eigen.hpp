// SPDX-License-Identifier: MIT
// Two steps of an objective on any tensor, compared number by number with the same steps on Eigen::MatrixXd.
#pragma once
#include <map>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/catch.hpp"

namespace tenants {

using selfpred::index;

inline std::vector<double> values(index n, double phase) {
  std::vector<double> v(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = std::sin(phase + 1.7 * static_cast<double>(i * i % 991));
  return v;
}
template <class T>
std::vector<double> read(T const& x) {
  std::vector<double> v(static_cast<std::size_t>(selfpred::shape_of(x).size()));
  selfpred::copy_out(x, v);
  return v;
}
inline double distance(std::vector<double> const& x, std::vector<double> const& y) {
  if (x.size() != y.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < x.size(); ++i) difference += (x[i] - y[i]) * (x[i] - y[i]), norm += y[i] * y[i];
  return std::sqrt(difference) / std::sqrt(norm);
}

template <class Rule>
std::string rule_name() {
  return __PRETTY_FUNCTION__;
}

inline selfpred::objective_options const usual{.alpha = 0.3, .predictor_momentum = 0.9};

/// All that two steps give, by name. make(values, rows, columns) makes anything compatible with T.
template <class T, class Rule, class Make>
std::map<std::string, std::vector<double>> outcome(Rule rule, Make make, selfpred::objective_options const& options) {
  std::map<std::string, std::vector<double>> all;
  index const f = 8;
  auto objective = selfpred::make_objective<T>(rule, options);
  for (index rows : {32, 21}) {  // the last batch of an epoch is short
    auto const at = " of " + std::to_string(rows) + " rows";
    auto&& z1 = make(values(rows * f, 0.0), rows, f);
    auto&& z2 = make(values(rows * f, 0.5), rows, f);
    auto&& t1 = make(values(rows * f, 1.0), rows, f);
    auto&& t2 = make(values(rows * f, 1.5), rows, f);
    auto const keep = [&](auto const& result) {
      all["loss" + at] = {selfpred::value(result.loss)};
      all["gradient1" + at] = read(result.gradient1);
      all["gradient2" + at] = read(result.gradient2);
    };
    if constexpr (std::same_as<Rule, selfpred::trainable_linear>) {
      auto&& p = make(values(f * f, 2.0), f, f);
      auto const result = objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2), p);
      keep(result);
      all["predictor_gradient" + at] = read(result.predictor_gradient);
    } else {
      keep(objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2)));
      all["predictor" + at] = read(objective.predictor());
    }
  }
  return all;
}

template <class T, class Rule, class Make>
void same_as_eigen(Rule rule, Make make, double tolerance = 1e-12, selfpred::objective_options const& options = usual) {
  auto const got = outcome<T>(rule, make, options);
  auto const expected = outcome<Eigen::MatrixXd>(
      rule,
      [](auto const& v, index rows, index cols) {
        Eigen::MatrixXd m(rows, cols);
        selfpred::copy_in(v, m);
        return m;
      },
      options);
  for (auto const& [name, numbers] : expected) {
    INFO(rule_name<Rule>() + ": " + name);
    CHECK(distance(got.at(name), numbers) < tolerance);
  }
}

/// Every predictor that T admits. The tolerance is for all that two steps give: an element type of float has 24 bits, and
/// the condition of the covariances here takes two digits of them.
template <class T, class Make>
void every_rule_same_as_eigen(Make make, double tolerance = 1e-12) {
  using M = selfpred::owner_t<T>;
  auto const same = [&](auto rule, selfpred::objective_options const& options = usual) {
    same_as_eigen<T>(rule, make, tolerance, options);
  };
  same(selfpred::neumann{});
  same(selfpred::neumann{.scale = selfpred::neumann_scale::spectral, .normalise_rows = false});
  same(selfpred::visser{});
  same(selfpred::newton_schulz{});
  same(selfpred::newton_schulz{.iterations = 7, .stages = 2});
  same(selfpred::stiefel{});
  same(selfpred::direct_copy{});
  if constexpr (selfpred::matrix_with_solve<M>) {
    same(selfpred::linear_regression{});
    same(selfpred::linear_regression{.damping = 0.1});
  }
  if constexpr (selfpred::matrix_with_eigh<M>) {
    same(selfpred::direct_pred{});
    same(selfpred::direct_pred::published());
  }
  same(selfpred::trainable_linear{});
  auto other = usual;  // means of rows, averages of S and X, a norm of P
  other.centred = true, other.statistics_momentum = 0.5, other.rescale = selfpred::rescaling::spectral;
  same(selfpred::neumann{.normalise_rows = false}, other);
  other.per_direction = true, other.rescale = selfpred::rescaling::frobenius;
  other.loss.kind = selfpred::loss_kind::squared;
  same(selfpred::newton_schulz{}, other);
}
/// For further forms of a tenant, whose rules run on the same owner: one rule of S alone and one of S and X.
template <class T, class Make>
void form_same_as_eigen(Make make, double tolerance = 1e-12) {
  same_as_eigen<T>(selfpred::newton_schulz{}, make, tolerance);
  same_as_eigen<T>(selfpred::neumann{}, make, tolerance);
}

/// Inputs that have no answer are refused with the documented error, and the objective is as before.
template <class T, class Make>
void refuses_bad_inputs(Make make) {
  using selfpred::stop_gradient;
  auto objective = selfpred::make_objective<T>(selfpred::direct_copy{}, {.alpha = 0.3});
  auto&& z1 = make(values(24, 0.0), 6, 4);
  auto&& z2 = make(values(24, 0.5), 6, 4);
  auto&& t = make(values(24, 1.0), 6, 4);
  auto&& narrow = make(values(18, 1.0), 6, 3);
  auto&& few = make(values(20, 1.0), 5, 4);
  auto&& none = make(values(0, 1.0), 0, 4);
  auto const same = stop_gradient(t);
  CHECK_THROWS_AS(objective.step(none, none, stop_gradient(none), stop_gradient(none)), selfpred::shape_error);
  CHECK_THROWS_AS(objective.step(z1, few, same, same), selfpred::shape_error);
  CHECK_THROWS_AS(objective.step(z1, z2, stop_gradient(narrow), same), selfpred::shape_error);
  CHECK_THROWS_AS(objective.step(z1, z2, same, stop_gradient(few)), selfpred::shape_error);
  if constexpr (!selfpred::operations_t<T>::carries_derivatives) {  // there stop_gradient makes a copy
    CHECK_THROWS_AS(objective.step(z1, z2, stop_gradient(z1), same), selfpred::alias_error);
    CHECK_THROWS_AS(objective.step(z1, z2, same, stop_gradient(z1)), selfpred::alias_error);
  }
  if constexpr (std::same_as<selfpred::scalar_t<T>, double>) {
    for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      auto spoilt = values(24, 0.0);
      spoilt[7] = bad;
      auto&& z = make(spoilt, 6, 4);
      CHECK_THROWS_AS(objective.step(z, z2, same, same), selfpred::non_finite_error);
      CHECK_THROWS_AS(objective.step(z1, z2, stop_gradient(z), same), selfpred::non_finite_error);
    }
  }
  CHECK(objective.step() == 0);
  CHECK_THROWS_AS(objective.predictor(), selfpred::state_error);
  objective.step(z1, z2, same, same);
  CHECK_THROWS_AS(objective.step(narrow, narrow, stop_gradient(make(values(18, 2.0), 6, 3)),
                                 stop_gradient(make(values(18, 2.0), 6, 3))),
                  selfpred::shape_error);
  CHECK(objective.step() == 1);
}

}  // namespace tenants
