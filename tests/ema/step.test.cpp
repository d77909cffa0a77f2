// SPDX-License-Identifier: MIT
// Which steps update: the caller's steps, update_every, start_after, what gaps do.
#include <cmath>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/compose.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/schedule/power.hpp>
#include <selfpred/strided/operations.hpp>

#include "support/catch.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using sp::buffer_policy;

namespace {
struct pair {
  double weight, mean;
};
auto parameters(pair& n) { return std::tie(n.weight); }
auto buffers(pair& n) { return std::tie(n.mean); }
}  // namespace

TEST_CASE("ema_target: the caller's step is used once", "[ema]") {
  double online = 0;
  sp::ema_target target{online, sp::cosine_momentum{.base = 0.5, .steps = 4}};
  online = 8;
  auto const report = target.update(online, 0);
  CHECK(report.applied);
  CHECK(report.tau == 0.5);
  CHECK(target.model() == 4);
  CHECK(thrown<sp::state_error>([&] { target.update(online, 0); }) ==
        "ema_target.update: the step is 0, expected at least 1: each is used once");
  CHECK(target.model() == 4);
  CHECK(target.step() == 1);
  // A loss scaler has skipped the optimiser's steps 1 to 3: tau is the caller's step's, nothing decays meanwhile.
  target.update(online, 4);
  CHECK(target.model() == 4);  // tau(4) = 1
  CHECK(target.step() == 5);
  CHECK_THROWS_AS(target.update(online, 3), sp::state_error);
  CHECK(target.update(online).tau == 1);  // the verb that counts goes on from there
  CHECK(target.step() == 6);
}

TEST_CASE("ema_target: gradient accumulation is an update after the micro-batches that moved the optimiser", "[ema]") {
  double online = 0;
  sp::ema_target target{online, sp::constant_momentum{0.5}};
  // [accumulation]
  std::int64_t optimiser_step = 0;
  for (int micro = 0; micro < 12; ++micro) {
    // ... accumulate the gradients of a micro-batch
    if (micro % 4 == 3) {
      online += 1;  // the optimiser's step
      target.update(online, optimiser_step++);
    }
  }
  // [/accumulation]
  CHECK(target.step() == 3);
  CHECK(target.model() == 2.125);  // 0.5, 1.25, 2.125
}

TEST_CASE("update_every: equal to single updates while the online network stands still", "[ema]") {
  for (std::int64_t every : {2, 5, 7}) {
    double online = 1;
    sp::cosine_momentum const tau{.base = 0.9, .steps = 60};
    sp::ema_target each{online, tau};
    sp::ema_target rare{online, sp::update_every{every, tau}};
    for (int k = 0; k < 70; ++k) {
      if (k % every == 0) online = std::sin(k);  // stands still within an interval
      each.update(online);
      bool const due = k % every == every - 1;
      double const before = rare.model();
      CHECK(rare.update(online).applied == due);
      if (due) CHECK_THAT(rare.model(), WithinAbs(each.model(), 1e-14));
      if (!due) CHECK(rare.model() == before);
      CHECK(rare.step() == k + 1);
    }
  }
}

TEST_CASE("update_every: a power profile keeps the weight of every interval", "[ema]") {
  // The online network is 1 in one interval and 0 elsewhere; what the average holds of it is that interval's weight.
  auto const power = sp::power_momentum::of_sigma(0.1);
  std::int64_t const every = 10, n = 100;
  for (std::int64_t i = 0; i < n / every; ++i) {
    double online = 0;
    sp::ema_target each{online, power};
    sp::ema_target rare{online, sp::update_every{every, power}};
    for (std::int64_t k = 0; k < n; ++k) {
      online = k / every == i ? 1 : 0;
      each.update(online), rare.update(online);
    }
    CHECK_THAT(rare.model(), WithinAbs(each.model(), 1e-14));
    CHECK_THAT(rare.model(),
               WithinAbs(std::pow((i + 1) / 10.0, power.gamma + 1) - std::pow(i / 10.0, power.gamma + 1), 1e-14));
  }
}

TEST_CASE("update_every: a due step that the caller left out is made up for", "[ema]") {
  double online = 16;
  sp::ema_target target{online, sp::update_every{4, sp::constant_momentum{0.5}}};
  online = 0;
  for (std::int64_t k : {0, 1, 2}) CHECK_FALSE(target.update(online, k).applied);
  CHECK(target.update(online, 4).applied);  // step 3 was skipped by the optimiser
  CHECK(target.model() == 1);
  CHECK_FALSE(target.update(online, 6).applied);
  CHECK(target.update(online, 7).applied);
  CHECK(target.model() == 0.0625);
}

TEST_CASE("ema_target: between due steps nothing is touched, buffers neither", "[ema]") {
  pair online{1, 1};
  sp::ema_target target{online, sp::periodic_copy{.period = 3}, buffer_policy::copy};
  online = {5, 6};
  CHECK_FALSE(target.update(online).applied);
  CHECK_FALSE(target.update(online).applied);
  CHECK((target.model().weight == 1 && target.model().mean == 1));
  CHECK(target.update(online).applied);
  CHECK((target.model().weight == 5 && target.model().mean == 6));
}

TEST_CASE("ema_target: resume is a pure function of the step", "[ema]") {
  double online = 0;
  auto const schedule =
      sp::start_after{5, sp::update_every{3, sp::debiased{sp::cosine_momentum{.base = 0.8, .steps = 40}}}};
  sp::ema_target whole{online, schedule};
  std::vector<double> path;
  auto const theta = [](int k) { return std::cos(0.7 * k); };
  for (int k = 0; k < 50; ++k) whole.update(theta(k)), path.push_back(whole.model());
  for (int at : {1, 4, 5, 6, 17, 18, 19, 45}) {
    sp::ema_target resumed{path[static_cast<std::size_t>(at - 1)], schedule};
    resumed.step(at);
    for (int k = at; k < 50; ++k) {
      resumed.update(theta(k));
      CHECK(resumed.model() == path[static_cast<std::size_t>(k)]);
    }
  }
}
