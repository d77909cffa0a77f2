// SPDX-License-Identifier: MIT
#include <cstdint>
#include <limits>
#include <selfpred/strided/operations.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using ops = sp::host_operations<float>;
using Catch::Matchers::WithinRel;

TEST_CASE("host: axpby reads y only where b is not 0", "[host]") {
  dense const a = eighths(7, 5, 1), b = eighths(7, 5, 2);
  auto const x = host_values<float>(a);
  for (double s : {0.0, 1.0, -0.5})
    for (double t : {0.0, 1.0, 2.0}) {
      auto y = host_values<float>(b);
      sp::axpby(s, x, t, y);
      expect_equal("axpby", read(y), combination(s, a, t, b));
    }
  for (double poison : {double(NAN), double(INFINITY)}) {
    auto y = host_values<float>(dense(7, 5, poison));
    sp::axpby(2.0, x, 0.0, y);
    expect_equal("b = 0", read(y), combination(2, a, 0, b));
    // the strided loop as well
    sp::host_array<float> wide(sp::shape(7, 10), static_cast<float>(poison));
    auto every_second = sp::view_matrix(wide.values.data(), 7, 5, 10, 2);
    sp::axpby(2.0, x, 0.0, every_second);
    expect_equal("b = 0, strided", read(every_second), combination(2, a, 0, b));
  }
}

TEST_CASE("host: axpby with x and y the same object", "[host]") {
  dense const a = eighths(6, 6, 3);
  auto x = host_values<float>(a);
  sp::axpby(0.5, x, 0.25, x);
  expect_equal("y <- 0.75 y", read(x), combination(0.75, a, 0, a));
  sp::axpby(2.0, x, 0.0, x);
  expect_equal("y <- 2 y", read(x), combination(1.5, a, 0, a));
}

TEST_CASE("host: dot accumulates in double", "[host]") {
  // 1e8 + 4000 * 1e-3: in float each small term is lost, and so is a float sum of partial sums.
  for (sp::index step : {1, 3}) {
    std::vector<float> x(static_cast<std::size_t>(4001 * step), 77.0f), one(x.size(), 1.0f);
    auto const view = sp::view_matrix(x.data(), 1, 4001, 4001 * step, step);
    for (sp::index i = 0; i < 4001; ++i) view(0, i) = i == 2000 ? 1e8f : 1e-3f;
    CHECK_THAT(ops::dot(view, sp::view_matrix(one.data(), 1, 4001, 4001 * step, step)),
               WithinRel(1e8 + 4000 * double(1e-3f), 1e-13));
  }
  std::vector<float> x(9, 1e30f);  // squares that are no floats
  CHECK_THAT(ops::dot(sp::view_row_major(x.data(), 3, 3), sp::view_row_major(x.data(), 3, 3)),
             WithinRel(9 * double(1e30f) * double(1e30f), 1e-14));
}

TEST_CASE("host: dot of tensors of different order", "[host]") {
  dense const a = eighths(35, 40, 4), b = eighths(35, 40, 5);
  std::vector<float> x(a.v.begin(), a.v.end()), y(x.size());
  auto columns = sp::view_column_major(y.data(), 35, 40);
  sp::copy_in(b.v, columns);
  CHECK(ops::dot(sp::view_row_major(x.data(), 35, 40), columns) == inner(a, b));
}

