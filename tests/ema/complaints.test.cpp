// SPDX-License-Identifier: MIT
// What users of other libraries complain about most, one test each: those of the fifteen that concern averages of weights.
// 14 is in inputs.test.cpp, 15 in diagnostics/latents.test.cpp, and 11 of libtorch in adapters/torch.test.cpp.
#include <map>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/ema/checksum.hpp>
#include <selfpred/schedule/compose.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/schedule/cosine.hpp>
#include <selfpred/schedule/warm_up.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/dense.hpp"
#include "support/opaque.hpp"

namespace far {

struct placed : handle {  // as libtorch's tensors, it knows its device at run time
  int device = 0;
  explicit placed(selfpred_tests::dense d) : handle(std::move(d)) {}
  placed(int device, double x) : handle(selfpred_tests::dense(2, 2, x)), device(device) {}
};

}  // namespace far

template <>
struct selfpred::tensor_traits<far::placed> : selfpred::does_operations<far::placed>, far::by_get<far::placed, double> {
  using scalar_type = double;
  static void expect_alike(far::placed const& x, far::placed const& y) {
    if (x.device != y.device)
      throw domain_error("it is on device " + std::to_string(x.device) + ", expected device " +
                         std::to_string(y.device));
  }
};

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using matrix = sp::host_array<float>;
using sp::leaf_policy;

namespace {

struct network {
  matrix w = matrix(sp::shape(2, 2), 1), mean = matrix(sp::shape(1, 2), 1);
  std::int64_t batches = 0;
};
auto parameters(network& n) { return std::tuple{sp::named{"w", n.w}}; }
auto buffers(network& n) { return std::tuple{sp::named{"mean", n.mean}, sp::named{"batches", n.batches}}; }
network trained(float x) {
  network n;
  std::fill(n.w.values.begin(), n.w.values.end(), x), std::fill(n.mean.values.begin(), n.mean.values.end(), x);
  n.batches = 1000;
  return n;
}
template <class T, class M>
concept updates = requires(T& target, M const& online) { target.update(online); };
sp::ema_target<network, sp::constant_momentum> target_with(sp::ema_options o) {
  return {network(), sp::constant_momentum{0.5}, std::move(o)};
}

}  // namespace

TEST_CASE("complaint 1: whose statistics of BatchNorm does the target have?", "[ema][complaint]") {
  // Those that were named: without a policy it does not compile (tests/compile_fail/buffers_without_policy.cpp).
  for (auto [policy, expected] : {std::pair{leaf_policy::average, 3.0F},
                                  {leaf_policy::copy, 5.0F},
                                  {leaf_policy::keep, 1.0F},
                                  {leaf_policy::skip, 1.0F}}) {
    auto target = target_with({.leaves = policy});
    target.update(trained(5));
    CHECK(target.model().mean.values[1] == expected);
  }
}

TEST_CASE("complaint 2: integer buffers are averaged, truncated, zeroed", "[ema][complaint]") {
  auto target = target_with({.leaves = leaf_policy::average});
  target.update(trained(5));
  CHECK(target.model().batches == 1000);
}

TEST_CASE("complaint 3: the average of a bfloat16 network never moves", "[ema][complaint]") {
  using vector = Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, 1>;
  vector online = vector::Constant(8, Eigen::bfloat16(1.0F));
  sp::ema_target target{online, sp::constant_momentum{0.999}, sp::ema_options{.count_stalls = true}};
  online.setConstant(Eigen::bfloat16(2.0F));
  CHECK(target.update(online).stalled == 8);  // all of it would have been lost
  for (int k = 1; k < 1000; ++k) target.update(online);
  CHECK(std::abs(static_cast<float>(target.model()[7]) - 1.632F) < 0.005F);  // 2 - 0.999^1000, half an ulp is 0.004
}

TEST_CASE("complaint 4: one NaN poisons the average for ever", "[ema][complaint]") {
  auto target = target_with({.leaves = leaf_policy::copy, .non_finite = sp::non_finite_policy::refuse});
  network bad = trained(5);
  bad.w.values[3] = std::numeric_limits<float>::quiet_NaN();
  auto const report = target.update(bad);
  CHECK((!report.applied && report.non_finite == 1));
  CHECK(target.model().w.values == std::vector<float>(4, 1));
}

TEST_CASE("complaint 5: a slow loop over tensors", "[ema][complaint]") {
  std::vector<matrix> const online(2000, matrix(sp::shape(1, 100), 1));
  int regions = 0;
  sp::ema_target target{online, sp::constant_momentum{0.9},
                        sp::ema_options{.threads = {2, [&](int parts, sp::part_task task) {
                                                      ++regions;
                                                      for (int i = 0; i < parts; ++i) task(i);
                                                    }}}};
  target.update(online);
  CHECK(regions == 1);  // one region for all of them; times are in docs/benchmarks.md
}

TEST_CASE("complaint 6: temporaries double the memory", "[ema][complaint]") {
  std::vector<matrix> const online(50, matrix(sp::shape(100, 100), 1));
  sp::ema_target target{online, sp::constant_momentum{0.9}};
  allocation_counter scope;
  target.update(online);
  long const n = scope.count();
  CHECK(n == 0);
}

