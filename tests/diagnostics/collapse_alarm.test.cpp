// SPDX-License-Identifier: MIT
#include <selfpred/diagnostics/collapse_alarm.hpp>

#include "support/catch.hpp"

using namespace selfpred::diagnostics;
using Catch::Matchers::ContainsSubstring;
using state = collapse_state;

TEST_CASE("The alarm rings after the warm-up and enough bad observations in a row", "[diagnostics][collapse_alarm]") {
  collapse_alarm alarm({.warm_up = 100, .consecutive = 3});
  collapse_measures const good{.feature_std = 0.8}, bad{.feature_std = 0.05};
  CHECK(alarm.observe(0, bad).state == state::warming_up);
  CHECK(alarm.observe(99, bad).state == state::warming_up);
  CHECK(alarm.observe(100, bad).state == state::suspicious);
  CHECK(alarm.observe(101, bad).state == state::suspicious);
  CHECK(alarm.observe(102, good).state == state::healthy);
  CHECK(alarm.observe(102, good).sentence.empty());
  for (int step : {103, 104}) {
    auto const v = alarm.observe(step, bad);
    CHECK_FALSE(v);
    CHECK(v.state == state::suspicious);
  }
  for (int step : {105, 110}) {
    auto const v = alarm.observe(step, bad);
    CHECK(v);
    CHECK(v.state == state::collapsed);
  }
  CHECK(alarm.observe(111, bad).sentence ==
        "collapse: feature_std is 0.050000 at step 111, expected at least 0.100000 (5 observations in a row)");
  CHECK_FALSE(alarm.observe(112, good));
  CHECK_FALSE(alarm.observe(113, bad));
}

TEST_CASE("Each measure has its own side, threshold and count", "[diagnostics][collapse_alarm]") {
  struct {
    char const* name;
    collapse_measures at, beyond;
  } const cases[] = {{"feature_std", {.feature_std = 0.1}, {.feature_std = 0.0999}},
                     {"target_std", {.target_std = 0.1}, {.target_std = 0.0999}},
                     {"prediction_std", {.prediction_std = 0.01}, {.prediction_std = 0.00999}},
                     {"effective_rank", {.effective_rank = 1.5}, {.effective_rank = 1.4999}},
                     {"uniformity", {.uniformity = -0.1}, {.uniformity = -0.0999}}};
  for (auto const& c : cases) {
    collapse_alarm alarm({.warm_up = 0, .consecutive = 1});
    INFO(c.name);
    CHECK(alarm.observe(1, c.at).state == state::healthy);
    auto const v = alarm.observe(2, c.beyond);
    CHECK(v.state == state::collapsed);
    CHECK_THAT(v.sentence, ContainsSubstring(std::string("collapse: ") + c.name + " is "));
    CHECK_THAT(v.sentence,
               ContainsSubstring(std::string(c.name) == "uniformity" ? "expected at most" : "expected at least"));
  }
  // Two measures that take turns are not one that stays bad; a measure that is left out keeps its count.
  collapse_alarm alarm({.warm_up = 0, .consecutive = 2});
  CHECK(alarm.observe(1, {.feature_std = 0.0, .effective_rank = 9.0}).state == state::suspicious);
  CHECK(alarm.observe(2, {.feature_std = 1.0, .effective_rank = 1.0}).state == state::suspicious);
  CHECK(alarm.observe(3, {.feature_std = 1.0}).state == state::suspicious);
  auto const v = alarm.observe(4, {.feature_std = 1.0, .effective_rank = 1.0});
  CHECK(v.state == state::collapsed);
  CHECK_THAT(v.sentence, ContainsSubstring("effective_rank is 1.000000 at step 4"));
}

TEST_CASE("A NaN or an infinity rings at once, in the warm-up too, until it is gone", "[diagnostics][collapse_alarm]") {
  for (double const x :
       {double(NAN), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    collapse_alarm alarm;
    CHECK(alarm.observe(0, {.uniformity = -2.0}).state == state::warming_up);
    auto const v = alarm.observe(1, {.target_std = x, .uniformity = -2.0});
    CHECK(v);
    CHECK_THAT(v.sentence,
               ContainsSubstring("collapse: target_std is ") && ContainsSubstring("expected a finite value"));
    CHECK(alarm.observe(2, {.uniformity = -2.0}));
    CHECK(alarm.observe(3, {.target_std = 1.0}).state == state::warming_up);
  }
  collapse_alarm alarm({.warm_up = 0, .consecutive = 2});
  CHECK(alarm.observe(0, {.feature_std = NAN}));
  CHECK(alarm.observe(1, {.feature_std = 0.0}).state == state::suspicious);
  CHECK(alarm.observe(2, {.feature_std = 0.0}).state == state::collapsed);
}

TEST_CASE("Bad input is refused and changes nothing", "[diagnostics][collapse_alarm]") {
  collapse_alarm alarm({.warm_up = 0, .consecutive = 2});
  collapse_measures const bad{.feature_std = 0.0};
  CHECK(alarm.observe(5, bad).state == state::suspicious);
  CHECK_THROWS_WITH(alarm.observe(4, bad), "collapse_alarm.observe: the step is 4, expected at least 5, the last one");
  CHECK_THROWS_AS(alarm.observe(4, {.feature_std = 1.0}), selfpred::domain_error);
  CHECK_THROWS_AS(alarm.observe(6, {}), selfpred::domain_error);
  CHECK(alarm.observe(5, bad).state == state::collapsed);
  for (collapse_thresholds const& t :
       {collapse_thresholds{.feature_std = NAN}, collapse_thresholds{.uniformity = INFINITY},
        collapse_thresholds{.warm_up = -1}, collapse_thresholds{.consecutive = 0}})
    CHECK_THROWS_AS(collapse_alarm(t), selfpred::domain_error);
}
