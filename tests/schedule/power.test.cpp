// SPDX-License-Identifier: MIT
#include <cmath>
#include <selfpred/schedule/power.hpp>

#include "golden/reader.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::WithinAbs;

TEST_CASE("power_momentum: golden values", "[schedule]") {
  auto const file = selfpred_tests::load_golden("schedule", SELFPRED_TESTS_DIR "/golden");
  int cases = 0;
  for (auto const& [name, c] : file) {
    if (!name.starts_with("power_")) continue;
    double const gamma = c.scalar("gamma");
    CHECK_THAT(sp::power_gamma(c.scalar("sigma")), WithinAbs(gamma, 1e-13 * (1 + gamma)));
    CHECK_THAT(sp::power_sigma(gamma), WithinAbs(c.scalar("sigma"), 1e-15));
    for (int i = 0; i < c.at("k").cols; ++i)
      CHECK_THAT(sp::power_momentum{gamma}(static_cast<std::int64_t>(c.at("k")(0, i))),
                 WithinAbs(c.at("tau")(0, i), 2e-15));
    ++cases;
  }
  CHECK(cases == 4);
}

TEST_CASE("power_momentum: exact ends, at compile time", "[schedule]") {
  constexpr auto tau = sp::power_momentum::of_sigma(0.05);
  static_assert(tau(0) == 0 && tau.gamma > 16.9 && tau.gamma < 17.0);  // 16.97 in EDM2's paper
  static_assert(sp::power_momentum::of_sigma(0.1).gamma > 6.9 && sp::power_momentum::of_sigma(0.1).gamma < 7.0);
  static_assert(sp::power_momentum{0}(1) == 0.5 && sp::power_momentum{0}(0) == 0);
  CHECK_THAT(sp::power_gamma(sp::power_sigma(0)), WithinAbs(0, 1e-7));  // sigma's slope vanishes there
  for (double sigma : {0.0, -1.0, 0.3, double(NAN)}) CHECK_THROWS_AS(sp::power_gamma(sigma), sp::domain_error);
}

TEST_CASE("power_momentum: the weights of the networks follow t^gamma", "[schedule]") {
  // The weight of network j at time n: (1 - tau(j)) prod_{i > j} tau(i), equal to ((j+1)^(g+1) - j^(g+1)) / n^(g+1).
  double const g = 6.94;
  sp::power_momentum const tau{g};
  for (int j = 0; j < 200; ++j) {
    double const expected = std::pow((j + 1) / 200.0, g + 1) - std::pow(j / 200.0, g + 1);
    CHECK_THAT((1 - tau(j)) * tau.product(j + 1, 199), WithinAbs(expected, 1e-14));
  }
}
