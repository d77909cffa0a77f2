// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_pred.hpp>

#include "support/catch.hpp"
#include "support/decomposed.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Eigen::Index;
using selfpred::covariances;
using selfpred::direct_pred;
using selfpred::workspace;

namespace {

template <class M>
M predict(M const& s, direct_pred const& rule, double scale = 1) {
  workspace<M> work;
  M p = M::Constant(s.rows(), s.cols(), NAN);
  rule(covariances<M>{s, s, scale, 1, 1}, work, p);
  return p;
}
/// An orthogonal matrix without symmetry: two reflections.
matrix_d orthogonal(Index n) {
  auto const reflection = [&](std::uint64_t seed) -> matrix_d {
    Eigen::VectorXd const v = latents(n, 1, seed).col(0).normalized();
    return matrix_d::Identity(n, n) - 2 * v * v.transpose();
  };
  return reflection(1) * reflection(2);
}
matrix_d with_spectrum(std::vector<double> const& l) {
  matrix_d const u = orthogonal(static_cast<Index>(l.size()));
  return u * Eigen::Map<Eigen::VectorXd const>(l.data(), u.rows()).asDiagonal() * u.transpose();
}
/// ||A^a - B^a|| <= ||A - B||^a for a <= 1 and positive semidefinite A, B; away from 0, and for a >= 1, it is Lipschitz.
/// The eigensolver's A - B is a small multiple of f eps ||S||; entries of P are compared with its largest.
template <class S>
double rounding(double f, double a, double condition) {
  double const error = 16 * f * eps<S>;
  return a >= 1 ? a * error : std::min(std::pow(error, a), error * std::pow(condition, a - 1));
}
constexpr direct_pred published = direct_pred::published();

}  // namespace

TEMPLATE_TEST_CASE("Golden P of DirectPred, for every form", "[direct_pred][golden]", owned<by_columns<float>>,
                   owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>, mapped<double>,
                   blocked<float>, in_array<float>, with_gaps<double>) {
  using S = typename TestType::scalar;
  auto const file = golden("direct_pred");
  for (auto const& [name, c] : file) {
    INFO(name);
    matrix_d const z = dense(c.at("z")), exponent = dense(c.at("exponent")), relative = dense(c.at("relative"));
    matrix_d const add = dense(c.at("eps")), floor = dense(c.at("floor"));
    with_moments<TestType>(z, [&](auto const& moments, auto& work, auto& p) {
      for (Index k = 0; k < exponent.size(); ++k) {
        INFO("case " << k << ": exponent " << exponent(k) << ", relative " << relative(k) << ", eps " << add(k)
                     << ", floor " << floor(k));
        direct_pred const rule{exponent(k), relative(k) == 1, add(k), floor(k), 0};
        rule.check();
        rule(moments, work, p);
        CHECK(distance(p, dense(c.at("P_" + std::to_string(k)))) <
              rounding<S>(static_cast<double>(z.cols()), exponent(k), c.scalar("condition")));
        CHECK(rule.residual(moments, work, p) == 0);
        CHECK(rule.caution(moments, work).empty());
      }
    });
  }
}

TEST_CASE("DirectPred's options on a known spectrum", "[direct_pred]") {
  std::vector<double> const l{4, 1, 0.25, -1e-3};
  auto const expect = [&](direct_pred const& rule, std::vector<double> const& p) {
    CHECK(distance(predict(with_spectrum(l), rule), with_spectrum(p)) < 1e-14);
  };
  expect({}, {2, 1, 0.5, 0});
  expect({.exponent = 0.25}, {std::sqrt(2), 1, std::sqrt(0.5), 0});
  expect({.exponent = 2}, {16, 1, 0.0625, 0});
  expect({.relative = true}, {1, 0.5, 0.25, 0});
  expect({.exponent = 2, .relative = true}, {1, 0.0625, 0.00390625, 0});
  expect({.eps = 0.125}, {2.125, 1.125, 0.625, 0.125});
  expect({.floor = 0.75}, {2, 1, 0.75, 0.75});
  expect({.eps = 0.125, .floor = 0.75}, {2.125, 1.125, 0.75, 0.75});
  expect({.eps = 0.75, .floor = 0.125}, {2.75, 1.75, 1.25, 0.75});
  expect({.relative = true, .eps = 0.0625, .floor = 0.375}, {1.0625, 0.5625, 0.375, 0.375});
  expect(published, {1.01, 0.51, 0.26, 0.01});
}

