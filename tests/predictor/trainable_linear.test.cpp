// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/trainable_linear.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::loss_kind;
using selfpred::make_objective;
using selfpred::stop_gradient;
using selfpred::trainable_linear;

namespace {

template <class O, class V, class P>
auto step(O& o, V const& v, P const& p) {
  return o.step(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2), p);
}
template <class O, class V, class P>
auto evaluate(O& o, V const& v, P const& p) {
  return o.evaluate(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2), p);
}
matrix_d some_predictor(Index f) { return 0.5 * latents(f, f, 77) + matrix_d::Identity(f, f); }

/// Row by row, since rows differ in scale: the error of dL/dz_i, in units of rounding of what it is a difference of,
/// 2 w |v_i - u_i| |P| / |q_i| for the normalised loss and 2 w (|q_i| + |t_i|) |P| for the squared one.
double gradient_error(matrix_d const& got, matrix_d const& expected, matrix_d const& z, matrix_d const& t,
                      matrix_d const& p, bool normalised) {
  double worst = 0;
  for (Index i = 0; i < z.rows(); ++i) {
    double const w = 2 / static_cast<double>(z.rows()), q = (z.row(i) * p).norm();
    double const size = normalised ? w * p.norm() / std::max(q, 1e-6) : w * p.norm() * (q + t.row(i).norm());
    if (!got.row(i).allFinite()) return std::numeric_limits<double>::infinity();
    double const e = (got.row(i) - expected.row(i)).norm();
    if (e > 0) worst = std::max(worst, e / size);
  }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("Golden loss and gradients, dL/dP included, for every form", "[trainable_linear][loss][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<float>, blocked<double>, in_array<double>, with_gaps<float>) {
  using form = TestType;
  double const e = eps<typename form::scalar>;
  auto const file = golden("loss");
  for (auto const& [name, c] : file) {
    INFO(name);
    bool const normalised = c.scalar("normalised") != 0;
    auto const get = [&](char const* key) { return dense(c.at(key)); };
    form const z1(get("z1")), z2(get("z2")), t1(get("t1")), t2(get("t2")), p(get("P"));
    auto o = make_objective<typename form::tensor>(
        trainable_linear{}, {.loss = {.kind = normalised ? loss_kind::normalized : loss_kind::squared}});
    auto const r = o.step(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()), p.get());
    // Products of f = 4 or 5 terms, a norm and a difference: 16 roundings. A loss near 0 is a difference of unit
    // vectors, squared, so its error is absolute, too.
    CHECK(std::abs(r.loss - c.scalar("loss")) < 16 * e * std::max(c.scalar("loss"), 1.0));
    CHECK(gradient_error(dense(r.gradient1), get("dz1"), get("z1"), get("t2"), get("P"), normalised) < 16 * e);
    CHECK(gradient_error(dense(r.gradient2), get("dz2"), get("z2"), get("t1"), get("P"), normalised) < 16 * e);
    if (name != "normalised_wide_range" && name.find("edges") == std::string::npos) {
      // dP sums over rows what was compared row by row; at the edges one row outweighs the others by 2^20 and more, and
      // relative to it the sum is as good.
      double const size = std::max(get("dP").norm(), get("z1").norm() / get("z1").rowwise().norm().minCoeff());
      CHECK((dense(r.predictor_gradient) - get("dP")).norm() < 32 * e * size);
    } else {
      CHECK(distance(r.predictor_gradient, get("dP")) < 64 * e);
    }
  }
}

TEST_CASE("dL/dP and dL/dZ are central differences of the loss, alpha and directions included", "[trainable_linear]") {
  views<> const v(5, 4, 1);
  matrix_d const p = some_predictor(4);
  for (double const alpha : {0.0, 0.3})
    for (auto const kind : {loss_kind::normalized, loss_kind::squared})
      for (auto const mean : {selfpred::directions::sum, selfpred::directions::mean}) {
        auto o =
            make_objective<matrix_d>(trainable_linear{}, {.alpha = alpha, .loss = {.kind = kind}, .directions = mean});
        auto const r = step(o, v, p);
        matrix_d const dp = r.predictor_gradient, dz1 = r.gradient1, dz2 = r.gradient2;
        double const h = 1e-5;  // truncation h^2 = 1e-10, rounding eps / h = 1e-11
        auto const numeric = [&](int which) {
          views<> w = v;
          matrix_d q = p;
          matrix_d& x = which == 0 ? q : which == 1 ? w.z1 : w.z2;
          matrix_d g(x.rows(), x.cols());
          for (Index i = 0; i < x.rows(); ++i)
            for (Index j = 0; j < x.cols(); ++j) {
              double const at = x(i, j);
              x(i, j) = at + h;
              double const up = evaluate(o, w, q).loss;
              x(i, j) = at - h;
              g(i, j) = (up - evaluate(o, w, q).loss) / (2 * h);
              x(i, j) = at;
            }
          return g;
        };
        CHECK(distance(dp, numeric(0)) < 1e-8);
        CHECK(distance(dz1, numeric(1)) < 1e-8);
        CHECK(distance(dz2, numeric(2)) < 1e-8);
      }
}

