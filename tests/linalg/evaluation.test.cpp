// SPDX-License-Identifier: MIT
#include <selfpred/linalg/evaluation.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/opaque.hpp"
#include "support/rules.hpp"
#include "support/sizes.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Eigen::Index;
using selfpred::evaluation;
using selfpred::newton_schulz;
using selfpred::stiefel;
using selfpred::visser;
using selfpred::workspace;
using selfpred::linalg::filter;
using selfpred::linalg::filter_design;
using selfpred::linalg::spectral_filter;

namespace {

double at(selfpred::linalg::rational_design const& r, double x) {
  double sum = r.constant + r.slope * x;
  for (auto const& pole : r.real) sum += pole.coefficient / (x + pole.shift);
  for (auto const& pole : r.pairs) {  // 2 Re((p + i q) / (a + i v)), a = x + u
    double const a = x + pole.shift, v = pole.imaginary;
    sum += 2 * (pole.p * a + pole.q * v) / (a * a + v * v);
  }
  return sum;
}

/// The recursion in double, three products a step and none skipped: f(s / ||s||_F).
matrix_d literal(spectral_filter const& f, matrix_d const& s) {
  matrix_d const x = s / s.norm(), one = matrix_d::Identity(s.rows(), s.cols());
  if (f.kind == filter::visser) {
    matrix_d p = one / (2 * f.c);
    for (int k = 0; k < f.iterations; ++k) p += f.c * (x - p * p);
    return p;
  }
  matrix_d a = x, b = one;
  for (int k = 0; k < f.iterations; ++k) {
    matrix_d const t = (3 * one - b * a) / 2;
    a = (a * t).eval(), b = (t * b).eval();
  }
  return f.kind == filter::newton_schulz ? a : b;
}

/// V l V^T with V of a random symmetric matrix.
matrix_d with_spectrum(Eigen::VectorXd const& l, std::uint64_t seed) {
  matrix_d const z = latents(l.size(), l.size(), seed);
  Eigen::SelfAdjointEigenSolver<matrix_d> const e((z + z.transpose()).eval());
  return e.eigenvectors() * l.asDiagonal() * e.eigenvectors().transpose();
}

struct named {
  char const* name;
  matrix_d s;
};
std::vector<named> matrices(Index f) {
  std::vector<named> all;
  auto const add = [&](char const* name, auto eigenvalue) {
    Eigen::VectorXd l(f);
    for (Index i = 0; i < f; ++i) l(i) = eigenvalue(static_cast<double>(i));
    all.push_back({name, with_spectrum(l, 11)});
  };
  double const last = static_cast<double>(std::max<Index>(f - 1, 1));
  add("1/i", [](double i) { return 1 / (1 + i); });
  add("i^-1.5", [](double i) { return std::pow(1 + i, -1.5); });
  add("condition 1e2", [&](double i) { return std::pow(1e2, -i / last); });
  add("condition 1e4", [&](double i) { return std::pow(1e4, -i / last); });
  add("condition 1e6", [&](double i) { return std::pow(1e6, -i / last); });
  all.push_back({"rank f/2", covariance(latents(std::max<Index>(f / 2, 1), f, 12))});
  all.push_back({"b < f", covariance(latents(std::max<Index>(f / 4, 1), f, 13))});
  return all;
}

double largest(matrix_d const& symmetric) { return eigenvalues(symmetric).cwiseAbs().maxCoeff(); }

}  // namespace

TEST_CASE("Every table is its filter, and as large as it says", "[evaluation]") {
  for (filter_design const& each : selfpred::linalg::filter_designs) {
    spectral_filter const f{each.kind, each.iterations, each.c};
    INFO("filter " << static_cast<int>(f.kind) << ", n = " << f.iterations << ", c = " << f.c << ", error "
                   << each.design.error);
    double worst = 0;
    for (int i = 0; i <= 40000; ++i) {  // dense near 0, where filters are steep
      double const x = i == 0 ? 0 : std::pow(10.0, -8 * (1 - i / 40000.0));
      double const weight = f.kind == filter::newton_schulz_inverse ? 1 / f(x) : 1;
      worst = std::max(worst, weight * std::abs(at(each.design, x) - f(x)));
    }
    CHECK(worst <= 1.02 * each.design.error);  // coefficients have ten digits
    CHECK(worst >= 0.8 * each.design.error);
  }
}

TEMPLATE_TEST_CASE("Every table gives the literal recursion on matrices", "[evaluation]", float, double) {
  using M = by_columns<TestType>;
  for (Index const f : {Index{1}, Index{2}, Index{33}, static_cast<Index>(size(65))})
    for (auto const& [name, exact] : matrices(f)) {
      M const s = exact.template cast<TestType>();
      for (filter_design const& each : selfpred::linalg::filter_designs) {
        if (each.kind == filter::square_root) continue;
        spectral_filter const filter{each.kind, each.iterations, each.c};
        INFO("f = " << f << ", " << name << ", filter " << static_cast<int>(each.kind) << " of " << each.iterations
                    << ", error " << each.design.error);
        workspace<M> work;
        selfpred::linalg::evaluation_plan const plan{&each.design};
        matrix_d got = dense(selfpred::linalg::apply(filter, plan, s, work).value);
        matrix_d difference = got - literal(filter, dense(s));
        // B_n goes up to 1.5^n; its table is relative.
        if (each.kind == selfpred::linalg::filter::newton_schulz_inverse) difference /= std::pow(1.5, each.iterations);
        // X is rounded once more than S, which a filter's slope at 0 multiplies: 1.5^n of A_n, of log B_n the sum of B_k^2 / 3.
        double const slope = std::pow(1.5, std::min(each.iterations, 12)), u = eps<TestType> / 2;
        double const inherent =
            u * (each.kind == selfpred::linalg::filter::newton_schulz_inverse ? slope * slope / 3.75 : slope);
        CHECK(largest((difference + difference.transpose()).eval() / 2) <=
              1.02 * each.design.error + selfpred::linalg::round_off_factor * u * each.design.round_off + inherent +
                  1e-12 * slope);  // the last is the recursion's own
      }
    }
}

