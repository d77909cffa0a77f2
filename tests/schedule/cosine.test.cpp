// SPDX-License-Identifier: MIT
#include <selfpred/schedule/cosine.hpp>

#include "golden/reader.hpp"
#include "support/catch.hpp"

using Catch::Matchers::WithinAbs;
using selfpred::cosine_momentum;

TEST_CASE("cosine_momentum: golden values", "[schedule]") {
  auto const file = selfpred_tests::load_golden("ema", SELFPRED_TESTS_DIR "/golden");
  int cases = 0;
  for (auto const& [name, c] : file) {
    if (!name.starts_with("cosine_")) continue;
    cosine_momentum const tau{.base = c.scalar("base"), .steps = static_cast<std::int64_t>(c.scalar("total"))};
    auto const& k = c.at("k");
    auto const& expected = c.at("tau");
    for (int i = 0; i < k.cols; ++i)
      CHECK_THAT(tau(static_cast<std::int64_t>(k(0, i))), WithinAbs(expected(0, i), 1e-15));
    ++cases;
  }
  CHECK(cases >= 5);
}

TEST_CASE("cosine_momentum: the ends are exact, between them it rises", "[schedule]") {
  for (double base : {0.0, 0.9, 0.99, 0.996, 1.0})
    for (std::int64_t steps : {1, 2, 7, 1000, 1'000'000'007}) {
      cosine_momentum const tau{.base = base, .steps = steps};
      CHECK(tau(0) == base);
      CHECK(tau(steps) == 1);
      CHECK(tau(steps + 1) == 1);
      CHECK(tau(std::int64_t{1} << 60) == 1);
      double before = base;
      for (int i = 1; i <= 20; ++i) {
        double const now = tau(steps / 20 * i);
        CHECK(now >= before);
        CHECK(now <= 1);
        before = now;
      }
    }
}

TEST_CASE("cosine_momentum: a schedule of no steps has ended", "[schedule]") {
  CHECK(cosine_momentum{.base = 0.9, .steps = 0}(0) == 1);
  CHECK(cosine_momentum{.base = 0.9, .steps = 0}(5) == 1);
}

TEST_CASE("cosine_momentum: a constant expression with exact ends, which no run can miss", "[schedule]") {
  constexpr cosine_momentum tau{.base = 0.996, .steps = 1000};
  static_assert(tau(0) == 0.996 && tau(1000) == 1 && tau(-1) == 0.996 && tau(5000) == 1);
  static_assert(tau(500) > 0.99799999 && tau(500) < 0.99800001);
  static_assert(cosine_momentum{.base = 0.9, .steps = 10, .end = 0.99}(10) == 0.99);
  using to_last = selfpred::cosine_momentum_to_last_step;
  static_assert(to_last{.base = 0.99, .steps = 100}(0) == 0.99 && to_last{.base = 0.99, .steps = 100}(99) == 1);
  static_assert(to_last{.base = 0.99, .steps = 1}(0) == 1 && to_last{.steps = 0}(0) == 1);
  CHECK(to_last{.base = 0.9, .steps = 11}(5) == cosine_momentum{.base = 0.9, .steps = 10}(5));
}

TEST_CASE("cosine_momentum: 1 - tau is symmetric about the middle", "[schedule]") {
  cosine_momentum const tau{.base = 0.9, .steps = 998};
  for (int k = 0; k <= 499; ++k) CHECK_THAT(tau(k) + tau(998 - k), WithinAbs(1.9, 1e-15));
}
