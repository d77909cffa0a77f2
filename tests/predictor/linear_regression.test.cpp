// SPDX-License-Identifier: MIT
#include <Eigen/QR>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/linear_regression.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Eigen::Index;
using selfpred::linear_regression;
using selfpred::make_objective;
using selfpred::owner_t;
using selfpred::statistics;
using selfpred::stop_gradient;
using selfpred::workspace;

namespace {

template <class M>
struct fit {
  matrix_d p;
  double residual;
};
template <class M, class Z1, class Z2, class T1, class T2>
fit<M> predict(Z1 const& z1, Z2 const& z2, T1 const& t1, T2 const& t2, double damping = 0) {
  statistics<M> sums;
  sums.add(z1, z2, stop_gradient(t1), stop_gradient(t2));
  auto const c = sums.compute();
  workspace<M> work;
  M p = selfpred::filled(z1, selfpred::shape_of(c.s));
  linear_regression const rule{damping};
  rule(c, work, p);
  return {dense(p), rule.residual(c, work, p)};
}
template <class V>
auto predict(V const& v, double damping = 0) {
  using M = std::remove_cvref_t<decltype(v.z1)>;
  return predict<M>(v.z1, v.z2, v.t1, v.t2, damping);
}
matrix_d stacked(matrix_d const& a, matrix_d const& b) {
  matrix_d m(a.rows() + b.rows(), a.cols());
  m << a, b;
  return m;
}

}  // namespace

TEMPLATE_TEST_CASE("Golden P of linear regression, for every form", "[linear_regression][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<double>, blocked<float>, in_array<float>, with_gaps<double>) {
  using form = TestType;
  using M = owner_t<typename form::tensor>;
  auto const file = golden("linear_regression");
  for (auto const& [name, c] : file) {
    INFO(name);
    bool const two = c.count("z1") > 0;
    form const z1(dense(c.at(two ? "z1" : "z"))), z2(dense(c.at(two ? "z2" : "z")));
    form const t1(dense(c.at(two ? "t1" : "t"))), t2(dense(c.at(two ? "t2" : "t")));
    double const damping = c.scalar("damping");
    matrix_d const s = dense(c.at("S"));
    matrix_d const damped =
        s + damping * s.trace() / static_cast<double>(s.rows()) * matrix_d::Identity(s.rows(), s.cols());
    // Cholesky is backward stable: the error of P is the condition of what is solved, times a few eps for S, for X and
    // for the solve. Where that condition leaves no digit in float, there is nothing to compare.
    Eigen::ColPivHouseholderQR<matrix_d> const qr(damped);
    double const condition = damped.norm() * qr.inverse().norm();
    double const tolerance = 8 * condition * eps<typename form::scalar>;
    if (tolerance > 0.1) continue;
    auto const r = predict<M>(z1.get(), z2.get(), t1.get(), t2.get(), damping);
    CHECK(distance(r.p, dense(c.at("P"))) < tolerance);
    // ||S P - X|| is small whatever the condition is: a few eps ||S|| ||P||.
    CHECK_THAT(r.residual,
               WithinAbs(0, 8 * eps<typename form::scalar> * damped.norm() * r.p.norm() / dense(c.at("X")).norm()));
  }
}

TEST_CASE("P minimises ||Z P - Z'||: least squares, and the orthogonal projection", "[linear_regression]") {
  views<> const v(20, 6, 1);
  matrix_d const z = stacked(v.z1, v.z2), t = stacked(v.t2, v.t1);  // view 1 predicts target 2, and the reverse
  auto const r = predict(v);
  // The normal equations square the condition of z, here about 5: 1e-12 is 100 times what that makes of rounding.
  CHECK(distance(r.p, z.colPivHouseholderQr().solve(t)) < 1e-12);
  CHECK(r.residual < 1e-13);
  // Proposition 1: Z P* is the orthogonal projection of Z' on the span of Z.
  matrix_d const q = Eigen::HouseholderQR<matrix_d>(z).householderQ() * matrix_d::Identity(40, 6);
  CHECK(distance(z * r.p, q * (q.transpose() * t)) < 1e-12);
  CHECK((z.transpose() * (t - z * r.p)).cwiseAbs().maxCoeff() < 1e-12);
  CHECK((t - z * r.p).norm() > 0.1);  // and not all of it
}