TEMPLATE_TEST_CASE("A zero S gives max(eps, floor) I, a 1 x 1 S its power", "[direct_pred]", by_columns<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  TestType const zero = TestType::Zero(3, 3);
  CHECK(same_bits(predict(zero, direct_pred{}), zero));
  for (bool const relative : {false, true}) {
    CHECK(same_bits(predict(zero, {.relative = relative, .eps = 0.25}), TestType(S(0.25) * TestType::Identity(3, 3))));
    CHECK(distance(predict(zero, {.relative = relative, .eps = 0.25, .floor = 0.5}), 0.5 * matrix_d::Identity(3, 3)) <
          4 * eps<S>);
  }
  TestType const one = TestType::Constant(1, 1, S(9));
  CHECK(predict(one, direct_pred{})(0, 0) == 3);
  CHECK(predict(one, {.relative = true})(0, 0) == 1);
}

TEMPLATE_TEST_CASE("P(c S) = c^exponent P(S), and P(c S) = P(S) where relative", "[direct_pred]", by_columns<float>,
                   by_columns<double>) {
  using S = typename TestType::Scalar;
  std::vector<double> const l{4, 1, 0.25, 0.0625};
  TestType const s = with_spectrum(l).cast<S>();
  for (double const exponent : {0.5, 1.0, 0.3})
    for (double const scale : {0x1p+40, 0x1p-40, 0x1p+100, 0x1p-100}) {
      INFO(exponent << " " << scale);
      direct_pred const own{.exponent = exponent}, relative{.exponent = exponent, .relative = true, .eps = 0.01};
      CHECK(distance(predict(s, own, scale), std::pow(scale, exponent) * dense(predict(s, own))) < 4 * eps<S>);
      CHECK(distance(predict(s, relative, scale), dense(predict(s, relative))) == 0);
      TestType const scaled = static_cast<S>(scale) * s;
      CHECK(distance(predict(scaled, relative), dense(predict(s, relative))) < 16 * eps<S>);
    }
  // No power of a large l_max leaves float on the way.
  TestType const large = S(1e+12) * s;
  CHECK(distance(predict(large, {.exponent = 4, .relative = true}),
                 dense(predict(s, {.exponent = 4, .relative = true}))) < 64 * eps<S>);
}

TEMPLATE_TEST_CASE("DirectPred on latents of 1e+-30", "[direct_pred]", by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  for (double const scale : {1e+30, 1e-30}) {
    TestType const z = latents(20, 5, 7).cast<S>(), scaled = static_cast<S>(scale) * z;
    auto const p = [](TestType const& y, direct_pred const& rule) {
      selfpred::statistics<TestType> sums;
      sums.add(y, y);
      workspace<TestType> work;
      TestType r = TestType::Zero(5, 5);
      rule(sums.compute(), work, r);
      return r;
    };
    CHECK(distance(p(scaled, {}), scale * dense(p(z, {}))) < 64 * eps<S>);
    CHECK(distance(p(scaled, published), dense(p(z, published))) < 64 * eps<S>);
  }
}

TEST_CASE("DirectPred on scalars that are handles: the same P, nothing read back", "[direct_pred]") {
  matrix_d const s = with_spectrum({4, 1, 0.25, 0.0625});
  far::decomposed there(4, 4), p(4, 4);
  selfpred::copy_in(std::span<double const>(s.data(), 16), there);
  workspace<far::decomposed> work;
  for (double const exponent : {0.5, 0.25, 0.3, 1.0, 2.0, 2.75, 7.0})
    for (direct_pred const& rule :
         {direct_pred{.exponent = exponent}, direct_pred{.exponent = exponent, .relative = true},
          direct_pred{.exponent = exponent, .relative = true, .eps = 0.01, .floor = 0.3}}) {
      INFO(exponent);
      auto const before = far::read_backs;
      rule(covariances<far::decomposed>{there, there, 1, 1, 1}, work, p);
      CHECK(far::read_backs == before);
      CHECK(distance(p, predict(s, rule)) < 1e-13);
    }
}

TEST_CASE("DirectPred refuses options out of range, and says what moments it wants", "[direct_pred]") {
  CHECK(thrown<selfpred::domain_error>([] { direct_pred{.exponent = 0}.check(); }) ==
        "direct_pred: exponent is 0.000000, expected finite and above 0");
  for (direct_pred const& rule : {direct_pred{.exponent = -1}, direct_pred{.exponent = INFINITY},
                                  direct_pred{.exponent = NAN}, direct_pred{.eps = -1e-9}, direct_pred{.floor = NAN},
                                  direct_pred{.statistics_momentum = 1}, direct_pred{.statistics_momentum = -0.1}})
    CHECK_THROWS_AS(rule.check(), selfpred::domain_error);
  published.check();
  CHECK((published.exponent == 0.5 && published.relative && published.eps == 0.01 && published.floor == 1e-4));
  CHECK(published.moments().momentum == 0.3);
  CHECK((direct_pred{}.moments().momentum == 0 && !direct_pred{}.moments().centred &&
         !direct_pred{}.moments().normalise_rows));
}

