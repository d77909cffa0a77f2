// SPDX-License-Identifier: MIT
// Infinities and NaN in the online model. This file is compiled a second time with -ffast-math: it makes and tests them by
// their bits.
#include <bit>
#include <complex>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/strided/operations.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using matrix = sp::host_array<float>;
using sp::non_finite_policy;

namespace {

float const infinity = std::bit_cast<float>(0x7F80'0000U), nan_of_float = std::bit_cast<float>(0xFFC0'0001U);
double const nan_of_double = std::bit_cast<double>(std::uint64_t{0x7FF0'0000'0000'0001U});

struct network {
  std::vector<matrix> weights = {matrix(sp::shape(100, 70), 1), matrix(sp::shape(1, 3), 1),
                                 matrix(sp::shape(5000, 1), 1)};
  double scale = 1;
  matrix mean = matrix(sp::shape(1, 4), 1);
  std::int64_t seen = 1;
};
auto parameters(network& n) { return std::tie(n.weights, n.scale); }
auto buffers(network& n) { return std::tie(n.mean, n.seen); }
network all(float x) {
  network n;
  for (auto& w : n.weights) std::fill(w.values.begin(), w.values.end(), x);
  std::fill(n.mean.values.begin(), n.mean.values.end(), x);
  n.scale = static_cast<double>(x), n.seen = static_cast<std::int64_t>(x);
  return n;
}
auto target_with(non_finite_policy p) {
  return sp::ema_target{network(), sp::constant_momentum{0.5},
                        sp::ema_options{.leaves = sp::leaf_policy::copy, .non_finite = p}};
}
bool equal(std::vector<float> const& v, float x) {
  return std::all_of(v.begin(), v.end(),
                     [x](float y) { return std::bit_cast<std::uint32_t>(y) == std::bit_cast<std::uint32_t>(x); });
}

}  // namespace

TEST_CASE("non_finite: the bits of the exponent", "[ema][non_finite]") {
  namespace d = sp::detail;
  for (float x : {infinity, -infinity, nan_of_float, std::bit_cast<float>(0x7FFF'FFFFU)}) {
    CHECK(d::non_finite(x));
    CHECK(d::non_finite(static_cast<double>(x)));
    CHECK(d::non_finite(std::complex<float>(0, x)));
  }
  CHECK(d::non_finite(nan_of_double));
  CHECK(d::non_finite(std::bit_cast<double>(std::uint64_t{0xFFF0'0000'0000'0000U})));
  CHECK(d::non_finite(static_cast<long double>(infinity)));
  for (float x : {0.0F, -1.0F, std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()}) {
    CHECK_FALSE(d::non_finite(x));
    CHECK_FALSE(d::non_finite(static_cast<long double>(x)));
  }
  CHECK_FALSE(d::non_finite(std::numeric_limits<double>::max()));
  CHECK_FALSE(d::non_finite(std::numeric_limits<long double>::max()));
  CHECK_FALSE(d::non_finite(std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("non_finite: propagate counts in the same pass", "[ema][non_finite]") {
  auto target = target_with(non_finite_policy::propagate);
  network online = all(3);
  CHECK(target.update(online).non_finite == 0);
  CHECK(equal(target.model().weights[2].values, 2));
  online.weights[0].values[6999] = online.weights[0].values[17] = nan_of_float;
  online.weights[2].values[4999] = infinity;
  online.scale = nan_of_double;
  online.mean.values[1] = -infinity;
  auto const report = target.update(online);
  CHECK(report.applied);
  CHECK(report.non_finite == 5);
  CHECK(report.skipped == 0);
  CHECK(sp::detail::non_finite(target.model().weights[0].values[17]));
  CHECK(sp::detail::non_finite(target.model().scale));
  CHECK(target.model().weights[0].values[18] == 2.5F);
}

TEST_CASE("non_finite: refuse leaves model and step as they were", "[ema][non_finite]") {
  for (int where = 0; where < 6; ++where) {
    auto target = target_with(non_finite_policy::refuse);
    network online = all(3);
    CHECK(target.update(online).applied);
    float* const places[] = {&online.weights[0].values[0], &online.weights[0].values[6999],
                             &online.weights[1].values[2], &online.weights[2].values[2500], &online.mean.values[3]};
    if (where < 5)
      *places[where] = where % 2 ? infinity : nan_of_float;
    else
      online.scale = nan_of_double;
    online.seen = 9;
    auto const report = target.update(online);
    CHECK_FALSE(report.applied);
    CHECK(report.non_finite == 1);
    CHECK(report.skipped == 0);
    CHECK(target.step() == 1);
    for (auto const& w : target.model().weights) CHECK(equal(w.values, 2));
    CHECK(target.model().scale == 2);
    CHECK(equal(target.model().mean.values, 3));
    CHECK(target.model().seen == 3);
    CHECK(target.update(all(4), 1).applied);  // the refused step was not used
    CHECK(equal(target.model().weights[0].values, 3));
  }
}

TEST_CASE("non_finite: skip_leaves keeps the target of those that hold one", "[ema][non_finite]") {
  auto target = target_with(non_finite_policy::skip_leaves);
  network online = all(3);
  online.weights[0].values[6999] = online.weights[0].values[3] = nan_of_float;
  online.mean.values[0] = infinity;
  auto const report = target.update(online);
  CHECK(report.applied);
  CHECK(report.non_finite == 3);
  CHECK(report.skipped == 2);
  CHECK(target.step() == 1);
  CHECK(equal(target.model().weights[0].values, 1));
  CHECK(equal(target.model().weights[1].values, 2));
  CHECK(equal(target.model().weights[2].values, 2));
  CHECK(equal(target.model().mean.values, 1));
  CHECK(target.model().scale == 2);
  CHECK(target.model().seen == 3);
}

TEST_CASE("non_finite: unchecked is the default, and a target that stands still is safe all the same",
          "[ema][non_finite]") {
  network online = all(3);
  online.weights[1].values[0] = nan_of_float;
  sp::ema_target target{network(), sp::constant_momentum{1}, sp::leaf_policy::keep};
  auto const report = target.update(online);
  CHECK(report.non_finite == 0);
  for (auto const& w : target.model().weights) CHECK(equal(w.values, 1));
}

TEST_CASE("non_finite: tensors without visible memory count once each", "[ema][non_finite]") {
  std::vector<far::handle> online, fresh;
  for (int i = 0; i < 3; ++i) online.emplace_back(dense(2, 2, 1)), fresh.emplace_back(dense(2, 2, 0));
  auto const make = [&](non_finite_policy p) {
    std::vector<far::handle> own;
    for (int i = 0; i < 3; ++i) own.emplace_back(dense(2, 2, 0));
    online[1].shared->v[3] = 1;
    sp::ema_target target{online, own, sp::constant_momentum{0.5}, sp::ema_options{.non_finite = p}};
    for (auto& h : online) h.shared->v.assign(4, 3);
    online[1].shared->v[3] = nan_of_double;
    auto const report = target.update(online);
    for (auto& h : online) h.shared->v.assign(4, 1);
    return std::pair{report, std::vector<double>{target.model()[0].shared->v[0], target.model()[1].shared->v[0],
                                                 target.model()[2].shared->v[0]}};
  };
  auto const [refused, same] = make(non_finite_policy::refuse);
  CHECK((!refused.applied && refused.non_finite == 1));
  CHECK(same == std::vector<double>{1, 1, 1});
  auto const [skipped, some] = make(non_finite_policy::skip_leaves);
  CHECK((skipped.applied && skipped.non_finite == 1 && skipped.skipped == 1));
  CHECK(some == std::vector<double>{2, 1, 2});
  auto const [passed, every] = make(non_finite_policy::propagate);
  CHECK((passed.applied && passed.non_finite == 1));
  CHECK(every == std::vector<double>{2, 2, 2});
}

TEST_CASE("non_finite: strided leaves are looked at too", "[ema][non_finite]") {
  std::vector<float> online(40, 1), own(40, 0);
  auto const every_other = [](std::vector<float>& v) { return sp::view_matrix(v.data(), 10, 2, 4, 2); };
  auto const x = every_other(online);
  for (auto p : {non_finite_policy::propagate, non_finite_policy::refuse, non_finite_policy::skip_leaves}) {
    online.assign(40, 1);
    sp::ema_target target{x, every_other(own), sp::constant_momentum{0.5}, sp::ema_options{.non_finite = p}};
    online.assign(40, 3);
    online[1] = nan_of_float;  // between the elements
    CHECK(target.update(x).non_finite == 0);
    CHECK(own[38] == 2);
    online[38] = nan_of_float;
    CHECK(target.update(x).non_finite == 1);
    CHECK(own[36] == (p == non_finite_policy::propagate ? 2.5F : 2.0F));
  }
}

TEST_CASE("non_finite: no policy allocates", "[ema][non_finite]") {
  network const online = all(2);
  for (auto p : {non_finite_policy::unchecked, non_finite_policy::propagate, non_finite_policy::refuse,
                 non_finite_policy::skip_leaves}) {
    auto target = target_with(p);
    allocation_counter scope;
    for (int k = 0; k < 5; ++k) target.update(online);
    long const n = scope.count();
    CHECK(n == 0);
  }
}
