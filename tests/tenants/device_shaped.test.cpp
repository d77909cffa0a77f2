// SPDX-License-Identifier: MIT
#include <deque>
#include <selfpred/testing/conformance.hpp>

#include "examples/adapters/device.hpp"
#include "tenants/same_as_eigen.hpp"

using owner = device::matrix<double>;
using view = device::view<double>;
using const_view = device::view<double const>;

static_assert(selfpred::matrix<owner> && selfpred::matrix<view> && selfpred::matrix<const_view>);
static_assert(!selfpred::matrix_with_solve<owner>);
static_assert(selfpred::writable<owner> && selfpred::writable<view>);
static_assert(!selfpred::writable<owner const> && !selfpred::writable<const_view>);
static_assert(std::same_as<selfpred::owner_t<view>, owner> && std::same_as<selfpred::owner_t<const_view>, owner>);
static_assert(std::same_as<selfpred::scalar_t<owner>, device::number>);
static_assert(selfpred::compatible<owner, const_view> && !selfpred::compatible<owner, device::matrix<float>>);

namespace {

device::stream stream;

owner upload(std::vector<double> const& v, selfpred::index rows, selfpred::index cols) {
  owner m(stream, rows, cols);
  selfpred::copy_in(v, m);
  return m;
}

}  // namespace

TEST_CASE("a device-shaped owner and its view obey every law") {
  owner const like(stream, 1, 1);
  for (auto const& report : {selfpred::testing::conformance(like), selfpred::testing::conformance(like.view())}) {
    INFO(report.text());
    CHECK(report.passed());
  }
}

TEST_CASE("every predictor that a device-shaped pair admits gives Eigen's numbers") {
  tenants::every_rule_same_as_eigen<owner>(upload);

  std::deque<owner> kept;
  tenants::same_as_eigen<const_view>(selfpred::newton_schulz{}, [&](auto const&... a) {
    return std::as_const(kept.emplace_back(upload(a...))).view();
  });
}

TEST_CASE("a step on a device launches and does not wait") {
  auto const z1 = upload(tenants::values(64, 0), 16, 4), z2 = upload(tenants::values(64, 1), 16, 4),
             t = upload(tenants::values(64, 2), 16, 4);
  auto objective = selfpred::make_objective<owner>(selfpred::newton_schulz{}, {.alpha = 0.3});
  long launches = 0;
  for (int k = 0; k < 4; ++k) {
    stream = {};
    auto const result = objective.step(z1, z2, selfpred::stop_gradient(t), selfpred::stop_gradient(t.view()));
    CHECK(stream.synchronisations == 0);
    if (k > 1) CHECK(stream.launches == launches);
    launches = stream.launches;
    CHECK(std::isfinite(selfpred::value(result.loss)));
    CHECK(stream.synchronisations == 1);
  }
}
