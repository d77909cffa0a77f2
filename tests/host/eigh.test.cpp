// SPDX-License-Identifier: MIT
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/testing/conformance.hpp>

#include "support/dense.hpp"

namespace sp = selfpred;
using namespace selfpred_tests;
using sp::op;

namespace {
// An orthogonal matrix that is exact but for its scale: I - 2 v v^T / |v|^2
dense reflection(sp::index n) {
  dense const v = eighths(n, 1, 1);
  dense q = product(-2 / inner(v, v), v, op::none, v, op::transpose);
  for (sp::index i = 0; i < n; ++i) q(i, i) += 1;
  return q;
}
dense with_eigenvalues(std::vector<double> const& w) {
  auto const n = static_cast<sp::index>(w.size());
  dense const q = reflection(n);
  dense d(n, n);
  for (sp::index i = 0; i < n; ++i) d(i, i) = w[static_cast<std::size_t>(i)];
  return product(1, product(1, q, op::none, d, op::none), op::none, q, op::transpose);
}
}  // namespace

TEMPLATE_TEST_CASE("eigenvalues: ascending", "[host][eigh]", float, double) {
  std::vector<double> const w{5, -2, 0.25, 1};
  std::vector<double> got(4), expected{-2, 0.25, 1, 5};
  sp::eigenvalues(host_values<TestType>(with_eigenvalues(w)), got);
  double const tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  for (std::size_t i = 0; i < 4; ++i) CHECK_THAT(got[i], Catch::Matchers::WithinAbs(expected[i], tolerance));
}

TEMPLATE_TEST_CASE("eigh_power: roots and inverses, negative eigenvalues as 0, either order", "[host][eigh]", float,
                   double) {
  double const tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  std::vector<double> const w{4, 9, 0.25, 1, 2};
  dense const a = with_eigenvalues(w);
  auto const x = host_values<TestType>(a);
  for (double power : {0.5, -0.5, 1.0, 2.0}) {
    std::vector<double> v = w;
    for (double& e : v) e = std::pow(e, power);
    auto y = host_values<TestType>(dense(5, 5, NAN));
    sp::eigh_power(x, power, y);
    expect_near("eigh_power", read(y), with_eigenvalues(v), tolerance * 16);
    std::vector<TestType> columns(50, NAN);
    auto gaps = sp::view_matrix(columns.data(), 5, 5, 1, 10);
    sp::eigh_power(x, power, gaps);
    expect_equal("columns", read(gaps), read(y));
  }
  auto y = host_values<TestType>(dense(5, 5, NAN));
  sp::eigh_power(host_values<TestType>(with_eigenvalues({4, -9, 0.25, -1, 0})), 0.5, y);
  expect_near("negative", read(y), with_eigenvalues({2, 0, 0.5, 0, 0}), sizeof(TestType) == 4 ? 5e-3 : 1e-7);
}

TEMPLATE_TEST_CASE("eigh_power returns the largest eigenvalue, and 0 where none is positive", "[host][eigh]", float,
                   double) {
  double const tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  auto y = host_values<TestType>(dense(4, 4));
  CHECK_THAT(sp::eigh_power(host_values<TestType>(with_eigenvalues({-7, 0.25, 3, 1})), 0.5, y),
             Catch::Matchers::WithinAbs(3, tolerance));
  CHECK(sp::eigh_power(host_values<TestType>(with_eigenvalues({-7, -1, -2, -3})), 0.5, y) == 0);
  expect_equal("no positive part", read(y), dense(4, 4));
  CHECK(sp::eigh_power(host_values<TestType>(dense(4, 4)), 0.5, y) == 0);
}

