// SPDX-License-Identifier: MIT
#include <deque>
#include <selfpred/adapters/xtensor.hpp>
#include <selfpred/testing/conformance.hpp>
#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xfixed.hpp>
#include <xtensor/views/xstrided_view.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xview.hpp>
#endif

#include "support/allocations.hpp"
#include "support/dense.hpp"
#include "tenants/same_as_eigen.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;

namespace {

using array_f = xt::xarray<float>;
using matrix_f = xt::xtensor<float, 2>;
using matrix_d = xt::xtensor<double, 2>;
using columns_f = xt::xtensor<float, 2, xt::layout_type::column_major>;
using columns_d = xt::xtensor<double, 2, xt::layout_type::column_major>;
using cube_f = xt::xtensor<float, 3>;
using extents = std::array<std::size_t, 2>;

template <class T>
using part_of = decltype(xt::view(std::declval<T&>(), xt::all(), xt::range(1, 3)));
template <class T>
using slice_of = decltype(xt::view(std::declval<T&>(), 0, xt::all(), xt::all()));

static_assert(sp::matrix_with_solve<array_f> && sp::matrix<matrix_f> && sp::matrix<columns_d>);
static_assert(sp::matrix<xt::xarray<float, xt::layout_type::dynamic>>);
static_assert(sp::matrix<xt::xtensor_fixed<float, xt::xshape<3, 4>>>);
static_assert(sp::tensor<cube_f> && !sp::matrix<cube_f>, "a static rank stays static");
static_assert(sp::matrix<slice_of<cube_f>> && sp::tensor<xt::xtensor<float, 1>> && !sp::matrix<xt::xtensor<float, 1>>);
static_assert(sp::writable<array_f> && !sp::writable<array_f const> && sp::writable<part_of<array_f>>);
static_assert(sp::matrix<part_of<array_f const>> && !sp::writable<part_of<array_f const>>);
static_assert(!sp::tensor<decltype(array_f() + array_f())> && !sp::tensor<decltype(2 * matrix_f())>);
static_assert(!sp::tensor<part_of<decltype(array_f() + array_f())>>, "a view of an expression has no memory");
static_assert(!sp::tensor<decltype(xt::view(std::declval<array_f&>(), xt::keep(0, 2), xt::all()))>,
              "it has no strides");
static_assert(!sp::tensor<decltype(xt::broadcast(std::declval<array_f&>(), {3, 4, 6}))>);
static_assert(std::same_as<sp::owner_t<matrix_f>, matrix_f> && std::same_as<sp::owner_t<array_f>, array_f>);
static_assert(std::same_as<sp::owner_t<columns_f>, columns_f> && std::same_as<sp::owner_t<cube_f>, cube_f>);
static_assert(std::same_as<sp::owner_t<slice_of<cube_f>>, matrix_f> &&
              std::same_as<sp::owner_t<part_of<array_f>>, array_f>);
static_assert(sp::compatible<matrix_f, array_f> && sp::compatible<matrix_f, Eigen::MatrixXf>);
static_assert(!sp::compatible<matrix_f, matrix_d>);

template <class T>
T made(std::vector<double> const& v, sp::index rows, sp::index cols) {
  using shape_type = typename T::shape_type;
  T m(shape_type{static_cast<std::size_t>(rows), static_cast<std::size_t>(cols)});
  sp::copy_in(v, m);
  return m;
}

// Forms that borrow: an array of more than they show, NaN where they do not look.
template <class S>
struct forms {
  std::deque<xt::xarray<S>> wide;
  std::deque<std::vector<S>> flat;
  xt::xarray<S>& around(sp::index rows, sp::index cols, sp::index more) {
    auto const side = [&](sp::index n) { return static_cast<std::size_t>(2 * n + more); };
    return wide.emplace_back(std::vector<std::size_t>{side(rows), side(cols)}, std::numeric_limits<S>::quiet_NaN());
  }
  auto every_second(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto x = xt::view(around(rows, cols, 1), xt::range(1, 2 * rows + 1, 2), xt::range(0, 2 * cols, 2));
    sp::copy_in(v, x);
    return x;
  }
  auto backwards(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto x = xt::strided_view(around(rows, cols, 0),
                              {xt::range(rows - 1, xt::placeholders::_, -1), xt::range(cols, 2 * cols)});
    sp::copy_in(v, x);
    return x;
  }
  auto transposed(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto x = xt::transpose(
        wide.emplace_back(std::vector<std::size_t>{static_cast<std::size_t>(cols), static_cast<std::size_t>(rows)}));
    sp::copy_in(v, x);
    return x;
  }
  auto adapted(std::vector<double> const& v, sp::index rows, sp::index cols) {
    auto const& memory = std::as_const(flat.emplace_back(v.begin(), v.end()));
    return xt::adapt(memory.data(), memory.size(), xt::no_ownership(),
                     extents{static_cast<std::size_t>(rows), static_cast<std::size_t>(cols)});
  }
};

}  // namespace

