// SPDX-License-Identifier: MIT
// A step on few rows without an EMA of P: no S, no P, and the same numbers.
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/latents.hpp"
#include "support/sizes.hpp"

using namespace selfpred_tests;
using selfpred::direct_pred;
using selfpred::evaluation;
using selfpred::make_objective;
using selfpred::newton_schulz;
using selfpred::objective_options;
using selfpred::stiefel;
using selfpred::stop_gradient;
using selfpred::visser;

namespace {

template <class Rule>
Rule with(Rule rule, evaluation how) {
  rule.evaluate = how;
  return rule;
}
template <class M, class Rule>
auto make(Rule const& rule, objective_options options) {
  options.predictor_momentum = 0;
  return make_objective<M>(rule, options);
}
template <class M>
auto make(objective_options const& options, evaluation how = evaluation::gram()) {
  return make<M>(newton_schulz{.evaluate = how}, options);
}
template <class R>
matrix_d all_of(R const& r) {
  matrix_d all(2 * r.gradient1.rows() + 1, r.gradient1.cols());
  all << dense(r.gradient1), dense(r.gradient2), matrix_d::Constant(1, r.gradient1.cols(), r.loss);
  return all;
}
template <class R, class S>
void check_near(R const& got, S const& expected, double tolerance) {
  CHECK(std::abs(got.loss - expected.loss) < tolerance * std::max(1.0, expected.loss));
  CHECK(distance(got.gradient1, dense(expected.gradient1)) < tolerance);
  CHECK(distance(got.gradient2, dense(expected.gradient2)) < tolerance);
}

}  // namespace

