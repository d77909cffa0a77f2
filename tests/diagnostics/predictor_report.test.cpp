// SPDX-License-Identifier: MIT
#include <Eigen/SVD>

#include "diagnostics/known.hpp"

#include <selfpred/predictor/newton_schulz.hpp>

using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using diagnostics::eigenspace_alignment;
using diagnostics::predictor_report;
using diagnostics::report;

namespace {

/// The definitions, by an SVD in double.
predictor_report reference(matrix_d const& p) {
  auto const f = static_cast<double>(p.rows());
  auto const norm = [](matrix_d const& m) { return m.jacobiSvd().singularValues()(0); };
  Eigen::JacobiSVD<matrix_d> const svd(p, Eigen::ComputeFullU | Eigen::ComputeFullV);
  matrix_d const polar = svd.matrixU() * svd.matrixV().transpose();
  predictor_report r;
  r.spectral_norm = norm(p), r.frobenius_norm = p.norm();
  r.stable_rank = p.squaredNorm() / (f * norm(p) * norm(p));
  r.trace = p.trace(), r.normalised_trace = p.trace() / (f * norm(p));
  r.polar_distance = (p - polar).norm() / std::sqrt(f);
  double const c = (p.transpose() * polar).trace() / p.squaredNorm();
  r.scaled_polar_distance = (c * p - polar).norm() / std::sqrt(f);
  r.quasi_projection = norm(p * p - p);
  r.quasi_symmetry = norm(p.transpose() - p);
  r.quasi_orthogonality = norm(p * p.transpose() - p);
  return r;
}
void near(predictor_report const& got, predictor_report const& expected, double tolerance) {
  auto const check = [&](char const* what, double predictor_report::*member) {
    INFO(what);
    CHECK_THAT(got.*member, WithinAbs(expected.*member, tolerance));
  };
  check("spectral_norm", &predictor_report::spectral_norm);
  check("frobenius_norm", &predictor_report::frobenius_norm);
  check("stable_rank", &predictor_report::stable_rank);
  check("trace", &predictor_report::trace);
  check("normalised_trace", &predictor_report::normalised_trace);
  check("polar_distance", &predictor_report::polar_distance);
  // The root of a difference near 0 has half its digits.
  INFO("scaled_polar_distance");
  CHECK_THAT(got.scaled_polar_distance, WithinAbs(expected.scaled_polar_distance, 4 * std::sqrt(tolerance)));
  check("quasi_projection", &predictor_report::quasi_projection);
  check("quasi_symmetry", &predictor_report::quasi_symmetry);
  check("quasi_orthogonality", &predictor_report::quasi_orthogonality);
}

}  // namespace

TEMPLATE_TEST_CASE("The identity, an orthogonal matrix, multiples of it, projections", "[diagnostics][report]",
                   by_columns<float>, by_rows<double>) {
  using S = typename TestType::Scalar;
  double const tolerance = 40 * eps<S>;
  auto const of = [](matrix_d const& p) { return report(TestType(p.cast<S>())); };
  matrix_d const identity = matrix_d::Identity(4, 4), q = orthogonal(4, 1);
  // Rank, trace, polar distances, quasi measures: written out, not computed.
  near(of(identity), {1, 2, 1, 4, 1, 0, 0, 0, 0, 0, {}}, tolerance);
  near(of(0.5 * identity), {0.5, 1, 1, 2, 1, 0.5, 0, 0.25, 0, 0.25, {}}, tolerance);
  auto const r = of(q);
  CHECK_THAT(r.stable_rank, WithinAbs(1, tolerance));
  CHECK_THAT(r.polar_distance, WithinAbs(0, tolerance));
  CHECK_THAT(of(3 * q).polar_distance, WithinAbs(2, tolerance));
  CHECK_THAT(of(3 * q).scaled_polar_distance, WithinAbs(0, 4 * std::sqrt(tolerance)));
  // An orthogonal projection on 1 of 4 directions; U may be any completion, each 1 away in 3 directions.
  near(of(with_values({1, 0, 0, 0})), {1, 1, 0.25, 1, 0.25, std::sqrt(0.75), std::sqrt(0.75), 0, 0, 0, {}}, tolerance);
  // An oblique projection, [1 1; 0 0]: s = sqrt 2. P^T - P = [0 -1; 1 0], P P^T - P = [1 -1; 0 0].
  matrix_d oblique(2, 2);
  oblique << 1, 1, 0, 0;
  auto const o = of(oblique);
  CHECK_THAT(o.quasi_projection, WithinAbs(0, tolerance));
  CHECK_THAT(o.quasi_symmetry, WithinAbs(1, tolerance));
  CHECK_THAT(o.quasi_orthogonality, WithinAbs(std::sqrt(2), tolerance));
  // A quarter turn: no symmetric part, a trace of 0.
  matrix_d turn(2, 2);
  turn << 0, 1, -1, 0;
  near(of(turn), {1, std::sqrt(2), 1, 0, 0, 0, 0, std::sqrt(2), 2, std::sqrt(2), {}}, tolerance);
}

