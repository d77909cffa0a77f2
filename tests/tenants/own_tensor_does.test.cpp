// SPDX-License-Identifier: MIT
#include <selfpred/testing/conformance.hpp>

#include "examples/adapters/remote.hpp"
#include "tenants/same_as_eigen.hpp"

static_assert(selfpred::matrix<remote::tensor>);
static_assert(!selfpred::matrix_with_solve<remote::tensor> && !selfpred::matrix_with_eigh<remote::tensor> &&
              !selfpred::matrix_with_row_scaling<remote::tensor>);
static_assert(!selfpred::predictor_rule<selfpred::linear_regression, remote::tensor>);
static_assert(selfpred::predictor_rule<selfpred::newton_schulz, remote::tensor>);
static_assert(!selfpred::compatible<remote::tensor, Eigen::MatrixXd>);
static_assert(!std::copyable<remote::tensor>);

namespace {

auto const make = [](std::vector<double> const& v, selfpred::index rows, selfpred::index cols) {
  remote::tensor x({rows, cols}, 0);
  x.upload(v);
  return x;
};

}  // namespace

TEST_CASE("an opaque tensor obeys every law") {
  auto const report = selfpred::testing::conformance(remote::tensor());
  INFO(report.text());
  CHECK(report.passed());
  CHECK(report.capabilities == std::vector<std::string>{"tensor", "matrix"});
  CHECK(report.defaults.size() == 9);  // it writes the operations that have no default, and no other
}

TEST_CASE("every predictor that an opaque tensor admits gives Eigen's numbers") {
  tenants::every_rule_same_as_eigen<remote::tensor>(make);
}

TEST_CASE("rescaling P and holding it read nothing back either") {
  auto const z1 = make(tenants::values(64, 0), 16, 4), z2 = make(tenants::values(64, 1), 16, 4),
             t = make(tenants::values(64, 2), 16, 4);
  for (auto how : {selfpred::rescaling::frobenius, selfpred::rescaling::spectral}) {
    auto objective = selfpred::make_objective<remote::tensor>(selfpred::newton_schulz{},
                                                              {.alpha = 0.3, .update_every = 2, .rescale = how});
    for (int k = 0; k < 6; ++k) {
      remote::count = {};
      objective.step(z1, z2, selfpred::stop_gradient(t), selfpred::stop_gradient(t));
      CHECK(remote::count.read_back == 0);
      if (k > 0) CHECK(remote::count.made == 0);
    }
  }
}

TEST_CASE("only what reports to the host reads back") {
  auto const z1 = make(tenants::values(64, 0), 16, 4), z2 = make(tenants::values(64, 1), 16, 4),
             t = make(tenants::values(64, 2), 16, 4);
  auto objective = selfpred::make_objective<remote::tensor>(selfpred::newton_schulz{});
  auto const result = objective.step(z1, z2, selfpred::stop_gradient(t), selfpred::stop_gradient(t));
  remote::count = {};
  CHECK(std::isfinite(selfpred::value(result.loss)));
  CHECK(remote::count.read_back == 1);
  auto const state = objective.state();
  CHECK(remote::count.read_back == 2);
  auto resumed = selfpred::make_objective<remote::tensor>(selfpred::newton_schulz{});
  resumed.restore(state, z1);
  CHECK(tenants::read(resumed.predictor()) == tenants::read(objective.predictor()));
}

TEST_CASE("a target in the online tensor's storage is seen although the storage is not") {
  auto const z1 = make(tenants::values(64, 0), 16, 4), z2 = make(tenants::values(64, 1), 16, 4);
  auto objective = selfpred::make_objective<remote::tensor>(selfpred::direct_copy{});
  CHECK_THROWS_AS(objective.step(z1, z2, selfpred::stop_gradient(z1), selfpred::stop_gradient(z2)),
                  selfpred::alias_error);
}

TEST_CASE("an EMA target of move-only tensors") {
  std::vector<remote::tensor> online, slow;
  for (double phase : {0.0, 1.0, 2.0}) {
    online.push_back(make(tenants::values(12, phase), 3, 4));
    slow.push_back(make(tenants::values(12, 5), 3, 4));
  }
  selfpred::ema_target target{online, std::move(slow), selfpred::constant_momentum{0.75}};
  CHECK(tenants::read(target.model()[2]) == tenants::read(online[2]));
  auto expected = tenants::read(online[1]);
  selfpred::copy_in(std::vector<double>(12, 4.0), online[1]);
  remote::count = {};
  target.update(online);
  CHECK(remote::count.operations == 3);  // one a tensor
  CHECK(remote::count.made == 0);
  CHECK(remote::count.read_back == 0);
  for (double& v : expected) v = 0.75 * v + 1;
  CHECK(tenants::distance(tenants::read(target.model()[1]), expected) < 1e-15);
}
