// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/stiefel.hpp>

#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::make_objective;
using selfpred::stiefel;

namespace {

/// S^T S is rounded by a few eps of its norm, in whose units B_n / 1.5^n turns at 1.5^(-2n): B_n S moves by 1.5^(2n)
/// times that. 16 is for the few eps and for ||P||_F against its largest entry.
template <class S>
double rounding(int n) {
  return 16 * eps<S> * std::pow(1.5, 2 * n);
}
/// B_n as a function of the eigenvalues: the product of (3 - a) / 2, while a <- a ((3 - a) / 2)^2.
matrix_d b_of(matrix_d const& s, int n) {
  return of_spectrum(s, [n, norm = (s * s).norm()](double l) {
    double a = l * l / norm, b = 1;
    for (int k = 0; k < n; ++k) {
      double const t = (3 - a) / 2;
      b *= t, a *= t * t;
    }
    return b;
  });
}
matrix_d by_eigenvalues(matrix_d const& s, int n) { return b_of(s, n) * s / b_of(s, n).norm(); }

}  // namespace

TEMPLATE_TEST_CASE("Golden P of the Stiefel rule, for every form", "[stiefel][golden]", owned<by_columns<float>>,
                   owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<double>) {
  using S = typename TestType::scalar;
  auto const file = golden("stiefel");
  for (auto const& [name, c] : file) {
    INFO(name);
    matrix_d const n = dense(c.at("n"));
    if (sizeof(S) == 4 && (name == "scale_up_100" || name == "scale_down_100"))
      continue;  // P is 2^+-200 times that of scale_none: not a float
    with_moments<TestType>(dense(c.at("z")), [&](auto const& moments, auto& work, auto& p) {
      for (Index k = 0; k < n.size(); ++k) {
        int const steps = static_cast<int>(n(k));
        INFO("n = " << steps);
        stiefel{steps}(moments, work, p);
        CHECK(distance(p, dense(c.at("P_" + std::to_string(steps)))) < rounding<S>(steps));
      }
      if (c.count("limit")) {  // known without any iteration; nothing is left of the way to it at n = 40
        stiefel{40}(moments, work, p);
        matrix_d const s = covariance(dense(c.at("z")));
        double const condition = s.norm() * s.inverse().norm();
        // B has converged to S^-1, whose error is eps times the square of the condition of S in the worst case.
        CHECK(distance(p, dense(c.at("limit"))) < 16 * eps<S> * condition * condition);
      }
    });
  }
}

TEST_CASE("The limit of a positive definite S is I / ||S^-1||_F", "[stiefel]") {
  for (Index const f : {1, 2, 5, 8}) {
    matrix_d const s = covariance(latents(5 * f, f, static_cast<std::uint64_t>(f)));
    matrix_d const limit = matrix_d::Identity(f, f) / s.inverse().norm();
    CHECK(distance(predict(stiefel{40}, s), limit) < 1e-11);
    // At the paper's n it is on its way there, and a small multiple of I at that: alpha I counts for more.
    double last = std::numeric_limits<double>::infinity();
    for (int const n : {1, 3, 5, 7, 9, 11}) {
      double const away = distance(predict(stiefel{n}, s), limit);
      CHECK((away < last || away < 1e-13));
      last = away;
    }
  }
  matrix_d const unit = covariance(latents(400, 64, 9));
  double const norm = eigenvalues(predict(stiefel{}, unit)).maxCoeff();
  CHECK(norm > 0.03);
  CHECK(norm < 0.13);
}

