// SPDX-License-Identifier: MIT
#include <selfpred/linalg/newton_schulz.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::workspace;

namespace {

struct pair {
  matrix_d a, b;
  double norm;
};

/// Proposition 6 as it is written: three products a step, none of them skipped.
pair literal(matrix_d const& s, int n) {
  Index const f = s.rows();
  pair p{s / s.norm(), matrix_d::Identity(f, f), s.norm()};
  for (int k = 0; k < n; ++k) {
    matrix_d const t = (3 * matrix_d::Identity(f, f) - p.b * p.a) / 2;
    p.a = p.a * t;
    p.b = t * p.b;
  }
  return p;
}
pair ours(matrix_d const& s, int n) {
  workspace<matrix_d> work;
  auto const r = selfpred::linalg::newton_schulz(s, n, work, true);
  return {r.a, r.b, r.norm};
}
matrix_d covariance(matrix_d const& z) { return z.transpose() * z / static_cast<double>(z.rows()); }

}  // namespace

TEST_CASE("Newton-Schulz is the literal recursion, without its trivial products", "[newton_schulz]") {
  matrix_d const well = covariance(latents(60, 12, 1)), deficient = covariance(latents(5, 12, 2));
  for (matrix_d const* const which : {&well, &deficient})
    for (int const n : {0, 1, 2, 3, 5, 9, 15}) {
      matrix_d const& s = *which;
      pair const l = literal(s, n), o = ours(s, n);
      INFO("n = " << n << (which == &well ? ", well conditioned" : ", rank-deficient"));
      CHECK_THAT(o.norm, WithinRel(l.norm, 1e-14));
      // A rounding error of one step grows like the slope of the steps that follow, 1.5^n; in B twice, once through
      // B A: 1.5^(2 n), against a B of 1.5^n. The factor 32 is for sums of 12 products.
      CHECK(distance(o.a, l.a) < 32 * eps<double> * std::pow(1.5, n));
      CHECK(distance(o.b, l.b) < 32 * eps<double> * std::pow(1.5, n));
      if (n > 0) CHECK((o.a - s / o.norm).cwiseAbs().maxCoeff() > 0.01);  // it does something
    }
}

TEST_CASE("Asking for B does not change A", "[newton_schulz]") {
  matrix_d const s = covariance(latents(30, 9, 3));
  for (int const n : {0, 1, 2, 9}) {
    workspace<matrix_d> work;
    matrix_d const a = selfpred::linalg::newton_schulz(s, n, work).a;
    CHECK(same_bits(a, ours(s, n).a));
    CHECK(same_bits(a, selfpred::linalg::newton_schulz(s, n, work).a));  // nor does a used workspace
  }
}

TEST_CASE("The iterates are symmetric, commute with S, and have each other as inverse on its range",
          "[newton_schulz]") {
  matrix_d const s = covariance(latents(40, 10, 4));
  pair const p = ours(s, 15);
  // Well conditioned: at n = 15 everything has converged, so the bounds are rounding of a few products of 10 terms.
  CHECK(distance(p.a, p.a.transpose()) < 1e-13);
  CHECK(distance(p.b, p.b.transpose()) < 1e-13);
  CHECK(distance((p.a * s).eval(), s * p.a) < 1e-13);
  CHECK(distance((p.b * s).eval(), s * p.b) < 1e-12);  // B = S^(-1/2) carries the condition of the root
  CHECK(distance((p.a * p.b).eval(), matrix_d::Identity(10, 10)) < 1e-12);
  CHECK(distance((p.a * p.a).eval(), s / p.norm) < 1e-13);
}

TEST_CASE("Small eigenvalues leave 0 with slope 1.5^n", "[newton_schulz]") {
  matrix_d s = matrix_d::Identity(2, 2);
  s(1, 1) = 1e-14;  // so small that the next term of the filter, of relative size 1e-14 1.5^(2 n), is below 1e-11
  for (int const n : {0, 1, 2, 4, 9}) {
    pair const p = ours(s, n);
    CHECK_THAT(p.a(1, 1), WithinRel(1e-14 * std::pow(1.5, n), 1e-10));
    CHECK_THAT(p.b(1, 1), WithinRel(std::pow(1.5, n), 1e-10));
  }
}

TEST_CASE("One by one, zero, and no iterations", "[newton_schulz]") {
  for (double const v : {1e-30, 0.3, 7.0, 1e+30}) {  // A_0 = 1 is a fixed point
    pair const p = ours(matrix_d::Constant(1, 1, v), 9);
    CHECK_THAT(p.norm, WithinRel(v, 1e-15));
    CHECK_THAT(p.a(0, 0), WithinRel(1, 1e-15));
    CHECK_THAT(p.b(0, 0), WithinRel(1, 1e-15));
  }
  pair const zero = ours(matrix_d::Zero(3, 3), 9);
  CHECK(zero.norm == 0);
  CHECK(zero.a == matrix_d::Zero(3, 3));
  CHECK(distance(zero.b, std::pow(1.5, 9) * matrix_d::Identity(3, 3)) < 1e-14);
  matrix_d const s = covariance(latents(20, 4, 5));
  pair const none = ours(s, 0);
  CHECK(distance(none.a, s / s.norm()) < 4 * eps<double>);
  CHECK(none.b == matrix_d::Identity(4, 4));
}
