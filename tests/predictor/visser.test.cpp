// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::covariances;
using selfpred::make_objective;
using selfpred::visser;
using selfpred::workspace;

namespace {

/// With Y = I - 2 eta P the recursion is Y <- (Y^2 + I - 4 eta^2 S) / 2: ||Y|| < 1, each step rounds a few eps of 1, and
/// no step magnifies what came before. In units of P that is (n + 4) 4 eps / (2 eta), of which P itself may be a part.
template <class S>
double rounding(int n, double eta, matrix_d const& p) {
  double const size = p.cwiseAbs().maxCoeff();
  return size > 0 ? 4 * (n + 4) * eps<S> * std::max(1.0, 1 / (2 * eta * size)) : 0;
}
double default_eta(matrix_d const& s, double c = 0.5) { return c / std::sqrt(s.norm()); }
/// The paper's recursion, word for word.
matrix_d literal(matrix_d const& s, int n, double eta) {
  matrix_d p = matrix_d::Identity(s.rows(), s.cols()) / (2 * eta);
  for (int k = 0; k < n; ++k) p += (eta * (s - p * p)).eval();
  return p;
}

}  // namespace

TEMPLATE_TEST_CASE("Golden P of Visser's iteration, for every form", "[visser][golden]", owned<by_columns<float>>,
                   owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<double>) {
  using S = typename TestType::scalar;
  auto const file = golden("visser");
  for (auto const& [name, c] : file) {
    INFO(name);
    matrix_d const z = dense(c.at("z")), s = covariance(z);
    matrix_d const n = dense(c.at("n")), factor = dense(c.at("c")), eta = dense(c.at("eta"));
    matrix_d const expected_residual = dense(c.at("residual"));
    with_moments<TestType>(z, [&](auto const& moments, auto& work, auto& p) {
      for (Index k = 0; k < n.size(); ++k) {
        int const steps = static_cast<int>(n(k));
        INFO("n = " << steps << ", c = " << factor(k) << ", eta = " << eta(k));
        visser rule{.iterations = steps, .c = factor(k)};
        if (eta(k) > 0) rule.eta = eta(k);
        rule(moments, work, p);
        matrix_d const expected = dense(c.at("P_" + std::to_string(k)));
        double const tolerance = rounding<S>(steps, eta(k) > 0 ? eta(k) : default_eta(s, factor(k)), expected);
        CHECK(distance(p, expected) <= tolerance);
        // The residual moves by 2 ||P|| / ||S|| times an error of P, and is as large as (2 eta)^-2 / ||S||.
        double const size = s.norm() > 0 ? expected.norm() * expected.norm() / s.norm() : 0;
        CHECK_THAT(rule.residual(moments, work, p),
                   WithinAbs(expected_residual(k), 4 * tolerance * size + 16 * eps<S> * (1 + expected_residual(k))));
      }
    });
  }
}

TEST_CASE("P is the literal recursion: symmetric, a function of S, from I / (2 eta) down to the root", "[visser]") {
  matrix_d const s = graded_covariance(7, 1), root = of_spectrum(s, [](double l) { return std::sqrt(l); });
  for (double const c : {0.5, 0.1, 0.02}) {
    INFO("c = " << c);
    double const eta = default_eta(s, c);
    CHECK(distance(predict(visser{0, c}, s), matrix_d::Identity(7, 7) / (2 * eta)) < 4 * eps<double>);
    double last = std::numeric_limits<double>::infinity();
    for (int const n : {0, 1, 2, 5, 20, 50, 200}) {
      matrix_d const p = predict(visser{n, c}, s);
      double const tolerance = 2 * rounding<double>(n, eta, p);  // here and in the literal recursion
      CHECK(distance(p, literal(s, n, eta)) < tolerance);
      CHECK(distance(p, p.transpose()) < tolerance);
      CHECK(distance(p * s, s * p) < tolerance);
      // Every eigenvalue is overestimated at every n: the weak directions have a floor.
      CHECK(eigenvalues(p - root).minCoeff() > -1e-12);
      double const away = (p - root).norm();
      CHECK(away < last);
      last = away;
    }
  }
  // An error shrinks by 1 - 2 eta sqrt(l) a step; with c = 1/2 on a well conditioned S nothing of it is left.
  matrix_d const well = covariance(latents(60, 5, 2));
  CHECK(distance(predict(visser{400}, well), of_spectrum(well, [](double l) { return std::sqrt(l); })) < 1e-13);
}

