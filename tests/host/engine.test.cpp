// SPDX-License-Identifier: MIT
// Products against plain loops: every order, every op, sizes that no kernel divides, views that BLAS could not take.
#include <selfpred/host/engine.hpp>

#include "support/allocations.hpp"
#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using sp::op;

namespace {

enum class layout { rows, columns, gaps, rows_of_wider, reversed, columns_reversed };
constexpr layout layouts[] = {layout::rows,          layout::columns,  layout::gaps,
                              layout::rows_of_wider, layout::reversed, layout::columns_reversed};

template <class S>
struct laid_out {
  std::vector<S> memory;
  sp::matrix_view<S> view;
  laid_out(dense const& d, layout how) : memory(static_cast<std::size_t>(6 * d.rows * d.cols + 4 * d.rows + 1), S(-5)) {
    S* const p = memory.data();
    sp::index const r = d.rows, c = d.cols;
    switch (how) {
      case layout::rows:
        view = sp::view_row_major(p, r, c);
        break;
      case layout::columns:
        view = sp::view_column_major(p, r, c);
        break;
      case layout::gaps:
        view = sp::view_matrix(p, r, c, 2, 3 * r);
        break;  // neither stride is 1
      case layout::rows_of_wider:
        view = sp::view_matrix(p, r, c, c + 3, 1);
        break;
      case layout::reversed:
        view = sp::view_matrix(p + std::max<sp::index>(r * c - 1, 0), r, c, -c, -1);
        break;
      case layout::columns_reversed:  // unit stride down, backwards across: BLAS has no leading dimension for it
        view = sp::view_matrix(p + r * std::max<sp::index>(c - 1, 0), r, c, 1, -r);
        break;
    }
    sp::copy_in(d.v, view);
  }
};

// All results are exact in float: eighths, and at most 64 terms of 4.
template <class S>
void every_product(sp::index m, sp::index n, sp::index k, layout lx, layout ly, layout lz) {
  dense const a = eighths(m, k, 1), b = eighths(k, n, 2), c = eighths(m, n, 3);
  laid_out<S> const x(a, lx), xt(a.transposed(), lx), y(b, ly), yt(b.transposed(), ly);
  dense const once = product(1, a, op::none, b, op::none);
  for (op p : {op::none, op::transpose})
    for (op q : {op::none, op::transpose}) {
      auto const& u = p == op::none ? x.view : xt.view;
      auto const& v = q == op::none ? y.view : yt.view;
      auto const named = [&](char const* what) {
        return std::string(what) + " " + std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k) +
               " layouts " + std::to_string(int(lx)) + std::to_string(int(ly)) + std::to_string(int(lz)) + " ops " +
               std::to_string(int(p)) + std::to_string(int(q));
      };
      laid_out<S> z(dense(m, n, NAN), lz);
      sp::gemm(1.0, u, p, v, q, 0.0, z.view);
      dense const got = read(z.view);
      if (got != once) expect_equal(named("b = 0"), got, once);
      sp::copy_in(c.v, z.view);
      sp::gemm(-0.5, u, p, v, q, 2.0, z.view);
      dense const both = read(z.view), expected = combination(-0.5, once, 2, c);
      if (both != expected) expect_equal(named("a, b"), both, expected);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("gemm: all ops in all layouts", "[host][gemm]", float, double) {
  for (auto lx : layouts)
    for (auto ly : layouts)
      for (auto lz : layouts) every_product<TestType>(5, 7, 4, lx, ly, lz);
  SUCCEED("every mismatch is a failed check of its own");
}

TEMPLATE_TEST_CASE("gemm: odd sizes, vectors, one element", "[host][gemm]", float, double) {
  for (auto how : layouts)
    for (sp::index m : {1, 2, 3, 8, 13, 33})
      for (sp::index n : {1, 3, 8, 17})
        for (sp::index k : {1, 3, 16, 31})
          every_product<TestType>(m, n, k, how, layout::rows, m % 2 ? layout::rows : layout::columns);
  SUCCEED();
}

TEMPLATE_TEST_CASE("gemm: nothing to multiply, nothing to write", "[host][gemm]", float, double) {
  for (auto how : {layout::rows, layout::columns, layout::gaps}) {
    every_product<TestType>(4, 3, 0, how, how, how);  // k = 0: z <- b z, and 0 for b = 0
    every_product<TestType>(0, 3, 2, how, how, how);
    every_product<TestType>(3, 0, 2, how, how, how);
    every_product<TestType>(0, 0, 0, how, how, how);
  }
  laid_out<TestType> z(dense(3, 3, NAN), layout::rows);
  laid_out<TestType> const none(dense(3, 0), layout::rows);
  sp::gemm_symmetric(1.0, none.view, op::none, none.view, op::transpose, 0.0, z.view);
  expect_equal("the Gram matrix of no columns", read(z.view), dense(3, 3, 0));
}

TEMPLATE_TEST_CASE("gemm: large enough for blocking", "[host][gemm]", float, double) {
  sp::index const m = size(211), n = size(150), k = size(317);
  dense const a = uniform(m, k, 4), b = uniform(k, n, 5), expected = product(1, a, op::none, b, op::none);
  for (auto how : {layout::rows, layout::columns, layout::gaps}) {
    laid_out<TestType> const x(a, how), y(b, layout::rows);
    laid_out<TestType> z(dense(m, n, NAN), how);
    sp::gemm(1.0, x.view, op::none, y.view, op::none, 0.0, z.view);
    expect_near("large", read(z.view), expected, sizeof(TestType) == 4 ? 2e-4 : 1e-12);
  }
}

TEST_CASE("gemm: views whose elements coincide are read as they are", "[host][gemm]") {
  // One row repeated, and a Hankel matrix: a unit stride that no leading dimension goes with.
  std::vector<double> v(40);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i % 7) - 2;
  laid_out<double> const right(eighths(5, 3, 6), layout::columns);
  for (auto const& [down, across] : {std::pair<sp::index, sp::index>{0, 1}, {1, 1}, {1, 0}, {1, 2}, {2, 1}, {0, 0}}) {
    auto const x = sp::view_matrix(static_cast<double const*>(v.data()), 9, 5, down, across);
    laid_out<double> z(dense(9, 3, NAN), layout::columns), zt(dense(3, 9, NAN), layout::rows);
    dense const expected = product(1, read(x), op::none, read(right.view), op::none);
    sp::gemm(1.0, x, op::none, right.view, op::none, 0.0, z.view);
    expect_equal("coinciding x", read(z.view), expected);
    sp::gemm(1.0, right.view, op::transpose, x, op::transpose, 0.0, zt.view);
    expect_equal("coinciding y", read(zt.view), expected.transposed());
  }
}

TEMPLATE_TEST_CASE("gemm_symmetric: both triangles, in every layout", "[host][gemm]", float, double) {
  for (sp::index f : {1L, 2L, 7L, 33L, 70L})
    for (auto lx : layouts)
      for (auto lz : layouts) {
        dense const a = eighths(20, f, 7), gram = product(1, a, op::transpose, a, op::none);
        laid_out<TestType> const x(a, lx);
        laid_out<TestType> z(dense(f, f, NAN), lz);
        sp::gemm_symmetric(1.0, x.view, op::transpose, x.view, op::none, 0.0, z.view);
        if (read(z.view) != gram) expect_equal("Gram", read(z.view), gram);
        sp::gemm_symmetric(0.5, x.view, op::transpose, x.view, op::none, 2.0, z.view);
        dense const more = combination(2.5, gram, 0, gram);
        if (read(z.view) != more) expect_equal("Gram + b z", read(z.view), more);
        // a row-major Gram matrix from the other side, x x^T
        dense const outer = product(1, a, op::none, a, op::transpose);
        laid_out<TestType> o(dense(20, 20, NAN), lz);
        sp::gemm_symmetric(1.0, x.view, op::none, x.view, op::transpose, 0.0, o.view);
        if (read(o.view) != outer) expect_equal("x x^T", read(o.view), outer);
      }
  SUCCEED();
}

TEST_CASE("gemm_symmetric: x^T y of different x and y, commuting factors, a plain square", "[host][gemm]") {
  dense const a = eighths(9, 9, 8), s = combination(0.5, a, 0.5, a.transposed()),
              s2 = product(1, s, op::none, s, op::none);
  for (auto how : layouts) {
    laid_out<double> const x(s, how), y(s2, layout::rows), same(s, layout::columns);
    laid_out<double> z(dense(9, 9, NAN), how);
    sp::gemm_symmetric(1.0, x.view, op::none, y.view, op::none, 0.0, z.view);
    expect_equal("s s^2", read(z.view), product(1, s, op::none, s2, op::none));
    sp::gemm_symmetric(1.0, x.view, op::none, x.view, op::none, 0.0, z.view);
    expect_equal("s s", read(z.view), s2);
    sp::gemm_symmetric(1.0, x.view, op::transpose, same.view, op::none, 0.0, z.view);
    expect_equal("s^T s, two objects", read(z.view), s2);
  }
  // the same memory under two shapes is no Gram matrix
  std::vector<double> v{1, 2, 3, 4};
  auto const rows = sp::view_row_major(static_cast<double const*>(v.data()), 2, 2);
  laid_out<double> z(dense(2, 2, NAN), layout::rows);
  sp::gemm(1.0, rows, op::none, rows, op::none, 0.0, z.view);
  expect_equal("x x", read(z.view), product(1, read(rows), op::none, read(rows), op::none));
}

TEST_CASE("gemm: products allocate nothing once the packing buffers have grown", "[host][gemm]") {
  for (long f : {8L, size(128), size(256)}) {
    laid_out<float> const x(uniform(2 * f, f, 9), layout::rows), y(uniform(2 * f, f, 10), layout::columns),
        g(uniform(f, f, 11), layout::gaps);
    laid_out<float> z(dense(f, f), layout::columns), gaps(dense(f, f), layout::gaps);
    auto const all = [&] {
      sp::gemm(1.0, x.view, op::transpose, y.view, op::none, 0.0, z.view);
      sp::gemm_symmetric(1.0, x.view, op::transpose, x.view, op::none, 1.0, z.view);
      sp::gemm(1.0, g.view, op::none, g.view, op::transpose, 0.0, gaps.view);
    };
    all();
    allocation_counter scope;
    all();
    long const n = scope.count();
    CAPTURE(f);
    CHECK(n == 0);
  }
}

TEST_CASE("gemm: errors", "[host][gemm]") {
  laid_out<float> const x(dense(2, 3), layout::rows), y(dense(4, 2), layout::rows);
  laid_out<float> z(dense(2, 2), layout::rows);
  CHECK(thrown<sp::shape_error>([&] { sp::gemm(1.0, x.view, op::none, y.view, op::none, 0.0, z.view); }) ==
        "gemm: (2 x 3) * (4 x 2) is to be stored in (2 x 2), expected matching inner and outer sizes");
  CHECK(thrown<sp::shape_error>([&] { sp::gemm(1.0, x.view, op::transpose, x.view, op::none, 0.0, z.view); }) ==
        "gemm: (3 x 2) * (2 x 3) is to be stored in (2 x 2), expected matching inner and outer sizes");
  laid_out<float> wide(dense(2, 4), layout::rows);
  laid_out<float> const right(dense(3, 4), layout::rows);
  CHECK(thrown<sp::shape_error>([&] {
          sp::gemm_symmetric(1.0, x.view, op::none, right.view, op::none, 0.0, wide.view);
        }) == "gemm_symmetric: the result is 2 x 4, expected a square matrix");
}
