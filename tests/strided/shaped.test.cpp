// SPDX-License-Identifier: MIT
#include <list>
#include <selfpred/ema.hpp>
#include <selfpred/schedule/constant.hpp>
#include <selfpred/strided/shaped.hpp>

#include "support/allocations.hpp"
#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using sp::memory_order;
using sp::shaped;

static_assert(sp::tensor<std::vector<float>> && !sp::matrix<std::vector<float>>, "a vector has no rows and columns");
static_assert(sp::tensor<std::array<double, 3>> && sp::tensor<std::span<float const>> && sp::tensor<std::vector<int>>);
static_assert(sp::writable<std::vector<float>> && !sp::writable<std::vector<float> const>);
static_assert(sp::writable<std::span<float>> && !sp::writable<std::span<float const>>);
static_assert(!sp::tensor<std::vector<bool>> && !sp::tensor<std::list<float>> && !sp::tensor<std::vector<std::string>>);
static_assert(sp::model<std::vector<std::vector<float>>> && !sp::tensor<std::vector<std::vector<float>>>);
static_assert(std::same_as<sp::owner_t<std::vector<float>>, sp::host_array<float>>);
static_assert(sp::compatible<std::vector<float>, sp::host_array<float>>);

namespace {

template <class... A>
concept can_shape = requires(A&&... a) { shaped(std::forward<A>(a)...); };
static_assert(can_shape<std::vector<float>&, int, std::size_t> && can_shape<std::span<float>, int, int>);
static_assert(!can_shape<std::vector<float>, int, int>, "a view of a temporary vector dangles");
static_assert(!can_shape<std::vector<bool>&, int, int> && !can_shape<std::list<float>&, int, int>);
static_assert(!can_shape<std::vector<float>&, int, double> && !can_shape<std::vector<float>&>);

}  // namespace

TEST_CASE("shaped: row by row, column by column, any rank", "[shaped]") {
  std::vector<float> v(24);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i);
  auto const rows = shaped(v, 4, 6);
  static_assert(std::same_as<decltype(rows), sp::matrix_view<float> const>);
  CHECK(rows(1, 2) == 8);
  auto const columns = shaped<memory_order::column_major>(v, 4, 6);
  CHECK(columns(1, 2) == 9);
  CHECK(sp::shape_of(columns) == sp::shape(4, 6));
  auto const cube = shaped(v, 2, std::size_t{3}, 4L);
  static_assert(sp::tensor<decltype(cube)> && !sp::matrix<decltype(cube)>);
  CHECK(cube.stride == std::array<sp::index, 3>{12, 4, 1});
  CHECK(shaped<memory_order::column_major>(v, 2, 3, 4).stride == std::array<sp::index, 3>{1, 2, 6});
  CHECK(shaped(v, 24).stride[0] == 1);
  CHECK(shaped(v, 1, 1, 1, 1, 1, 1, 4, 6).rank == 8);
  CHECK(shaped(v.data() + 4, 2, 2)(1, 1) == 7);
  CHECK(shaped(std::span(v).subspan(4, 4), 2, 2)(1, 1) == 7);
}

TEST_CASE("shaped: const elements are read, others are written in place", "[shaped]") {
  std::vector<double> const x{1, 2, 3, 4, 5, 6};
  std::array<double, 6> y{};
  static_assert(!sp::writable<decltype(shaped(x, 2, 3))> && sp::writable<decltype(shaped(y, 2, 3))>);
  static_assert(!sp::writable<decltype(shaped(x.data(), 2, 3))>);
  sp::copy(shaped(x, 2, 3), shaped<memory_order::column_major>(y, 2, 3));
  CHECK(y == std::array<double, 6>{1, 4, 2, 5, 3, 6});
  std::vector<double> z(4, NAN);
  sp::gemm(1.0, shaped(x, 2, 3), sp::op::none, shaped<memory_order::column_major>(y, 2, 3), sp::op::transpose, 0.0,
           shaped(z, 2, 2));
  CHECK(z == std::vector<double>{14, 32, 32, 77});
}

TEST_CASE("shaped: a range of another length is refused", "[shaped]") {
  std::vector<float> v(24);
  CHECK(thrown<sp::shape_error>([&] { shaped(v, 5, 5); }) == "shaped: the number of elements is 24, expected 5 x 5");
  CHECK_THROWS_AS(shaped(v, 4, 5), sp::shape_error);
  CHECK_THROWS_AS(shaped(v, -4, -6), sp::shape_error);
  std::vector<float> none;
  CHECK(sp::shape_of(shaped(none, 0, 6)).size() == 0);
}

TEST_CASE("shaped: overlaps are seen through it", "[shaped]") {
  std::vector<float> v(24);
  CHECK(sp::overlaps(shaped(v, 4, 6), v));
  CHECK_FALSE(sp::overlaps(shaped(v.data(), 2, 6), shaped(v.data() + 12, 2, 6)));
}

TEST_CASE("a vector of numbers is one tensor of a model", "[shaped]") {
  struct network {
    std::vector<float> weight = std::vector<float>(12, 1);
    std::array<double, 3> bias{1, 1, 1};
    std::vector<int> counts{1, 2};
  };
  network online, slow;
  auto const parameters = [](network& n) { return std::tie(n.weight, n.bias); };
  std::vector<std::string> names;
  auto list = parameters(online);
  sp::for_each_parameter(
      list, [&](std::string const& name, auto const& x) { names.push_back(name + ": " + sp::shape_of(x).text()); });
  CHECK(names == std::vector<std::string>{"0: 12", "1: 3"});

  sp::ema_target target{list, parameters(slow), sp::constant_momentum{0.75}};
  online.weight.assign(12, 5), online.bias = {5, 5, 5};
  allocation_counter counter;
  target.update(list);
  long const count = counter.count();
  CHECK(count == 0);
  CHECK(slow.weight == std::vector<float>(12, 2));
  CHECK(slow.bias == std::array<double, 3>{2, 2, 2});
  online.weight.push_back(1);
  CHECK(thrown<sp::shape_error>([&] { target.update(list); }) ==
        "ema_target: the online tensor '0' is 13, expected 12 as in the target");
}

TEST_CASE("a flat vector of all parameters, and vectors a layer", "[shaped]") {
  std::vector<float> flat{1, 2, 3};
  sp::ema_target one{flat, sp::constant_momentum{0.5}};
  flat = {3, 2, 1};
  one.update(flat);
  CHECK(one.model() == std::vector<float>{2, 2, 2});
  std::vector<std::vector<double>> layers{{1, 2}, {3}};
  sp::ema_target many{layers, sp::constant_momentum{0.5}};
  layers[1][0] = 5;
  many.update(layers);
  CHECK(many.model() == std::vector<std::vector<double>>{{1, 2}, {4}});
}
