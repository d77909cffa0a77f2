// SPDX-License-Identifier: MIT
#include <cmath>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>

#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::WithinAbs;

TEST_CASE("constant_momentum", "[schedule]") {
  constexpr sp::constant_momentum tau{.tau = 0.97};
  static_assert(tau(0) == 0.97 && tau(1'000'000'000'000) == 0.97);
  static_assert(sp::constant_momentum{}(3) == 0.99, "the default");
  static_assert(sp::constant_momentum{0.5}.product(3, 5) == 0.125 && tau.product(7, 7) == 0.97);
  CHECK_THAT(tau.product(0, 999), WithinAbs(std::pow(0.97, 1000), 1e-26));  // about 6e-14, relative 1e-13
}

TEST_CASE("what is a schedule", "[schedule]") {
  static_assert(sp::momentum_schedule<sp::constant_momentum>);
  static_assert(sp::momentum_schedule<sp::cosine_momentum>);
  static_assert(sp::momentum_schedule<double (*)(std::int64_t)>);
  static_assert(!sp::momentum_schedule<double> && !sp::momentum_schedule<sp::buffer_policy>);
  static_assert(sp::intermittent_schedule<sp::periodic_copy> && !sp::intermittent_schedule<sp::constant_momentum>);
  auto const own = [](std::int64_t k) { return k < 3 ? 0.5 : 0.9f; };
  static_assert(sp::momentum_schedule<decltype(own)>);
  static_assert(sp::momentum_due(sp::constant_momentum{0.5}, 0, 4) == 0.5, "steps that were left out do not decay");
  SUCCEED();
}

TEST_CASE("momentum_product: closed forms equal the loop, which ends early", "[schedule]") {
  auto const loop = [](auto const& s) { return [&s](std::int64_t k) { return s(k); }; };
  sp::constant_momentum const constant{0.9};
  sp::equal_weight_momentum const equal;
  for (std::int64_t first : {0, 1, 5})
    for (std::int64_t last : {5, 6, 40}) {
      // 40 roundings of 1.1e-16
      CHECK_THAT(constant.product(first, last), WithinAbs(sp::momentum_product(loop(constant), first, last), 1e-14));
      CHECK_THAT(equal.product(first, last), WithinAbs(sp::momentum_product(loop(equal), first, last), 1e-14));
    }
  int asked = 0;
  auto const counting = [&](std::int64_t) { return ++asked, 0.9; };
  CHECK(sp::momentum_product(counting, 0, 1'000'000'000) == 0);
  CHECK(asked < 500);
}

TEST_CASE("equal_weight_momentum: a plain mean", "[schedule]") {
  constexpr sp::equal_weight_momentum tau;
  static_assert(tau(0) == 0 && tau(1) == 0.5 && tau(3) == 0.75);
  double online = 0, sum = 0;
  sp::ema_target target{online, tau};
  for (int k = 1; k <= 100; ++k) {
    online = std::sin(k), sum += online;
    target.update(online);
    CHECK_THAT(target.model(), WithinAbs(sum / k, 1e-15));
  }
}

TEST_CASE("periodic_copy", "[schedule]") {
  constexpr sp::periodic_copy tau{.period = 3};
  static_assert(tau(0) == 1 && tau(1) == 1 && tau(2) == 0 && tau(3) == 1 && tau(5) == 0);
  static_assert(!tau.due(3, 4) && tau.due(3, 5) == 0 && tau.due(4, 7) == 0 && !tau.due(6, 7));
  CHECK_THROWS_AS(sp::periodic_copy{0}(1), sp::domain_error);
}
