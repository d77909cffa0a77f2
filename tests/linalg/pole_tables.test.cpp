// SPDX-License-Identifier: MIT
#include <cmath>
#include <complex>
#include <selfpred/linalg/filters.hpp>

#include "support/catch.hpp"

using namespace selfpred::linalg;

namespace {

constexpr double single = 0x1p-24, twice = 0x1p-53;  // unit round-offs

double evaluated(rational_design const& d, double x) {
  double r = d.constant + d.slope * x;
  for (real_pole const& each : d.real) r += each.coefficient / (x + each.shift);
  for (complex_pole const& each : d.pairs)
    r += 2 * (std::complex(each.p, each.q) / std::complex(x + each.shift, each.imaginary)).real();
  return r;
}
/// What the filter is: the recursions on a number.
double wanted(filter_design const& d, double x) {
  if (d.kind == filter::square_root) return std::sqrt(x);
  double a = x, b = 1, p = 0.5 / d.c;
  for (int k = 0; k < d.iterations; ++k) {
    double const t = (3 - b * a) / 2;
    a *= t, b *= t, p += d.c * (x - p * p);
  }
  return d.kind == filter::visser ? p : d.kind == filter::newton_schulz ? a : b;
}

constexpr double cost(int n, double tolerance, double unit_roundoff) {
  rational_design const* d = find_design(filter::newton_schulz, n, 0, tolerance, unit_roundoff);
  return d ? d->cost() : 0;
}

}  // namespace

TEST_CASE("pole_tables: every design is as near to its filter as it says") {
  for (filter_design const& each : filter_designs) {
    CAPTURE(static_cast<int>(each.kind), each.iterations, each.c, each.design.cost());
    double worst = 0;
    for (double t = -20; t <= 0; t += 0.005) {
      double const x = t == -20 ? 0 : std::exp(t), f = wanted(each, x);
      double const unit = each.kind == filter::newton_schulz_inverse ? f : 1;
      worst = std::max(worst, std::abs(evaluated(each.design, x) - f) / unit);
    }
    CHECK(worst <= each.design.error + 100 * twice);  // the sum itself is rounded
    CHECK(worst >= 0.9 * each.design.error);
    CHECK(each.design.least_shift() >= 256 * twice);
  }
}

TEST_CASE("pole_tables: the divided difference is of the same poles") {
  for (filter_design const& each : filter_designs) {
    CAPTURE(static_cast<int>(each.kind), each.iterations, each.c, each.design.cost());
    rational_design const& r = each.design;
    for (double const x0 : {0.0, 1e-3, 0.4}) {
      divided_difference const d(r, x0);
      double const size = 1e3 * twice * (r.round_off * (1 + r.round_off) + std::abs(r.constant));
      CHECK(std::abs(d.at() - evaluated(r, x0)) <= size);
      for (double const x : {0.0, 1e-6, 0.01, 0.3, 1.0})
        CHECK(std::abs(evaluated(d.quotient(), x) * (x - x0) - (evaluated(r, x) - evaluated(r, x0))) <= size);
    }
    // A later stage meets what the one before left at 0, -error at least: no pole may be passed.
    if (each.kind == filter::newton_schulz) CHECK(each.design.error < each.design.least_shift());
  }
}

TEST_CASE("pole_tables: the root in two stages") {
  for (double t = -20; t <= 0; t += 0.005) {
    double const x = std::exp(t), b = evaluated(root_stages[0], x), a = x * b;
    double const error = std::abs(a * evaluated(root_stages[1], a * b) - std::sqrt(x));
    CHECK(error <= (x < 1.6e-5 ? root_stages[1].error : root_stages[0].error * std::sqrt(x)));
  }
}

TEST_CASE("pole_tables: the cheapest design within the tolerance is found") {
  STATIC_REQUIRE(cost(9, 3e-4, single) == 3);
  STATIC_REQUIRE(cost(9, 1e-5, single) == 6);    // four real poles and a pair without a product
  STATIC_REQUIRE(cost(9, 5e-6, single) == 8.5);  // five and a pair with one
  STATIC_REQUIRE(cost(9, 1e-6, single) == 0);    // the sum's round-off alone is more
  STATIC_REQUIRE(cost(5, 1e-5, single) == 5);
  STATIC_REQUIRE(cost(7, 1e-5, single) == 5);
  STATIC_REQUIRE(cost(9, 1e-6, twice) == 8.5);
  STATIC_REQUIRE(cost(9, 1e-10, twice) == 17.5);
  STATIC_REQUIRE(cost(9, 1e-12, twice) == 22);
  STATIC_REQUIRE(cost(2, 1, single) == 0);  // no such filter
  STATIC_REQUIRE(find_design(filter::visser, 50, 0.5, 1e-5, single)->real.size() == 4);
  STATIC_REQUIRE(find_design(filter::visser, 50, 0.3, 1e-2, single) == nullptr);
  STATIC_REQUIRE(find_design(filter::square_root, 0, 0, 5e-4, single)->real.size() == 4);
  STATIC_REQUIRE(find_design(filter::square_root, 0, 0, 1e-5, twice)->real.size() == 10);
  STATIC_REQUIRE(find_design(filter::square_root, 0, 0, 1e-4, single) == nullptr);  // its shifts drown in float

  for (filter_design const* each = filter_designs; each + 1 != std::end(filter_designs); ++each)
    if (each[0].kind == each[1].kind && each[0].iterations == each[1].iterations && each[0].c == each[1].c)
      CHECK(each[0].design.cost() <= each[1].design.cost());
}
