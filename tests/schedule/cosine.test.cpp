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
