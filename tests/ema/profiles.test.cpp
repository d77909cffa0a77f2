// SPDX-License-Identifier: MIT
// Post-hoc EMA: several power profiles, snapshots, synthesis.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema/checksum.hpp>
#include <selfpred/ema/profiles.hpp>

#include "golden/reader.hpp"
#include "support/catch.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;

TEST_CASE("post_hoc_weights: golden values", "[ema]") {
  auto const file = load_golden("schedule", SELFPRED_TESTS_DIR "/golden");
  for (std::string const name : {"post_hoc_0", "post_hoc_1", "post_hoc_2"}) {
    auto const& c = file.at(name);
    std::vector<sp::power_profile> snapshots;
    for (int i = 0; i < c.at("gamma").cols; ++i) snapshots.push_back({c.at("gamma")(0, i), c.at("t")(0, i)});
    auto const weights = sp::post_hoc_weights(snapshots, {c.scalar("wanted_gamma"), c.scalar("wanted_t")});
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      // condition 1e3 times the rounding of an overlap in double
      CHECK_THAT(weights[i], WithinAbs(c.at("weights")(0, static_cast<int>(i)), 1e-11));
      sum += weights[i];
    }
    CHECK_THAT(sum, WithinAbs(1, 1e-14));
  }
}

TEST_CASE("post_hoc_weights: the overlap is the integral of the product", "[ema]") {
  auto const density = [](sp::power_profile p, double t) {
    return t > p.time ? 0 : (p.gamma + 1) * std::pow(t / p.time, p.gamma) / p.time;
  };
  for (sp::power_profile a : {sp::power_profile{2, 3}, {6.94, 5}, {0, 4}})
    for (sp::power_profile b : {sp::power_profile{1, 5}, {16.97, 4}, {2, 3}}) {
      double sum = 0;
      int const n = 200'000;
      for (int i = 0; i < n; ++i) sum += density(a, (i + 0.5) * 5 / n) * density(b, (i + 0.5) * 5 / n) * 5 / n;
      CHECK_THAT(sp::overlap_of_profiles(a, b),
                 WithinAbs(sum, 1e-4));  // steps at the profiles' ends: 5 / n of the density
      CHECK_THAT(sp::overlap_of_profiles(a, b), WithinAbs(sp::overlap_of_profiles(b, a), 1e-14));
    }
}

TEST_CASE("post_hoc_weights: refused inputs", "[ema]") {
  CHECK_THROWS_AS(sp::post_hoc_weights({}, {1, 1}), sp::domain_error);
  CHECK_THROWS_AS(sp::post_hoc_weights({{-1, 1}}, {1, 1}), sp::domain_error);
  CHECK_THROWS_AS(sp::post_hoc_weights({{1, 1}}, {1, 0}), sp::domain_error);
  CHECK_THAT(thrown<sp::domain_error>([] {
               sp::post_hoc_weights({{6, 100}, {6, 100}}, {5, 100});
             }),
             Catch::Matchers::ContainsSubstring("nearly the same profile"));
}

TEST_CASE("power_averages: one pass gives the bits of an ema_target a profile", "[ema]") {
  // Dense and strided leaves, integral ones, a NaN, threads; an update that is refused moves none of them.
  using model = std::tuple<std::vector<float>, Eigen::MatrixXd, Eigen::Matrix<Eigen::bfloat16, -1, 1>, double>;
  auto const at = [](int k) {
    model m{std::vector<float>(100'003), Eigen::MatrixXd(7, 3), Eigen::Matrix<Eigen::bfloat16, -1, 1>(5000), 0.1 * k};
    for (std::size_t i = 0; i < std::get<0>(m).size(); ++i)
      std::get<0>(m)[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i) + k));
    for (int i = 0; i < 21; ++i) std::get<1>(m).data()[i] = std::cos(1.1 * i + k);
    for (int i = 0; i < 5000; ++i) std::get<2>(m)[i] = Eigen::bfloat16(static_cast<float>(std::sin(0.2 * i + k)));
    return m;
  };
  std::vector<double> const gammas{3, 6.94, 16.97};
  for (auto policy : {sp::non_finite_policy::unchecked, sp::non_finite_policy::propagate, sp::non_finite_policy::refuse,
                      sp::non_finite_policy::skip_leaves})
    for (int parts : {1, 3}) {
      sp::ema_options const options{
          .non_finite = policy, .narrow = sp::cast_back::stochastic, .threads = {parts, [](int n, sp::part_task task) {
                                                                                   while (n-- > 0) task(n);
                                                                                 }}};
      sp::power_averages<model> averages(at(0), gammas, options, 2);
      std::vector<sp::power_averages<model>::target> apart;
      for (double g : gammas) apart.emplace_back(at(0), sp::update_every<sp::power_momentum>{2, {g}}, options);
      for (int k = 0; k < 8; ++k) {
        model online = at(k + 1);
        if (k == 5) std::get<1>(online)(6, 2) = std::numeric_limits<double>::infinity();
        averages.update(online, k);
        for (auto& t : apart) t.update(online, k);
      }
      for (std::size_t i = 0; i < gammas.size(); ++i) {
        CHECK(sp::checksum(averages[i].model()) == sp::checksum(apart[i].model()));
        CHECK(averages[i].step() == apart[i].step());
      }
    }
}

