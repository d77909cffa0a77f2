// SPDX-License-Identifier: MIT
#include <Eigen/Core>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>

#include "support/catch.hpp"
#include "support/opaque.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using matrix = sp::host_array<float>;

namespace {

struct network {
  Eigen::MatrixXf w = Eigen::MatrixXf::Ones(300, 20);
  matrix v = matrix(sp::shape(3, 3), 1);
  float bias = 1;
  Eigen::VectorXf mean = Eigen::VectorXf::Ones(4);
  long seen = 1, settings = 7;
};
auto parameters(network& n) { return std::tuple{sp::named{"w", n.w}, sp::named{"v", n.v}, sp::named{"bias", n.bias}}; }
auto buffers(network& n) { return std::tuple{sp::named{"mean", n.mean}, sp::named{"seen", n.seen}}; }
network all(float x) {
  network n;
  n.w.setConstant(x), n.mean.setConstant(x), n.bias = x, n.seen = static_cast<long>(x);
  std::fill(n.v.values.begin(), n.v.values.end(), x);
  return n;
}
std::vector<double> numbers(network const& n) {
  return {double(n.w(299, 19)), double(n.v.values[8]), double(n.bias), double(n.mean[3]), double(n.seen)};
}
auto half_way(sp::leaf_policies policies = sp::leaf_policy::copy) {
  sp::ema_target target{network(), sp::constant_momentum{0.5}, sp::ema_options{.leaves = std::move(policies)}};
  target.update(all(3));
  return target;
}

}  // namespace

TEST_CASE("swap_with: the online model runs with the target's weights until the scope ends", "[ema]") {
  auto target = half_way();
  network online = all(5);
  online.settings = 8;
  {
    auto const guard = target.swap_with(online);
    CHECK(numbers(online) == std::vector<double>{2, 2, 2, 3, 3});
    CHECK(online.settings == 8);  // leaves alone are exchanged
    CHECK(target.swapped());
  }
  CHECK_FALSE(target.swapped());
  CHECK(numbers(online) == std::vector<double>{5, 5, 5, 5, 5});
  CHECK(numbers(target.model()) == std::vector<double>{2, 2, 2, 3, 3});
}

TEST_CASE("swap_with: O(1), handles are exchanged and no element is touched", "[ema]") {
  static_assert(sp::exchanges_handles<Eigen::MatrixXf> && sp::exchanges_handles<Eigen::VectorXd> &&
                sp::exchanges_handles<matrix>);
  static_assert(!sp::exchanges_handles<Eigen::Map<Eigen::MatrixXf>> && !sp::exchanges_handles<sp::matrix_view<float>> &&
                !sp::exchanges_handles<far::handle>);
  auto target = half_way();
  network online = all(5);
  auto const *w = online.w.data(), *theirs = target.model().w.data();
  auto const* v = online.v.values.data();
  {
    auto const guard = target.swap_with(online);
    CHECK(online.w.data() == theirs);
    CHECK(online.v.values.data() != v);
  }
  CHECK(online.w.data() == w);
  CHECK(online.v.values.data() == v);
}

TEST_CASE("swap_with: an exception ends the scope too", "[ema]") {
  auto target = half_way();
  network online = all(5);
  CHECK_THROWS_AS(
      [&] {
        auto const guard = target.swap_with(online);
        throw std::runtime_error("evaluation failed");
      }(),
      std::runtime_error);
  CHECK(numbers(online) == std::vector<double>{5, 5, 5, 5, 5});
  CHECK(target.model().bias == 2);
}

