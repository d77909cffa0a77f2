// SPDX-License-Identifier: MIT
#include <Eigen/Eigenvalues>
#include <functional>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::direct_copy;
using selfpred::linear_regression;
using selfpred::make_objective;
using selfpred::newton_schulz;
using selfpred::owner_t;
using selfpred::predictor_options;
using selfpred::predictor_pipeline;
using selfpred::predictor_state;
using selfpred::rescaling;
using selfpred::statistics;
using selfpred::stop_gradient;

namespace {

/// What 40 power iterations leave of a spectral norm: (1 - l2/l1) c^2 (l2/l1)^79 / 2, with l the eigenvalues of P^T P
/// and c the ratio of the start's overlaps with their vectors, below 45 here; never more than 1e-4 in these batches.
double power_iteration_error(matrix_d const& applied, predictor_options const& options) {
  if (options.rescale != rescaling::spectral) return 0;
  matrix_d const p = applied - options.alpha * matrix_d::Identity(applied.rows(), applied.cols());
  Eigen::VectorXd const l = Eigen::SelfAdjointEigenSolver<matrix_d>(p.transpose() * p).eigenvalues();
  double const ratio = l(l.size() - 1) > 0 ? l(l.size() - 2) / l(l.size() - 1) : 0;
  return std::min(1000 * (1 - ratio) * std::pow(ratio, 79), 1e-4);
}

/// The steps of one golden case; a schedule of rho is a pipeline that is restored with another rho at each step.
template <class Form, class Rule>
void check_golden(Rule rule, golden_case const& c, golden_case const& batches, double tolerance) {
  using M = owner_t<typename Form::tensor>;
  matrix_d const rho = dense(c.at("rho"));
  predictor_options options{.alpha = c.scalar("alpha"),
                            .momentum = rho(0),
                            .update_every = static_cast<std::int64_t>(c.scalar("update_every")),
                            .rescale = static_cast<rescaling>(static_cast<int>(c.scalar("rescale")))};
  predictor_pipeline<M, Rule> pipeline(rule, options);
  statistics<M> sums;
  for (Index k = 0; k < rho.size(); ++k) {
    std::string const suffix = "_" + std::to_string(k);
    INFO("step " << k);
    auto const get = [&](char const* key) { return Form(dense(batches.at(key + suffix))); };
    Form const z1 = get("z1"), z2 = get("z2"), t1 = get("t1"), t2 = get("t2");
    if (rho(k) != options.momentum) {
      predictor_state const state = pipeline.state();
      options.momentum = rho(k);
      pipeline = predictor_pipeline<M, Rule>(rule, options);
      pipeline.restore(state, z1.get());
    }
    if (pipeline.refreshes_next()) {
      sums.clear();
      sums.add(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()));
      pipeline.stage(sums.compute());
    }
    pipeline.commit();
    CHECK(pipeline.step() == k + 1);
    matrix_d const expected = dense(c.at("applied" + suffix));
    CHECK(distance(pipeline.applied(), expected) < tolerance + power_iteration_error(expected, options));
  }
}

struct step_of {
  double loss;
  matrix_d gradient1, gradient2, predictor;
  friend bool operator==(step_of const& a, step_of const& b) {
    return a.loss == b.loss && same_bits(a.gradient1, b.gradient1) && same_bits(a.gradient2, b.gradient2) &&
           same_bits(a.predictor, b.predictor);
  }
};
template <class O, class V>
step_of one_step(O& o, V const& v) {
  auto const r = step(o, v);
  return {r.loss, dense(r.gradient1), dense(r.gradient2), dense(o.predictor())};
}

}  // namespace

