// SPDX-License-Identifier: MIT
#include <selfpred/optimizer/sgd.hpp>

#include "optimizer/rules.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;

// By hand from the formula: rate 1/2, momentum 1/2, decay 1/4, w = 4, g = 1, -2. All numbers are dyadic, so they are exact.
TEST_CASE("sgd: two steps by hand", "[optimizer]") {
  sp::sgd const rule{.rate = 0.5, .momentum = 0.5, .weight_decay = 0.25};
  // d = 1 + 1 = 2, m = 2, w = 3;  d = -2 + 0.75 = -1.25, m = 1 - 1.25 = -0.25, w = 3.125
  CHECK(trajectory(rule, 4, {1, -2}) == std::vector<double>{3, 3.125});
  // nesterov: w = 4 - (2 + 1) / 2 = 2.5;  d = -2 + 0.625 = -1.375, m = 1 - 1.375 = -0.375, w = 2.5 + (1.375 + 0.1875) / 2
  CHECK(trajectory(sp::sgd{.rate = 0.5, .momentum = 0.5, .weight_decay = 0.25, .nesterov = true}, 4, {1, -2}) ==
        std::vector<double>{2.5, 3.28125});
}

// m_k = sum_j mu^(k-j) g_j, so that w_n = w_0 - rate sum_j g_j (1 - mu^(n-j)) / (1 - mu) with j from 0 and n steps.
TEST_CASE("sgd: the momentum is a geometric sum", "[optimizer]") {
  double const mu = 0.9, rate = 0.1;
  std::vector<double> const g = {0.3, -1.7, 2.2, 0.01, -0.4, 1.1, 0.9};
  auto const w = trajectory(sp::sgd{.rate = rate, .momentum = mu}, 1.5, g);
  double expected = 1.5;
  for (std::size_t j = 0; j < g.size(); ++j)
    expected -= rate * g[j] * (1 - std::pow(mu, static_cast<double>(g.size() - j))) / (1 - mu);
  CHECK_THAT(w.back(), WithinAbs(expected, 1e-14));  // 7 steps of a few roundings of numbers below 4
}

TEST_CASE("sgd: options out of range", "[optimizer]") {
  CHECK_THROWS_AS(sp::sgd{.rate = -1}.check(), sp::domain_error);
  CHECK_THROWS_AS(sp::sgd{.rate = std::nan("")}.check(), sp::domain_error);
  CHECK_THROWS_AS((sp::sgd{.rate = 1, .momentum = 1}.check()), sp::domain_error);
  CHECK_THROWS_AS((sp::sgd{.rate = 1, .momentum = 0, .weight_decay = sp::detail::no_limit}.check()), sp::domain_error);
}
