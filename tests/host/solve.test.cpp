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

TEMPLATE_TEST_CASE("spd_solve, spd_inverse: a pivot above 1, where a padded panel has ones", "[host][solve]", float,
                   double) {
  for (sp::index n : {1L, 17L, 70L}) {
    dense const a = combination(100, positive_definite(n, 13), 0, dense(n, n));
    laid_out<TestType> x(a, layout::columns), y(dense(n, n), layout::columns), again(a, layout::columns);
    CAPTURE(n);
    CHECK(sp::spd_inverse(x.view, y.view) > 25);
    CHECK(sp::spd_solve(again.view, y.view) > 25);
  }
}

TEMPLATE_TEST_CASE("spd_solve, spd_inverse: failure is 0", "[host][solve]", float, double) {
  for (auto how : layouts)
    for (sp::index n : {2L, 9L, size(130)}) {
      auto const fails = [&](dense const& a) {
        laid_out<TestType> x(a, how), y(dense(n, 2, 1), how);
        laid_out<TestType> again(a, how), z(dense(n, n, 1), how);
        double const inverse = sp::spd_inverse(again.view, z.view);
        return sp::spd_solve(x.view, y.view) == 0 && inverse == 0;
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

TEST_CASE("spd_solve, spd_inverse: empty, and shapes that do not fit", "[host][solve]") {
  laid_out<float> none(dense(0, 0), layout::rows), right(dense(0, 3), layout::rows);
  CHECK(sp::spd_solve(none.view, right.view) == std::numeric_limits<double>::infinity());
  laid_out<float> x(positive_definite(3, 5), layout::rows), no_columns(dense(3, 0), layout::rows);
  CHECK(sp::spd_solve(x.view, no_columns.view) > 0);
  laid_out<float> wide(dense(2, 3), layout::rows), two(dense(2, 1), layout::rows), square(dense(3, 3), layout::rows);
  CHECK(thrown<sp::shape_error>([&] { sp::spd_solve(wide.view, two.view); }) ==
        "spd_solve: x is 2 x 3, expected 2 x 2");
  CHECK(thrown<sp::shape_error>([&] { sp::spd_solve(square.view, two.view); }) ==
        "spd_solve: x is 3 x 3, expected 2 x 2");
  CHECK(sp::spd_inverse(none.view, none.view) == std::numeric_limits<double>::infinity());
  CHECK(thrown<sp::shape_error>([&] { sp::spd_inverse(wide.view, wide.view); }) ==
        "spd_inverse: x is 2 x 3, expected 2 x 2");
  CHECK(thrown<sp::shape_error>([&] { sp::spd_inverse(square.view, two.view); }) ==
        "spd_inverse: y is 2 x 1, expected 3 x 3");
}

TEST_CASE("spd_solve, spd_inverse: allocate nothing once its buffers have grown", "[host][solve]") {
  for (auto how : layouts) {
    dense const a = positive_definite(size(256), 6), b = uniform(size(256), size(256), 7);
    laid_out<float> x(a, how), y(b, how);
    laid_out<float> again(a, how), inverse(b, how);
    sp::spd_solve(x.view, y.view), sp::spd_inverse(again.view, inverse.view);
    sp::copy_in(a.v, x.view), sp::copy_in(b.v, y.view), sp::copy_in(a.v, again.view);
    allocation_counter scope;
    sp::spd_solve(x.view, y.view), sp::spd_inverse(again.view, inverse.view);
    long const n = scope.count();
    CAPTURE(int(how));
    CHECK(n == 0);
  }
}

namespace {

// Eigenvalues 1, ..., 1 / condition in geometric order, in the basis of two reflections.
dense conditioned(sp::index n, double condition, std::uint64_t seed) {
  dense a(n, n);
  for (sp::index i = 0; i < n; ++i)
    a(i, i) = std::pow(condition, n == 1 ? 0.0 : -static_cast<double>(i) / static_cast<double>(n - 1));
  for (std::uint64_t k = 0; k < 2; ++k) {
    dense const v = uniform(n, 1, seed + k);
    dense h = product(-2 / inner(v, v), v, op::none, v, op::transpose);
    for (sp::index i = 0; i < n; ++i) h(i, i) += 1;
    a = product(1, product(1, h, op::none, a, op::none), op::none, h, op::none);
  }
  return combination(0.5, a, 0.5, a.transposed());
}

// x^-1 by Gauss without exchanges in long double, and the smallest pivot.
double invert(dense const& x, dense& inverse) {
  auto const n = static_cast<std::size_t>(x.rows);
  std::vector<long double> a(x.v.begin(), x.v.end()), b(n * n);
  for (std::size_t i = 0; i < n; ++i) b[i * n + i] = 1;
  long double least = INFINITY;
  for (std::size_t k = 0; k < n; ++k) {
    long double const pivot = a[k * n + k];
    least = std::min(least, pivot);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      long double const f = a[i * n + k] / pivot;
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
      for (std::size_t j = 0; j <= k; ++j) b[i * n + j] -= f * b[k * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) b[i * n + j] /= a[i * n + i];
  std::copy(b.begin(), b.end(), inverse.v.begin());
  return static_cast<double>(least);
}

double relative_error(dense const& got, dense const& expected) {
  dense const d = combination(1, got, -1, expected);
  return std::sqrt(inner(d, d) / inner(expected, expected));
}

template <class S>
double const unit = std::numeric_limits<S>::epsilon() / 2;

}  // namespace

TEMPLATE_TEST_CASE("spd_inverse: every size around the blocks, to a few units of round-off", "[host][solve]", float,
                   double) {
  for (sp::index n : {1L,  2L,  3L,  7L,  8L,        9L,        15L,       16L,       17L,       31L,      32L,
                      33L, 63L, 64L, 65L, size(100), size(127), size(128), size(129), size(200), size(257)}) {
    dense const a = positive_definite(n, 8);
    laid_out<TestType> x(a, layout::columns), y(dense(n, n, NAN), layout::columns);
    dense const stored = read(x.view);
    dense expected(n, n);
    double const least = invert(stored, expected), pivot = sp::spd_inverse(x.view, y.view);
    dense const got = read(y.view);
    CAPTURE(n);
    CHECK(relative_error(got, expected) <= 20 * unit<TestType>);  // condition 4; seen 3
    CHECK_THAT(pivot, WithinRel(least, 40 * unit<TestType>));
    CHECK(got == got.transposed());
  }
}

TEMPLATE_TEST_CASE("spd_inverse: the error is that of the condition, not of its square", "[host][solve]", float,
                   double) {
  for (sp::index n : {16L, 65L, size(130), size(256)})
    for (double condition : {1e2, 1e4, 1e6}) {
      if (condition * unit<TestType> > 0.01) continue;  // no digit is left to check, nor need a pivot be positive
      laid_out<TestType> x(conditioned(n, condition, 9), layout::columns), y(dense(n, n), layout::rows);
      dense const stored = read(x.view), b = uniform(n, 3, 10);
      laid_out<TestType> again(stored, layout::rows), right(b, layout::rows);
      dense expected(n, n);
      invert(stored, expected);
      CAPTURE(n, condition);
      REQUIRE(sp::spd_inverse(x.view, y.view) > 0);
      CHECK(relative_error(read(y.view), expected) <= 2 * condition * unit<TestType>);
      REQUIRE(sp::spd_solve(again.view, right.view) > 0);
      CHECK(relative_error(read(right.view), product(1, expected, op::none, b, op::none)) <=
            2 * condition * unit<TestType>);
    }
}

TEMPLATE_TEST_CASE("spd_solve: sizes around the blocks, right-hand sides around the panels", "[host][solve]", float,
                   double) {
  for (sp::index n : {1L, 3L, 15L, 17L, 33L, 64L, 65L, size(129)})
    for (sp::index m : {1L, 15L, 16L, 17L, 48L, 65L}) {
      dense const a = positive_definite(n, 11), b = uniform(n, m, 12);
      laid_out<TestType> x(a, layout::columns), y(b, m % 2 ? layout::columns : layout::rows);
      dense expected(n, n);
      invert(read(x.view), expected);
      sp::spd_solve(x.view, y.view);
      CAPTURE(n, m);
      CHECK(relative_error(read(y.view), product(1, expected, op::none, b, op::none)) <= 20 * unit<TestType>);
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
