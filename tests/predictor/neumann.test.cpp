// SPDX-License-Identifier: MIT
#include <Eigen/LU>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/neumann.hpp>

#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::covariances;
using selfpred::make_objective;
using selfpred::neumann;
using selfpred::neumann_scale;
using selfpred::owner_t;
using selfpred::statistics;
using selfpred::stop_gradient;
using selfpred::workspace;

namespace {

/// S and X of both views, in double, by plain Eigen.
struct moments {
  matrix_d s, x;
  moments(matrix_d const& z1, matrix_d const& z2, matrix_d const& t1, matrix_d const& t2, bool normalised) {
    auto const unit = [&](matrix_d m) {
      for (Index i = 0; normalised && i < m.rows(); ++i) m.row(i).normalize();  // which leaves zero rows
      return m;
    };
    double const n = 2 * static_cast<double>(z1.rows());
    s = (unit(z1).transpose() * unit(z1) + unit(z2).transpose() * unit(z2)) / n;
    x = (unit(z1).transpose() * unit(t2) + unit(z2).transpose() * unit(t1)) / n;
  }
  double factor(neumann_scale scale, Index b) const {
    if (scale == neumann_scale::sum) return 2 * static_cast<double>(b);
    return scale == neumann_scale::mean ? 1 : 1 / s.norm();
  }
};
/// Hands the moments that the rule asks for, with P and its workspace, to f.
template <class M, class V, class F>
void with_moments_of(neumann const& rule, V const& v, F f) {
  statistics<M> sums{rule.moments()};
  sums.add(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2));
  auto const c = sums.compute();
  workspace<M> work;
  M p = selfpred::filled(v.z1, selfpred::shape_of(c.s));
  f(c, work, p);
}
template <class V>
matrix_d predict(neumann const& rule, V const& v) {
  using M = owner_t<std::remove_cvref_t<decltype(v.z1)>>;
  matrix_d result;
  with_moments_of<M>(rule, v, [&](auto const& c, auto& work, auto& p) {
    rule(c, work, p);
    result = dense(p);
  });
  return result;
}
std::string caution_of(neumann const& rule, views<> const& v) {
  std::string result;
  with_moments_of<matrix_d>(rule, v, [&](auto const& c, auto& work, auto& p) {
    rule(c, work, p);
    result = rule.caution(c, work);
  });
  return result;
}
constexpr neumann_scale scales[] = {neumann_scale::sum, neumann_scale::mean, neumann_scale::spectral};

}  // namespace

TEMPLATE_TEST_CASE("Golden P of the Neumann expansion, for every form", "[neumann][golden]", owned<by_columns<float>>,
                   owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<double>) {
  using form = TestType;
  using S = typename form::scalar;
  auto const file = golden("neumann");
  for (auto const& [name, c] : file) {
    INFO(name);
    matrix_d const d1 = dense(c.at("z1")), d2 = dense(c.at("z2")), e1 = dense(c.at("t1")), e2 = dense(c.at("t2"));
    matrix_d const scale = dense(c.at("scale")), normalised = dense(c.at("normalised"));
    matrix_d const largest = dense(c.at("largest"));
    form const z1(d1), z2(d2), t1(e1), t2(e2);
    for (Index k = 0; k < scale.size(); ++k) {
      INFO("scale " << scale(k) << ", normalised " << normalised(k));
      neumann const rule{.scale = static_cast<neumann_scale>(static_cast<int>(scale(k))),
                         .normalise_rows = normalised(k) != 0};
      statistics<owner_t<typename form::tensor>> sums{rule.moments()};
      sums.add(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()));
      auto const moments_now = sums.compute();
      workspace<owner_t<typename form::tensor>> work;
      auto p = selfpred::filled(z1.get(), selfpred::shape_of(moments_now.s));
      rule(moments_now, work, p);
      matrix_d const expected = dense(c.at("P_" + std::to_string(k)));
      // sS and sX are sums of 2 b rounded products, and P is (2 I - sS) sX, of which digits may cancel.
      moments const exact(d1, d2, e1, e2, rule.normalise_rows);
      double const size = exact.s.norm() > 0 ? exact.factor(rule.scale, d1.rows()) * exact.x.norm() : 0;
      double const cancelled = size > 0 ? (2 + largest(k)) * size / expected.cwiseAbs().maxCoeff() : 0;
      CHECK(distance(p, expected) <= 8 * eps<S> * std::sqrt(static_cast<double>(d1.rows())) * cancelled);
      CHECK(rule.caution(moments_now, work).empty() == (largest(k) < 2));
    }
  }
}