TEMPLATE_TEST_CASE("Any P: what the definitions give", "[diagnostics][report]", by_columns<float>, by_rows<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  for (Index const f : {1, 2, 7}) {
    TestType const p = (0.4 * latents(f, f, static_cast<std::uint64_t>(f))).cast<S>();
    near(report(p), reference(p.template cast<double>()), 100 * eps<S>);
    near(report(Eigen::Map<TestType const>(p.data(), f, f)), report(p), 0);
  }
  near(report(sent(0.4 * latents(5, 5, 5))), reference(0.4 * latents(5, 5, 5)), 1e-13);
}

TEST_CASE("P = 0, and what is refused", "[diagnostics][report]") {
  near(report(matrix_d(matrix_d::Zero(3, 3))), {0, 0, 0, 0, 0, 1, 1, 0, 0, 0, {}}, 0);
  CHECK_THROWS_WITH(report(matrix_d(2, 3)), "diagnostics.report: P is 2 x 3, expected a square matrix");
  CHECK_THROWS_AS(report(matrix_d(0, 0)), selfpred::shape_error);
  CHECK_THROWS_AS(report(matrix_d(matrix_d::Constant(2, 2, NAN))), selfpred::non_finite_error);
  CHECK_THROWS_AS(report(matrix_d(matrix_d::Constant(2, 2, INFINITY))), selfpred::non_finite_error);
}

TEMPLATE_TEST_CASE("Normalised measures ignore the scale of P", "[diagnostics][report]", by_columns<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  TestType const p = (0.4 * latents(5, 5, 6)).cast<S>();
  auto const one = report(p);
  for (double const c : {0x1p+60, 0x1p-60}) {
    auto const r = report(TestType(static_cast<S>(c) * p));
    CHECK_THAT(r.stable_rank, WithinRel(one.stable_rank, 20 * eps<S>));
    CHECK_THAT(r.normalised_trace, WithinRel(one.normalised_trace, 20 * eps<S>));
    CHECK_THAT(r.scaled_polar_distance, WithinRel(one.scaled_polar_distance, 20 * eps<S>));
    CHECK_THAT(r.quasi_symmetry, WithinRel(c * one.quasi_symmetry, 20 * eps<S>));
  }
}

TEMPLATE_TEST_CASE("Eigenspace alignment: 1 for functions of S, cosines otherwise", "[diagnostics][report]",
                   by_columns<float>, by_rows<double>) {
  using S = typename TestType::Scalar;
  numbers const l{3, 2, 1, 0.5};
  TestType const s = with_values(l).template cast<S>();
  auto const of = [&](matrix_d const& p) { return eigenspace_alignment(TestType(p.cast<S>()), s); };
  double const tolerance = 100 * eps<S>;
  CHECK_THAT(of(with_values({0.3, 0.1, -2, 1})), WithinAbs(1, tolerance));
  CHECK_THAT(of(matrix_d::Identity(4, 4)), WithinAbs(1, tolerance));
  // Turned by 60 degrees in one plane of eigenvectors, left alone in another: (2 cos 60 + 2) / 4.
  matrix_d turn = matrix_d::Identity(4, 4);
  double const c = 0.5, d = std::sqrt(0.75);
  turn(0, 0) = turn(2, 2) = c, turn(0, 2) = d, turn(2, 0) = -d;
  matrix_d const u = orthogonal(4, 1);
  CHECK_THAT(of(u * turn * u.transpose()), WithinAbs(0.75, tolerance));
  // Rows: e_0 P = (1, 1, 1) has the cosine 1/sqrt(3), e_1 and e_2 stay. Columns would have two of 1/sqrt(2).
  TestType p = TestType::Identity(3, 3), axes = TestType::Zero(3, 3);
  axes.diagonal() << S(1), S(2), S(3);
  p(0, 1) = p(0, 2) = 1;
  CHECK_THAT(eigenspace_alignment(p, axes), WithinAbs((2 + std::sqrt(1.0 / 3)) / 3, tolerance));
  p(2, 2) = 0;  // e_2 P = 0 does not count
  CHECK_THAT(eigenspace_alignment(p, axes), WithinAbs((1 + std::sqrt(1.0 / 3)) / 2, tolerance));
  CHECK(of(matrix_d::Zero(4, 4)) == 0);
}

TEST_CASE("A rule of S alone aligns with it; elsewhere as here; what is refused", "[diagnostics][report]") {
  matrix_d const z = latents(40, 6, 8), s = z.transpose() * z / 40.0;
  selfpred::workspace<matrix_d> work;
  matrix_d p = matrix_d::Zero(6, 6);
  selfpred::newton_schulz{}(selfpred::covariances<matrix_d>{s, s, 1, 1, 40}, work, p);
  CHECK_THAT(eigenspace_alignment(p, s), WithinAbs(1, 1e-9));
  matrix_d const any = latents(6, 6, 9);
  CHECK(eigenspace_alignment(any, s) < 0.9);
  CHECK_THAT(eigenspace_alignment(sent(any), sent(s)), WithinAbs(eigenspace_alignment(any, s), 1e-13));
  CHECK_THROWS_AS(eigenspace_alignment(any, matrix_d(5, 5)), selfpred::shape_error);
  CHECK_THROWS_AS(eigenspace_alignment(any, matrix_d(matrix_d::Constant(6, 6, NAN))), selfpred::non_finite_error);
  CHECK_THROWS_AS(eigenspace_alignment(matrix_d(matrix_d::Constant(6, 6, NAN)), s), selfpred::non_finite_error);
}
