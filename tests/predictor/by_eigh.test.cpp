// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/by_eigh.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using selfpred::by_eigh;
using selfpred::evaluation;
using selfpred::newton_schulz;
using selfpred::stiefel;
using selfpred::visser;

TEST_CASE("A rule on the eigenvalues is the rule", "[by_eigh]") {
  matrix_d const well = covariance(latents(60, 12, 1)), deficient = covariance(latents(5, 12, 2)),
                 graded = graded_covariance(9, 3), one = matrix_d::Constant(1, 1, 0.7), zero = matrix_d::Zero(3, 3);
  auto const hold = [&](auto rule, double steepest) {
    rule.evaluate = evaluation::iteration();
    for (auto const* const s : {&well, &deficient, &graded, &one, &zero})
      for (double const scale : {1.0, 0x1p-40}) {
        INFO(s->rows() << " rows, scale " << scale);
        // Rounding of a recursion grows by its slope at 0; the eigenvalues of the deficient S are 1e-17 instead of 0.
        CHECK(distance(predict(by_eigh{rule}, *s, scale), predict(rule, *s, scale)) < 64 * eps<double> * steepest);
      }
  };
  hold(newton_schulz{.iterations = 9}, std::pow(1.5, 9));
  hold(newton_schulz{.iterations = 0}, 1);
  hold(newton_schulz{.iterations = 7, .stages = 2}, std::pow(1.5, 14));
  hold(stiefel{.iterations = 9}, std::pow(1.5, 18));
  hold(visser{.iterations = 50}, 50);
  hold(visser{.iterations = 20, .c = 0.1}, 20);
}

TEST_CASE("A rule on the eigenvalues has the rule's options, errors and steps", "[by_eigh]") {
  CHECK_THROWS_WITH(by_eigh{newton_schulz{.iterations = -1}}.check(),
                    Catch::Matchers::ContainsSubstring("newton_schulz: iterations is -1"));
  using M = by_columns<float>;
  views<M> const v(20, 6, 4);
  auto plain = selfpred::make_objective<M>(newton_schulz{.evaluate = evaluation::iteration()}, {.alpha = 0.3});
  auto other = selfpred::make_objective<M>(by_eigh{newton_schulz{}}, {.alpha = 0.3});
  auto const a = step(plain, v), b = step(other, v);
  CHECK(std::abs(a.loss - b.loss) < 1e-5);  // float: 38 eps
  CHECK(distance(b.gradient1, dense(a.gradient1)) < 1e-4);
  CHECK(other.status().residual.value() > 0);
}