TEST_CASE("swap_with: nesting, updating, saving and copying while swapped are refused", "[ema]") {
  auto target = half_way();
  network online = all(5), other = all(6);
  auto guard = target.swap_with(online);
  CHECK_THAT(thrown<sp::state_error>([&] { auto const second = target.swap_with(other); }),
             ContainsSubstring("its weights are swapped with the online model's"));
  CHECK_THROWS_AS(target.update(other), sp::state_error);
  CHECK_THROWS_AS(target.model(), sp::state_error);  // whatever would save it would save the wrong weights
  CHECK_THROWS_AS(std::as_const(target).model(), sp::state_error);
  CHECK_THROWS_AS(decltype(target)(target), sp::state_error);
  CHECK(numbers(other) == std::vector<double>{6, 6, 6, 6, 6});
  guard.restore();
  guard.restore();  // once is enough
  CHECK(numbers(online) == std::vector<double>{5, 5, 5, 5, 5});
  CHECK(target.update(online).applied);
  auto moved = target.swap_with(online);
  {
    auto const inner = std::move(moved);
    CHECK(target.swapped());
  }
  CHECK_FALSE(target.swapped());
}

TEST_CASE("swap_with: skipped leaves stay, another model is refused", "[ema]") {
  auto target = half_way(sp::leaf_policies(sp::leaf_policy::keep).name("v", sp::leaf_policy::skip));
  network online = all(5);
  {
    auto const guard = target.swap_with(online);
    CHECK(numbers(online) == std::vector<double>{2, 5, 2, 1, 1});
  }
  CHECK(numbers(online) == std::vector<double>{5, 5, 5, 5, 5});
  network wrong = all(5);
  wrong.mean = Eigen::VectorXf::Ones(5);
  CHECK_THROWS_AS((void)target.swap_with(wrong), sp::shape_error);
  CHECK_FALSE(target.swapped());
  CHECK(wrong.bias == 5);
}

TEST_CASE("swap_with: views and opaque tensors exchange their values", "[ema]") {
  std::vector<float> a(12, 1), b(12, 0);
  using map = Eigen::Map<Eigen::MatrixXf>;
  std::vector<map> online{map(a.data(), 3, 4)}, own{map(b.data(), 3, 4)};
  sp::ema_target target{online, own, sp::constant_momentum{0.5}};
  a.assign(12, 3);
  target.update(online);
  {
    auto const guard = target.swap_with(online);
    CHECK((a == std::vector<float>(12, 2) && b == std::vector<float>(12, 3)));
  }
  CHECK((a == std::vector<float>(12, 3) && b == std::vector<float>(12, 2)));

  std::vector<far::handle> x{far::handle(dense(2, 2, 4))}, y{far::handle(dense(2, 2, 0))};
  sp::ema_target far_target{x, y, sp::constant_momentum{0.5}};
  x[0].shared->v.assign(4, 8);
  far_target.update(x);
  auto const held = x[0].shared;  // the optimiser's handle sees the exchange
  {
    auto const guard = far_target.swap_with(x);
    CHECK(held->v[0] == 6);
  }
  CHECK(held->v[0] == 8);
}

TEST_CASE("write_back: the online model goes on from the average, or towards it", "[ema]") {
  auto target = half_way();
  network online = all(4);
  target.write_back(online, 0.5);
  CHECK(numbers(online) == std::vector<double>{3, 3, 3, 4, 4});  // buffers that are not averaged stay
  target.write_back(online);
  CHECK(numbers(online) == std::vector<double>{2, 2, 2, 4, 4});
  CHECK(numbers(target.model()) == std::vector<double>{2, 2, 2, 3, 3});
  auto averaged = half_way(sp::leaf_policy::average);
  averaged.write_back(online = all(4), 0.5);
  CHECK(numbers(online) == std::vector<double>{3, 3, 3, 3, 3});  // an integer was copied, and is again
  using vector = Eigen::Matrix<Eigen::half, Eigen::Dynamic, 1>;
  vector narrow = vector::Constant(3, Eigen::half(1.0F));
  sp::ema_target of_half{narrow, sp::constant_momentum{0.5}};
  narrow.setConstant(Eigen::half(5.0F));
  of_half.write_back(narrow, 0.25);
  CHECK(static_cast<float>(narrow[2]) == 4);
  auto const guard = target.swap_with(online);
  CHECK_THROWS_AS(target.write_back(online), sp::state_error);
}
