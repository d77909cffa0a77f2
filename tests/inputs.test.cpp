// SPDX-License-Identifier: MIT
// What every rule makes of every kind of input, as docs/inputs.md says it.
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/neumann.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::make_objective;
using selfpred::non_finite_error;
using selfpred::objective_options;
using selfpred::stop_gradient;

namespace {

/// f(rule, name) for every closed-form rule.
template <class F>
void each_rule(F f) {
  f(selfpred::newton_schulz{}, "newton_schulz");
  f(selfpred::newton_schulz{.iterations = 7, .stages = 2}, "newton_schulz, two stages");
  f(selfpred::visser{}, "visser");
  f(selfpred::stiefel{}, "stiefel");
  f(selfpred::neumann{}, "neumann");
  f(selfpred::direct_pred{}, "direct_pred");
  f(selfpred::direct_pred::published(), "direct_pred, published");
  f(selfpred::direct_copy{}, "direct_copy");
  f(selfpred::linear_regression{.damping = 1e-3}, "linear_regression");
}
template <class Rule>
constexpr bool is_regression = std::same_as<Rule, selfpred::linear_regression>;
template <class Rule>
constexpr bool is_published(Rule const& rule) {
  if constexpr (std::same_as<Rule, selfpred::direct_pred>)
    return rule.eps > 0;
  else
    return false;
}
template <class M, class Rule>
auto objective_of(Rule const& rule) {
  return make_objective<M>(rule, {.alpha = 0.25, .predictor_momentum = 0.5});
}
/// The error's text; the state must be as before.
template <class Error, class O, class V>
std::string refused(O& o, V const& v) {
  auto const before = o.state();
  std::string text = "nothing was thrown";
  try {
    step(o, v);
  } catch (Error const& e) {
    text = e.what();
  }
  CHECK(o.state() == before);
  return text;
}

}  // namespace

TEMPLATE_TEST_CASE("Zero latents: P = 0, so alpha I is applied", "[inputs]", by_columns<float>, by_columns<double>) {
  each_rule([](auto rule, char const* name) {
    INFO(name);
    views<TestType> v(12, 5, 1);
    v.z1.setZero(), v.z2.setZero();
    auto o = objective_of<TestType>(rule);
    if constexpr (is_regression<decltype(rule)>) {  // damping times a trace of 0 helps no pivot
      CHECK_THAT(refused<selfpred::domain_error>(o, v), ContainsSubstring("pivot"));
    } else {
      auto const r = step(o, v);
      double const least = is_published(rule) ? 0.01 : 0;  // max(eps, floor) I
      CHECK(distance(o.predictor(), (0.25 + least) * matrix_d::Identity(5, 5)) <= 2 * eps<typename TestType::Scalar>);
      CHECK_THAT(r.loss, WithinRel(2, 1e-6));  // u = 0: |0 - v|^2 = 1 in each direction
    }
  });
}

TEMPLATE_TEST_CASE("Constant latents: rank one, finite, and P keeps their direction", "[inputs]", by_columns<float>,
                   by_columns<double>) {
  each_rule([](auto rule, char const* name) {
    INFO(name);
    using S = typename TestType::Scalar;
    views<TestType> v(12, 4, 2);
    TestType const row = v.z1.row(0);
    v.z1 = row.replicate(12, 1), v.z2 = v.z1;
    auto o = objective_of<TestType>(rule);
    auto const r = step(o, v);
    CHECK(std::isfinite(r.loss));
    CHECK(r.gradient1.allFinite());
    if constexpr (std::same_as<decltype(rule), selfpred::neumann> || is_regression<decltype(rule)>)
      return;  // X decides
    matrix_d const u = row.template cast<double>().normalized(), p = dense(o.predictor());
    // In float a null direction of S is rounding, and its root up to 1e-3: direct_pred says so.
    CHECK(distance(matrix_d(u * p), matrix_d((u * p * u.transpose())(0) * u)) < (std::same_as<S, float> ? 2e-3 : 1e-7));
  });
}