TEMPLATE_TEST_CASE("Steps without P are steps with it", "[sample_rows]", by_columns<float>, by_rows<float>,
                   by_columns<double>) {
  using M = TestType;
  // Both evaluate one table or one recursion; inverses, and a B of up to 1.5^n, round to some 100 eps of sqrt(||S||_F), of which P's
  // own size is a tenth and q's a hundredth at f = 512.
  double const e = eps<typename M::Scalar>;
  auto const hold_alike = [&](auto rule, objective_options options, selfpred::index b, selfpred::index f,
                              evaluation of_s, evaluation of_rows) {
    INFO(b << " x " << f << ", alpha " << options.alpha << ", per_direction " << options.per_direction);
    options.predictor_momentum = 0;
    auto by_s = make_objective<M>(with(rule, of_s), options);
    auto by_rows = make_objective<M>(with(rule, of_rows), options);
    auto asked = make_objective<M>(with(rule, of_rows), options);
    for (std::uint64_t k = 0; k < 3; ++k) {
      views<M> v(b, f, k);
      v.z2 *= 3, v.z2.row(0) *= -2;  // the views and their rows differ
      views<M> const other(b + 2, f, k + 7);
      auto const r = step(by_s, v), s = step(by_rows, v), t = step(asked, v);
      check_near(s, r, 1e5 * e);
      for (std::size_t const view : {0u, 1u})
        CHECK(distance(asked.predictor(view), dense(by_s.predictor(view))) < 1e4 * e);
      CHECK(same_bits(all_of(s), all_of(t)));
      // Rows that P was not made of; and asking for P has changed nothing.
      auto const held = evaluate(by_rows, other);
      check_near(held, evaluate(by_s, other), 1e5 * e);
      CHECK(same_bits(all_of(held), all_of(evaluate(asked, other))));
    }
    auto const a = by_s.status(), c = by_rows.status();
    CHECK(std::abs(a.predictor_norm - c.predictor_norm) < 1e4 * e * a.predictor_norm);
    CHECK(std::abs(a.residual.value() - c.residual.value()) < 1e4 * e);
    CHECK(a.error_bound == c.error_bound);
    CHECK(c.refreshes == 3);
  };
  auto const hold = [&](auto const& rule, objective_options const& options, selfpred::index b, selfpred::index f) {
    double const t = rule.evaluate.tolerance;
    hold_alike(rule, options, b, f, evaluation::rational(t), evaluation::gram(t));
  };
  hold(newton_schulz{}, {}, 9, 41);
  hold(newton_schulz{}, {.alpha = 0.3}, 1, 7);
  hold(newton_schulz{}, {.alpha = 2, .loss = {.kind = selfpred::loss_kind::squared}}, 9, 41);
  hold(newton_schulz{}, {.alpha = 0.3, .directions = selfpred::directions::mean, .per_direction = true}, 9, 41);
  hold(visser{}, {.alpha = 0.1, .per_direction = true}, 7, 33);
  hold(newton_schulz{}, {.alpha = 0.3}, size(64), size(512));
  newton_schulz const twice{7, 2, evaluation::gram(1e-4)};
  hold(twice, {.alpha = 0.3}, 9, 41);
  hold(twice, {.alpha = 0.3, .per_direction = true}, 1, 7);
  hold(newton_schulz{4, 3, evaluation::gram(2e-4)}, {.alpha = 0.3}, 9, 41);
  hold(stiefel{.evaluate = evaluation::gram(1e-4)}, {.alpha = 0.01}, 9, 41);
  hold(stiefel{.evaluate = evaluation::gram(1e-4)}, {.per_direction = true}, 3, 41);
  hold(direct_pred{.evaluate = evaluation::gram(5e-4)}, {.alpha = 0.3}, 9, 41);
  hold(direct_pred{.eps = 0.25, .evaluate = evaluation::gram(4.5e-4)}, {}, 9, 41);
  // By default, where there is no table: the recursion of S, as the paper writes it, and the one of the rows.
  auto const hold_recursion = [&](auto const& rule, objective_options const& options, selfpred::index b,
                                  selfpred::index f) {
    hold_alike(rule, options, b, f, evaluation::iteration(), evaluation::automatic());
  };
  if constexpr (std::same_as<typename M::Scalar, double>) {  // float has a table
    hold_recursion(newton_schulz{}, {}, 9, 41);
    hold_recursion(newton_schulz{}, {.alpha = 0.3, .per_direction = true}, 1, 7);
    hold_recursion(newton_schulz{}, {.alpha = 0.3}, size(64), size(512));
  }
  for (int const iterations : {0, 1, 2}) hold_recursion(newton_schulz{iterations}, {.alpha = 0.3}, 9, 41);
  hold_recursion(newton_schulz{7, 2}, {.alpha = 0.3}, 9, 41);
  hold_recursion(newton_schulz{7, 2}, {.alpha = 0.3, .per_direction = true}, 1, 7);
  hold_recursion(newton_schulz{4, 3}, {.alpha = 0.3}, 9, 41);
  hold_recursion(stiefel{}, {.alpha = 0.01}, 9, 41);
  hold_recursion(stiefel{.iterations = 0}, {.alpha = 0.01}, 9, 41);
  hold_recursion(stiefel{}, {.per_direction = true}, 3, 41);
}

TEST_CASE("Three views without P, and the gradient as central differences", "[sample_rows]") {
  for (bool const apart : {false, true}) {
    auto o = make<matrix_d>({.alpha = 0.3, .per_direction = apart});
    std::vector<matrix_d> z = {latents(3, 19, 1), latents(3, 19, 2), latents(3, 19, 3)};
    std::vector<matrix_d> const t = {latents(3, 19, 4), latents(3, 19, 5)};
    std::vector const targets = {stop_gradient(t[0]), stop_gradient(t[1])};
    auto const r = o.step(z, targets);
    std::vector<matrix_d> gradients;
    for (std::size_t i = 0; i < 3; ++i) gradients.push_back(r.gradients[i]);
    CHECK(std::abs(o.evaluate(z, targets).loss - r.loss) < 1e-12);
    double const h = 1e-5;
    for (std::size_t i = 0; i < 3; ++i) {
      matrix_d numeric(3, 19);
      for (Eigen::Index k = 0; k < numeric.size(); ++k) {
        double& at = z[i](k);
        double const x = at;
        at = x + h;
        double const up = o.evaluate(z, targets).loss;
        at = x - h;
        numeric(k) = (up - o.evaluate(z, targets).loss) / (2 * h);
        at = x;
      }
      CHECK(distance(gradients[i], numeric) < 1e-7);
    }
  }
}