TEMPLATE_TEST_CASE("Golden pipelines: rho, rescaling, update_every, alpha", "[pipeline][golden]",
                   owned<by_columns<float>>, owned<by_rows<double>>, in_array<double>, with_gaps<float>) {
  auto const file = golden("pipeline");
  double const e = eps<typename TestType::scalar>;
  for (auto const& [name, c] : file) {
    if (!c.count("rule")) continue;
    INFO(name);
    auto const& batches = file.at(c.scalar("zero") != 0 ? "zero_batches" : "batches");
    // As in the tests of the rules: 16 eps 1.5^n for Newton-Schulz, a few eps for a copy, and the condition of S (below
    // 100 in these batches) for a regression.
    switch (static_cast<int>(c.scalar("rule"))) {
      case 0:
        check_golden<TestType>(newton_schulz{}, c, batches, 16 * e * std::pow(1.5, 9));
        break;
      case 1:
        check_golden<TestType>(direct_copy{}, c, batches, 16 * e);
        break;
      default:
        check_golden<TestType>(linear_regression{}, c, batches, 800 * e);
    }
  }
}

TEST_CASE("The average of P is unbiased: the first P is the batch's, and equal batches keep it", "[pipeline]") {
  views<> const v(20, 5, 1);
  auto batch = make_objective<matrix_d>(newton_schulz{}, {.predictor_momentum = 0});
  step(batch, v);
  matrix_d const p = batch.predictor();
  for (double const rho : {0.0, 0.5, 0.9, 0.99, 0.9999}) {
    auto o = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.5, .predictor_momentum = rho});
    for (int k = 1; k <= 4; ++k) {
      step(o, v);
      // (1 - rho) P / (1 - rho^k): 1 - rho loses the digits of 1 / (1 - rho).
      CHECK(distance(o.predictor() - 0.5 * matrix_d::Identity(5, 5), p) < 8 * eps<double> / (1 - rho));
      CHECK_THAT(o.state().momentum_product, WithinRel(std::pow(rho, k), 1e-14));
      CHECK(distance(dense(golden_matrix{5, 5, o.state().average}), (1 - std::pow(rho, k)) * p) <
            8 * eps<double> / (1 - rho));
    }
  }
}

TEST_CASE("update_every holds P in between, and a refresh counts once in rho", "[pipeline]") {
  auto held = make_objective<matrix_d>(newton_schulz{}, {.predictor_momentum = 0.75, .update_every = 3});
  auto twin = make_objective<matrix_d>(newton_schulz{}, {.predictor_momentum = 0.75});
  for (std::uint64_t k = 0; k < 9; ++k) {
    views<> const v(10, 4, k);
    matrix_d const before = k > 0 ? held.predictor() : matrix_d();
    step(held, v);
    if (k % 3 == 0)
      step(twin, v);  // sees what the other one refreshes from
    else
      CHECK(same_bits(held.predictor(), before));
    CHECK(same_bits(held.predictor(), twin.predictor()));
    auto const s = held.state();
    CHECK(s.step == static_cast<std::int64_t>(k) + 1);
    CHECK(s.refreshes == static_cast<std::int64_t>(k) / 3 + 1);
    CHECK(s.momentum_product == twin.state().momentum_product);
  }
}

TEMPLATE_TEST_CASE("state() and restore() continue to the bit, at any step", "[pipeline]", by_columns<float>,
                   by_rows<double>) {
  for (auto const rescale : {rescaling::none, rescaling::spectral, rescaling::frobenius})
    for (std::int64_t const every : {1, 3}) {
      auto const fresh = [&] {
        return make_objective<TestType>(
            newton_schulz{}, {.alpha = 0.3, .predictor_momentum = 0.9, .update_every = every, .rescale = rescale});
      };
      auto o = fresh();
      for (std::uint64_t k = 0; k < 7; ++k) {
        INFO("restored before step " << k << ", update_every " << every);
        auto twin = fresh(), used = fresh();
        step(used, views<TestType>(9, 5, 100));  // what it did before does not matter, nor another f
        predictor_state const state = o.state();
        twin.restore(state, TestType(1, 1)), used.restore(state, views<TestType>(3, 7, 1).z1);
        CHECK(twin.state() == state);
        if (k > 0) CHECK(same_bits(twin.predictor(), o.predictor()));
        if (k == 0) CHECK_THROWS_AS(used.predictor(), selfpred::state_error);
        views<TestType> const v(10, 6, k), w(10, 6, k + 50);
        auto const a = one_step(o, v), b = one_step(twin, v), c = one_step(used, v);
        CHECK(a == b);
        CHECK(a == c);
        CHECK(o.state() == twin.state());
        auto const d = one_step(twin, w), e = one_step(used, w);  // and the one after
        CHECK(d == e);
      }
    }
}