TEST_CASE("xtensor: every law") {
  array_f wide = xt::ones<float>({7, 9});
  std::vector<double> memory(12, 0.5);
  auto const run = [](auto const& like) {
    auto const report = sp::testing::conformance(like);
    INFO(report.text());
    CHECK(report.passed());
    return report.capabilities.size();
  };
  CHECK(run(array_f(std::vector<std::size_t>{2, 3}, 1.0F)) == 5);
  CHECK(run(matrix_d(extents{2, 3}, 1.0)) == 5);
  CHECK(run(columns_f(extents{2, 3}, 1.0F)) == 5);
  xt::xtensor_fixed<float, xt::xshape<3, 4>> fixed;
  fixed.fill(1);
  CHECK(run(fixed) == 5);
  CHECK(run(cube_f(std::array<std::size_t, 3>{2, 3, 4}, 1.0F)) == 1);
  CHECK(run(xt::view(wide, xt::range(1, 6, 2), xt::range(2, 5))) == 5);
  CHECK(run(xt::view(std::as_const(wide), xt::all(), xt::range(2, 5))) == 5);
  CHECK(run(xt::strided_view(wide, {xt::range(5, 1, -2), xt::all()})) == 5);
  CHECK(run(xt::transpose(wide)) == 5);
  CHECK(run(xt::adapt(memory, std::vector<std::size_t>{4, 3})) == 5);
  CHECK(run(xt::adapt(std::as_const(memory), std::vector<std::size_t>{4, 3})) == 5);
}

TEMPLATE_TEST_CASE("xtensor: every predictor gives Eigen's numbers", "", float, double) {
  using S = TestType;
  double const tolerance = sizeof(S) == 4 ? 1e-5 : 1e-12;
  using rows = xt::xtensor<S, 2>;
  using columns = xt::xtensor<S, 2, xt::layout_type::column_major>;
  tenants::every_rule_same_as_eigen<rows>(made<rows>, tolerance);
  forms<S> f;
  tenants::every_rule_same_as_eigen<xt::xarray<S>>([&](auto const&... a) { return f.every_second(a...); }, tolerance);
  tenants::form_same_as_eigen<xt::xarray<S>>(made<xt::xarray<S>>, tolerance);
  tenants::form_same_as_eigen<columns>(made<columns>, tolerance);
  tenants::form_same_as_eigen<rows>([&](auto const&... a) { return f.backwards(a...); }, tolerance);
  tenants::form_same_as_eigen<rows>([&](auto const&... a) { return f.transposed(a...); }, tolerance);
  tenants::form_same_as_eigen<rows>([&](auto const&... a) { return f.adapted(a...); }, tolerance);
}

TEST_CASE("xtensor: bad inputs are refused") {
  tenants::refuses_bad_inputs<matrix_d>(made<matrix_d>);
  tenants::refuses_bad_inputs<array_f>(made<array_f>);
  forms<double> f;
  tenants::refuses_bad_inputs<matrix_d>([&](auto const&... a) { return f.adapted(a...); });
}