TEST_CASE("alpha I is added to the user's P", "[trainable_linear]") {
  views<> const v(6, 4, 2);
  matrix_d const p = some_predictor(4);
  auto with = make_objective<matrix_d>(trainable_linear{}, {.alpha = 0.25});
  auto without = make_objective<matrix_d>(trainable_linear{});
  auto const a = step(with, v, p);
  auto const b = step(without, v, (p + 0.25 * matrix_d::Identity(4, 4)).eval());
  CHECK(a.loss == b.loss);
  CHECK(same_bits(a.gradient1, b.gradient1));
  CHECK(same_bits(a.predictor_gradient, b.predictor_gradient));
  CHECK(p == some_predictor(4));
}

TEST_CASE("Gradient descent on P learns the least-squares predictor", "[trainable_linear]") {
  views<> const v(30, 4, 3);
  auto o = make_objective<matrix_d>(trainable_linear{}, {.loss = {.kind = loss_kind::squared}});
  matrix_d p = matrix_d::Identity(4, 4);
  double const first = step(o, v, p).loss;
  for (int k = 0; k < 500; ++k) p -= 0.05 * step(o, v, p).predictor_gradient;
  CHECK(o.step() == 501);
  matrix_d const s = v.z1.transpose() * v.z1 + v.z2.transpose() * v.z2;
  // 500 steps with factor 1 - 4 * 0.05 lambda; the smallest lambda here is above 0.1: (0.98)^500 = 4e-5.
  CHECK(distance(p, s.ldlt().solve(v.z1.transpose() * v.t2 + v.z2.transpose() * v.t1)) < 1e-3);
  CHECK(step(o, v, p).loss < first);
}

TEST_CASE("evaluate counts no step and leaves a step's results alone", "[trainable_linear]") {
  views<> const v(6, 4, 4), w(6, 4, 5);
  matrix_d const p = some_predictor(4);
  auto o = make_objective<matrix_d>(trainable_linear{});
  auto const r = step(o, v, p);
  matrix_d const g1 = r.gradient1, g2 = r.gradient2, dp = r.predictor_gradient;
  auto const e = evaluate(o, w, (2 * p).eval());
  CHECK(o.step() == 1);
  CHECK(same_bits(r.gradient1, g1));
  CHECK(same_bits(r.gradient2, g2));
  CHECK(same_bits(r.predictor_gradient, dp));
  CHECK_FALSE(same_bits(e.predictor_gradient, dp));
}

TEST_CASE("What a trainable step refuses, it does not count", "[trainable_linear]") {
  views<> const v(6, 4, 6);
  matrix_d const p = some_predictor(4);
  auto o = make_objective<matrix_d>(trainable_linear{});
  CHECK_THROWS_WITH(step(o, v, some_predictor(5)), ContainsSubstring("5") && ContainsSubstring("predictor"));
  CHECK_THROWS_AS(step(o, v, matrix_d::Ones(4, 5).eval()), selfpred::shape_error);
  CHECK_THROWS_AS(o.step(v.z1, v.z2, stop_gradient(v.z1), stop_gradient(v.t2), p), selfpred::alias_error);
  matrix_d broken = p;
  broken(1, 2) = std::nan("");
  CHECK_THROWS_AS(step(o, v, broken), selfpred::non_finite_error);
  CHECK(o.step() == 0);
  CHECK(std::isfinite(step(o, v, p).loss));
  CHECK(o.step() == 1);
  CHECK_THROWS_AS(make_objective<matrix_d>(trainable_linear{}, {.alpha = -1}), selfpred::domain_error);
}
