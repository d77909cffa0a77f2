// SPDX-License-Identifier: MIT
#include <selfpred/optimizer/adamw.hpp>

#include "optimizer/rules.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinRel;

// The moments of Loshchilov & Hutter 2019, algorithm 2, as sums: m_t = (1 - b1) sum_j b1^(t-j) g_j, v_t alike.
TEST_CASE("adamw: the algorithm as sums", "[optimizer]") {
  sp::adamw const rule{.rate = 0.01, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1};
  std::vector<double> const g = {0.3, -1.7, 2.2, 0.01, -0.4, 1.1, 0.9};
  auto const w = trajectory(rule, 1.5, g);
  double expected = 1.5;
  for (std::size_t t = 1; t <= g.size(); ++t) {
    double m = 0, v = 0, m_weight = 0, v_weight = 0;  // the weights sum to 1 - beta^t
    for (std::size_t j = 1; j <= t; ++j) {
      double const a = (1 - rule.beta1) * std::pow(rule.beta1, static_cast<double>(t - j));
      double const b = (1 - rule.beta2) * std::pow(rule.beta2, static_cast<double>(t - j));
      m += a * g[j - 1], v += b * g[j - 1] * g[j - 1], m_weight += a, v_weight += b;
    }
    expected -= rule.rate * (rule.weight_decay * expected + m / m_weight / (std::sqrt(v / v_weight) + rule.epsilon));
    CHECK_THAT(w[t - 1], WithinRel(expected, 1e-14));  // some ten roundings a step
  }
}

TEST_CASE("adamw: the first step is rate times the sign of the gradient, however small it is", "[optimizer]") {
  for (double g : {1e-3, 1.0, -1e6}) {
    auto const w = trajectory(sp::adamw{.rate = 0.5, .epsilon = 1e-12, .weight_decay = 0}, 0, {g});
    CHECK_THAT(w[0], WithinRel(g > 0 ? -0.5 : 0.5, 2e-9));  // epsilon / |g|
  }
}

TEST_CASE("adamw: options out of range", "[optimizer]") {
  CHECK_THROWS_AS(sp::adamw{.rate = -1}.check(), sp::domain_error);
  CHECK_THROWS_AS((sp::adamw{.beta1 = 1}.check()), sp::domain_error);
  CHECK_THROWS_AS((sp::adamw{.beta2 = -0.1}.check()), sp::domain_error);
  CHECK_THROWS_AS((sp::adamw{.epsilon = 0}.check()), sp::domain_error);
  CHECK_THROWS_AS((sp::adamw{.weight_decay = -1}.check()), sp::domain_error);
}
