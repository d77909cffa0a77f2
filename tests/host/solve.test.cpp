// SPDX-License-Identifier: MIT
#include <limits>
#include <selfpred/host/solve.hpp>

#include "support/allocations.hpp"
#include "support/dense.hpp"
#include "support/sizes.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using Catch::Matchers::WithinRel;
using sp::op;

namespace {
enum class layout { rows, columns, gaps, columns_reversed };

template <class S>
struct laid_out {
  std::vector<S> memory;
  sp::matrix_view<S> view;
  laid_out(dense const& d, layout how) : memory(static_cast<std::size_t>(6 * d.rows * d.cols + 1), S(-5)) {
    S* const p = memory.data();
    view = how == layout::rows      ? sp::view_row_major(p, d.rows, d.cols)
           : how == layout::columns ? sp::view_column_major(p, d.rows, d.cols)
           : how == layout::gaps    ? sp::view_matrix(p, d.rows, d.cols, 2, 3 * d.rows)
                                    : sp::view_matrix(p + d.rows * (d.cols - 1), d.rows, d.cols, 1, -d.rows);
    sp::copy_in(d.v, view);
  }
};
constexpr layout layouts[] = {layout::rows, layout::columns, layout::gaps, layout::columns_reversed};
}  // namespace

TEMPLATE_TEST_CASE("spd_solve: solves in every layout", "[host][solve]", float, double) {
  double const tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
  for (sp::index n : {1L, 2L, 9L, size(130)})
    for (auto lx : layouts)
      for (auto ly : layouts)
        for (sp::index right : {1, 5}) {
          dense const a = positive_definite(n, 1), b = uniform(n, right, 2);
          laid_out<TestType> x(a, lx), y(b, ly);
          double const pivot = sp::spd_solve(x.view, y.view);
          CAPTURE(n, right, int(lx), int(ly));
          CHECK(pivot > 0.25);  // all eigenvalues are at least 0.5
          expect_near("a y = b", product(1, a, op::none, read(y.view), op::none), b, tolerance);
        }
}

TEST_CASE("spd_solve: the pivot is the smallest of the factorisation", "[host][solve]") {
  dense a(2, 2);
  a(0, 0) = 4, a(0, 1) = a(1, 0) = 2, a(1, 1) = 1.25;  // pivots 4 and 1.25 - 2 * 2 / 4
  laid_out<double> x(a, layout::rows), y(dense(2, 1, 1), layout::columns);
  CHECK_THAT(sp::spd_solve(x.view, y.view), WithinRel(0.25, 1e-15));
}

TEMPLATE_TEST_CASE("spd_solve: failure is 0", "[host][solve]", float, double) {
  for (auto how : layouts)
    for (sp::index n : {2L, 9L, size(130)}) {
      auto const fails = [&](dense const& a) {
        laid_out<TestType> x(a, how), y(dense(n, 2, 1), how);
        return sp::spd_solve(x.view, y.view) == 0;
      };
      CAPTURE(n, int(how));
      CHECK(fails(dense(n, n)));  // zero
      dense indefinite = positive_definite(n, 3);
      indefinite(n - 1, n - 1) = -1;
      CHECK(fails(indefinite));
      for (double poison : {double(NAN), double(INFINITY)})
        for (sp::index at : {sp::index(0), n / 2, n - 1}) {
          dense bad = positive_definite(n, 4);
          bad(at, at) = poison;
          CHECK(fails(bad));
          bad = positive_definite(n, 4);
          bad(n - 1, 0) = bad(0, n - 1) = poison;
          CHECK(fails(bad));
        }
    }
}

TEST_CASE("spd_solve: empty, and shapes that do not fit", "[host][solve]") {
  laid_out<float> none(dense(0, 0), layout::rows), right(dense(0, 3), layout::rows);
  CHECK(sp::spd_solve(none.view, right.view) == std::numeric_limits<double>::infinity());
  laid_out<float> x(positive_definite(3, 5), layout::rows), no_columns(dense(3, 0), layout::rows);
  CHECK(sp::spd_solve(x.view, no_columns.view) > 0);
  laid_out<float> wide(dense(2, 3), layout::rows), two(dense(2, 1), layout::rows), square(dense(3, 3), layout::rows);
  CHECK(thrown<sp::shape_error>([&] { sp::spd_solve(wide.view, two.view); }) ==
        "spd_solve: x is 2 x 3, expected 2 x 2");
  CHECK(thrown<sp::shape_error>([&] { sp::spd_solve(square.view, two.view); }) ==
        "spd_solve: x is 3 x 3, expected 2 x 2");
}

TEST_CASE("spd_solve: allocates nothing once its buffers have grown", "[host][solve]") {
  for (auto how : layouts) {
    dense const a = positive_definite(size(256), 6), b = uniform(size(256), size(256), 7);
    laid_out<float> x(a, how), y(b, how);
    sp::spd_solve(x.view, y.view);
    sp::copy_in(a.v, x.view), sp::copy_in(b.v, y.view);
    allocation_counter scope;
    sp::spd_solve(x.view, y.view);
    long const n = scope.count();
    CAPTURE(int(how));
    CHECK(n == 0);
  }
}

TEMPLATE_TEST_CASE("spd_inverse: inverts in every layout, and the pivot is spd_solve's", "[host][solve]", float,
                   double) {
  double const tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
  for (sp::index n : {1L, 2L, 9L, size(130)})
    for (auto lx : layouts)
      for (auto ly : layouts) {
        dense const a = positive_definite(n, 1);
        laid_out<TestType> x(a, lx), y(dense(n, n, NAN), ly), again(a, lx), right(dense(n, 1, 1), ly);
        double const pivot = sp::spd_inverse(x.view, y.view);
        dense one(n, n);
        for (sp::index i = 0; i < n; ++i) one(i, i) = 1;
        CAPTURE(n, int(lx), int(ly));
        CHECK_THAT(pivot, WithinRel(sp::spd_solve(again.view, right.view), sizeof(TestType) == 4 ? 1e-4 : 1e-12));
        expect_near("a y = 1", product(1, a, op::none, read(y.view), op::none), one, tolerance);
      }
}
