// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen_autodiff.hpp>
#include <selfpred/adapters/mdspan.hpp>
#include <selfpred/testing/conformance.hpp>

#include "support/small_mdspan.hpp"
#include "tenants/same_as_eigen.hpp"

namespace sp = selfpred;
using sp::stop_gradient;

namespace {

template <class S>
using active = Eigen::AutoDiffScalar<Eigen::Matrix<S, Eigen::Dynamic, 1>>;
template <class S>
using latents = Eigen::Matrix<active<S>, Eigen::Dynamic, Eigen::Dynamic>;
template <class S>
using plain = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
using fixed = Eigen::Matrix<Eigen::AutoDiffScalar<Eigen::Vector3d>, Eigen::Dynamic, Eigen::Dynamic>;

static_assert(sp::matrix_with_solve<latents<double>> && sp::matrix_with_eigh<latents<double>> &&
              sp::matrix_with_row_scaling<latents<float>> && sp::matrix<fixed>);
static_assert(std::same_as<sp::owner_t<latents<double>>, latents<double>>);
static_assert(std::derived_from<sp::scalar_t<latents<double>>, active<double>>, "a loss is an AD scalar");
static_assert(!sp::compatible<latents<double>, Eigen::MatrixXd>);
static_assert(
    std::same_as<decltype(stop_gradient(std::declval<latents<double> const&>())), sp::stopped<latents<double>>>,
    "a stopped tensor is a copy of the values");
static_assert(
    std::same_as<decltype(stop_gradient(std::declval<Eigen::MatrixXd const&>())), sp::stopped<Eigen::MatrixXd const&>>,
    "numbers are viewed as before");

auto const make = [](std::vector<double> const& v, sp::index rows, sp::index cols) {
  latents<double> x(rows, cols);
  sp::copy_in(v, x);
  return x;
};
template <class S>
plain<S> numbers(sp::index rows, sp::index cols, double phase) {
  plain<S> x(rows, cols);
  sp::copy_in(tenants::values(rows * cols, phase), x);
  return x;
}
/// x, each element its own variable among n, counted from `first`.
template <class S>
latents<S> variables(plain<S> const& x, sp::index first, sp::index n) {
  latents<S> y = x.template cast<active<S>>();
  for (sp::index i = 0; i < x.size(); ++i) y.data()[i].derivatives() = Eigen::Matrix<S, -1, 1>::Unit(n, first + i);
  return y;
}
double relative(auto const& got, auto const& expected) {
  return static_cast<double>((got - expected).norm() / expected.norm());
}

template <class S, class Rule>
void loss_differentiates_to_the_gradients(Rule rule, sp::objective_options const& options, double tolerance) {
  sp::index const b = 9, f = 4, n = 2 * b * f;
  auto by_hand = sp::make_objective<plain<S>>(rule, options);
  auto by_ad = sp::make_objective<latents<S>>(rule, options);
  for (int step = 0; step < 2; ++step) {
    auto const z1 = numbers<S>(b, f, step), z2 = numbers<S>(b, f, step + 0.3), t1 = numbers<S>(b, f, step + 0.6),
               t2 = numbers<S>(b, f, step + 0.9);
    auto const live1 = variables<S>(z1, 0, n), live2 = variables<S>(z2, b * f, n);
    // The target network's output depends on the same variables here: stop_gradient must forget that.
    auto const target1 = variables<S>(t1, 0, n), target2 = variables<S>(t2, 0, n);
    auto const numbers_result = by_hand.step(z1, z2, stop_gradient(t1), stop_gradient(t2));
    auto const result = by_ad.step(live1, live2, stop_gradient(target1), stop_gradient(target2));
    active<double> const loss = result.loss;  // of doubles, whatever the elements are
    REQUIRE(loss.derivatives().size() == n);
    CHECK(std::abs(loss.value() - numbers_result.loss) < tolerance);
    Eigen::Matrix<S, -1, 1> gradient(n);
    gradient << numbers_result.gradient1.reshaped(), numbers_result.gradient2.reshaped();
    CHECK(relative(loss.derivatives(), gradient.template cast<double>()) < tolerance);
    CHECK(tenants::distance(tenants::read(result.gradient2), tenants::read(numbers_result.gradient2)) < tolerance);
    auto const p = tenants::read(by_ad.predictor());
    CHECK(tenants::distance(p, tenants::read(by_hand.predictor())) < tolerance);
    for (auto const& x : by_ad.predictor().reshaped())  // P is a constant
      CHECK(x.derivatives().isZero(0));
  }
}

}  // namespace

TEST_CASE("autodiff: AD scalars obey every law") {
  std::vector<active<double>> memory(6, active<double>(0.5));
  auto const run = [](auto const& like) {
    auto const report = sp::testing::conformance(like);
    INFO(report.text());
    CHECK(report.passed());
  };
  run(latents<double>());
  run(latents<float>());
  run(fixed());
  run(variables<double>(numbers<double>(2, 3, 0), 0, 6));
  run(sp::shaped(memory, 2, 3));
  run(small::mdspan<active<double>, 2>(memory.data(), {2, 3}, {1, 2}));
}