TEST_CASE("A step without P that throws leaves the predictor as it was, to the bit", "[sample_rows]") {
  using M = by_columns<float>;
  auto const hold = [](auto const& rule, int taken) {
    auto o = make<M>(rule, {.alpha = 0.3});
    for (int k = 0; k < taken; ++k) step(o, views<M>(6, 40, static_cast<std::uint64_t>(k)));
    views<M> const other(5, 40, 8);
    matrix_d const before = all_of(evaluate(o, other));
    auto const state = o.state();
    views<M> broken(6, 40, 9);
    broken.t2(1, 1) = std::numeric_limits<float>::quiet_NaN();  // seen by the loss, when P is staged
    for (int again = 0; again < 3; ++again) {
      CHECK_THROWS_AS(step(o, broken), selfpred::non_finite_error);
      CHECK(same_bits(all_of(evaluate(o, other)), before));
    }
    broken = views<M>(6, 40, 9);
    broken.z1(2, 3) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(step(o, broken), selfpred::non_finite_error);
    CHECK_THROWS_AS(step(o, views<M>(6, 44, 9)), selfpred::shape_error);
    for (std::uint64_t b = 2; b < 8; ++b) {  // more shapes than a workspace keeps
      views<M> w(static_cast<selfpred::index>(b), 40, b);
      w.t1(0, 0) = std::numeric_limits<float>::quiet_NaN();
      CHECK_THROWS_AS(step(o, w), selfpred::non_finite_error);
    }
    CHECK(o.state() == state);
    CHECK(same_bits(all_of(evaluate(o, other)), before));
  };
  for (int const taken : {1, 2, 3}) {
    hold(newton_schulz{.evaluate = evaluation::gram()}, taken);
    hold(newton_schulz{7, 2}, taken);  // the recursion, which has no pivot that could fail
    hold(stiefel{}, taken);
  }
}

TEST_CASE("Steps without P and with it follow each other", "[sample_rows]") {
  using M = by_columns<float>;
  // Many rows, or latents whose squares leave float, are of the moments.
  auto o = make<M>({.alpha = 0.3}), by_s = make<M>({.alpha = 0.3}, evaluation::rational());
  views<M> huge(6, 40, 3);
  huge.z1 *= 1e12F, huge.z2 *= 1e12F;
  views<M> const few(6, 40, 1), many(50, 40, 2), last(3, 40, 4);
  CHECK_THROWS_AS(evaluate(o, few), selfpred::state_error);
  CHECK_THROWS_AS(o.predictor(), selfpred::state_error);
  for (views<M> const* const v :
       std::initializer_list<views<M> const*>{&few, &many, &few, &last, &huge, &few, &many, &many, &last}) {
    check_near(step(o, *v), step(by_s, *v), 1e-2);
    check_near(evaluate(o, last), evaluate(by_s, last), 1e-2);
    CHECK(distance(o.predictor(), dense(by_s.predictor())) < 1e-3);
  }
}

TEST_CASE("A held predictor without P, and one from the caller's sums", "[sample_rows]") {
  using M = by_columns<float>;
  auto o = make<M>({.alpha = 0.3, .update_every = 3});
  views<M> const v(6, 40, 1), w(6, 40, 2), larger(30, 40, 3);
  step(o, v);
  matrix_d const p = dense(o.predictor());
  auto const expected = all_of(evaluate(o, w));
  CHECK(same_bits(all_of(step(o, w)), expected));
  step(o, larger);
  CHECK(same_bits(o.predictor(), p));
  step(o, w);
  CHECK(distance(o.predictor(), p) > 1e-2);

  auto mixed = make<M>({.alpha = 0.3}), by_s = make<M>({.alpha = 0.3}, evaluation::rational());
  step(mixed, v), step(by_s, v);
  for (auto* const each : {&mixed, &by_s}) {
    selfpred::statistics<M> sums{each->moments()};
    sums.add(w.z1, w.z2);
    each->refresh(sums);
  }
  CHECK(same_bits(all_of(evaluate(mixed, v)), all_of(evaluate(by_s, v))));
}