TEST_CASE("It converges if and only if eta sqrt(lambda_max) < 1", "[visser]") {
  matrix_d const s = covariance(latents(40, 5, 3)), root = of_spectrum(s, [](double l) { return std::sqrt(l); });
  double const bound = 1 / std::sqrt(eigenvalues(s).maxCoeff());
  auto const away = [&](double eta, int n) { return (literal(s, n, eta) - root).norm() / root.norm(); };
  // Below: the slowest error shrinks like |1 - 2 eta sqrt(l)|^n, which is 0.98^n for the largest eigenvalue.
  CHECK(away(0.99 * bound, 2000) < 1e-12);
  CHECK(distance(predict(visser{2000, 0.5, 0.99 * bound}, s), root) < 1e-12);
  // Above: the same error grows, first into a cycle of two, and beyond 3/2 out of range.
  CHECK(away(1.01 * bound, 2000) > 1e-2);
  CHECK(away(1.01 * bound, 4000) > 1e-2);
  CHECK_FALSE(std::isfinite(away(1.6 * bound, 200)));
  // What does not converge is refused, at any n, and whatever the scale that S keeps apart.
  for (double const above : {1.001, 1.01, 1.6, 1e+10}) {
    INFO(above << " times the bound");
    visser const rule{.iterations = 50, .c = 0.5, .eta = above * bound};
    CHECK_NOTHROW(rule.check());
    CHECK_THROWS_AS(predict(rule, s), selfpred::domain_error);
    CHECK_THROWS_WITH(predict(rule, s), ContainsSubstring("visser") && ContainsSubstring("eta"));
    CHECK_THROWS_AS(predict(visser{50, 0.5, above * bound / 4}, s, 16), selfpred::domain_error);
    CHECK_THROWS_AS(predict<by_rows<float>>(rule, s.cast<float>()), selfpred::domain_error);
    views<> v(20, 5, 4);
    v.z2 = v.z1;
    double const other = 1 / std::sqrt(eigenvalues(covariance(v.z1)).maxCoeff());
    auto o = make_objective<matrix_d>(visser{.iterations = 50, .c = 0.5, .eta = above * other});
    CHECK_THROWS_AS(step(o, v), selfpred::domain_error);
    CHECK(o.step() == 0);
  }
  for (double const below : {1e-3, 0.5, 0.9, 0.99})
    CHECK_NOTHROW(predict(visser{.iterations = 50, .c = 0.5, .eta = below * bound}, s));
  // The default cannot be too large: lambda_max <= ||S||_F and c < 1. Equality, for one by one, is the worst case.
  CHECK_THAT(predict<matrix_d>(visser{4000, 0.99}, matrix_d::Constant(1, 1, 4))(0, 0), WithinRel(2.0, 1e-13));
}

TEMPLATE_TEST_CASE("Visser: P(c^2 S) = c P(S), exactly for powers of two", "[visser]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  TestType const s = covariance(latents(30, 7, 4)).cast<S>();
  visser const given{.iterations = 50, .c = 0.5, .eta = 0.25 / std::sqrt(static_cast<double>(s.norm()))};
  TestType const p = predict(visser{}, s), q = predict(given, s);
  for (int const k : {-60, -5, -1, 1, 5, 60}) {
    INFO("c = 2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    double const square = static_cast<double>(c) * static_cast<double>(c);
    CHECK(same_bits(predict<TestType>(visser{}, c * c * s), c * p));
    CHECK(same_bits(predict(visser{}, s, square), c * p));  // S's scale kept apart
    visser scaled = given;                                  // eta is in units of S
    *scaled.eta /= static_cast<double>(c);
    CHECK(distance(predict<TestType>(scaled, c * c * s), static_cast<double>(c) * dense(q)) <=
          rounding<S>(50, *given.eta, dense(q)));
    CHECK(distance(predict(scaled, s, square), static_cast<double>(c) * dense(q)) <=
          rounding<S>(50, *given.eta, dense(q)));
  }
  double const tolerance = rounding<S>(50, default_eta(dense(s)), dense(p));
  CHECK(distance(predict<TestType>(visser{}, S(9) * s), 3 * dense(p)) < tolerance);  // rounded once into S
}

TEMPLATE_TEST_CASE("Latents of 1e+-30 have Visser's P of their unscaled twins", "[visser]", by_columns<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  auto const predictor = [](matrix_d const& z) {
    matrix_d result;
    with_moments<owned<TestType>>(z, [&](auto const& moments, auto& work, auto& p) {
      visser{}(moments, work, p);
      result = dense(p);
    });
    return result;
  };
  matrix_d const z = latents(20, 5, 5), p = predictor(z);
  for (double const c : {1e+30, 1e-30, 1e+18, 1e-18})
    CHECK(distance(predictor(c * z), c * p) < rounding<S>(50, default_eta(covariance(z)), p));
}

TEST_CASE("Visser: zero, and one by one", "[visser]") {
  for (auto const eta : {std::optional<double>(), std::optional(0.5)}) {
    visser const rule{.iterations = 50, .c = 0.5, .eta = eta};
    CHECK(predict<by_columns<float>>(rule, by_columns<float>::Zero(4, 4)) == by_columns<float>::Zero(4, 4));
    CHECK(residual<matrix_d>(rule, matrix_d::Zero(3, 3), matrix_d::Zero(3, 3)) == 0);
    views<> zero(6, 4, 6);
    zero.z1.setZero(), zero.z2.setZero();
    auto o = make_objective<matrix_d>(rule, {.alpha = 0.25});
    step(o, zero);
    CHECK(o.predictor() == 0.25 * matrix_d::Identity(4, 4));
  }
  // c = 1/2 on one by one starts at the root and stays there.
  for (double const s : {0.25, 2.0, 1e-30, 1e+30})
    CHECK_THAT(predict<matrix_d>(visser{}, matrix_d::Constant(1, 1, s))(0, 0), WithinRel(std::sqrt(s), 1e-15));
}

TEST_CASE("Visser: options out of range, and latents that are not finite", "[visser]") {
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(visser{-1}.check(), selfpred::domain_error);
  for (double const bad : {0.0, -0.5, 1.0, 2.0, nan, infinity})
    CHECK_THROWS_AS((visser{50, bad}.check()), selfpred::domain_error);
  for (double const bad : {0.0, -0.5, nan, infinity})
    CHECK_THROWS_AS(make_objective<matrix_d>(visser{50, 0.5, bad}), std::domain_error);
  CHECK_NOTHROW(visser{0, 0.99, 1e-9}.check());
  for (double const bad : {nan, infinity}) {
    views<> v(8, 4, 7);
    v.z1(3, 2) = bad;
    auto o = make_objective<matrix_d>(visser{});
    CHECK_THROWS_AS(step(o, v), selfpred::non_finite_error);
    CHECK(o.step() == 0);
  }
}
