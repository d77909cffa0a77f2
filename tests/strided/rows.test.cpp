// SPDX-License-Identifier: MIT
// Row normalisation and its adjoint, in both orders and across the edges of the row blocks.
#include <selfpred/strided/operations.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;

namespace {

enum class layout { rows, columns, gaps };

// A matrix of one layout with memory of its own.
template <class S>
struct laid_out {
  std::vector<S> memory;
  sp::matrix_view<S> view;
  laid_out(dense const& d, layout how) : memory(static_cast<std::size_t>(d.rows * d.cols * 6), S(-5)) {
    S* const p = memory.data();
    view = how == layout::rows      ? sp::view_row_major(p, d.rows, d.cols)
           : how == layout::columns ? sp::view_column_major(p, d.rows, d.cols)
                                    : sp::view_matrix(p, d.rows, d.cols, 3 * d.cols, 3);
    sp::copy_in(d.v, view);
  }
};

// Rows of every kind: ordinary, tiny (below the floor), zero, and large.
dense mixed(sp::index rows, sp::index cols) {
  dense x = uniform(rows, cols, 11);
  for (sp::index i = 0; i < rows; ++i)
    for (sp::index j = 0; j < cols; ++j) x(i, j) *= i % 4 == 1 ? 0x1p-22 : i % 4 == 2 ? 0 : i % 4 == 3 ? 0x1p30 : 1;
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("normalize_rows: all layouts, rows above and below the floor, zero rows", "[host][rows]", float,
                   double) {
  double const epsilon = 1e-10;
  for (sp::index rows : {1, 5, 63, 64, 65, 130})
    for (auto from : {layout::rows, layout::columns, layout::gaps})
      for (auto to : {layout::rows, layout::columns, layout::gaps}) {
        dense const a = mixed(rows, 7);
        laid_out<TestType> const x(a, from);
        laid_out<TestType> y(dense(rows, 7, NAN), to);
        sp::normalize_rows(epsilon, x.view, y.view);
        expect_near("normalize_rows", read(y.view), normalized(a, epsilon), sizeof(TestType) == 4 ? 1e-7 : 1e-15);
      }
}

TEST_CASE("normalize_rows: in place, one column, no columns", "[host][rows]") {
  dense const a = mixed(66, 5);
  for (auto how : {layout::rows, layout::columns}) {
    laid_out<double> x(a, how);
    sp::normalize_rows(1e-10, x.view, x.view);
    expect_near("in place", read(x.view), normalized(a, 1e-10), 1e-15);
  }
  laid_out<double> x(dense(3, 1, -4), layout::columns);
  sp::normalize_rows(1e-12, x.view, x.view);
  expect_equal("signs", read(x.view), dense(3, 1, -1));
  sp::matrix_view<double> none = sp::view_row_major(x.view.data, 3, 0);
  sp::normalize_rows(1e-12, none, none);
  sp::normalize_rows_adjoint(1e-12, none, none);
}

TEST_CASE("normalize_rows: rows whose squares overflow or vanish in float", "[host][rows]") {
  dense a(2, 2, 0);
  a(0, 0) = 3 * 0x1p80, a(0, 1) = 4 * 0x1p80, a(1, 0) = 3 * 0x1p-80, a(1, 1) = 4 * 0x1p-80;
  laid_out<float> const x(a, layout::rows);
  laid_out<float> y(a, layout::rows);
  sp::normalize_rows(0, x.view, y.view);
  CHECK(y.view(0, 0) == 0.6f);
  CHECK(y.view(1, 1) == 0.8f);
}

TEST_CASE("normalize_rows_adjoint: central differences, above and below the floor", "[host][rows]") {
  // <g, N(x + h d) - N(x - h d)> / 2h = <adjoint(x) g, d> for every unit vector d
  double const h = 1e-6;
  for (double scale : {1.0, 1e-3})  // with epsilon 1e-2: all rows above, all rows below the floor
    for (auto how : {layout::rows, layout::columns, layout::gaps}) {
      dense a = uniform(3, 4, 12);
      dense const g = uniform(3, 4, 13);
      for (double& e : a.v) e *= scale;
      laid_out<double> const x(a, how);
      laid_out<double> adjoint(g, how);
      sp::normalize_rows_adjoint(1e-2, x.view, adjoint.view);
      for (std::size_t k = 0; k < a.v.size(); ++k) {
        dense up = a, down = a;
        up.v[k] += h, down.v[k] -= h;
        double const slope = (inner(g, normalized(up, 1e-2)) - inner(g, normalized(down, 1e-2))) / (2 * h);
        CHECK_THAT(read(adjoint.view).v[k], WithinAbs(slope, 1e-8));
      }
    }
}

TEMPLATE_TEST_CASE("normalize_rows_adjoint: layouts agree, zero rows pass the floored gradient", "[host][rows]", float,
                   double) {
  dense const a = mixed(130, 7), g = uniform(130, 7, 14);
  laid_out<TestType> const x(a, layout::rows);
  laid_out<TestType> by_rows(g, layout::rows);
  sp::normalize_rows_adjoint(1e-10, x.view, by_rows.view);
  dense const expected = read(by_rows.view);
  for (auto from : {layout::rows, layout::columns, layout::gaps})
    for (auto to : {layout::columns, layout::gaps}) {
      laid_out<TestType> const other(a, from);
      laid_out<TestType> y(g, to);
      sp::normalize_rows_adjoint(1e-10, other.view, y.view);
      // the largest values are g / sqrt(epsilon) = 1e5
      expect_near("layouts", read(y.view), expected, sizeof(TestType) == 4 ? 0.02 : 1e-9);
    }
  for (sp::index j = 0; j < 7; ++j) CHECK_THAT(expected(2, j), WithinAbs(g(2, j) * 1e5, 0.01));
  // what is left has no part along x
  for (sp::index i : {0, 4, 128}) {
    double along = 0;
    for (sp::index j = 0; j < 7; ++j) along += expected(i, j) * a(i, j);
    CHECK_THAT(along, WithinAbs(0, 1e-5));
  }
}
