// SPDX-License-Identifier: MIT
#include <cstdint>
#include <limits>
#include <map>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/strided/operations.hpp>

#include "golden/reader.hpp"
#include "support/allocations.hpp"
#include "support/opaque.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using matrix = sp::host_array<float>;
using wide = sp::host_array<double>;
using sp::buffer_policy;

namespace {

// Own momenta by step: what a step uses can be seen.
struct listed {
  std::vector<double> tau;
  double operator()(std::int64_t k) const { return tau.at(static_cast<std::size_t>(k)); }
};

struct network {
  matrix w = matrix(sp::shape(2, 3), 1), v = matrix(sp::shape(4, 1), 1);
  matrix mean = matrix(sp::shape(1, 3), 1);
  double variance = 1;
  std::int64_t seen = 1;
  sp::host_array<std::int32_t> histogram = sp::host_array<std::int32_t>(sp::shape(1, 2), 1);
};
auto parameters(network& n) { return std::tuple{sp::named{"w", n.w}, sp::named{"v", n.v}}; }
auto buffers(network& n) {
  return std::tuple{sp::named{"mean", n.mean}, sp::named{"variance", n.variance}, sp::named{"seen", n.seen},
                    sp::named{"histogram", n.histogram}};
}
void set(network& n, int x) {
  for (matrix* m : {&n.w, &n.v, &n.mean}) std::fill(m->values.begin(), m->values.end(), static_cast<float>(x));
  std::fill(n.histogram.values.begin(), n.histogram.values.end(), x);
  n.variance = x, n.seen = x;
}
std::vector<double> numbers(network const& n) {
  std::vector<double> all;
  for (matrix const* m : {&n.w, &n.v, &n.mean}) all.insert(all.end(), m->values.begin(), m->values.end());
  for (auto h : n.histogram.values) all.push_back(h);
  all.push_back(n.variance), all.push_back(static_cast<double>(n.seen));
  return all;
}

}  // namespace

TEST_CASE("ema_target: golden trajectories", "[ema]") {
  auto const file = load_golden("ema", SELFPRED_TESTS_DIR "/golden");
  int cases = 0;
  for (auto const& [name, c] : file) {
    if (!name.starts_with("trajectory_")) continue;
    auto const& online = c.at("online");
    auto const& expected = c.at("target");
    double const base = c.scalar("base");
    auto const total = static_cast<std::int64_t>(c.scalar("total"));
    auto const run = [&](auto schedule, auto like, double tolerance) {
      std::vector<decltype(like)> model;  // four leaves
      for (int j = 0; j < 4; ++j) model.push_back(sp::filled(like, sp::shape(1, 1), c.at("initial")(0, j)));
      sp::ema_target target{model, schedule};
      for (int k = 0; k < online.rows; ++k) {
        CHECK_THAT(target.momentum(), WithinAbs(c.at("tau")(0, k), 1e-15));
        for (int j = 0; j < 4; ++j) model[static_cast<std::size_t>(j)].values[0] = static_cast<float>(online(k, j));
        target.update(model);
        for (int j = 0; j < 4; ++j)
          CHECK_THAT(double(target.model()[static_cast<std::size_t>(j)].values[0]),
                     WithinAbs(expected(k, j), tolerance));
      }
    };
    if (total == 0) {
      run(sp::constant_momentum{base}, wide(), 1e-15), run(sp::constant_momentum{base}, matrix(), 1e-6);
    } else {
      run(sp::cosine_momentum{.base = base, .steps = total}, wide(), 1e-15);
      run(sp::cosine_momentum{.base = base, .steps = total}, matrix(), 1e-6);
    }
    ++cases;
  }
  CHECK(cases == 3);
}

TEST_CASE("ema_target: the first update uses tau(0), the second tau(1)", "[ema]") {
  double online = 0;
  sp::ema_target target{online, listed{{0.5, 0.75, 0.25}}};
  online = 8;
  CHECK(target.momentum() == 0.5);
  target.update(online);
  CHECK(target.model() == 4);
  CHECK(target.step() == 1);
  target.update(online);
  CHECK(target.model() == 5);
  target.step(2);  // resume
  target.update(online);
  CHECK(target.model() == 7.25);
  CHECK(target.step() == 3);
  CHECK(target.schedule().tau.size() == 3);
  CHECK(thrown<sp::domain_error>([&] { target.step(-1); }) == "ema_target.step: step is -1, expected at least 0");
  CHECK(target.step() == 3);
}

TEST_CASE("ema_target: equals the closed-form sum", "[ema]") {
  // xi_n = (prod tau) xi_0 + sum_k (1 - tau_k) (prod_{j > k} tau_j) theta_k
  sp::cosine_momentum const tau{.base = 0.9, .steps = 40};
  wide online(sp::shape(1, 1), 0.75);
  sp::ema_target target{online, tau};
  double const start = 0.75;
  std::vector<double> theta;
  for (int k = 0; k < 50; ++k) {
    theta.push_back(std::sin(k * 1.7));
    online.values[0] = theta.back();
    target.update(online);
    double sum = 0, product = 1;
    for (int j = k; j >= 0; --j) sum += (1 - tau(j)) * product * theta[static_cast<std::size_t>(j)], product *= tau(j);
    CHECK_THAT(target.model().values[0], WithinAbs(product * start + sum, 1e-14));
  }
}