TEST_CASE("restore refuses what no run can have, and changes nothing", "[pipeline]") {
  auto o = make_objective<matrix_d>(newton_schulz{}, {.update_every = 2});
  views<> const v(8, 3, 2);
  step(o, v), step(o, v), step(o, v);
  predictor_state const good = o.state();
  matrix_d const p = o.predictor();
  CHECK(good.step == 3);
  CHECK(good.refreshes == 2);
  using change = std::function<void(predictor_state&)>;
  double const nan = std::nan("");
  std::pair<char const*, change> const nonsense[] = {
      {"a negative step", [](auto& s) { s.step = -1; }},
      {"negative refreshes", [](auto& s) { s.refreshes = -1; }},
      {"more refreshes than steps", [](auto& s) { s.refreshes = 4; }},
      {"a negative product", [](auto& s) { s.momentum_product = -0.1; }},
      {"a product above 1", [](auto& s) { s.momentum_product = 1.1; }},
      {"a product that is NaN", [=](auto& s) { s.momentum_product = nan; }},
      {"a product of 1 after a refresh", [](auto& s) { s.momentum_product = 1; }},
      {"a size that is not that of the average", [](auto& s) { s.size = 4; }},
      {"a negative size", [](auto& s) { s.size = -3; }},
      {"a size whose square overflows", [](auto& s) { s.size = selfpred::index{1} << 33; }},
      {"values missing", [](auto& s) { s.average.pop_back(); }},
      {"no average after a refresh", [](auto& s) { s.average.clear(), s.size = 0; }},
      {"a NaN in the average", [=](auto& s) { s.average[4] = nan; }},
      {"an infinity in the average", [](auto& s) { s.average[4] = std::numeric_limits<double>::infinity(); }},
      {"an average before the first refresh", [](auto& s) { s.refreshes = 0, s.step = 0, s.momentum_product = 1; }},
      {"a product before the first refresh",
       [](auto& s) {
         s = {0, 0, 0.5, 0, {}};
       }},
      {"steps without a refresh",
       [](auto& s) {
         s = {3, 0, 1, 0, {}};
       }},
  };
  for (auto const& [what, broken] : nonsense) {
    INFO(what);
    predictor_state s = good;
    broken(s);
    CHECK_THROWS_AS(o.restore(s, p), selfpred::domain_error);
    CHECK_THROWS_WITH(o.restore(s, p), ContainsSubstring("objective.restore"));
    CHECK(o.state() == good);
    CHECK(same_bits(o.predictor(), p));
    o.restore(good, p);
  }
}

TEST_CASE("evaluate changes nothing: not the state, not a step's results, not the next step", "[pipeline]") {
  for (std::int64_t const every : {1, 2}) {
    auto const fresh = [&] { return make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.1, .update_every = every}); };
    auto o = fresh(), twin = fresh();
    CHECK_THROWS_AS(evaluate(o, views<>(6, 4, 1)), selfpred::state_error);
    for (std::uint64_t k = 0; k < 4; ++k) {
      views<> const v(6, 4, k), other(9, 4, k + 20);
      auto const r = step(o, v);
      auto const expected = one_step(twin, v);
      auto const state = o.state();
      auto const status = o.status();
      auto const e = evaluate(o, other);
      CHECK(std::isfinite(e.loss));
      evaluate(o, views<>(6, 4, k + 30));  // of the shape of the step's results
      CHECK(o.state() == state);
      CHECK(o.status().residual == status.residual);
      CHECK(step_of{r.loss, r.gradient1, r.gradient2, o.predictor()} == expected);
      // The loss of the step's own batch, under its own P.
      auto const again = evaluate(o, v);
      CHECK(step_of{again.loss, again.gradient1, again.gradient2, o.predictor()} == expected);
    }
  }
}

