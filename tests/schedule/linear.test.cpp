// SPDX-License-Identifier: MIT
#include <array>
#include <selfpred/schedule/linear.hpp>
#include <vector>

#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::WithinAbs;

TEST_CASE("linear_momentum: a line between exact ends, then held", "[schedule]") {
  constexpr sp::linear_momentum tau{.base = 0.996, .steps = 1000};
  static_assert(tau(0) == 0.996 && tau(1000) == 1 && tau(4000) == 1 && tau(-3) == 0.996);
  constexpr sp::linear_momentum held{.base = 0.999, .steps = 30'000, .end = 0.9999};  // data2vec, audio
  static_assert(held(0) == 0.999 && held(30'000) == 0.9999 && held(300'000) == 0.9999);
  for (int k = 0; k <= 1000; ++k) CHECK_THAT(tau(k), WithinAbs(0.996 + 0.004 * k / 1000, 2.3e-16));
  static_assert(sp::linear_momentum{.base = 0.5, .steps = 0}(0) == 1, "a line of no steps has ended");
}

TEST_CASE("precomputed_momentum: the list, then its last value", "[schedule]") {
  constexpr sp::precomputed_momentum tau{std::array{0.0, 0.5, 0.9}};
  static_assert(tau(0) == 0 && tau(1) == 0.5 && tau(2) == 0.9 && tau(3) == 0.9 && tau(1'000'000) == 0.9);
  CHECK(sp::precomputed_momentum{std::vector<float>{0.25f}}(7) == 0.25);
  CHECK_THROWS_AS(sp::precomputed_momentum{std::vector<double>{}}(0), sp::domain_error);
}