TEST_CASE("autodiff: the values are Eigen's numbers") {
  tenants::every_rule_same_as_eigen<latents<double>>(make);
  tenants::refuses_bad_inputs<latents<double>>(make);
}

// Both are sums of the same terms in another order: 1e-12 is 5000 roundings of a double, 1e-5 80 of a float.
TEST_CASE("autodiff: the loss differentiates to the gradients written by hand") {
  sp::objective_options const options{.alpha = 0.3, .predictor_momentum = 0.9};
  loss_differentiates_to_the_gradients<double>(sp::newton_schulz{}, options, 1e-12);
  loss_differentiates_to_the_gradients<float>(sp::newton_schulz{}, options, 1e-5);
  loss_differentiates_to_the_gradients<double>(sp::direct_copy{}, options, 1e-12);
  loss_differentiates_to_the_gradients<double>(sp::linear_regression{}, options, 1e-12);
  auto other = options;
  other.loss = {.kind = sp::loss_kind::squared, .rows = sp::reduction::sum};
  loss_differentiates_to_the_gradients<double>(sp::newton_schulz{}, other, 1e-12);
  other.loss = {.epsilon = 0.5};  // some rows are below the floor
  other.directions = sp::directions::mean, other.rescale = sp::rescaling::frobenius;
  loss_differentiates_to_the_gradients<double>(sp::newton_schulz{}, other, 1e-12);
}

TEST_CASE("autodiff: through an encoder, by the chain rule") {
  sp::index const b = 7, n = 3, f = 2;
  auto const w = numbers<double>(n, f, 0.2), x1 = numbers<double>(b, n, 1.1), x2 = numbers<double>(b, n, 1.4),
             t = numbers<double>(b, f, 2.3);
  auto const live = variables<double>(w, 0, n * f);
  auto const lifted = [](Eigen::MatrixXd const& x) { return x.cast<active<double>>().eval(); };
  latents<double> const z1 = lifted(x1) * live, z2 = lifted(x2) * live, target = lifted(t);
  auto by_ad = sp::make_objective<latents<double>>(sp::newton_schulz{}, {.alpha = 0.3});
  auto const loss = by_ad.step(z1, z2, stop_gradient(target), stop_gradient(target)).loss;
  auto by_hand = sp::make_objective<Eigen::MatrixXd>(sp::newton_schulz{}, {.alpha = 0.3});
  Eigen::MatrixXd const v1 = x1 * w, v2 = x2 * w;
  auto const r = by_hand.step(v1, v2, stop_gradient(t), stop_gradient(t));
  Eigen::MatrixXd const gradient = x1.transpose() * r.gradient1 + x2.transpose() * r.gradient2;
  CHECK(relative(loss.derivatives(), gradient.reshaped()) < 1e-12);
}

TEST_CASE("autodiff: what stop_gradient gives has no derivatives, whatever holds it") {
  auto const live = variables<double>(numbers<double>(2, 3, 0), 0, 6);
  std::vector<active<double>> memory(live.data(), live.data() + 6);
  auto const none = [](auto const& x) {
    auto const stopped = stop_gradient(x);
    auto const y = sp::clone(stopped.get());
    decltype(auto) v = sp::detail::operand(y);
    for (sp::index i = 0; i < 6; ++i) CHECK(v.data[i].derivatives().isZero(0));
    CHECK(tenants::read(stopped.get()) == tenants::read(x));
  };
  none(live);
  none(live.transpose());
  none(sp::shaped(memory, 2, 3));
  none(small::mdspan<active<double>, 2>(memory.data(), {2, 3}, {1, 2}));
  CHECK(live(0, 0).derivatives().size() == 6);
}

TEST_CASE("autodiff: no operation changes what it reads") {
  latents<double> const x = make(tenants::values(6, 0), 2, 3);  // constants: Eigen's own operators would resize them
  latents<double> const live = variables<double>(numbers<double>(2, 3, 0), 0, 6);
  latents<double> y(2, 2);
  sp::gemm(1.0, x, sp::op::none, live, sp::op::transpose, 0.0, y);
  CHECK(y(1, 1).derivatives().size() == 6);
  CHECK(x(0, 0).derivatives().size() == 0);
  CHECK(sp::dot(x, live).derivatives().size() == 6);
  CHECK(x(1, 2).derivatives().size() == 0);
}

TEST_CASE("autodiff: a zero batch has a loss") {
  latents<double> const z = variables<double>(plain<double>::Zero(4, 2), 0, 8), t = make(tenants::values(8, 1), 4, 2);
  auto objective = sp::make_objective<latents<double>>(sp::newton_schulz{}, {.alpha = 0.3});
  auto const loss = objective.step(z, z, stop_gradient(t), stop_gradient(t)).loss;
  CHECK(std::isfinite(loss.value()));
  CHECK(loss.derivatives().allFinite());
}
