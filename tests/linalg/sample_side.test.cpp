// SPDX-License-Identifier: MIT
#include <selfpred/linalg/sample_side.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Eigen::Index;
using selfpred::evaluation;
using selfpred::newton_schulz;
using selfpred::visser;
using selfpred::linalg::filter;
using selfpred::linalg::filter_design;
using selfpred::linalg::sample_side;
using selfpred::linalg::spectral_filter;

TEMPLATE_TEST_CASE("A filter of S on the side of its rows is the filter of S", "[sample_side]", float, double) {
  using M = by_columns<TestType>;
  for (auto const& [n, f] : {std::pair<Index, Index>{1, 5}, {3, 4}, {8, 33}, {20, 20}}) {
    M const y = latents(n, f, 3).template cast<TestType>();
    matrix_d const exact = dense(y).transpose() * dense(y) / static_cast<double>(n);
    M const x = latents(7, f, 4).template cast<TestType>();
    for (filter_design const& each : selfpred::linalg::filter_designs) {
      INFO(n << " x " << f << ", filter " << static_cast<int>(each.kind) << " of " << each.iterations << ", error "
             << each.design.error);
      if (each.kind == filter::newton_schulz_inverse) continue;  // unbounded in 1.5^n; no rule is evaluated so
      spectral_filter const function{each.kind, each.iterations, each.c};
      double const norm = exact.norm();
      matrix_d const expected = of_spectrum(exact, [&](double l) { return function(std::max(l, 0.0) / norm); });
      sample_side<M> side;
      selfpred::workspace<M> work;
      M u(n, n), p(f, f), q(7, f), own(n, f);
      REQUIRE(side.refresh(each.design, y, u, work));
      side.matrix(1.0, p, work), side.apply(2.0, x, 0.5, q, work);
      side.apply_along(side.gram(work), 1.0, y, 0.0, own, work);
      double const bound =
          1.02 * each.design.error + selfpred::linalg::round_off_factor * eps<TestType> / 2 * each.design.round_off;
      CHECK(eigenvalues(dense(p) - expected).cwiseAbs().maxCoeff() <= bound);
      CHECK((dense(q) - 2 * dense(x) * expected - dense(x) / 2).norm() <=
            2 * (bound + 4 * eps<TestType>)*dense(x).norm());
      CHECK((dense(own) - dense(y) * expected).norm() <= (bound + 4 * eps<TestType>)*dense(y).norm());
      CHECK(std::abs(side.norm() - norm) <= 8 * eps<TestType> * norm);
    }
  }
}

TEMPLATE_TEST_CASE("An objective by rows is the objective by S", "[sample_side]", by_columns<float>, by_rows<float>,
                   by_columns<double>) {
  using M = TestType;
  double const e = eps<typename M::Scalar>;
  views<M> const v(9, 40, 5), w(6, 40, 6);
  auto const hold = [&](auto rule, selfpred::objective_options options) {
    auto by_s = rule, by_rows = rule;
    by_s.evaluate = evaluation::rational(1e-5), by_rows.evaluate = evaluation::gram(1e-5);
    options.alpha = 0.3;
    auto a = selfpred::make_objective<M>(by_s, options), b = selfpred::make_objective<M>(by_rows, options);
    for (auto const* const batch : {&v, &w, &v}) {
      auto const r = step(a, *batch), s = step(b, *batch);
      CHECK(std::abs(r.loss - s.loss) < 1e4 * e);  // P is right to its table's rounding, some 100 eps, and f^(1/2)
      CHECK(distance(s.gradient1, dense(r.gradient1)) < 1e5 * e);
      CHECK(distance(b.predictor(), dense(a.predictor())) < 1e4 * e);
    }
    CHECK(std::abs(a.status().residual.value() - b.status().residual.value()) < 1e4 * e);
    CHECK(a.status().error_bound == b.status().error_bound);
    CHECK_FALSE(same_bits(a.predictor(), dense(b.predictor())));  // it is another way
  };
  hold(newton_schulz{.iterations = 9}, {});
  hold(newton_schulz{.iterations = 9}, {.predictor_momentum = 0});
  hold(newton_schulz{.iterations = 9}, {.per_direction = true});
  hold(visser{}, {.rescale = selfpred::rescaling::spectral});
}

TEST_CASE("By rows only where it means the same and costs less", "[sample_side]") {
  using M = by_columns<float>;
  views<M> const few(4, 40, 7), many(40, 24, 8);
  auto const same = [](selfpred::objective_options const& options, views<M> const& v, evaluation how) {
    auto a = selfpred::make_objective<M>(newton_schulz{.evaluate = evaluation::rational(1e-5)}, options);
    auto b = selfpred::make_objective<M>(newton_schulz{.evaluate = how}, options);
    step(a, v), step(b, v);
    return same_bits(a.predictor(), dense(b.predictor()));
  };
  CHECK_FALSE(same({}, few, evaluation::automatic()));
  CHECK(same({}, many, evaluation::automatic()));
  CHECK(same({}, many, evaluation::gram()));  // more rows than features: there is nothing to gain
  CHECK(same({.centred = true}, few, evaluation::gram()));
  CHECK(same({.statistics_momentum = 0.5}, few, evaluation::gram()));
  views<M> huge = few;  // their squares leave float: moments with a scale of their own
  for (M* const m : {&huge.z1, &huge.z2, &huge.t1, &huge.t2}) *m *= 1e25F;
  CHECK(same({}, huge, evaluation::gram()));
  views<M> broken = few;
  broken.z2(1, 1) = std::numeric_limits<float>::quiet_NaN();
  auto objective = selfpred::make_objective<M>(newton_schulz{.evaluate = evaluation::gram()});
  CHECK_THROWS_AS(step(objective, broken), selfpred::non_finite_error);
  CHECK(objective.step() == 0);
  step(objective, few), step(objective, few);
  allocation_counter const counter;
  step(objective, few);
  long const n = counter.count();
  CHECK(n == 0);
}
