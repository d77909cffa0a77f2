// SPDX-License-Identifier: MIT
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/warm_up.hpp>

#include "golden/reader.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::WithinAbs;

namespace {

void expect_rising(auto const& tau) {
  double before = 0;
  for (std::int64_t k = 0; k < 3000; ++k) {
    CHECK(tau(k) >= before);
    before = tau(k);
  }
  CHECK(before < 1);
}
template <class Make>
int golden(std::string const& prefix, Make make) {
  auto const file = selfpred_tests::load_golden("schedule", SELFPRED_TESTS_DIR "/golden");
  int cases = 0;
  for (auto const& [name, c] : file) {
    if (!name.starts_with(prefix)) continue;
    auto const tau = make(c);
    for (int i = 0; i < c.at("k").cols; ++i)
      CHECK_THAT(tau(static_cast<std::int64_t>(c.at("k")(0, i))), WithinAbs(c.at("tau")(0, i), 1e-15));
    ++cases;
  }
  return cases;
}

}  // namespace

TEST_CASE("inverse_gamma_momentum", "[schedule]") {
  constexpr sp::inverse_gamma_momentum tau;
  static_assert(tau(0) == 0 && tau(100'000'000) == 0.9999);
  static_assert(sp::inverse_gamma_momentum{.least = 0.5}(0) == 0, "the first update copies");
  static_assert(sp::inverse_gamma_momentum{.least = 0.5}(1) == 0.5);
  expect_rising(tau);
  sp::inverse_gamma_momentum const plain{.power = 1, .most = 1};  // power 1: every network weighs the same
  for (int k = 1; k < 100; ++k) CHECK_THAT(plain(k), WithinAbs(sp::equal_weight_momentum{}(k), 1e-15));
  CHECK(golden("inverse_gamma_", [](auto const& c) {
          return sp::inverse_gamma_momentum{
              .gamma = c.scalar("gamma"), .power = c.scalar("power"), .most = c.scalar("most")};
        }) == 3);
}

TEST_CASE("ratio_ramp_momentum", "[schedule]") {
  constexpr sp::ratio_ramp_momentum tau;
  static_assert(tau(0) == 0.1 && tau(8) == 0.5 && tau(1'000'000) == 0.9999);
  expect_rising(tau);
}

TEST_CASE("annealing_momentum", "[schedule]") {
  constexpr sp::annealing_momentum tau;
  static_assert(tau(0) == 0 && tau(100) == 0.5 && tau(1'000'000'000) == 1 - 2e-4);
  expect_rising(tau);
}

TEST_CASE("half_life_momentum: after a half-life, half of the target is left", "[schedule]") {
  static_assert(sp::half_life_momentum{.half_life = 4, .batch = 4}(0) == 0.5);
  static_assert(sp::half_life_momentum{}(0) == 0.5 && sp::half_life_momentum{.half_life = 0}(3) == 0);
  for (double batch : {1.0, 8.0, 500.0}) {
    sp::half_life_momentum const tau{.half_life = 1000, .batch = batch};
    CHECK_THAT(sp::momentum_product(tau, 0, static_cast<std::int64_t>(1000 / batch) - 1), WithinAbs(0.5, 1e-13));
  }
  static_assert(sp::half_life_momentum::of_training(0.05, 1000).half_life == 50);
  CHECK(golden("half_life_", [](auto const& c) {
          return sp::half_life_momentum{
              .half_life = c.scalar("half_life"), .batch = c.scalar("batch"), .ramp = c.scalar("ramp")};
        }) == 3);
  expect_rising(sp::half_life_momentum{.half_life = 1e5, .batch = 8, .ramp = 0.09});
}