TEST_CASE("DirectPred trains through an objective", "[direct_pred]") {
  views<> const v(24, 5, 9);
  auto o = selfpred::make_objective<matrix_d>(published, {.alpha = 0.1});
  auto const r = step(o, v);
  CHECK(std::isfinite(r.loss));
  matrix_d s = (v.z1.transpose() * v.z1 + v.z2.transpose() * v.z2) / 48;
  CHECK(distance(o.predictor(), predict<matrix_d>(s, published) + 0.1 * matrix_d::Identity(5, 5)) < 1e-13);
}

TEST_CASE("DirectSet(a) is S^a: the root, DirectCopy, the square", "[direct_pred]") {
  matrix_d const z = latents(40, 6, 1), s = z.transpose() * z / 40;
  matrix_d const p = predict(s, direct_pred{}), quarter = predict(s, direct_pred{.exponent = 0.25});
  CHECK(distance(p * p, s) < 1e-13);
  CHECK(distance(quarter * quarter, p) < 1e-13);
  CHECK(distance(predict(s, direct_pred{.exponent = 1}), s) < 1e-13);
  CHECK(distance(predict(s, direct_pred{.exponent = 2}), s * s) < 1e-13);
  CHECK(distance(p, p.transpose()) < 1e-13);
  CHECK(distance(p * s, s * p) < 1e-13);
}

TEST_CASE("DirectPred: zero latents leave alpha I, and latents that are not finite are refused", "[direct_pred]") {
  views<> dead(6, 4, 6), bad(6, 4, 7);
  dead.z1.setZero(), dead.z2.setZero();
  auto o = selfpred::make_objective<matrix_d>(direct_pred{}, {.alpha = 0.25});
  step(o, dead);
  CHECK(o.predictor() == 0.25 * matrix_d::Identity(4, 4));
  for (double const value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    bad.z1(3, 2) = value;
    CHECK_THROWS_AS(step(o, bad), selfpred::non_finite_error);
    CHECK(o.step() == 1);
  }
}

TEST_CASE("The plain root by inverses is the root of the eigenvalues", "[direct_pred][evaluation]") {
  using M = by_columns<float>;
  using selfpred::evaluation;
  Eigen::Index const f = 48;
  for (int const kind : {0, 1, 2, 3}) {
    matrix_d z = latents(kind == 1 ? f / 2 : 3 * f, f, 21);
    if (kind >= 2)
      for (Eigen::Index j = 0; j < f; ++j)
        z.col(j) *= std::pow(10.0, -(kind == 2 ? 2.0 : 4.0) * static_cast<double>(j) / f);
    M const s = covariance(z).cast<float>();
    double const norm = dense(s).norm();
    matrix_d const exact = of_spectrum(dense(s), [](double l) { return std::sqrt(std::max(l, 0.0)); });
    auto const error = [&](evaluation how, double eps) {
      matrix_d const p = dense(predict(direct_pred{.eps = eps, .evaluate = how}, s));
      return eigenvalues(p - exact - eps * matrix_d::Identity(f, f)).cwiseAbs().maxCoeff() / std::sqrt(norm);
    };
    INFO("kind " << kind);
    CHECK(error(evaluation::rational(5e-4), 0) <= 5e-4);
    CHECK(error(evaluation::automatic(), 0) <= 3e-4);  // what float's eigenvalues have at best: (1e-7)^(1/2)
    CHECK(error(evaluation::automatic(), 0.25) <= 3e-4);
    // Well conditioned: as good as the eigendecomposition, 32 roundings of a matrix of 48 columns.
    if (kind == 0) CHECK(error(evaluation::automatic(), 0) <= 32 * eps<float>);
  }
  using by_eigenvalues = Eigen::MatrixXd;  // double has no table of that kind: the decomposition runs
  matrix_d const s = covariance(latents(60, 12, 22));
  CHECK(same_bits(predict(direct_pred{.evaluate = evaluation::automatic()}, by_eigenvalues(s)),
                  predict(direct_pred{}, by_eigenvalues(s))));
  CHECK(direct_pred{}.error_bound<M>() == 0);
  CHECK((direct_pred{.evaluate = evaluation::automatic()}).error_bound<M>() == 2e-4);
  for (evaluation const how : {evaluation::rational(5e-4), evaluation::gram(5e-4)})
    CHECK_THROWS_WITH((direct_pred{.exponent = 1, .evaluate = how}).check(),
                      Catch::Matchers::ContainsSubstring("direct_pred: evaluate is rational"));
}
