// SPDX-License-Identifier: MIT
#include <Eigen/Cholesky>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::covariances;
using selfpred::evaluation;
using selfpred::newton_schulz;
using selfpred::owner_t;
using selfpred::statistics;
using selfpred::workspace;

namespace {

template <class M>
M predict(M const& s, int n, double scale = 1) {
  return selfpred_tests::predict(newton_schulz{n}, s, scale);
}

/// What n steps make of rounding: an error of a step grows like the slope of the steps after it, 1.5^n at most. It
/// starts at a few eps times ||A|| <= 1 in units of sqrt(||S||_F), which is at most f^(1/4) ||P||_max: 16 is for both.
template <class S>
double rounding(int n) {
  return 16 * eps<S> * std::pow(1.5, n);
}

}  // namespace

TEMPLATE_TEST_CASE("Golden P of Newton-Schulz, for every form", "[newton_schulz][golden]", owned<by_columns<float>>,
                   owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<double>) {
  using form = TestType;
  using M = owner_t<typename form::tensor>;
  using S = typename form::scalar;
  auto const file = golden("newton_schulz");
  for (auto const& [name, c] : file) {
    INFO(name);
    form const z(dense(c.at("z")));
    statistics<M> sums;
    sums.add(z.get(), z.get());
    auto const moments = sums.compute();
    workspace<M> work;
    M p = selfpred::filled(z.get(), selfpred::shape_of(moments.s));
    matrix_d const n = dense(c.at("n")), residual = dense(c.at("residual"));
    for (Index k = 0; k < n.size(); ++k) {
      int const steps = static_cast<int>(n(k));
      INFO("n = " << steps);
      newton_schulz const rule{.iterations = steps, .evaluate = evaluation::iteration()};
      rule(moments, work, p);
      CHECK(distance(p, dense(c.at("P_" + std::to_string(steps)))) < rounding<S>(steps));
      // The residual moves by twice the error of P, and cannot be told from 0 below it.
      CHECK_THAT(rule.residual(moments, work, p), WithinAbs(residual(k), 4 * rounding<S>(steps)));
    }
    if (c.count("root"))  // known without any iteration; n = 15 is converged on these
      CHECK(distance(p, dense(c.at("root"))) < rounding<S>(15) + (name == "diagonal" ? 1e-3 : 0));
  }
}