TEST_CASE("P is a function of S, symmetric and commuting; null directions count in ||B_n||_F", "[stiefel]") {
  matrix_d const s = graded_covariance(7, 1);
  CHECK(distance(predict(stiefel{0}, s), s / std::sqrt(7.0)) < 4 * eps<double>);  // B_0 = I
  for (int const n : {1, 2, 5, 9}) {
    INFO("n = " << n);
    matrix_d const p = predict(stiefel{n}, s);
    CHECK(distance(p, by_eigenvalues(s, n)) < rounding<double>(n));
    CHECK(distance(p, p.transpose()) < rounding<double>(n));
    CHECK(distance(p * s, s * p) < rounding<double>(n));
  }
  // With three samples in eight dimensions five directions are null, and count 1.5^n each: ||B_n||_F^2 is that of the
  // Gram matrix, which has the other eigenvalues, plus 5 * 1.5^(2n).
  matrix_d const few = latents(3, 8, 2), s8 = covariance(few), gram = few * few.transpose() / 3;
  matrix_d const p8 = predict(stiefel{}, s8), p3 = predict(stiefel{}, gram);
  CHECK(distance(p8, by_eigenvalues(s8, 9)) < rounding<double>(9));
  CHECK_THAT((gram.inverse() * p3).norm(), WithinRel(1.0, 1e-12));  // P = (B / ||B||_F) S
  double const norm3 = b_of(gram, 9).norm(), norm8 = std::sqrt(norm3 * norm3 + 5 * std::pow(1.5, 18));
  CHECK_THAT(p8.norm() * norm8, WithinRel(p3.norm() * norm3, rounding<double>(9)));
}

TEMPLATE_TEST_CASE("Stiefel: P(c S) = c P(S), exactly for powers of two", "[stiefel]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  TestType const s = covariance(latents(30, 7, 4)).cast<S>(), p = predict(stiefel{}, s);
  for (int const k : {-60, -5, -1, 1, 4, 60}) {
    INFO("c = 2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    CHECK(same_bits(predict<TestType>(stiefel{}, c * s), c * p));
    CHECK(same_bits(predict(stiefel{}, s, static_cast<double>(c)), c * p));  // S's scale kept apart
  }
  CHECK(distance(predict<TestType>(stiefel{}, S(3) * s), 3 * dense(p)) < rounding<S>(9));  // rounded once into S
}

TEST_CASE("Stiefel: latents of 1e30 are right in double; in float P itself overflows, and says so", "[stiefel]") {
  views<> v(20, 5, 5);
  auto o = make_objective<matrix_d>(stiefel{});
  step(o, v);
  matrix_d const p = o.predictor();
  v.z1 *= 1e+30, v.z2 *= 1e+30;
  auto large = make_objective<matrix_d>(stiefel{});
  step(large, v);
  CHECK(distance(large.predictor(), 1e+60 * p) < rounding<double>(9));
  views<by_columns<float>> w;
  w.z1 = v.z1.cast<float>(), w.z2 = v.z2.cast<float>(), w.t1 = v.t1.cast<float>(), w.t2 = v.t2.cast<float>();
  auto narrow = make_objective<by_columns<float>>(stiefel{});
  CHECK_THROWS_AS(step(narrow, w), selfpred::non_finite_error);
  CHECK(narrow.step() == 0);
}

TEST_CASE("Stiefel: zero, and one by one", "[stiefel]") {
  CHECK(predict<by_columns<float>>(stiefel{}, by_columns<float>::Zero(4, 4)) == by_columns<float>::Zero(4, 4));
  CHECK(std::isfinite(residual<matrix_d>(stiefel{}, matrix_d::Zero(3, 3), matrix_d::Zero(3, 3))));
  for (double const s : {0.25, 2.0, 1e-30, 1e+30})  // B and its norm are one number
    CHECK_THAT(predict<matrix_d>(stiefel{}, matrix_d::Constant(1, 1, s))(0, 0), WithinRel(s, 1e-15));
  views<> zero(6, 4, 6);
  zero.z1.setZero(), zero.z2.setZero();
  auto o = make_objective<matrix_d>(stiefel{}, {.alpha = 0.25});
  step(o, zero);
  CHECK(o.predictor() == 0.25 * matrix_d::Identity(4, 4));
}

TEST_CASE("Stiefel: options out of range, and latents that are not finite", "[stiefel]") {
  CHECK_THROWS_AS(stiefel{-1}.check(), selfpred::domain_error);
  CHECK_THROWS_AS(make_objective<matrix_d>(stiefel{-3}), std::domain_error);
  CHECK_NOTHROW(stiefel{0}.check());
  views<> v(8, 4, 7);
  v.z2(1, 1) = std::nan("");
  auto o = make_objective<matrix_d>(stiefel{});
  CHECK_THROWS_AS(step(o, v), selfpred::non_finite_error);
}