TEMPLATE_TEST_CASE("Latents of 1e30 and 1e-30", "[inputs]", by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  constexpr bool narrow = std::same_as<S, float>;
  each_rule([](auto rule, char const* name) {
    INFO(name);
    using Rule = decltype(rule);
    views<TestType> v(24, 5, 3);
    auto const scaled = [&](double c) {
      views<TestType> w = v;
      for (TestType* m : {&w.z1, &w.z2, &w.t1, &w.t2}) *m *= static_cast<S>(c);
      return w;
    };
    auto const up = scaled(1e30), down = scaled(1e-30);
    auto const options = objective_options{.predictor_momentum = 0, .rescale = selfpred::rescaling::frobenius};
    auto plain = make_objective<TestType>(rule, options), huge = make_objective<TestType>(rule, options),
         tiny = make_objective<TestType>(rule, options);
    auto const r = step(plain, v);
    // 1e30 itself is rounded in float: every entry by half an eps, S by one. P amplifies it as in the tests of the rules.
    double const tolerance = narrow ? 2e-2 : 1e-9;
    if (narrow && (std::same_as<Rule, selfpred::stiefel> || std::same_as<Rule, selfpred::direct_copy>)) {
      CHECK_THAT(refused<non_finite_error>(huge, up), ContainsSubstring("predictor has a NaN or an infinity"));
    } else {
      auto const h = step(huge, up);
      CHECK(distance(huge.predictor(), dense(plain.predictor())) < tolerance);
      // The normalised loss does not see the scale; its gradient has the inverse one.
      CHECK_THAT(h.loss, WithinRel(r.loss, tolerance));
      CHECK(distance(matrix_d(dense(h.gradient1) * 1e30), dense(r.gradient1)) < 10 * tolerance);
    }
    if (narrow && (std::same_as<Rule, selfpred::stiefel> || std::same_as<Rule, selfpred::direct_copy>)) {
      step(tiny, down);  // P is 1e-60, which float holds as 0: it is applied as such
      CHECK(tiny.predictor().norm() <= 1);
    } else {
      step(tiny, down);  // predictions of 1e-30 are under the floor of the loss: P alone is compared
      CHECK(distance(tiny.predictor(), dense(plain.predictor())) < tolerance);
    }
  });
}

TEMPLATE_TEST_CASE("NaN and infinity, in any input, are refused by name and change nothing", "[inputs]",
                   by_columns<float>, by_columns<double>) {
  using S = typename TestType::Scalar;
  each_rule([](auto rule, char const* name) {
    INFO(name);
    auto o = objective_of<TestType>(rule);
    views<TestType> const good(12, 5, 4);
    step(o, good);
    for (S const bad : {std::numeric_limits<S>::quiet_NaN(), std::numeric_limits<S>::infinity()})
      for (auto const& [member, word] : {std::pair{&views<TestType>::z1, "z1"},
                                         {&views<TestType>::z2, "z2"},
                                         {&views<TestType>::t1, "target"},
                                         {&views<TestType>::t2, "target"}}) {
        views<TestType> v(12, 5, 5);
        (v.*member)(7, 3) = bad;
        CHECK_THAT(refused<non_finite_error>(o, v), ContainsSubstring(word));
      }
    CHECK(std::isfinite(step(o, good).loss));  // nothing of it is left in a workspace
  });
}

TEST_CASE("Non-contiguous latents give the numbers of contiguous ones", "[inputs]") {
  each_rule([](auto rule, char const* name) {
    INFO(name);
    views<> const v(14, 5, 6);
    with_gaps<double> const z1(v.z1), z2(v.z2), t1(v.t1), t2(v.t2);
    auto a = objective_of<matrix_d>(rule), b = objective_of<matrix_d>(rule);
    for (int k = 0; k < 2; ++k) {
      auto const r = step(a, v);
      auto const s = b.step(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()));
      CHECK_THAT(s.loss, WithinRel(r.loss, 1e-10));  // other sums of the same products, amplified by 1.5^14 at most
      CHECK(distance(s.gradient1, r.gradient1) < 1e-9);
      CHECK(distance(s.gradient2, r.gradient2) < 1e-9);
    }
  });
}