TEMPLATE_TEST_CASE("A step that fails changes nothing, and one bad batch poisons nothing", "[pipeline]", newton_schulz,
                   linear_regression) {
  using M = by_columns<float>;
  for (std::int64_t const every : {1, 2}) {
    auto o = make_objective<M>(TestType{}, {.alpha = 0.2, .predictor_momentum = 0.5, .update_every = every});
    auto twin = make_objective<M>(TestType{}, {.alpha = 0.2, .predictor_momentum = 0.5, .update_every = every});
    auto const fails = [&](views<M> const& v) {
      predictor_state const before = o.state();
      std::optional<selfpred::objective_status> const status =
          before.step > 0 ? std::optional(o.status()) : std::nullopt;
      try {
        step(o, v);
        FAIL_CHECK("a bad batch was accepted");
      } catch (selfpred::non_finite_error const& e) {
        CHECK_THAT(e.what(), ContainsSubstring("NaN or an infinity"));
      } catch (selfpred::shape_error const& e) {
        CHECK_THAT(e.what(), ContainsSubstring("objective") && ContainsSubstring("expected"));
      }
      CHECK(o.state() == before);
      if (!status) {
        CHECK_THROWS_AS(o.predictor(), selfpred::state_error);
        return;
      }
      CHECK(same_bits(o.predictor(), twin.predictor()));
      CHECK(o.status().predictor_norm == status->predictor_norm);
      // What it says of the last refresh is true, or is not said.
      if (o.status().residual) CHECK(o.status().residual == status->residual);
    };
    for (std::uint64_t k = 0; k < 4; ++k) {
      INFO("step " << k << ", update_every " << every);
      views<M> const v(12, 5, k);
      for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
        for (int where = 0; where < 4; ++where) {
          views<M> w = v;
          (where == 0 ? w.z1 : where == 1 ? w.z2 : where == 2 ? w.t1 : w.t2)(7, 2) = bad;
          fails(w);
        }
      for (int where = 0; where < 4; ++where) {
        views<M> w = v;
        (where == 0 ? w.z1 : where == 1 ? w.z2 : where == 2 ? w.t1 : w.t2) = M::Ones(11, 5);
        fails(w);
      }
      if (k > 0) fails(views<M>(12, 6, k));  // another f than P's
      fails(views<M>(0, 5, k));
      predictor_state const before = o.state();
      for (auto const& [t1, t2] : {std::pair{&v.z1, &v.t2}, {&v.z2, &v.t2}, {&v.t1, &v.z1}, {&v.t1, &v.z2}})
        CHECK_THROWS_AS(o.step(v.z1, v.z2, stop_gradient(*t1), stop_gradient(*t2)), selfpred::alias_error);
      CHECK(o.state() == before);
      CHECK(one_step(o, v) == one_step(twin, v));
      CHECK(o.state() == twin.state());
      CHECK(o.status().residual == twin.status().residual);
    }
  }
}

TEST_CASE("A rule that fails leaves the state of the last good step", "[pipeline]") {
  auto o = make_objective<matrix_d>(linear_regression{}), twin = make_objective<matrix_d>(linear_regression{});
  views<> const good(12, 5, 1), few(2, 5, 2), next(12, 5, 3);
  step(o, good), step(twin, good);
  auto const before = o.state();
  CHECK_THROWS_AS(step(o, few), selfpred::domain_error);
  CHECK(o.state() == before);
  if (auto const residual = o.status().residual) CHECK(*residual == *twin.status().residual);
  CHECK(one_step(o, next) == one_step(twin, next));
}