// By the definition, so that neither signs nor the basis of a multiple eigenvalue matter.
TEMPLATE_TEST_CASE("eigenvectors: orthonormal columns in the order of the eigenvalues", "[host][eigh]", float, double) {
  double const tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  for (std::vector<double> const& w : {std::vector<double>{5, -2, 0.25, 1}, {1, 1, 1, 4}, {0, 0, 0, 0}, {3}}) {
    auto const n = static_cast<sp::index>(w.size());
    dense const a = n == 1 ? dense(1, 1, w[0]) : with_eigenvalues(w);
    std::vector<double> got(w.size()), expected = w;
    std::sort(expected.begin(), expected.end());
    auto v = host_values<TestType>(dense(n, n, NAN));
    sp::eigenvectors(host_values<TestType>(a), got, v);
    dense values(n, n);
    for (std::size_t i = 0; i < w.size(); ++i) {
      CHECK_THAT(got[i], Catch::Matchers::WithinAbs(expected[i], tolerance));
      values(static_cast<sp::index>(i), static_cast<sp::index>(i)) = got[i];
    }
    dense identity(n, n);
    for (sp::index i = 0; i < n; ++i) identity(i, i) = 1;
    expect_near("V^T V", product(1, read(v), op::transpose, read(v), op::none), identity, tolerance);
    expect_near("A V = V W", product(1, a, op::none, read(v), op::none),
                product(1, read(v), op::none, values, op::none), 4 * tolerance);
  }
}

TEST_CASE("eigh: in place, empty, errors", "[host][eigh]") {
  auto x = host_values<double>(with_eigenvalues({4, 9}));
  sp::eigh_power(x, 0.5, x);
  expect_near("in place", read(x), with_eigenvalues({2, 3}), 1e-13);
  std::vector<double> two(2), three(3);
  CHECK(thrown<sp::shape_error>([&] { sp::eigenvalues(x, three); }) == "eigenvalues: the span is 3 values, expected 2");
  auto wide = host_values<double>(dense(2, 3));
  CHECK(thrown<sp::shape_error>([&] { sp::eigh_power(wide, 0.5, wide); }) ==
        "eigh_power: x is 2 x 3, expected a square matrix");
  CHECK_THROWS_AS(sp::eigenvalues(wide, two), sp::shape_error);
  auto const bad = host_values<double>(dense(2, 2, NAN));
  CHECK_THROWS_AS(sp::eigenvalues(bad, two), sp::non_finite_error);
  CHECK_THROWS_AS(sp::eigh_power(bad, 0.5, x), sp::non_finite_error);
  CHECK_THROWS_AS(sp::eigenvectors(bad, two, x), sp::non_finite_error);
  std::vector<double> one(1);
  CHECK_THROWS_AS(sp::eigenvalues(host_values<double>(dense(1, 1, NAN)), one), sp::non_finite_error);
  CHECK(thrown<sp::shape_error>([&] { sp::eigenvectors(x, three, x); }) ==
        "eigenvectors: the span is 3 values, expected 2");
  CHECK(thrown<sp::shape_error>([&] { sp::eigenvectors(x, two, wide); }) == "eigenvectors: y is 2 x 3, expected 2 x 2");
  auto none = host_values<double>(dense(0, 0));
  CHECK(sp::eigh_power(none, 0.5, none) == 0);
  sp::eigenvectors(none, {}, none);
  expect_near("in place", product(1, read(x), op::none, read(x), op::none), with_eigenvalues({4, 9}), 1e-13);
  auto const before = read(x);
  sp::eigenvectors(x, two, x);
  dense values(2, 2);
  values(0, 0) = two[0], values(1, 1) = two[1];
  expect_near("eigenvectors in place", product(1, before, op::none, read(x), op::none),
              product(1, read(x), op::none, values, op::none), 1e-13);
}

// Every law on each owner that host tensors have: the laws run on what filled makes. The verbs on Eigen's many forms are
// in adapters/eigen.test.cpp. Here, since the laws include eigenvalues, which take long to compile.
namespace {
template <class T>
void conforms(char const* what, T const& like) {
  auto const report = selfpred::testing::conformance(like);
  INFO(what << ": " << report.text());
  CHECK(report.passed());
  CHECK(report.capabilities.size() == 5);
}
}  // namespace

TEST_CASE("conformance: Eigen and host arrays", "[host][conformance]") {
  using S = float;
  using columns = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
  using rows = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  columns m = columns::Zero(6, 6);
  rows r = rows::Zero(6, 6);
  conforms("Matrix", m);
  conforms("row-major", r);
  conforms("Map const", Eigen::Map<rows const>(m.data(), 3, 3));
  conforms("host_array", sp::host_array<S>(sp::shape(2, 2)));
  conforms("view", sp::view_matrix(m.data(), 2, 2, 3, 2));
  conforms("double", Eigen::MatrixXd(2, 2));
}