TEST_CASE("P is the two-term expansion of (Z^T Z)^-1 Z^T Z'; its error is the square of I - sS", "[neumann]") {
  views<> const v(20, 6, 1);
  for (bool const normalised : {true, false})
    for (neumann_scale const scale : scales) {
      INFO("scale " << static_cast<int>(scale) << ", normalised " << normalised);
      moments const m(v.z1, v.z2, v.t1, v.t2, normalised);
      double const s = m.factor(scale, 20);
      matrix_d const i = matrix_d::Identity(6, 6), r = i - s * m.s, p = predict({scale, normalised}, v);
      // (sS)^-1 = I + R + R^2 + ... where R = I - sS has norm below 1; P has the first two terms.
      CHECK(distance(p, (i + r) * s * m.x) < 1e-13 * (1 + r.norm()));
      matrix_d const fit = m.s.inverse() * m.x;
      // What is left of the regression is R^2 of it, whether the series converges or not.
      CHECK(distance(fit - p, r * r * fit) < 1e-12 * (1 + r.norm() * r.norm()));
    }
  // With normalised rows the eigenvalues of S are in [0, 1], and those of 2 S - S^2 too: with Z' = Z P is between
  // S and I.
  views<> same = v;
  same.t2 = same.z1, same.t1 = same.z2;
  moments const m(same.z1, same.z2, same.t1, same.t2, true);
  matrix_d const p = predict({}, same);
  CHECK(eigenvalues(p - m.s).minCoeff() > 0);
  CHECK(eigenvalues(matrix_d::Identity(6, 6) - p).minCoeff() > 0);
  CHECK_THAT(m.s.trace(), WithinRel(1.0, 1e-14));
  CHECK(distance(p, p.transpose()) < 1e-14);
  CHECK(distance(p * m.s, m.s * p) < 1e-14);
}

TEST_CASE("The default takes means of normalised rows; P applies to z all the same", "[neumann]") {
  neumann const rule;
  CHECK(rule.scale == neumann_scale::mean);
  CHECK(rule.moments().normalise_rows);
  CHECK_FALSE(rule.moments().centred);
  CHECK(rule.moments().momentum == 0);
  CHECK_FALSE(neumann{.normalise_rows = false}.moments().normalise_rows);
  views<> const v(12, 5, 2);
  auto o = make_objective<matrix_d>(rule, {.predictor_momentum = 0, .loss = {.kind = selfpred::loss_kind::squared}});
  auto const r = step(o, v);
  matrix_d const p = predict(rule, v);
  CHECK(distance(o.predictor(), p) < 1e-14);
  // The squared loss of z P itself, not of z/|z| P.
  double const loss = ((v.z1 * p - v.t2).squaredNorm() + (v.z2 * p - v.t1).squaredNorm()) / 12;
  CHECK_THAT(r.loss, WithinRel(loss, 1e-13));
}

TEST_CASE("Eigenvalues of 2 or more turn the expansion negative, and status() says so", "[neumann]") {
  views<> v(20, 6, 3);
  moments const m(v.z1, v.z2, v.t1, v.t2, false);
  double const top = eigenvalues(m.s).maxCoeff();
  CHECK_THAT(caution_of({neumann_scale::sum, false}, v), ContainsSubstring("2"));
  CHECK(caution_of({neumann_scale::spectral, false}, v).empty());
  CHECK(caution_of({neumann_scale::mean, true}, v).empty());
  for (double const l : {0.5, 1.9, 2.1, 40.0}) {  // the largest eigenvalue of S
    INFO("largest eigenvalue " << l);
    views<> w = v;
    w.z1 *= std::sqrt(l / top), w.z2 *= std::sqrt(l / top);
    CHECK(caution_of({neumann_scale::mean, false}, w).empty() == (l < 2));
    auto o = make_objective<matrix_d>(neumann{neumann_scale::mean, false});
    step(o, w);
    CHECK(o.status().cautions.empty() == (l < 2));
    // With Z' = Z, P = (2 I - S) S has an eigenvalue below 0 from there on.
    w.t2 = w.z1, w.t1 = w.z2;
    CHECK((eigenvalues(predict({neumann_scale::mean, false}, w)).minCoeff() > 0) == (l < 2));
  }
}

