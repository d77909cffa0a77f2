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

/// All that two steps give, by name. make(values, rows, columns) makes anything compatible with T.
template <class T, class Rule, class Make>
std::map<std::string, std::vector<double>> outcome(Rule rule, Make make) {
  std::map<std::string, std::vector<double>> all;
  index const f = 8;
  auto objective = selfpred::make_objective<T>(rule, {.alpha = 0.3, .predictor_momentum = 0.9});
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
void same_as_eigen(Rule rule, Make make, double tolerance = 1e-12) {
  auto const got = outcome<T>(rule, make);
  auto const expected = outcome<Eigen::MatrixXd>(rule, [](auto const& v, index rows, index cols) {
    Eigen::MatrixXd m(rows, cols);
    selfpred::copy_in(v, m);
    return m;
  });
  for (auto const& [name, numbers] : expected) {
    INFO(name);
    CHECK(distance(got.at(name), numbers) < tolerance);
  }
}

}  // namespace tenants