TEST_CASE("status: norm of P without alpha, and the rule's residual, as Eigen computes them", "[pipeline]") {
  views<> const v(20, 6, 5);
  auto o = make_objective<matrix_d>(newton_schulz{.iterations = 4}, {.alpha = 0.7});
  CHECK_THROWS_AS(o.status(), selfpred::state_error);
  step(o, v);
  matrix_d const s = (v.z1.transpose() * v.z1 + v.z2.transpose() * v.z2) / 40;
  matrix_d const p = o.predictor() - 0.7 * matrix_d::Identity(6, 6);
  auto const status = o.status();
  CHECK(status.step == 1);
  CHECK(status.refreshes == 1);
  CHECK(status.alpha == 0.7);
  double const norm = Eigen::SelfAdjointEigenSolver<matrix_d>(p).eigenvalues().maxCoeff();
  CHECK_THAT(status.predictor_norm, WithinRel(norm, 1e-4));  // 40 power iterations, from below
  CHECK(status.predictor_norm < norm * (1 + 1e-14));
  CHECK_THAT(*status.residual, WithinRel((p * p - s).norm() / s.norm(), 1e-12));

  auto l = make_objective<matrix_d>(linear_regression{.damping = 0.1});
  step(l, v);
  CHECK(*l.status().residual < 1e-14);
}

TEST_CASE("The residual is of the last refresh, or there is none", "[pipeline]") {
  views<> const v(20, 6, 6), w(20, 6, 7);
  auto o = make_objective<matrix_d>(newton_schulz{.iterations = 4}, {.update_every = 2});
  auto fresh = make_objective<matrix_d>(newton_schulz{.iterations = 4});
  step(o, v);
  double const residual = *o.status().residual;
  step(o, w);  // held
  CHECK(o.status().residual == residual);
  step(o, w);
  step(fresh, w);
  CHECK(o.status().residual == fresh.status().residual);
  step(o, v);
  statistics<matrix_d> sums;
  sums.add(v.z1, v.z2);
  o.refresh(sums);  // the sums are the caller's
  if (auto const now = o.status().residual) CHECK(*now == residual);
  auto restored = make_objective<matrix_d>(newton_schulz{.iterations = 4});
  step(restored, v);
  restored.restore(o.state(), v.z1);
  CHECK_FALSE(restored.status().residual);
}

TEST_CASE("A rescaled P has norm 1 before alpha, and a zero P stays zero", "[pipeline]") {
  views<> const v(20, 6, 8);
  matrix_d const i = 0.25 * matrix_d::Identity(6, 6);
  auto f = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.25, .rescale = rescaling::frobenius});
  auto s = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.25, .rescale = rescaling::spectral});
  auto plain = make_objective<matrix_d>(newton_schulz{});
  step(f, v), step(s, v), step(plain, v);
  matrix_d const p = plain.predictor();
  CHECK(distance(f.predictor() - i, p / p.norm()) < 1e-14);
  double const norm = Eigen::SelfAdjointEigenSolver<matrix_d>(p).eigenvalues().maxCoeff();
  CHECK(distance(s.predictor() - i, p / norm) < 1e-4);
  views<> zero = v;
  zero.z1.setZero(), zero.z2.setZero();
  for (auto const rescale : {rescaling::none, rescaling::spectral, rescaling::frobenius}) {
    auto o = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.25, .rescale = rescale});
    step(o, zero);
    CHECK(o.predictor() == i);
    CHECK(o.status().predictor_norm == 0);
  }
}

TEST_CASE("Options out of range are refused when the objective is made", "[pipeline]") {
  auto const make = [](selfpred::objective_options const& o) { return make_objective<matrix_d>(newton_schulz{}, o); };
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (double const bad : {-0.1, nan, infinity}) CHECK_THROWS_AS(make({.alpha = bad}), selfpred::domain_error);
  for (double const bad : {-0.1, 1.0, 1.5, nan})
    CHECK_THROWS_AS(make({.predictor_momentum = bad}), selfpred::domain_error);
  for (std::int64_t const bad : {0, -1}) CHECK_THROWS_AS(make({.update_every = bad}), selfpred::domain_error);
  CHECK_THROWS_AS(make({.loss = {.epsilon = -1}}), selfpred::domain_error);
  CHECK_THROWS_WITH(make({.predictor_momentum = 1}),
                    ContainsSubstring("predictor_momentum") && ContainsSubstring("[0, 1)"));
  CHECK_NOTHROW(make({.alpha = 0, .predictor_momentum = 0, .update_every = 1}));
}