TEMPLATE_TEST_CASE("What the scale of the latents does to each choice of s", "[neumann]", by_columns<float>,
                   by_rows<double>) {
  using S = typename TestType::Scalar;
  views<TestType> const v(20, 5, 4);
  // Conditions are below 10 here, and cancellation below 10 too.
  double const tolerance = 400 * eps<S>;
  for (int const k : {100, 60, 3, -3, -60, -100}) {
    INFO("2^" << k);
    S const c = std::exp2(static_cast<S>(k));
    views<TestType> online = v, all = v;
    online.z1 *= c, online.z2 *= c;
    all = online, all.t1 *= c, all.t2 *= c;
    // Normalised rows have no scale, whatever s is; the square of a tiny or a huge row is not taken for that.
    for (neumann_scale const scale : scales) {
      CHECK(distance(predict({scale, true}, online), predict({scale, true}, v)) < tolerance);
      CHECK(distance(predict({scale, true}, all), predict({scale, true}, v)) < tolerance);
    }
    // A spectral s makes sS free of scale, and leaves X's against S's.
    neumann const spectral{neumann_scale::spectral, false};
    CHECK(distance(predict(spectral, all), predict(spectral, v)) < tolerance);
    CHECK(distance(predict(spectral, online), std::exp2(-k) * predict(spectral, v)) < tolerance);
  }
  // Sums are means times 2 b: P of latents that are sqrt(2 b) larger.
  views<TestType> larger = v;
  for (auto* m : {&larger.z1, &larger.z2, &larger.t1, &larger.t2}) *m *= std::sqrt(S(40));
  CHECK(distance(predict({neumann_scale::sum, false}, v), predict({neumann_scale::mean, false}, larger)) < tolerance);
}

TEST_CASE("Neumann: zero, one by one, and a P that overflows", "[neumann]") {
  for (neumann_scale const scale : scales)
    for (bool const normalised : {true, false}) {
      views<by_columns<float>> zero(6, 4, 5);
      zero.z1.setZero(), zero.z2.setZero();
      CHECK(predict({scale, normalised}, zero) == matrix_d::Zero(4, 4));
      auto o = make_objective<by_columns<float>>(neumann{scale, normalised}, {.alpha = 0.25});
      step(o, zero);
      CHECK(o.predictor() == 0.25 * matrix_d::Identity(4, 4).cast<float>());
      CHECK(o.status().cautions.empty());
    }
  views<> one(3, 1, 6);
  one.z1.setConstant(0.5), one.z2.setConstant(0.5), one.t1.setConstant(2), one.t2.setConstant(2);
  CHECK(predict({neumann_scale::mean, true}, one)(0, 0) == 1);             // 2 - 1
  CHECK(predict({neumann_scale::mean, false}, one)(0, 0) == 1.75);         // 2 * 1 - 1/4 * 1
  CHECK(predict({neumann_scale::sum, false}, one)(0, 0) == 12 - 1.5 * 6);  // s = 6
  CHECK(predict({neumann_scale::spectral, false}, one)(0, 0) == 4);        // X / S
  views<by_columns<float>> huge(20, 5, 7);
  huge.z1 *= 1e+30f, huge.z2 *= 1e+30f;
  auto o = make_objective<by_columns<float>>(neumann{neumann_scale::mean, false});
  CHECK_THROWS_AS(step(o, huge), selfpred::non_finite_error);
  CHECK(o.step() == 0);
  auto p = make_objective<by_columns<float>>(neumann{});
  CHECK(std::isfinite(step(p, huge).loss));
}

TEST_CASE("Neumann: latents that are not finite", "[neumann]") {
  for (double const bad : {std::nan(""), std::numeric_limits<double>::infinity()})
    for (neumann_scale const scale : scales)
      for (bool const normalised : {true, false})
        for (bool const online : {true, false}) {
          views<> v(8, 4, 8);
          (online ? v.z1 : v.t2)(3, 2) = bad;
          auto o = make_objective<matrix_d>(neumann{scale, normalised});
          CHECK_THROWS_AS(step(o, v), selfpred::non_finite_error);
          CHECK(o.step() == 0);
        }
  CHECK_NOTHROW(neumann{}.check());
}
