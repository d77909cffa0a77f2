// SPDX-License-Identifier: MIT
#include <Eigen/QR>
#include <selfpred/linalg/norms.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::workspace;

namespace {

/// A matrix with the given singular values, in general position.
matrix_d with_singular_values(Eigen::VectorXd const& s, Index rows, std::uint64_t seed) {
  Index const n = s.size();
  matrix_d const u = Eigen::HouseholderQR<matrix_d>(latents(rows, rows, seed)).householderQ();
  matrix_d const v = Eigen::HouseholderQR<matrix_d>(latents(n, n, seed + 1)).householderQ();
  return u.leftCols(n) * s.asDiagonal() * v.transpose();
}

double spectral(matrix_d const& x) {
  workspace<matrix_d> work;
  return selfpred::linalg::spectral_norm(x, work);
}

}  // namespace

TEMPLATE_TEST_CASE("frobenius_norm is Eigen's, for every form and scale", "[norms]", owned<by_columns<float>>,
                   owned<by_rows<double>>, mapped<float>, blocked<double>, in_array<float>, with_gaps<double>) {
  matrix_d const x = latents(37, 11, 1);
  TestType const form(x);
  // The sum is in double whatever the elements are, and the elements are exact: rounding of 407 additions at most.
  CHECK_THAT(selfpred::linalg::frobenius_norm(form.get()), WithinRel(x.norm(), 1e-14));
  for (int const k : {100, -100}) {  // squares leave the range of float
    double const c = std::exp2(k);
    TestType const scaled(c * x);
    CHECK(selfpred::linalg::frobenius_norm(scaled.get()) == c * selfpred::linalg::frobenius_norm(form.get()));
  }
  TestType const zero(matrix_d::Zero(3, 2));
  CHECK(selfpred::linalg::frobenius_norm(zero.get()) == 0);
}

TEST_CASE("spectral_norm finds the largest singular value", "[norms]") {
  Eigen::VectorXd s(6);
  s << 3, 1.5, 1, 0.5, 0.25, 0;
  // (1.5 / 3)^160 is nothing: what is left is the rounding of 40 steps, and only that of the last one counts.
  CHECK_THAT(spectral(with_singular_values(s, 6, 3)), WithinRel(3, 1e-14));
  CHECK_THAT(spectral(with_singular_values(s, 9, 5)), WithinRel(3, 1e-14));              // tall
  CHECK_THAT(spectral(with_singular_values(s, 9, 7).transpose()), WithinRel(3, 1e-14));  // wide
  CHECK_THAT(spectral(-2.5 * matrix_d::Identity(5, 5)), WithinRel(2.5, 1e-14));
  CHECK(spectral(matrix_d::Constant(1, 1, -4)) == 4);
  CHECK(spectral(matrix_d::Zero(4, 4)) == 0);
}

TEST_CASE("spectral_norm is from below, and close where the leading values nearly meet", "[norms]") {
  for (double const ratio : {0.9, 0.97, 0.99, 0.999, 0.9999}) {
    Eigen::VectorXd s(8);
    s << 1, ratio, 0.5, 0.4, 0.3, 0.2, 0.1, 0;
    double const got = spectral(with_singular_values(s, 8, 11));
    // With a start of overlaps c1, c2 the loss is (1 - ratio^2) (c2 / c1)^2 ratio^(4 k - 2) / 2; over ratio at most
    // (c2 / c1)^2 / (4 k e) = 2.3e-3 (c2 / c1)^2. This start and this matrix have (c2 / c1)^2 < 2.
    INFO("ratio " << ratio);
    CHECK(got <= 1 + 1e-14);
    CHECK(got >= 1 - 5e-3);
  }
}

TEST_CASE("No coordinate and no simple pattern is orthogonal to spectral_norm's start", "[norms]") {
  Index const n = 16;
  for (Index i = 0; i < n; ++i) {
    matrix_d e = matrix_d::Zero(n, n);
    e(i, i) = 2;
    CHECK_THAT(spectral(e), WithinRel(2, 1e-14));
    for (Index j = 0; j < i; ++j) {  // the leading vector is (1, -1) on two coordinates, then (1, 1)
      for (double const sign : {-1.0, 1.0}) {
        Eigen::VectorXd v = Eigen::VectorXd::Zero(n);
        v(i) = 1, v(j) = sign;
        CHECK_THAT(spectral(v * v.transpose()), WithinRel(2, 1e-13));
      }
    }
  }
}

TEST_CASE("spectral_norm of floats: any order, any scale, and no memory of the last matrix", "[norms]") {
  Eigen::VectorXd s(4);
  s << 2, 1, 0.5, 0.1;
  matrix_d const x = with_singular_values(s, 4, 13);
  by_rows<float> const r = x.cast<float>();
  by_columns<float> const c = x.cast<float>();
  workspace<by_rows<float>> rows;
  workspace<by_columns<float>> columns;
  double const n = selfpred::linalg::spectral_norm(r, rows);
  CHECK_THAT(n, WithinRel(2, 8 * eps<float>));  // the last product, of 4 terms, rounds to float
  CHECK_THAT(selfpred::linalg::spectral_norm(c, columns), WithinRel(2, 8 * eps<float>));
  by_rows<float> const huge = std::exp2(100.f) * r, tiny = std::exp2(-100.f) * r;
  CHECK(selfpred::linalg::spectral_norm(huge, rows) == std::exp2(100) * n);
  CHECK(selfpred::linalg::spectral_norm(tiny, rows) == std::exp2(-100) * n);
  CHECK(selfpred::linalg::spectral_norm(r, rows) == n);
}