TEST_CASE("xtensor: the rank of an xarray is looked at when it happens") {
  array_f const cube = xt::ones<float>({2, 2, 2}), square = xt::ones<float>({2, 2});
  array_f out = xt::zeros<float>({2, 2});
  CHECK(thrown<sp::shape_error>([&] { sp::gemm(1.0, cube, sp::op::none, square, sp::op::none, 0.0, out); }) ==
        "strided: rank is 3, expected 2");
  CHECK(thrown<sp::shape_error>([&] {
          sp::filled(matrix_f(), sp::shape(std::array{2, 3, 4}));
        }) == "filled: the shape of an xtensor is 2 x 3 x 4, expected 2 extents");
  CHECK(sp::filled(array_f(), sp::shape(std::array{2, 3, 4}), 1.5)(1, 2, 3) == 1.5F);
}

TEST_CASE("xtensor: what is around a view stays") {
  array_f wide = xt::ones<float>({4, 3, 8});
  cube_f const x = xt::eval(xt::xtensor<float, 3>(std::array<std::size_t, 3>{2, 3, 4}, 1.0F));
  sp::axpby(0.5, x, 0.25, xt::view(wide, xt::range(0, 2), xt::all(), xt::range(0, 8, 2)));
  CHECK(wide(0, 0, 0) == 0.75F);
  CHECK(wide(1, 2, 6) == 0.75F);
  CHECK(wide(0, 0, 1) == 1);
  CHECK(wide(2, 0, 0) == 1);
  auto const row = xt::view(wide, 1, xt::all(), xt::all());
  CHECK(sp::storage(row) == static_cast<void const*>(&wide(1, 0, 0)));
  CHECK(sp::overlaps(row, wide));
  CHECK_FALSE(sp::overlaps(row, xt::view(wide, 2, xt::all(), xt::all())));
}

TEST_CASE("xtensor: a network of weights of several ranks, and its EMA target") {
  struct network {
    xt::xtensor<float, 4> kernel = xt::ones<float>({2, 3, 3, 3});
    xt::xtensor<float, 1> bias = xt::ones<float>({5});
    array_f dense = xt::ones<float>({4, 5});
  };
  network online;
  auto const list = [](network& n) { return std::tie(n.kernel, n.bias, n.dense); };
  std::tuple weights = list(online);
  network slow = online;
  sp::ema_target target{weights, list(slow), sp::constant_momentum{0.75}};
  online.kernel.fill(5), online.bias.fill(3), online.dense.fill(1);
  target.update(weights);
  CHECK(slow.kernel(1, 2, 0, 1) == 2);
  CHECK(slow.bias(4) == 1.5F);
  CHECK(slow.dense(3, 4) == 1);
}

TEST_CASE("xtensor: copying an adaptor copies a handle, and that is seen") {
  std::vector<float> memory(6, 1);
  auto online = xt::adapt(memory.data(), 6, xt::no_ownership(), extents{2, 3});
  CHECK_THROWS_AS((sp::ema_target{online, sp::constant_momentum{0.5}}), sp::alias_error);
}

TEST_CASE("xtensor: a step allocates nothing after the first") {
  sp::index const b = 64, f = 16;
  auto const z1 = made<matrix_f>(tenants::values(b * f, 0), b, f), z2 = made<matrix_f>(tenants::values(b * f, 1), b, f),
             t = made<matrix_f>(tenants::values(b * f, 2), b, f);
  auto const a1 = made<array_f>(tenants::values(b * f, 0), b, f);
  auto objective = sp::make_objective<matrix_f>(sp::newton_schulz{}, {.alpha = 0.3});
  auto const step = [&] { return objective.step(z1, z2, sp::stop_gradient(t), sp::stop_gradient(t)).loss; };
  step(), step();
  allocation_counter counter;
  step();
  long const count = counter.count();
  CHECK(count == 0);
  CHECK(std::isfinite(objective.step(a1, z2, sp::stop_gradient(t), sp::stop_gradient(t)).loss));
}