TEST_CASE("host: lerp has x = y as exact fixed point, and w = 1 copies", "[host]") {
  dense const a = uniform(40, 25, 6);
  auto const x = host_values<float>(a);
  for (double w : {1e-4, 0.004, 1.0 / 3, 0.99, 1.0, 0.0}) {
    auto y = x;
    for (int k = 0; k < 50; ++k) sp::lerp(w, x, y);
    CHECK(y.values == x.values);
  }
  // y + 1 (x - y) is not x where y is much larger, nor where y is NaN
  for (float far : {1e20f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    sp::host_array<float> y(sp::shape(40, 25), far);
    sp::lerp(1.0, x, y);
    CHECK(y.values == x.values);
  }
  auto y = host_values<float>(dense(40, 25, 2));
  sp::lerp(0.25, x, y);
  expect_near("lerp", read(y), combination(0.25, a, 0.75, dense(40, 25, 2)), 3e-7);
  sp::host_array<float> wide(sp::shape(40, 50), 2);
  auto every_second = sp::view_matrix(wide.values.data(), 40, 25, 50, 2);
  sp::lerp(0.25, x, every_second);
  expect_equal("strided lerp", read(every_second), read(y));
}

TEST_CASE("host: sums are wider than the tensor", "[host]") {
  auto const one = host_values<float>(dense(2, 2, 1)), tiny = host_values<float>(dense(2, 2, 0x1p-30));
  auto sum = sp::accumulator(one, sp::shape(2, 2));
  static_assert(std::same_as<decltype(sum), sp::host_array<double>>);
  std::fill(sum.values.begin(), sum.values.end(), NAN);
  sp::accumulate(1.0, one, 0.0, sum);  // b = 0: a NaN in the sum does not survive
  for (int k = 0; k < 1024; ++k) sp::accumulate(1.0, tiny, 1.0, sum);
  CHECK(sum.values[3] == 1 + 0x1p-20);
  auto y = host_values<float>(dense(2, 2, NAN));
  sp::narrow(0.5, sum, y);
  CHECK(y.values[0] == 0.5f + 0x1p-21f);
}

TEST_CASE("host: scale_rows and add_diagonal on matrices that are not square", "[host]") {
  dense const a = eighths(70, 3, 8), w = eighths(70, 1, 9);
  dense expected = a;
  for (sp::index i = 0; i < 70; ++i)
    for (sp::index j = 0; j < 3; ++j) expected(i, j) *= w(i, 0);
  auto const x = host_values<float>(a), weights = host_values<float>(w);
  auto y = host_values<float>(dense(70, 3, NAN));
  ops::scale_rows(sp::tensor_traits<sp::host_array<float>>::view(weights),
                  sp::tensor_traits<sp::host_array<float>>::view(x), sp::tensor_traits<sp::host_array<float>>::view(y));
  expect_equal("scale_rows", read(y), expected);
  dense diagonal = a;
  for (sp::index i = 0; i < 3; ++i) diagonal(i, i) += 0.5;
  auto z = host_values<float>(a);
  sp::add_diagonal(0.5, z);
  expect_equal("add_diagonal", read(z), diagonal);
}

TEST_CASE("host: overlaps", "[host]") {
  std::vector<float> m(60), other(60);
  auto const whole = sp::view_row_major(m.data(), 6, 10);
  auto const upper = sp::view_row_major(m.data(), 3, 10), lower = sp::view_row_major(m.data() + 30, 3, 10);
  CHECK(ops::overlaps(whole, whole));
  CHECK(ops::overlaps(whole, lower));
  CHECK(ops::overlaps(lower, whole));
  CHECK_FALSE(ops::overlaps(upper, lower));
  CHECK_FALSE(ops::overlaps(lower, upper));
  CHECK_FALSE(ops::overlaps(whole, sp::view_row_major(other.data(), 6, 10)));
  CHECK(ops::overlaps(upper, sp::view_row_major(m.data() + 29, 3, 10)));  // one element
  CHECK(ops::overlaps(whole, whole.transposed()));
  // the same memory read backwards from its end
  CHECK(ops::overlaps(upper, sp::view_matrix(m.data() + 29, 3, 10, -10, -1)));
  CHECK_FALSE(ops::overlaps(lower, sp::view_matrix(m.data() + 29, 3, 10, -10, -1)));
  CHECK(ops::overlaps(sp::view_row_major(m.data() + 10, 1, 10), sp::view_matrix(m.data() + 29, 3, 10, -10, -1)));
  // nothing overlaps with a tensor of no elements
  CHECK_FALSE(ops::overlaps(whole, sp::view_row_major(m.data(), 0, 10)));
  CHECK_FALSE(ops::overlaps(sp::view_row_major(m.data(), 0, 10), sp::view_row_major(m.data(), 0, 10)));
}

TEST_CASE("host: errors name the verb, what was got and what was expected", "[host]") {
  auto x = host_values<float>(dense(2, 3)), y = host_values<float>(dense(3, 2)),
       square = host_values<float>(dense(3, 3));
  std::vector<double> five(5);
  using error = sp::shape_error;
  CHECK(thrown<error>([&] { sp::axpby(1.0, x, 0.0, y); }) == "selfpred: the shape of y is 3 x 2, expected 2 x 3");
  CHECK(thrown<error>([&] { sp::copy_out(x, five); }) == "copy_out: the span is 5 values, expected 6");
  CHECK(thrown<error>([&] { sp::copy_in(five, x); }) == "copy_in: the span is 5 values, expected 6");
  CHECK(thrown<error>([&] { sp::normalize_rows(0, x, y); }) == "normalize_rows: y is 3 x 2, expected 2 x 3");
  CHECK(thrown<error>([&] { sp::normalize_rows_adjoint(0, x, y); }) ==
        "normalize_rows_adjoint: y is 3 x 2, expected 2 x 3");
  auto long_x = sp::host_array<long double>(sp::shape(2, 3)), long_y = sp::host_array<long double>(sp::shape(2, 3));
  CHECK(thrown<error>([&] { sp::gemm(1.0, long_x, sp::op::none, long_y, sp::op::none, 0.0, long_x); }) ==
        "gemm: (2 x 3) * (2 x 3) is to be stored in (2 x 3), expected matching inner and outer sizes");
  auto const cube = sp::filled(x, sp::shape(std::vector<int>{2, 3, 1}));
  CHECK(thrown<error>([&] { sp::normalize_rows(0, cube, x); }) == "strided: rank is 3, expected 2");
}

TEST_CASE("host: integers are copied, counted and compared, and not averageable", "[host]") {
  sp::host_array<std::int64_t> x(sp::shape(2, 2), 1'000'000'007), y(sp::shape(2, 2));
  sp::copy(x, y);
  CHECK(y.values == x.values);
  CHECK_FALSE(sp::host_operations<std::int64_t>::averageable(sp::tensor_traits<sp::host_array<std::int64_t>>::view(x)));
  CHECK(ops::averageable(sp::matrix_view<float>()));
}

// Element types without an engine: the reference products, and no Eigen in this translation unit.
namespace own {
struct number {  // a scalar of the user's own, with just what arithmetic needs
  double v = 0;
  number() = default;
  explicit number(double x) : v(x) {}
  explicit operator double() const { return v; }
  friend number operator+(number a, number b) { return number(a.v + b.v); }
  friend number operator-(number a, number b) { return number(a.v - b.v); }
  friend number operator*(number a, number b) { return number(a.v * b.v); }
  number& operator+=(number b) { return v += b.v, *this; }
  number& operator*=(number b) { return v *= b.v, *this; }
  friend bool operator==(number, number) = default;
};
}  // namespace own

TEMPLATE_TEST_CASE("host: reference path without Eigen", "[host]", long double, own::number) {
  using S = TestType;
  static_assert(sp::matrix<sp::host_array<S>>);
  dense const a = eighths(5, 3, 1), b = eighths(3, 4, 2), c = eighths(5, 4, 3);
  auto const x = host_values<S>(a), y = host_values<S>(b), xt = host_values<S>(a.transposed()),
             yt = host_values<S>(b.transposed());
  for (auto p : {sp::op::none, sp::op::transpose})
    for (auto q : {sp::op::none, sp::op::transpose}) {
      auto z = host_values<S>(c);
      sp::gemm(0.5, p == sp::op::none ? x : xt, p, q == sp::op::none ? y : yt, q, 2.0, z);
      expect_equal("gemm", read(z), product(0.5, a, sp::op::none, b, sp::op::none, 2, c));
      z = host_values<S>(dense(5, 4, NAN));
      sp::gemm(1.0, p == sp::op::none ? x : xt, p, q == sp::op::none ? y : yt, q, 0.0, z);
      expect_equal("gemm, b = 0", read(z), product(1, a, sp::op::none, b, sp::op::none));
    }
  auto g = host_values<S>(dense(3, 3, NAN));
  sp::gemm_symmetric(1.0, x, sp::op::transpose, x, sp::op::none, 0.0, g);
  expect_equal("gemm_symmetric", read(g), product(1, a, sp::op::transpose, a, sp::op::none));
  auto h = host_values<S>(a);
  sp::axpby(2.0, x, -1.0, h);
  expect_equal("axpby", read(h), a);
  CHECK(sp::dot(x, x) == inner(a, a));
  auto n = host_values<S>(dense(5, 3, NAN));
  sp::normalize_rows(1e-12, x, n);
  expect_near("normalize_rows", read(n), normalized(a, 1e-12), 1e-14);
}

TEST_CASE("host: long double keeps its digits through products", "[host]") {
  if (std::numeric_limits<long double>::digits <= std::numeric_limits<double>::digits) return;
  sp::host_array<long double> x(sp::shape(1, 2), 1), y(sp::shape(2, 1), 1), z(sp::shape(1, 1));
  y.values[1] = 0x1p-60L;
  sp::gemm(1.0, x, sp::op::none, y, sp::op::none, 0.0, z);
  CHECK(z.values[0] == 1 + 0x1p-60L);
}
