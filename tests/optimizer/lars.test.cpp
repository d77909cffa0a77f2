// SPDX-License-Identifier: MIT
#include <selfpred/optimizer/lars.hpp>

#include "optimizer/rules.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinRel;

// w = (3, 4), g = (0, 2): ||w|| = 5, ||g|| = 2, w.g = 8.
TEST_CASE("lars: the ratio by hand", "[optimizer]") {
  sp::leaf_norms n{.weight = 5, .gradient = 2, .product = 8};
  sp::lars rule{.weight_decay = 0.5, .trust = 0.25};
  CHECK(rule.ratio(n) == 0.25 * 5 / (2 + 2.5));
  rule.norm = sp::trust_norm::joint;  // g + w / 2 = (1.5, 4)
  CHECK_THAT(rule.ratio(n), WithinRel(0.25 * 5 / std::hypot(1.5, 4), 1e-15));
  n.vector = true;
  CHECK(rule.ratio(n) == 1);
  rule.adapt_vectors = true;
  CHECK(rule.ratio(n) != 1);
  CHECK(rule.ratio({.weight = 0, .gradient = 2}) == 1);
  CHECK((sp::lars{.weight_decay = 0, .norm = sp::trust_norm::joint}.ratio({.weight = 5, .gradient = 0})) == 1);
  CHECK(rule.ratio({.weight = 1, .gradient = 1, .product = -1 - 1e-9}) > 0);  // rounding below 0 under the root
}

TEST_CASE("lars: two steps by hand", "[optimizer]") {
  // r = 0.5 * 4 / (2 + 0.5 * 4) = 0.5, rate r = 0.25; w = 4: d = 1 + 2 = 3, m = 0.75, w = 3.25; d = -2 + 1.625, m = 0.375 - 0.09375
  sp::lars const rule{.rate = 0.5, .momentum = 0.5, .weight_decay = 0.5, .trust = 0.5};
  CHECK(trajectory(rule, 4, {1, -2}, {.weight = 4, .gradient = 2}) == std::vector<double>{3.25, 3.25 - 0.28125});
  // a vector: rate 0.5, no decay: m = 0.5, w = 3.5; m = 0.25 - 1, w = 4.25
  CHECK(trajectory(rule, 4, {1, -2}, {.weight = 4, .gradient = 2, .vector = true}) == std::vector<double>{3.5, 4.25});
}

TEST_CASE("lars: options out of range", "[optimizer]") {
  CHECK_THROWS_AS(sp::lars{.rate = -1}.check(), sp::domain_error);
  CHECK_THROWS_AS(sp::lars{.momentum = 1}.check(), sp::domain_error);
  CHECK_THROWS_AS(sp::lars{.weight_decay = -1}.check(), sp::domain_error);
  CHECK_THROWS_AS(sp::lars{.trust = -1}.check(), sp::domain_error);
}