TEST_CASE("state() of a step without P continues", "[sample_rows]") {
  using M = by_columns<float>;
  for (bool const apart : {false, true}) {
    objective_options const options{.alpha = 0.3, .update_every = 2, .per_direction = apart};
    auto o = make<M>(options), twin = make<M>(options);
    views<M> const v(6, 40, 1), w(6, 40, 2), other(4, 40, 3);
    step(o, v);
    for (std::size_t i = 0; i < (apart ? 2 : 1); ++i) twin.restore(o.state(i), v.z1, i);
    CHECK(twin.state() == o.state());
    CHECK(same_bits(twin.predictor(1), dense(o.predictor(1))));
    check_near(evaluate(twin, other), evaluate(o, other), 1e-3);
    check_near(step(twin, v), step(o, v), 1e-3);  // held
    for (int k = 0; k < 3; ++k) {                 // made again: nothing of the past is left
      auto const r = step(o, k < 2 ? w : v), s = step(twin, k < 2 ? w : v);
      CHECK(same_bits(all_of(r), all_of(s)));
    }
    twin.restore(o.state(), v.z1);
    CHECK(twin.state() == o.state());
  }
}

TEMPLATE_TEST_CASE("Without an EMA of P a step on few rows has no f x f matrix, and allocates nothing", "[sample_rows]",
                   by_columns<float>, by_columns<double>) {
  using M = TestType;
  selfpred::index const f = 200;
  auto const hold = [f](auto const& rule) {
    for (bool const apart : {false, true}) {
      auto o = make<M>(rule, {.alpha = 0.3, .per_direction = apart});
      views<M> const v(4, f, 1), w(4, f, 2), last(3, f, 3);
      step(o, v);
      {
        allocation_counter const second;
        step(o, w), step(o, v);
        long const n = second.count();
        CHECK(n == 0);
      }
      evaluate(o, v), evaluate(o, last), step(o, last), evaluate(o, v), evaluate(o, last);
      CHECK(o.workspace_size() < f * f);
      allocation_counter const scope;
      for (int epoch = 0; epoch < 3; ++epoch) step(o, v), evaluate(o, last), step(o, w), evaluate(o, v), step(o, last);
      long const n = scope.count();
      CHECK(n == 0);
      CHECK(o.workspace_size() < f * f);
      auto const& p = o.predictor();
      allocation_counter const again;
      bool const cached = &o.predictor() == &p;
      long const none = again.count();
      CHECK(cached);
      CHECK(none == 0);
      CHECK(o.workspace_size() < f * f);  // P itself is no scratch
    }
  };
  hold(newton_schulz{});
  hold(newton_schulz{.evaluate = evaluation::automatic(3e-4)});
  hold(newton_schulz{.evaluate = evaluation::gram()});
  hold(newton_schulz{7, 2});
  hold(newton_schulz{7, 2, evaluation::automatic(1e-4)});
  hold(newton_schulz{4, 3, evaluation::automatic(1e-4)});  // in float the recursion, then two tables
  hold(newton_schulz{4, 3, evaluation::gram(2e-4)});
  hold(stiefel{});
  hold(stiefel{.evaluate = evaluation::automatic(1e-4)});
  if constexpr (std::same_as<typename M::Scalar, float>) hold(direct_pred{.evaluate = evaluation::automatic()});
  hold(direct_pred{.evaluate = evaluation::gram(5e-4)});
  auto averaged = make_objective<M>(newton_schulz{.evaluate = evaluation::gram()}, {});
  auto rescaled = make<M>({.rescale = selfpred::rescaling::frobenius});
  auto literal = make<M>({}, evaluation::iteration());
  views<M> const v(4, f, 1);
  step(averaged, v), step(rescaled, v), step(literal, v);
  CHECK(averaged.workspace_size() >= f * f);  // P is made
  CHECK(rescaled.workspace_size() >= f * f);
  CHECK(literal.workspace_size() >= f * f);  // the paper's recursion is that of S
}
