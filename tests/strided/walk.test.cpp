// SPDX-License-Identifier: MIT
// Elementwise work over every kind of stride: each element is met once, whatever the merging and tiling.
#include <array>
#include <numeric>
#include <selfpred/strided/operations.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using ops = sp::host_operations<float>;
using indices = std::vector<sp::index>;

namespace {

// A view with memory of its own: dimensions in any order in memory, gaps between them, any of them backwards.
struct scattered {
  std::vector<float> memory;
  sp::strided<float> view;

  scattered(indices const& extents, std::vector<std::size_t> const& slowest_first, sp::index gap, unsigned backwards) {
    indices strides(extents.size());
    sp::index step = gap, first = 0;
    for (std::size_t k = extents.size(); k-- > 0;) {
      std::size_t const d = slowest_first[k];
      strides[d] = step;
      step = step * extents[d] + (gap > 1 ? 3 : 0);
      if (backwards >> d & 1) first += (extents[d] - 1) * strides[d], strides[d] = -strides[d];
    }
    memory.assign(static_cast<std::size_t>(step + 1), -1);
    view = sp::view_tensor(memory.data() + std::max<sp::index>(first, 0), extents, strides);
  }
};
// The element at a row-major position, by its strides alone.
float& at(sp::strided<float> const& x, sp::index position) {
  sp::index offset = 0;
  for (int d = x.rank - 1; d >= 0; --d) {
    auto const k = static_cast<std::size_t>(d);
    offset += position % x.extent[k] * x.stride[k];
    position /= x.extent[k];
  }
  return x.data[offset];
}

}  // namespace

TEST_CASE("host: copy between all orders, gaps and directions, rank 1 to 4", "[host][walk]") {
  long cases = 0, wrong = 0, spilt = 0;
  for (auto const& extents : {indices{7}, indices{1}, indices{5, 3}, indices{1, 6}, indices{4, 1}, indices{2, 3, 4},
                              indices{3, 1, 2}, indices{2, 3, 2, 5}, indices{1, 1, 1, 1}}) {
    auto const size = sp::shape(extents).size();
    std::vector<std::size_t> order(extents.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    do
      for (sp::index gap : {1, 2})
        for (unsigned backwards : {0u, 1u, 2u, 5u, 15u}) {
          scattered x(extents, order, gap, backwards);
          std::vector<std::size_t> plain(extents.size());
          std::iota(plain.begin(), plain.end(), std::size_t{0});
          scattered y(extents, plain, 1, 0), z(extents, order, 2, backwards ^ 3u);
          for (sp::index i = 0; i < size; ++i) at(x.view, i) = static_cast<float>(i + 1);
          ops::copy(x.view, y.view);
          ops::copy(y.view, z.view);
          for (sp::index i = 0; i < size; ++i)
            wrong += at(y.view, i) != float(i + 1), wrong += at(z.view, i) != float(i + 1);
          // what lies between the elements of z is as it was
          spilt += std::count(z.memory.begin(), z.memory.end(), -1.0f) != static_cast<long>(z.memory.size()) - size;
          wrong += ops::dot(x.view, z.view) != static_cast<double>(size * (size + 1) * (2 * size + 1) / 6);
          ++cases;
        }
    while (std::next_permutation(order.begin(), order.end()));
  }
  CHECK(cases > 300);
  CHECK(wrong == 0);
  CHECK(spilt == 0);
}

TEST_CASE("host: row-major into column-major and back, sizes that no tile divides", "[host][walk]") {
  for (auto const& [rows, cols] :
       {std::pair<sp::index, sp::index>{33, 65}, {32, 32}, {31, 1}, {1, 100}, {64, 33}, {100, 7}}) {
    dense const a = eighths(rows, cols, 7);
    std::vector<float> x(a.v.begin(), a.v.end()), y(x.size()), z(x.size());
    auto columns = sp::view_column_major(y.data(), rows, cols);
    ops::copy(sp::view_row_major(x.data(), rows, cols), columns);
    expect_equal("to columns", read(columns), a);
    ops::copy(columns, sp::view_row_major(z.data(), rows, cols));
    CHECK(z == x);
  }
}

TEST_CASE("host: a block of a row-major matrix into a block of a column-major one", "[host][walk]") {
  dense const a = eighths(70, 80, 8);
  std::vector<float> x(a.v.begin(), a.v.end()), y(70 * 80, -9.0f);
  auto const from = sp::view_matrix(x.data() + 2 * 80 + 3, 40, 35, 80, 1);
  auto const to = sp::view_matrix(y.data() + 5, 40, 35, 1, 70);
  ops::copy(from, to);
  dense expected(40, 35);
  for (sp::index i = 0; i < 40; ++i)
    for (sp::index j = 0; j < 35; ++j) expected(i, j) = a(i + 2, j + 3);
  expect_equal("block", read(to), expected);
  CHECK(std::count(y.begin(), y.end(), -9.0f) == 70 * 80 - 40 * 35);
}

TEST_CASE("host: nothing is touched where an extent is zero; a scalar is one element", "[host][walk]") {
  float x = 3, y = 4;
  ops::copy(sp::view_dense(&x, sp::shape(0, 5)), sp::view_dense(&y, sp::shape(0, 5)));
  ops::axpby(1, sp::view_dense(&x, sp::shape(5, 0)), 0, sp::view_dense(&y, sp::shape(5, 0)));
  CHECK(y == 4);
  CHECK(ops::dot(sp::view_dense(&x, sp::shape(0, 5)), sp::view_dense(&y, sp::shape(0, 5))) == 0);
  ops::copy(sp::view_dense(&x, sp::shape()), sp::view_dense(&y, sp::shape()));
  CHECK(y == 3);
}

TEST_CASE("host: different shapes are refused, equal sizes or not", "[host][walk]") {
  std::vector<float> x(6), y(6);
  auto const a = sp::view_row_major(x.data(), 2, 3);
  CHECK(thrown<sp::shape_error>([&] { ops::copy(a, sp::view_row_major(y.data(), 3, 2)); }) ==
        "selfpred: the shape of y is 3 x 2, expected 2 x 3");
  CHECK_THROWS_AS(ops::dot(a, sp::view_dense(y.data(), sp::shape(std::vector<int>{6}))), sp::shape_error);
}