TEST_CASE("ema_target: tau = 1 stands still, tau = 0 copies", "[ema]") {
  matrix online(sp::shape(1, 3), 2);
  sp::ema_target target{online, listed{{0, 1, 1}}};
  online.values = {0.1f, 1e20f, -3};
  target.update(online);
  CHECK(target.model().values == online.values);
  auto const before = target.model().values;
  online.values = {5, 6, 7};
  target.update(online);
  CHECK(target.model().values == before);
  // an online network that has diverged cannot reach a target that stands still
  online.values = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1};
  target.update(online);
  CHECK(target.model().values == before);
}

TEST_CASE("ema_target: a standing network is an exact fixed point, 1e5 steps in float", "[ema]") {
  matrix online(sp::shape(1, 100));
  dense const values = uniform(1, 100, 1);
  sp::copy_in(values.v, online);
  std::vector<float> scalars{1.0f / 3, 0.1f};
  sp::ema_target target{online, sp::cosine_momentum{.base = 0.996, .steps = 100'000}};
  sp::ema_target numbers_target{scalars, sp::constant_momentum{.tau = 0.9999}};
  long const steps = size(100'000);
  for (long k = 0; k < steps; ++k) target.update(online), numbers_target.update(scalars);
  CHECK(target.step() == steps);
  CHECK(target.model().values == online.values);
  CHECK(numbers_target.model() == scalars);
}

TEST_CASE("ema_target: buffer policies", "[ema]") {
  network online;
  sp::ema_target copying{online, sp::constant_momentum{.tau = 0.5}, buffer_policy::copy};
  sp::ema_target averaging{online, sp::constant_momentum{.tau = 0.5}, buffer_policy::average};
  sp::ema_target keeping{online, sp::constant_momentum{.tau = 0.5}, buffer_policy::keep};
  set(online, 4);
  copying.update(online), averaging.update(online), keeping.update(online);
  for (auto const* t : {&copying.model(), &averaging.model(), &keeping.model()}) {
    CHECK(t->w.values == std::vector<float>(6, 2.5f));
    CHECK(t->v.values == std::vector<float>(4, 2.5f));
  }
  CHECK(copying.model().mean.values[2] == 4);
  CHECK(copying.model().variance == 4);
  CHECK(copying.model().seen == 4);
  CHECK(copying.model().histogram.values[1] == 4);
  CHECK(averaging.model().mean.values[2] == 2.5f);
  CHECK(averaging.model().variance == 2.5);
  CHECK(averaging.model().seen == 4);  // integers are copied under every policy that touches them
  CHECK(averaging.model().histogram.values[1] == 4);
  CHECK(keeping.model().mean.values[2] == 1);
  CHECK(keeping.model().variance == 1);
  CHECK(keeping.model().seen == 1);
  CHECK(keeping.model().histogram.values[1] == 1);
}

TEST_CASE("ema_target: a model with buffers must name their policy", "[ema]") {
  using target = sp::ema_target<network, sp::constant_momentum>;
  // without a policy it does not compile: tests/compile_fail/buffers_without_policy.cpp
  static_assert(std::is_constructible_v<target, network const&, sp::constant_momentum, buffer_policy>);
  static_assert(std::is_constructible_v<target, network const&, network, sp::constant_momentum, buffer_policy>);
  static_assert(
      std::is_constructible_v<sp::ema_target<matrix, sp::constant_momentum>, matrix const&, sp::constant_momentum>);
  SUCCEED();
}

TEST_CASE("ema_target: a given target takes the online model's values, buffers included", "[ema]") {
  network online, other;
  set(online, 3);
  sp::ema_target target{online, other, sp::constant_momentum{}, buffer_policy::keep};
  CHECK(numbers(target.model()) == numbers(online));
  other.v = matrix(sp::shape(1, 4));
  CHECK_THROWS_AS((sp::ema_target{online, other, sp::constant_momentum{}, buffer_policy::keep}), sp::shape_error);
}

TEST_CASE("ema_target: models that copy handles are refused, with the remedy", "[ema]") {
  std::vector<far::handle> online;
  online.emplace_back(dense(2, 2, 1)), online.emplace_back(dense(2, 2, 1));
  auto const text = thrown<sp::alias_error>([&] { sp::ema_target{online, sp::constant_momentum{}}; });
  CHECK_THAT(text, ContainsSubstring("'0' shares storage") && ContainsSubstring("ema_target{online, target, schedule"));
  std::vector<far::handle> half{far::handle(dense(2, 2)), online[1]};
  CHECK_THAT(thrown<sp::alias_error>([&] {
               sp::ema_target{online, half, sp::constant_momentum{}};
             }),
             ContainsSubstring("'1' shares storage"));
  std::vector<far::handle> fresh{far::handle(dense(2, 2)), far::handle(dense(2, 2))};
  sp::ema_target target{online, fresh, sp::constant_momentum{.tau = 0.5}};
  online[1].shared->v.assign(4, 5);
  target.update(online);
  expect_equal("average", read(target.model()[1]), dense(2, 2, 3));
}

TEST_CASE("ema_target: a failed update changes nothing", "[ema]") {
  network online;
  sp::ema_target target{online, listed{{0.5, 1.2, NAN, -0.1, 0.5}}, buffer_policy::copy};
  set(online, 5);
  target.update(online);
  auto const before = numbers(target.model());
  std::string const tau = "ema_target.update: the schedule's tau is ";
  CHECK(thrown<sp::domain_error>([&] { target.update(online); }) == tau + "1.200000, expected [0, 1]");
  CHECK(target.step() == 1);
  set(online, 9);
  for (std::int64_t k : {1, 2, 3}) {
    target.step(k);
    CHECK_THROWS_AS(target.update(online), sp::domain_error);
    CHECK(target.step() == k);
    CHECK(numbers(target.model()) == before);
  }
  target.step(4);
  // the last parameter, then the last buffer: everything before them is in order
  network wrong = online;
  wrong.v = matrix(sp::shape(1, 4), 9);
  CHECK(thrown<sp::shape_error>([&] { target.update(wrong); }) ==
        "ema_target: the online tensor 'v' is 1 x 4, expected 4 x 1 as in the target");
  CHECK(numbers(target.model()) == before);
  wrong = online;
  wrong.histogram = sp::host_array<std::int32_t>(sp::shape(1, 3), 9);
  CHECK(thrown<sp::shape_error>([&] { target.update(wrong); }) ==
        "ema_target: the online tensor 'histogram' is 1 x 3, expected 1 x 2 as in the target");
  CHECK(numbers(target.model()) == before);
  CHECK(target.step() == 4);
  target.update(online);
  CHECK(target.step() == 5);
  CHECK(numbers(target.model()) != before);
}

TEST_CASE("ema_target: a schedule that throws changes nothing", "[ema]") {
  double online = 1;
  sp::ema_target target{online, listed{{0.5}}};
  target.update(online = 3);
  CHECK_THROWS_AS(target.update(online), std::out_of_range);
  CHECK(target.model() == 2);
  CHECK(target.step() == 1);
}

TEST_CASE("ema_target: maps whose keys differ, models that grow", "[ema]") {
  std::map<std::string, matrix> online{{"a", matrix(sp::shape(1, 1), 1)}, {"b", matrix(sp::shape(1, 1), 1)}};
  sp::ema_target target{online, sp::constant_momentum{.tau = 0.5}};
  online["a"].values[0] = online["b"].values[0] = 3;
  auto renamed = online;
  renamed["c"] = renamed["b"];
  renamed.erase("b");
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(renamed); }), ContainsSubstring("is 'b', expected 'c'"));
  renamed["b"] = renamed["c"];
  CHECK_THROWS_AS(target.update(renamed), sp::shape_error);
  CHECK(target.model().at("a").values[0] == 1);
  CHECK(target.step() == 0);
  target.update(online);
  CHECK(target.model().at("b").values[0] == 2);
}