TEST_CASE("Aliased, empty and misshapen inputs are refused by name and change nothing", "[inputs]") {
  each_rule([](auto rule, char const* name) {
    INFO(name);
    auto o = objective_of<matrix_d>(rule);
    views<> const good(12, 5, 7);
    step(o, good);
    auto const before = o.state();
    CHECK_THROWS_AS(o.step(good.z1, good.z2, stop_gradient(good.z2), stop_gradient(good.t2)), selfpred::alias_error);
    CHECK_THROWS_AS(o.step(good.z1, good.z2, stop_gradient(good.t1), stop_gradient(good.z1.bottomRows(12))),
                    selfpred::alias_error);
    CHECK(o.state() == before);
    CHECK_NOTHROW(o.evaluate(good.z1, good.z1, stop_gradient(good.t1), stop_gradient(good.t1)));  // views may be one

    views<> empty(12, 5, 7);
    for (matrix_d* m : {&empty.z1, &empty.z2, &empty.t1, &empty.t2}) m->resize(0, 5);
    CHECK_THAT(refused<selfpred::shape_error>(o, empty), ContainsSubstring("at least one row"));
    for (auto const& [member, word] : {std::pair{&views<>::z2, "z2 is 11 x 5, expected 12 x 5"},
                                       {&views<>::t1, "target1 is 11 x 5"},
                                       {&views<>::t2, "target2 is 11 x 5"}}) {
      views<> v = good;
      (v.*member) = matrix_d((v.*member).topRows(11));
      CHECK_THAT(refused<selfpred::shape_error>(o, v), ContainsSubstring(word));
    }
    CHECK_THAT(refused<selfpred::shape_error>(o, views<>(12, 6, 7)), ContainsSubstring("5"));  // another f than P has
  });
}

TEST_CASE("A short last batch is a step like any other", "[inputs]") {
  each_rule([](auto rule, char const* name) {
    INFO(name);
    auto o = make_objective<matrix_d>(rule, {.alpha = 0.25, .predictor_momentum = 0});
    for (int epoch = 0; epoch < 2; ++epoch)
      for (Index const b : {16, 16, 3}) {  // b < f
        views<> const v(b, 5, 8);
        auto fresh = make_objective<matrix_d>(rule, {.alpha = 0.25, .predictor_momentum = 0});
        auto const r = step(o, v);
        CHECK(r.gradient1.rows() == b);
        if (is_published(rule)) continue;  // its statistics remember
        auto const alone = step(fresh, v);
        CHECK(same_bits(o.predictor(), fresh.predictor()));
        CHECK(r.loss == alone.loss);
      }
  });
}

TEST_CASE("complaint 14: a factorisation fails, or a small covariance is destroyed in silence", "[inputs][complaint]") {
  using float_matrix = by_columns<float>;
  // The default needs products alone, so there is no factorisation that could fail; a rule that needs one does not compile
  // on a tensor without (tests/compile_fail/rule_without_capability.cpp).
  views<float_matrix> const few(2, 6, 9);  // S has rank 4 of 6
  auto o = make_objective<float_matrix>(selfpred::newton_schulz{}, {.rescale = selfpred::rescaling::frobenius});
  CHECK(std::isfinite(step(o, few).loss));
  auto const residual = o.status().residual;  // what the iteration has left undone is said
  REQUIRE(residual);
  CHECK((*residual > 0 && *residual < 1));
  // Scaled first: no floor of the norm that small latents fall under, no square that overflows.
  for (float const c : {0x1p-60F, 0x1p60F}) {
    views<float_matrix> v = few;
    v.z1 *= c, v.z2 *= c;
    auto scaled = make_objective<float_matrix>(selfpred::newton_schulz{}, {.rescale = selfpred::rescaling::frobenius});
    step(scaled, v);
    CHECK(distance(scaled.predictor(), dense(o.predictor())) < 1e-5);
    CHECK_THAT(*scaled.status().residual, WithinRel(*residual, 1e-3));
  }
  // Whoever asks for a factorisation learns of its failure: pivot, b and f, and the state is as it was.
  auto regression = make_objective<float_matrix>(selfpred::linear_regression{});
  CHECK_THAT(refused<selfpred::domain_error>(regression, few),
             ContainsSubstring("pivot") && ContainsSubstring("b = 2") && ContainsSubstring("f = 6"));
  views<float_matrix> bad = few;
  bad.z1(0, 0) = std::numeric_limits<float>::quiet_NaN();
  auto eigh = make_objective<float_matrix>(selfpred::direct_pred{});
  CHECK_THAT(refused<non_finite_error>(eigh, bad), ContainsSubstring("z1"));
}
