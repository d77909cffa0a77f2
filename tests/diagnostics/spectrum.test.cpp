// SPDX-License-Identifier: MIT
#include <selfpred/diagnostics/spectrum.hpp>

#include "support/catch.hpp"

using namespace selfpred::diagnostics;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using numbers = std::vector<double>;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
numbers power_law(double alpha, int n, double first = 1) {
  numbers l;
  for (int i = 1; i <= n; ++i) l.push_back(first * std::pow(i, -alpha));
  return l;
}
numbers times(double c, numbers v) {
  for (double& x : v) x *= c;
  return v;
}

}  // namespace

// A few roundings of doubles: 1e-14.
TEST_CASE("stable rank: rank one, equal values, a known spectrum", "[diagnostics][spectrum]") {
  CHECK(stable_rank(numbers{0, 3, 0, 0}) == 1);
  CHECK(stable_rank(numbers(7, 0.3)) == 7);
  CHECK(stable_rank(numbers{1, 2, 1}) == 1.5);
  CHECK(stable_rank(numbers{4, 3}) == 1.5625);
}

TEST_CASE("effective rank: exp of the entropy of the shares", "[diagnostics][spectrum]") {
  CHECK_THAT(effective_rank(numbers(8, 5.0), 0), WithinRel(8, 1e-14));
  CHECK(effective_rank(numbers{0, 2, 0}, 0) == 1);
  // Shares 1/2, 1/4, 1/4: entropy 1/2 log 2 + 1/2 log 4.
  CHECK_THAT(effective_rank(numbers{1, 2, 1}, 0), WithinRel(std::exp2(1.5), 1e-14));
  // What epsilon adds, written out: p = 1 + e once and e three times.
  double const e = 1e-7;
  CHECK_THAT(effective_rank(numbers{0, 2, 0, 0}),
             WithinRel(std::exp(-(1 + e) * std::log(1 + e) - 3 * e * std::log(e)), 1e-14));
  CHECK_THAT(effective_rank(numbers{0, 2, 0, 0}), WithinAbs(1, 3 * 1.7e-6));
}

TEST_CASE("participation ratio", "[diagnostics][spectrum]") {
  CHECK(participation_ratio(numbers{0, 7}) == 1);
  CHECK(participation_ratio(numbers(5, 0.1)) == 5);
  CHECK_THAT(participation_ratio(numbers{3, 1}), WithinRel(1.6, 1e-14));
}

TEST_CASE("alpha-ReQ recovers power laws, in any order, of any scale and range", "[diagnostics][spectrum]") {
  for (double const alpha : {0.0, 0.5, 1.0, 2.5}) {
    numbers l = power_law(alpha, 60, 1e-3);
    std::swap(l[3], l[40]);
    CHECK_THAT(alpha_req(l), WithinAbs(alpha, 1e-12));
    CHECK_THAT(alpha_req(times(1e+200, l)), WithinAbs(alpha, 1e-12));
    CHECK_THAT(alpha_req(l, {.first = 11, .last = 50}), WithinAbs(alpha, 1e-12));
  }
  // A flat head of ten, then a law: the range decides.
  numbers l = power_law(1, 60);
  for (std::size_t i = 0; i < 10; ++i) l[i] = 1;
  CHECK_THAT(alpha_req(l, {.first = 11}), WithinAbs(1, 1e-12));
  CHECK_THAT(alpha_req(l, {.last = 10}), WithinAbs(0, 1e-12));
  // Least squares by hand on three points that are no law: log l = 0, -log 2, -log 2 at log i = 0, log 2, log 3.
  double const a = std::log(2), b = std::log(3),
               slope = -(3 * (a * a + b * a) - (a + b) * 2 * a) / (3 * (a * a + b * b) - (a + b) * (a + b));
  CHECK_THAT(alpha_req(numbers{1, 0.5, 0.5}), WithinAbs(-slope, 1e-14));
}

TEST_CASE("alpha-ReQ leaves rounding out, and says where nothing can be fitted", "[diagnostics][spectrum]") {
  numbers l = power_law(2, 20);
  for (int i = 0; i < 40; ++i) l.push_back(i % 2 ? 1e-9 : -1e-9);
  CHECK_THAT(alpha_req(l), WithinAbs(2, 1e-12));
  CHECK(alpha_req(numbers{5, 0, 0}) == infinity);
  CHECK(std::isnan(alpha_req(numbers{0, 0})));
  CHECK(std::isnan(alpha_req(numbers{})));
  CHECK(std::isnan(alpha_req(l, {.first = 30})));
  CHECK_THROWS_AS(alpha_req(l, {.first = 0}), selfpred::domain_error);
  CHECK_THROWS_AS(alpha_req(l, {.first = 3, .last = 2}), selfpred::domain_error);
  CHECK_THROWS_AS(alpha_req(l, {.least = -1}), selfpred::domain_error);
}

TEST_CASE("quantiles of the values over their largest, linear between neighbours", "[diagnostics][spectrum]") {
  CHECK(quantiles(numbers{4, 0, 1, 3, 2}) == numbers{0.25, 0.5, 0.75});
  CHECK(quantiles(numbers{4, 0}, {0.0, 0.25, 1.0}) == numbers{0, 0.25, 1});
  CHECK(quantiles(numbers{7}) == numbers{1, 1, 1});
  CHECK(quantiles(numbers{0, 0}) == numbers{0, 0, 0});
  CHECK(quantiles(numbers{-1, 2}, {0.0, 0.5}) == numbers{0, 0.5});
  CHECK(std::isnan(quantiles(numbers{1, NAN})[0]));
  CHECK_THROWS_AS(quantiles(numbers{}), selfpred::domain_error);
  CHECK_THROWS_AS(quantiles(numbers{1}, {1.5}), selfpred::domain_error);
  CHECK_THROWS_AS(quantiles(numbers{1}, {NAN}), selfpred::domain_error);
}

TEST_CASE("Ranks of nothing, of zeros, of rounding, of NaN, of extreme scales", "[diagnostics][spectrum]") {
  using measure = double (*)(spectrum_view);
  for (measure const rank : {measure(stable_rank), measure(participation_ratio),
                             measure([](spectrum_view v) { return effective_rank(v); })}) {
    CHECK(rank({}) == 0);
    CHECK(rank(numbers{0, 0, 0}) == 0);
    CHECK(rank(numbers{-1e-9, -1}) == 0);
    CHECK(rank(numbers{3, 1, -1e-9}) == rank(numbers{3, 1, 0}));
    CHECK(std::isnan(rank(numbers{1, NAN})));
    CHECK(std::isnan(rank(numbers{NAN, 1})));
    CHECK(std::isnan(rank(numbers{infinity, 1})));
    numbers const v{0.5, 3, 1, 0.25};
    for (double const c : {1e+300, 1e-300}) CHECK_THAT(rank(times(c, v)), WithinRel(rank(v), 1e-12));
  }
}