TEST_CASE("power_averages: what one average refuses moves none", "[ema]") {
  std::vector<float> online(3, 1);
  sp::power_averages<std::vector<float>> averages(online, {3, 6});
  online.assign(3, 2);
  auto const guard = averages[1].swap_with(online);
  CHECK_THROWS_AS(averages.update(std::vector<float>(3, 5), 0), sp::state_error);
  CHECK(averages[0].step() == 0);
  CHECK(averages[0].model() == std::vector<float>(3, 1));
}

TEST_CASE("synthesize: from two profiles and their snapshots, the average of a length between", "[ema]") {
  // A path with structure on every scale of time; the brute-force average is tracked beside the two profiles.
  int const steps = 2048;
  auto const theta = [](int k) {
    double const t = k / 2048.0;
    return Eigen::Vector3d(t, std::sin(9 * t), 0.3 * std::sin(60 * t) + std::sqrt(t));
  };
  auto const short_one = sp::power_gamma(0.05), long_one = sp::power_gamma(0.10);
  Eigen::VectorXd online = theta(0);
  sp::power_averages<Eigen::VectorXd> averages(online, {short_one, long_one});
  auto const wanted_gamma = sp::power_gamma(0.075), wider_gamma = sp::power_gamma(0.15);
  sp::ema_target wanted{online, sp::power_momentum{wanted_gamma}}, wider{online, sp::power_momentum{wider_gamma}};
  std::vector<sp::power_snapshot<Eigen::VectorXd>> snapshots;
  for (int k = 0; k < steps; ++k) {
    online = theta(k);
    averages.update(online, k);
    wanted.update(online), wider.update(online);
    if (k % 128 == 127)
      for (auto& s : averages.snapshots()) snapshots.push_back(std::move(s));
  }
  CHECK(averages.size() == 2);
  CHECK(snapshots.size() == 32);
  Eigen::VectorXd out = Eigen::VectorXd::Zero(3);
  auto const error = [&](double gamma, auto const& reference) {
    auto const weights = sp::synthesize(snapshots, {gamma, double(steps)}, out);
    double sum = 0;
    for (double w : weights) sum += w;
    CHECK_THAT(sum, WithinAbs(1, 1e-12));
    return (out - reference.model()).norm();
  };
  CHECK(error(wanted_gamma, wanted) < 2e-3);    // both profiles are this close to the continuous ones: 1 / steps
  CHECK(error(wider_gamma, wider) < 1e-2);      // outside the two lengths: less well
  CHECK(error(short_one, averages[0]) < 1e-9);  // a profile that is among the snapshots is that snapshot
  CHECK(error(long_one, averages[1]) < 1e-9);
}

TEST_CASE("synthesize: what stood still is kept, for the weights sum to 1", "[ema]") {
  std::vector<float> const online{0.1F, -3.0F, 7e5F};
  sp::power_averages<std::vector<float>> averages(online, {5, 20}, {}, 10);
  std::vector<sp::power_snapshot<std::vector<float>>> snapshots;
  CHECK_THROWS_AS(averages.snapshots(), sp::state_error);
  for (int k = 0; k < 100; ++k) {
    averages.update(online);
    if (k % 25 == 24)
      for (auto const& s : averages.snapshots()) snapshots.push_back(s);
  }
  CHECK(snapshots[0].profile.time == 20);  // of 25 steps, two updates of 10 had been made
  std::vector<float> out(3);
  sp::synthesize(snapshots, {9, 90}, out);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK_THAT(double(out[i]), WithinAbs(double(online[i]), 1e-5 * std::abs(online[i])));
  out.resize(2);
  CHECK_THROWS_AS(sp::synthesize(snapshots, {9, 90}, out), sp::shape_error);
}