TEST_CASE("Rules are the same rules by either evaluation", "[evaluation]") {
  using M = by_columns<float>;
  auto const hold = [](auto rule, auto unit_of_p) {
    auto by_recursion = rule, by_inverses = rule;
    by_recursion.evaluate = evaluation::iteration(),
    by_inverses.evaluate = evaluation::rational(rule.evaluate.tolerance);
    double const bound = by_inverses.template error_bound<M>();
    CHECK(by_recursion.template error_bound<M>() == 0);
    CHECK(bound > 0);
    for (auto const& [name, exact] : matrices(33)) {
      INFO(name);
      M const s = (3 * exact).template cast<float>();
      matrix_d const reference = predict(by_recursion, dense(s)), p = dense(predict(by_inverses, s));
      double const unit = unit_of_p(dense(s).norm(), largest(reference));
      CHECK(largest(p - reference) <= bound * unit);
      CHECK(largest(p - reference) > 0);  // it is another evaluation
    }
  };
  auto const root = [](double s, double) { return std::sqrt(s); };
  hold(newton_schulz{.iterations = 9, .evaluate = evaluation::rational(3e-4)}, root);
  hold(newton_schulz{.iterations = 9, .evaluate = evaluation::rational(1e-5)}, root);
  hold(visser{.evaluate = evaluation::rational(1e-5)}, root);
  hold(visser{.iterations = 20, .c = 0.1, .evaluate = evaluation::rational(1e-4)}, root);
  hold(newton_schulz{.iterations = 7, .stages = 2, .evaluate = evaluation::rational(1e-4)},  // c <= f^(1/4) ||S||^(1/2)
       [](double s, double) { return std::sqrt(std::sqrt(s) * std::pow(33, 0.25)); });
  hold(stiefel{.evaluate = evaluation::rational(1e-4)}, [](double, double p) { return p; });
}

TEST_CASE("What is not semidefinite, zero, or not finite", "[evaluation]") {
  using M = by_columns<float>;
  auto const* const design = selfpred::linalg::find_design(filter::newton_schulz, 9, 0, 1e-5, 0x1p-24);
  REQUIRE(design);
  spectral_filter const f{filter::newton_schulz, 9};
  workspace<M> work, other;
  M negative = M::Identity(5, 5);
  negative(2, 2) = -0.02f;  // X + s I has no Cholesky factor: the recursion runs instead
  matrix_d const fallen_back = dense(selfpred::linalg::apply(f, {design}, negative, work).value);
  CHECK(same_bits(fallen_back, selfpred::linalg::apply(f, {}, negative, other).value));
  CHECK(fallen_back.allFinite());
  CHECK(predict(newton_schulz{.evaluate = evaluation::rational()}, M(M::Zero(4, 4))) == M::Zero(4, 4));
  for (int const stages : {1, 2, 3})  // r(0) is not 0, and may be below it
    CHECK(predict(newton_schulz{7, stages, evaluation::automatic(1e-2)}, M(M::Zero(4, 4))) == M::Zero(4, 4));
  M const nan = M::Constant(3, 3, std::numeric_limits<float>::quiet_NaN());
  CHECK(selfpred::linalg::apply(f, {design}, nan, work).value.hasNaN());  // the pipeline refuses it
}

TEST_CASE("The choice: cheaper where the table is exact enough, else the recursion", "[evaluation]") {
  auto const chosen = [](auto const& like, newton_schulz const& rule) {
    return rule.template error_bound<std::remove_cvref_t<decltype(like)>>();
  };
  by_columns<float> const single;
  by_columns<double> const wide;
  far::handle const opaque;
  CHECK(chosen(single, {.iterations = 9}) > 0);
  CHECK(chosen(single, {.iterations = 9}) <= 1e-5);
  CHECK(chosen(single, {.iterations = 9, .evaluate = evaluation::automatic(3e-4)}) > 1e-5);  // fewer poles
  CHECK(chosen(single, {.iterations = 1}) == 0);                                             // no products to save
  CHECK(chosen(single, {.iterations = 9, .evaluate = evaluation::automatic(1e-12)}) == 0);   // no such table
  CHECK(chosen(wide, {.iterations = 9}) == 0);
  CHECK(chosen(wide, {.iterations = 9, .evaluate = evaluation::rational(1e-5)}) > 0);
  CHECK(chosen(opaque, {.iterations = 9}) == 0);
  CHECK_THROWS_WITH(chosen(single, {.iterations = 9, .evaluate = evaluation::rational(1e-12)}),
                    ContainsSubstring("newton_schulz: evaluate is rational to 1e-12"));
  CHECK_THROWS_WITH(chosen(opaque, {.iterations = 9, .evaluate = evaluation::rational()}),
                    ContainsSubstring("this tensor has no solve"));
  CHECK_THROWS_WITH((newton_schulz{.evaluate = evaluation::rational(0)}).check(),
                    ContainsSubstring("evaluate.tolerance is 0"));
}

TEST_CASE("A step of an objective by inverses allocates nothing", "[evaluation][allocations]") {
  using M = by_columns<float>;
  views<M> const v(40, 24, 3);
  auto objective = selfpred::make_objective<M>(newton_schulz{.evaluate = evaluation::rational()}, {.alpha = 0.3});
  step(objective, v), step(objective, v);
  allocation_counter const counter;
  step(objective, v);
  long const n = counter.count();
  CHECK(n == 0);
}
