// SPDX-License-Identifier: MIT
#include <cmath>
#include <selfpred/schedule/compose.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/schedule/linear.hpp>
#include <selfpred/schedule/power.hpp>

#include "golden/reader.hpp"
#include "support/catch.hpp"

namespace sp = selfpred;
using Catch::Matchers::WithinAbs;

TEST_CASE("update_every: after steps k - 1, 2 k - 1, ... with the product of tau", "[schedule]") {
  constexpr sp::update_every tau{4, sp::constant_momentum{0.5}};
  static_assert(tau(0) == 1 && tau(2) == 1 && tau(3) == 0.0625 && tau(4) == 1 && tau(7) == 0.0625);
  static_assert(!tau.due(0, 2) && !tau.due(4, 6) && tau.due(4, 7) == 0.0625);
  static_assert(tau.due(3, 5) == 0.0625, "the due step 3 was left out: the next update stands for it");
  static_assert(tau.due(2, 8) == 0.00390625, "two intervals have ended");
  static_assert(sp::update_every{1, sp::constant_momentum{0.75}}(9) == 0.75);
  CHECK_THROWS_AS((sp::update_every{0, sp::constant_momentum{}}(3)), sp::domain_error);
}

TEST_CASE("update_every: the product over a run is that of single updates, whatever the schedule", "[schedule]") {
  for (std::int64_t every : {1, 2, 5, 10}) {
    sp::cosine_momentum const cosine{.base = 0.9, .steps = 100};
    sp::update_every const wide{every, cosine};
    CHECK_THAT(sp::momentum_product(wide, 0, 12 * every - 1),
               WithinAbs(sp::momentum_product(cosine, 0, 12 * every - 1), 1e-14));
    for (std::int64_t n = 1; n < 50; ++n) CHECK(wide.due(n, n).has_value() == (n % every == every - 1));
    sp::power_momentum const power = sp::power_momentum::of_sigma(0.1);
    for (std::int64_t i = 1; i < 20; ++i)  // a power profile keeps its weight in every interval
      CHECK_THAT(*sp::update_every(every, power).due(i * every, (i + 1) * every - 1),
                 WithinAbs(std::pow(double(i) / double(i + 1), power.gamma + 1), 1e-14));
  }
}

TEST_CASE("start_after: held or copied first, then from the schedule's own step 0", "[schedule]") {
  constexpr sp::start_after tau{100, sp::cosine_momentum{.base = 0.9, .steps = 10}};
  static_assert(tau(0) == 0 && tau(99) == 0 && tau(100) == 0.9 && tau(110) == 1);
  static_assert(sp::start_after{5, sp::constant_momentum{0.5}, 1.0}(4) == 1);
  constexpr sp::start_after rare{10, sp::update_every{4, sp::constant_momentum{0.5}}};
  static_assert(rare.due(9, 9) == 0 && !rare.due(10, 10) && !rare.due(12, 12) && rare.due(13, 13) == 0.0625);
  static_assert(rare.due(8, 13) == 0.0625, "a gap over the start");
  SUCCEED();
}

TEST_CASE("then_momentum, clamped_momentum, by_epoch, batch_corrected", "[schedule]") {
  // [compose]
  // DINOv2: frozen, a line, a cosine
  constexpr sp::then_momentum tau{
      sp::constant_momentum{0}, 10,
      sp::then_momentum{sp::linear_momentum{.base = 0, .steps = 5, .end = 0.9}, 5, sp::cosine_momentum{0.9, 20}}};
  // [/compose]
  static_assert(tau(9) == 0 && tau(10) == 0 && tau(15) == 0.9 && tau(35) == 1);
  static_assert(sp::clamped_momentum{sp::constant_momentum{0.2}, 0.5, 0.9}(3) == 0.5);
  static_assert(sp::clamped_momentum{sp::constant_momentum{0.95}, 0.5, 0.9}(3) == 0.9);
  constexpr sp::by_epoch epochs{50, sp::cosine_momentum{0.99, 10}};
  static_assert(epochs(0) == 0.99 && epochs(49) == 0.99 && epochs(50) > 0.99 && epochs(499) < 1 && epochs(500) == 1);
  static_assert(sp::batch_corrected{sp::constant_momentum{0.9}, 256, 256}(0) == 0.9);
  // two half batches decay as one
  sp::batch_corrected const half{sp::constant_momentum{0.9999}, 128, 256};
  CHECK_THAT(half(0) * half(0), WithinAbs(0.9999, 1e-15));
}

TEST_CASE("debiased: an average from zero over the weight that it has gathered", "[schedule]") {
  static_assert(sp::debiased{sp::constant_momentum{0.9}}(0) == 0 && sp::debiased{sp::constant_momentum{1}}(5) == 1);
  static_assert(sp::debiased{sp::constant_momentum{0}}(3) == 0);
  auto const file = selfpred_tests::load_golden("schedule", SELFPRED_TESTS_DIR "/golden");
  for (std::string const name : {"debiased_0", "debiased_1"}) {
    auto const& c = file.at(name);
    sp::debiased const tau{sp::constant_momentum{c.scalar("base")}};
    for (int i = 0; i < c.at("k").cols; ++i)  // 1 - 0.999 and 1 - 0.999^2 round to 1e-16 / 1e-3
      CHECK_THAT(tau(static_cast<std::int64_t>(c.at("k")(0, i))), WithinAbs(c.at("tau")(0, i), 2e-13));
  }
  sp::cosine_momentum const cosine{.base = 0.8, .steps = 60};  // against the definition, any schedule
  sp::debiased const tau{cosine};
  double held = 0, zero = 0, left = 1;
  for (int k = 0; k < 80; ++k) {
    double const x = std::sin(0.3 * k) + 2;
    held += (1 - tau(k)) * (x - held);
    zero += (1 - cosine(k)) * (x - zero), left *= cosine(k);
    CHECK_THAT(held, WithinAbs(zero / (1 - left), 1e-13));
  }
}