TEST_CASE("P tends to I as the targets tend to the latents, in proportion to their distance", "[linear_regression]") {
  views<> v(20, 6, 7);
  matrix_d const z = stacked(v.z1, v.z2), noise = stacked(latents(20, 6, 71), latents(20, 6, 72));
  matrix_d const i = matrix_d::Identity(6, 6);
  // Proposition 2: P - I = (Z^T Z)^-1 Z^T (Z' - Z), which is linear in Z' - Z.
  matrix_d const slope = z.colPivHouseholderQr().solve(noise);
  CHECK(slope.norm() > 0.1);
  for (double const e : {1.0, 1e-1, 1e-3, 1e-6, 0.0}) {
    INFO("Z' = Z + " << e << " noise");
    v.t2 = v.z1 + e * noise.topRows(20), v.t1 = v.z2 + e * noise.bottomRows(20);
    CHECK((predict(v).p - i - e * slope).cwiseAbs().maxCoeff() < 1e-12);  // as above
  }
}

TEST_CASE("Damping is added to S relative to its mean eigenvalue", "[linear_regression]") {
  views<> const v(20, 6, 2);
  matrix_d const z = stacked(v.z1, v.z2), t = stacked(v.t2, v.t1);
  matrix_d const s = z.transpose() * z / 40, x = z.transpose() * t / 40;
  for (double const damping : {1e-3, 0.1, 10.0}) {
    matrix_d const p = predict(v, damping).p;
    CHECK(distance((s + damping * s.trace() / 6 * matrix_d::Identity(6, 6)) * p, x) < 1e-13);
    CHECK(distance(predict(v).p, p) > damping / 100);
  }
}

TEST_CASE("With 2 b = f rows the fit is exact and the gradient vanishes", "[linear_regression]") {
  views<> const v(3, 6, 3);
  for (auto const kind : {selfpred::loss_kind::squared, selfpred::loss_kind::normalized}) {
    auto o = make_objective<matrix_d>(linear_regression{}, {.loss = {.kind = kind}});
    auto const r = step(o, v);
    // The condition of a square random S of this size is up to 1e+4, and P is as large as its root.
    CHECK(r.loss < 1e-18);
    CHECK(r.gradient1.norm() < 1e-8);
    CHECK(r.gradient2.norm() < 1e-8);
  }
}

TEST_CASE("A singular S is an error that names pivot, b and f, and damping is its cure", "[linear_regression]") {
  views<> const few(2, 6, 4);
  auto o = make_objective<matrix_d>(linear_regression{});
  CHECK_THROWS_WITH(step(o, few),
                    ContainsSubstring("pivot") && ContainsSubstring("b = 2") && ContainsSubstring("f = 6"));
  CHECK_THROWS_AS(step(o, few), selfpred::domain_error);
  CHECK_THROWS_AS(step(o, few), std::domain_error);
  CHECK(o.step() == 0);
  auto damped = make_objective<matrix_d>(linear_regression{.damping = 1e-3});
  CHECK(std::isfinite(step(damped, few).loss));
  matrix_d const z = stacked(few.z1, few.z2), t = stacked(few.t2, few.t1), s = z.transpose() * z / 4;
  CHECK(distance((s + 1e-3 * s.trace() / 6 * matrix_d::Identity(6, 6)) * damped.predictor(), z.transpose() * t / 4) <
        1e-12);

  views<by_columns<float>> dead(30, 6, 5);  // rows enough, but a column is dead
  dead.z1.col(3).setZero(), dead.z2.col(3).setZero();
  auto of = make_objective<by_columns<float>>(linear_regression{});
  CHECK_THROWS_WITH(step(of, dead), ContainsSubstring("pivot") && ContainsSubstring("b = 30"));
  views<by_rows<float>> zero(30, 6, 5);
  zero.z1.setZero(), zero.z2.setZero();
  auto oz = make_objective<by_rows<float>>(linear_regression{.damping = 0.1});  // 0.1 times a trace of 0
  CHECK_THROWS_AS(step(oz, zero), selfpred::domain_error);
}

TEMPLATE_TEST_CASE("Latents and targets of any scale", "[linear_regression]", by_columns<float>, by_rows<double>) {
  using S = typename TestType::Scalar;
  views<TestType> const v(20, 5, 6);
  for (double const damping : {0.0, 0.01}) {
    matrix_d const p = predict(v, damping).p;
    for (int const k : {100, 60, -60, -100}) {
      INFO("2^" << k << ", damping " << damping);
      S const c = std::exp2(static_cast<S>(k));
      views<TestType> scaled = v;
      scaled.z1 *= c, scaled.z2 *= c;
      // S and X are the same digits: so are those of P, up to the scaling of a solve (condition about 10).
      CHECK(distance(predict(scaled, damping).p, std::exp2(-k) * p) < 100 * eps<S>);
      scaled.t1 *= c, scaled.t2 *= c;
      CHECK(distance(predict(scaled, damping).p, p) < 100 * eps<S>);
      CHECK(predict(scaled, damping).residual < 100 * eps<S>);
    }
  }
}

TEST_CASE("Damping out of range", "[linear_regression]") {
  for (double const bad : {-1e-3, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(make_objective<matrix_d>(linear_regression{.damping = bad}), selfpred::domain_error);
}
