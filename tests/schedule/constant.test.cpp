// SPDX-License-Identifier: MIT
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>

#include "support/catch.hpp"

TEST_CASE("constant_momentum", "[schedule]") {
  constexpr selfpred::constant_momentum tau{.tau = 0.97};
  static_assert(tau(0) == 0.97 && tau(1'000'000'000'000) == 0.97);
  static_assert(selfpred::constant_momentum{}(3) == 0.99, "the default");
  SUCCEED();
}

TEST_CASE("what is a schedule", "[schedule]") {
  static_assert(selfpred::momentum_schedule<selfpred::constant_momentum>);
  static_assert(selfpred::momentum_schedule<selfpred::cosine_momentum>);
  static_assert(selfpred::momentum_schedule<double (*)(std::int64_t)>);
  static_assert(!selfpred::momentum_schedule<double> && !selfpred::momentum_schedule<selfpred::buffer_policy>);
  auto const own = [](std::int64_t k) { return k < 3 ? 0.5 : 0.9f; };
  static_assert(selfpred::momentum_schedule<decltype(own)>);
  SUCCEED();
}