TEST_CASE("ema_target: tensors that only move", "[ema]") {
  struct owner {
    static std::vector<far::remote> two(double x) {
      std::vector<far::remote> v;
      v.emplace_back(dense(2, 2, x)), v.emplace_back(dense(1, 3, x));
      return v;
    }
  };
  auto const online = owner::two(4);
  sp::ema_target target{online, owner::two(0), sp::constant_momentum{.tau = 0.5}};
  expect_equal("taken", read(target.model()[1]), dense(1, 3, 4));
  auto const next = owner::two(6);
  long const read_backs = far::read_backs;
  target.update(next);
  CHECK(far::read_backs == read_backs);
  expect_equal("averaged", read(target.model()[0]), dense(2, 2, 5));
}

TEST_CASE("ema_target: an update allocates nothing", "[ema]") {
  network online;
  sp::ema_target target{online, sp::cosine_momentum{.base = 0.9, .steps = 10}, buffer_policy::average};
  std::map<std::string, matrix> named{
      {"a key that no small string holds: layers.0.weight", matrix(sp::shape(64, 64), 1)}};
  sp::ema_target mapped{named, sp::constant_momentum{}};
  allocation_counter scope;
  for (int k = 0; k < 20; ++k) target.update(online), mapped.update(named);
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("ema_target: the target is the user's model, to be run and restored", "[ema]") {
  network online;
  sp::ema_target target{online, sp::constant_momentum{.tau = 0.5}, buffer_policy::copy};
  static_assert(std::same_as<decltype(target.model()), network&>);
  set(target.model(), 3);
  target.step(7);
  target.update(online);
  CHECK(target.model().w.values[0] == 2);
  CHECK(target.step() == 8);
  auto resumed = target;
  target.update(online), resumed.update(online);
  CHECK(numbers(target.model()) == numbers(resumed.model()));
}