TEMPLATE_TEST_CASE("P(c^2 S) = c P(S), exactly for powers of two", "[newton_schulz]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  TestType const s = covariance(latents(30, 7, 1)).cast<S>();
  TestType const p = predict(s, 9);
  for (int const k : {-60, -5, -1, 1, 5, 60}) {
    INFO("c = 2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    CHECK(same_bits(predict<TestType>(c * c * s, 9), c * p));
    CHECK(same_bits(predict(s, 9, static_cast<double>(c) * static_cast<double>(c)), c * p));  // S's scale kept apart
  }
  // Any other c is rounded once into S.
  CHECK(distance(predict<TestType>(S(9) * s, 9), 3 * dense(p)) < rounding<S>(9));
}

TEMPLATE_TEST_CASE("Latents of 1e+-30 have the P of their unscaled twins", "[newton_schulz]", by_columns<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  auto const predictor = [](TestType const& z) {
    statistics<TestType> sums;
    sums.add(z, z);
    auto const c = sums.compute();
    workspace<TestType> work;
    TestType p = TestType::Zero(5, 5);
    newton_schulz{}(c, work, p);
    return p;
  };
  TestType const z = latents(20, 5, 2).cast<S>();
  TestType const p = predictor(z);
  for (double const c : {1e+30, 1e-30, 1e+18, 1e-18}) {
    INFO("c = " << c);
    TestType const scaled = z * static_cast<S>(c);
    CHECK(distance(predictor(scaled), c * dense(p)) < rounding<S>(9));
  }
  for (int const k : {100, 33, -33, -100}) {
    // The same S to the bit; where its scale is an odd power of two, the factor of P is rounded in double.
    S const c = std::exp2(static_cast<S>(k));
    TestType const scaled = z * c;
    CHECK(distance(predictor(scaled), static_cast<double>(c) * dense(p)) <= eps<S>);
  }
}

TEST_CASE("A rank-deficient S keeps its null space, in float as in double", "[newton_schulz]") {
  matrix_d const z = latents(4, 10, 3);
  matrix_d const s = covariance(z);
  matrix_d const p = predict(s, 9);
  by_columns<float> const pf = predict<by_columns<float>>(s.cast<float>(), 9);
  CHECK(distance(pf, p) < rounding<float>(9));
  // A vector orthogonal to all rows of z: S maps it to rounding, which P magnifies by the slope.
  Eigen::VectorXd v = latents(1, 10, 4).transpose();
  for (int k = 0; k < 3; ++k) v -= z.transpose() * (z * z.transpose()).ldlt().solve(z * v);
  v.normalize();
  CHECK((p * v).norm() < rounding<double>(9) * p.norm());
  CHECK((pf.cast<double>() * v).norm() < rounding<float>(9) * p.norm());
}

TEST_CASE("Zero and one by one", "[newton_schulz]") {
  CHECK(predict<by_columns<float>>(by_columns<float>::Zero(4, 4), 9) == by_columns<float>::Zero(4, 4));
  for (double const s : {0.25, 2.0, 1e-30, 1e+30})
    CHECK_THAT(predict<matrix_d>(matrix_d::Constant(1, 1, s), 9)(0, 0), WithinRel(std::sqrt(s), 1e-15));
  workspace<matrix_d> work;
  matrix_d const zero = matrix_d::Zero(3, 3);
  CHECK(newton_schulz{}.residual(covariances<matrix_d>{zero, zero}, work, zero) == 0);
}

TEST_CASE("n decides what P is: symmetric, a function of S, monotone in n towards the root", "[newton_schulz]") {
  matrix_d z = latents(25, 8, 5);
  for (Index j = 0; j < 8; ++j) z.col(j) *= std::exp2(-static_cast<double>(j));  // eigenvalues from 1 to 1e-5
  matrix_d const s = covariance(z);
  CHECK(distance(predict(s, 0), s / std::sqrt(s.norm())) < rounding<double>(0));
  workspace<matrix_d> work;
  double last = 1;
  for (int const n : {1, 3, 5, 7, 9, 11, 15}) {
    matrix_d const p = predict(s, n);
    CHECK(distance(p, p.transpose()) < rounding<double>(n));
    CHECK(distance(p * s, s * p) < rounding<double>(n));
    double const residual = newton_schulz{n}.residual(covariances<matrix_d>{s, s}, work, p);
    CHECK_THAT(residual, WithinRel((p * p - s).norm() / s.norm(), 1e-8) || WithinAbs(0, 1e-12));
    CHECK(residual < last);
    last = residual;
  }
  CHECK(last < 1e-4);  // 1.5^(2 n) is 2e+5 by now: even the smallest eigenvalue has nearly been reached
}

TEMPLATE_TEST_CASE("Golden P of two stages of Newton-Schulz, for every form", "[newton_schulz][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<double>, blocked<float>, in_array<float>, with_gaps<double>) {
  using S = typename TestType::scalar;
  auto const file = golden("newton_schulz_stages");
  for (auto const& [name, c] : file) {
    INFO(name);
    matrix_d const n = dense(c.at("n")), stages = dense(c.at("stages")), expected = dense(c.at("residual"));
    with_moments<TestType>(dense(c.at("z")), [&](auto const& moments, auto& work, auto& p) {
      for (Index k = 0; k < n.size(); ++k) {
        int const steps = static_cast<int>(n(k)), runs = static_cast<int>(stages(k));
        INFO("n = " << steps << ", stages = " << runs);
        newton_schulz const rule{steps, runs, evaluation::iteration()};
        rule(moments, work, p);
        // Each stage magnifies the errors of the one before by its slope.
        double const tolerance = rounding<S>(steps * runs);
        CHECK(distance(p, dense(c.at("P_" + std::to_string(k)))) < tolerance);
        CHECK_THAT(rule.residual(moments, work, p), WithinAbs(expected(k), 4 * runs * tolerance));
      }
    });
  }
}

TEST_CASE("A stage is the rule applied to the result of the one before, and tends to S^(2^-stages)",
          "[newton_schulz]") {
  matrix_d const s = covariance(latents(40, 6, 6));
  for (int const n : {0, 1, 4, 7}) {
    INFO("n = " << n);
    matrix_d const once = predict(s, n), twice = predict(once, n);
    matrix_d const p = predict(newton_schulz{n, 2}, s);
    CHECK(distance(p, twice) < rounding<double>(2 * n));
    CHECK(distance(predict(newton_schulz{n, 3}, s), predict(twice, n)) < rounding<double>(3 * n));
    CHECK(distance(p, p.transpose()) < rounding<double>(2 * n));
    CHECK(distance(p * s, s * p) < rounding<double>(2 * n));
    CHECK(same_bits(predict(newton_schulz{n, 1}, s), once));
  }
  // At n = 25 every eigenvalue has arrived, to the last digits.
  matrix_d const p = predict(newton_schulz{25, 2}, s), square = p * p;
  CHECK(distance(square * square, s) < 1e-12);
  CHECK(residual(newton_schulz{25, 2}, s, p) < 1e-12);
  CHECK_THAT(residual(newton_schulz{25, 2}, s, square), WithinRel((s * s - s).norm() / s.norm(), 1e-10));
}

TEMPLATE_TEST_CASE("Two stages: P(c^4 S) = c P(S), exactly for powers of two", "[newton_schulz]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  newton_schulz const rule{7, 2};
  TestType const s = covariance(latents(30, 7, 7)).cast<S>(), p = predict(rule, s);
  for (int const k : {-25, -5, -1, 1, 5, 25}) {
    INFO("c = 2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    double const fourth = std::exp2(4.0 * k);
    CHECK(same_bits(predict<TestType>(rule, static_cast<S>(fourth) * s), c * p));
    CHECK(same_bits(predict(rule, s, fourth), c * p));  // S's scale kept apart
  }
  CHECK(predict<TestType>(rule, TestType::Zero(3, 3)) == TestType::Zero(3, 3));
  for (double const one : {0.0625, 16.0, 1e-30, 1e+30})
    CHECK_THAT(predict<matrix_d>(rule, matrix_d::Constant(1, 1, one))(0, 0),
               WithinRel(std::sqrt(std::sqrt(one)), 1e-15));
}

TEST_CASE("Options out of range", "[newton_schulz]") {
  CHECK_THROWS_AS(newton_schulz{-1}.check(), selfpred::domain_error);
  CHECK_THROWS_AS((newton_schulz{9, 0}.check()), selfpred::domain_error);
  CHECK_THROWS_AS(selfpred::make_objective<matrix_d>(newton_schulz{.iterations = 7, .stages = -1}), std::domain_error);
  CHECK_THROWS_AS(selfpred::make_objective<matrix_d>(newton_schulz{.iterations = -1}), std::domain_error);
  CHECK_NOTHROW(newton_schulz{0}.check());
}