TEST_CASE("complaint 7: resuming resets step and warm-up", "[ema][complaint]") {
  auto const theta = [](int k) { return std::sin(0.3 * k); };
  sp::ema_target whole{0.0, sp::inverse_gamma_momentum{}};
  for (int k = 0; k < 20; ++k) whole.update(theta(k));
  sp::ema_target resumed{whole.model(), sp::inverse_gamma_momentum{}};
  resumed.step(whole.step());  // model and step are the whole state
  for (int k = 20; k < 40; ++k) whole.update(theta(k)), resumed.update(theta(k));
  CHECK(resumed.model() == whole.model());
  CHECK(resumed.momentum() == whole.momentum());
}

TEST_CASE("complaint 8: saved while swapped, or never swapped back", "[ema][complaint]") {
  auto target = target_with({.leaves = leaf_policy::copy});
  network online = trained(5);
  target.update(online);
  try {
    auto const guard = target.swap_with(online);
    CHECK(online.w.values[0] == 3);
    CHECK_THROWS_AS(target.model(), sp::state_error);
    throw std::runtime_error("evaluation failed");
  } catch (std::runtime_error const&) {
  }
  CHECK(online.w.values[0] == 5);
  CHECK(target.model().w.values[0] == 3);
}

TEST_CASE("complaint 9: the schedule is off by one, or ends at the wrong step", "[ema][complaint]") {
  static_assert(sp::cosine_momentum{.base = 0.99, .steps = 100}(0) == 0.99);
  static_assert(sp::cosine_momentum{.base = 0.99, .steps = 100}(100) == 1);  // BYOL: at K
  static_assert(sp::cosine_momentum{.base = 0.99, .steps = 100}(99) < 1);
  static_assert(sp::cosine_momentum_to_last_step{.base = 0.99, .steps = 100}(99) == 1);  // lightly: at K - 1
  double online = 0;
  sp::ema_target target{online, sp::cosine_momentum{.base = 0.5, .steps = 2}};
  online = 8;
  target.update(online);
  CHECK(target.model() == 4);  // the first update uses tau(0)
}

TEST_CASE("complaint 10: when to update: accumulation, skipped steps, twice in one step", "[ema][complaint]") {
  double online = 0;
  sp::ema_target target{online, sp::update_every{2, sp::constant_momentum{0.5}}};
  online = 16;
  CHECK_FALSE(target.update(online, 0).applied);
  CHECK_THROWS_AS(target.update(online, 0), sp::state_error);  // once in the loss, once in a hook
  CHECK(target.update(online, 1).applied);
  CHECK(target.model() == 12);
  CHECK(target.update(online, 4).applied);  // the optimiser skipped 2 and 3, where an update was due
  CHECK(target.model() == 15);
}

TEST_CASE("complaint 11: online and target on different devices", "[ema][complaint]") {
  // Memory of another kind is another type, and does not compile.
  using on_device = sp::ema_target<far::remote, sp::constant_momentum>;
  static_assert(updates<on_device, far::remote> && !updates<on_device, matrix> && !updates<on_device, far::handle>);
  static_assert(!sp::compatible<far::remote, matrix>);
  // Where the device is known at run time only, it is looked at before anything is written.
  auto const model = [](int device, double x) {
    return std::map<std::string, far::placed>{{"a", {0, x}}, {"b", {device, x}}};
  };
  CHECK_THAT(thrown<sp::domain_error>([&] {
               sp::ema_target{model(1, 1), model(0, 1), sp::constant_momentum{0.5}};
             }),
             ContainsSubstring("ema_target: the online tensor 'b': it is on device 1, expected device 0"));
  sp::ema_target target{model(0, 1), model(0, 1), sp::constant_momentum{0.5}};
  CHECK_THROWS_AS(target.update(model(1, 3)), sp::domain_error);
  CHECK((target.step() == 0 && target.model().at("a").shared->v[0] == 1));
  target.update(model(0, 3));
  CHECK(target.model().at("b").shared->v[0] == 2);
}

TEST_CASE("complaint 12: pairs by position drift", "[ema][complaint]") {
  std::map<std::string, matrix> online{{"a", matrix(sp::shape(1, 2), 1)}, {"b", matrix(sp::shape(1, 2), 2)}};
  sp::ema_target target{online, sp::constant_momentum{0.5}};
  auto changed = online;
  changed["aa"] = changed["b"];
  changed.erase("b");
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(changed); }), ContainsSubstring("adds 'aa' and lacks 'b'"));
  changed = online;
  changed["b"] = matrix(sp::shape(2, 1), 2);
  CHECK_THAT(thrown<sp::shape_error>([&] { target.update(changed); }),
             ContainsSubstring("'b' is 2 x 1, expected 1 x 2"));
  CHECK(target.step() == 0);
}

TEST_CASE("complaint 13: ranks with shards, and ranks that differ", "[ema][complaint]") {
  using shard = std::map<std::string, matrix>;
  shard const whole{{"a", matrix(sp::shape(3, 3), 1)}, {"b", matrix(sp::shape(5, 1), 2)}};
  sp::ema_target all{whole, sp::constant_momentum{0.9}};
  sp::ema_target first{shard{{"a", whole.at("a")}}, sp::constant_momentum{0.9}};  // uneven, no communication
  sp::ema_target second{shard{{"b", whole.at("b")}}, sp::constant_momentum{0.9}};
  shard next = whole;
  next["a"].values[4] = 7, next["b"].values[0] = -1;
  all.update(next), first.update({{"a", next["a"]}}), second.update({{"b", next["b"]}});
  CHECK(sp::checksum(first.model()) + sp::checksum(second.model()) == sp::checksum(all.model()));
  CHECK(sp::checksum(all.model()) != sp::checksum(whole));
}
