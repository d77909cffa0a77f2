// SPDX-License-Identifier: MIT
#include <selfpred/host/eigh.hpp>
#include <selfpred/testing/conformance.hpp>

#include "examples/adapters/shop.hpp"
#include "tenants/same_as_eigen.hpp"

static_assert(selfpred::matrix_with_solve<shop::matrix> && selfpred::matrix_with_row_scaling<shop::matrix>);
static_assert(selfpred::writable<shop::matrix&> && !selfpred::writable<shop::matrix const>);
static_assert(std::same_as<selfpred::owner_t<shop::matrix>, shop::matrix>);
static_assert(selfpred::compatible<shop::matrix, Eigen::MatrixXd>);
static_assert(!selfpred::compatible<shop::matrix, Eigen::MatrixXf>);

namespace {

auto const make = [](std::vector<double> v, selfpred::index rows, selfpred::index cols) {
  shop::matrix m(static_cast<std::size_t>(rows), static_cast<std::size_t>(cols), 0);
  m.values = std::move(v);
  return m;
};

}  // namespace

TEST_CASE("a class that shows its memory obeys every law") {
  auto const report = selfpred::testing::conformance(shop::matrix(2, 3, 0));
  INFO(report.text());
  CHECK(report.passed());
  CHECK(report.capabilities.size() >= 4);
}

TEST_CASE("every predictor gives Eigen's numbers on a class that shows its memory") {
  tenants::every_rule_same_as_eigen<shop::matrix>(make);
}

TEST_CASE("an EMA target of a stranger's matrix") {
  auto online = make(tenants::values(12, 0), 3, 4);
  selfpred::ema_target target{online, selfpred::constant_momentum{0.75}};
  auto const before = online.values;
  for (double& v : online.values) v += 4;
  target.update(online);
  for (std::size_t i = 0; i < 12; ++i) CHECK(std::abs(target.model().values[i] - (before[i] + 1)) < 1e-14);
}
