// SPDX-License-Identifier: MIT
#include <selfpred/linalg/sample_side.hpp>
#include <selfpred/objective.hpp>
#include <selfpred/predictor/by_eigh.hpp>
#include <selfpred/predictor/direct_pred.hpp>
#include <selfpred/predictor/newton_schulz.hpp>
#include <selfpred/predictor/stiefel.hpp>
#include <selfpred/predictor/visser.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/rules.hpp"

using namespace selfpred_tests;
using Eigen::Index;
using selfpred::direct_pred;
using selfpred::evaluation;
using selfpred::newton_schulz;
using selfpred::stiefel;
using selfpred::visser;
using selfpred::linalg::filter;
using selfpred::linalg::filter_design;
using selfpred::linalg::sample_side;
using selfpred::linalg::spectral_filter;

namespace {

using selfpred::linalg::rational_design;

/// Stages of designs on the side of the rows y.
template <class M>
struct side_of {
  selfpred::workspace<M> work;
  M u;
  sample_side<M> side;

  side_of(M const& y, Index f, std::vector<rational_design const*> const& designs) : u(y.rows(), y.rows()) {
    REQUIRE(side.refresh(y, u, work, [&](M const& gram, selfpred::workspace<M>& w, M& inner) {
      auto const design = [&](int k) { return designs[static_cast<std::size_t>(k)]; };
      return selfpred::linalg::stages_of_samples(gram, f, static_cast<int>(designs.size()), design, w, inner);
    }));
  }
};
/// n rows of which some are there twice, where n allows.
matrix_d few_rows(Index n, Index f, bool repeated, std::uint64_t seed) {
  matrix_d y = latents(n, f, seed);
  if (repeated) y.bottomRows(n / 2) = y.topRows(n / 2);
  return y;
}
double largest(matrix_d const& symmetric) { return eigenvalues(symmetric).cwiseAbs().maxCoeff(); }

}  // namespace

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
      double const norm = exact.norm(), root = std::sqrt(norm);
      matrix_d const expected = of_spectrum(exact, [&](double l) { return root * function(std::max(l, 0.0) / norm); });
      side_of<M> s(y, f, {&each.design});
      M p(f, f), q(7, f), own(n, f);
      s.side.matrix(p, s.work), s.side.apply(2.0, x, 0.5, q, s.work);
      s.side.apply_along(s.side.gram(s.work), 1.0, y, 0.0, own, s.work);
      double const table =
          1.02 * each.design.error + selfpred::linalg::round_off_factor * eps<TestType> / 2 * each.design.round_off;
      double const bound = root * table, rounding = 4 * eps<TestType> * (1 + root);
      CHECK(largest(dense(p) - expected) <= bound);
      CHECK((dense(q) - 2 * dense(x) * expected - dense(x) / 2).norm() <= 2 * (bound + rounding) * dense(x).norm());
      CHECK((dense(own) - dense(y) * expected).norm() <= (bound + rounding) * dense(y).norm());
    }
  }
}

TEST_CASE("Stages on the side of the rows are the stages on all eigenvalues of S, to rounding", "[sample_side]") {
  // Designs are not their filters: coarse ones, and Visser's floor under the null directions, make every term count.
  auto const* const coarse = &selfpred::linalg::filter_designs[2].design;
  auto const* const floor = selfpred::linalg::find_design(filter::visser, 20, 0.1, 1e-4, 0);
  auto const* const pairs = selfpred::linalg::find_design(filter::newton_schulz, 9, 0, 1e-10, 0);
  REQUIRE((floor && pairs && coarse->error > 1e-4));
  for (auto const& designs : std::vector<std::vector<rational_design const*>>{
           {coarse}, {floor, coarse}, {pairs, floor}, {coarse, coarse}, {floor, pairs, coarse}})
    for (auto const& [n, f] : {std::pair<Index, Index>{1, 5}, {3, 4}, {8, 33}, {20, 20}})
      for (bool const repeated : {false, true}) {
        INFO(designs.size() << " stages, " << n << " x " << f << ", repeated " << repeated);
        matrix_d const y = few_rows(n, f, repeated, 3);
        matrix_d const s = y.transpose() * y / static_cast<double>(n);
        Eigen::SelfAdjointEigenSolver<matrix_d> const e(s);
        Eigen::VectorXd l = e.eigenvalues().cwiseMax(0);
        for (auto const* r : designs) {
          double const norm = l.norm();
          for (double& x : l) x = std::sqrt(norm) * selfpred::linalg::divided_difference(*r, x / norm).at();
        }
        side_of<matrix_d> rows(y, f, designs);
        matrix_d p(f, f);
        rows.side.matrix(p, rows.work);
        CHECK(largest(p - e.eigenvectors() * l.asDiagonal() * e.eigenvectors().transpose()) < 1e-11 * l.maxCoeff());
      }
}

TEMPLATE_TEST_CASE("Every rule by rows is the rule, to its bound", "[sample_side]", float, double) {
  using M = by_columns<TestType>;
  auto const hold = [](auto const& rule, auto exact, auto unit_of_p, double rounding = 0) {
    rule.check();
    bool const asked = rule.evaluate.by == evaluation::method::gram;
    for (auto const& [n, f] : {std::pair<Index, Index>{1, 5}, {3, 4}, {8, 33}, {20, 20}, {15, 31}})
      for (bool const repeated : {false, true}) {
        INFO(n << " x " << f << ", repeated " << repeated);
        CHECK(rule.template by_samples<M>(n, f) == (asked ? n < f : 2 * n <= f));
        M const y = (3 * few_rows(n, f, repeated, 5)).template cast<TestType>();
        M u(n, n), p(f, f);
        selfpred::workspace<M> work;
        sample_side<M> side;
        REQUIRE(side.refresh(y, u, work,
                             [&](M const& gram, auto& w, M& inner) { return rule.of_samples(gram, f, w, inner); }));
        side.matrix(p, work);
        matrix_d const s = dense(y).transpose() * dense(y) / static_cast<double>(n), reference = exact(s);
        double const error = largest(dense(p) - reference) / unit_of_p(s.norm(), largest(reference));
        CHECK(error <= rule.template error_bound<M>() + rounding);
        CHECK((error > 0 || rounding > 0));
      }
  };
  auto const hold_mapped = [&](auto const& rule, auto unit_of_p, double rounding = 0) {
    hold(
        rule, [&](matrix_d const& s) { return predict(selfpred::by_eigh{rule}, s); }, unit_of_p, rounding);
  };
  auto const root = [](double s, double) { return std::sqrt(s); };
  auto const fourth = [](double s, double) { return std::pow(s, 0.25); };
  auto const eighth = [](double s, double) { return std::pow(s, 0.125); };
  auto const own = [](double, double p) { return p; };
  hold_mapped(newton_schulz{.evaluate = evaluation::gram()}, root);
  hold_mapped(newton_schulz{7, 2, evaluation::gram(1e-4)}, fourth);
  hold_mapped(newton_schulz{4, 3, evaluation::gram(2e-4)}, eighth);
  hold_mapped(visser{.evaluate = evaluation::gram()}, root);
  hold_mapped(stiefel{.evaluate = evaluation::gram(1e-4)}, own);
  // The recursion of the rows leaves nothing out. Its B is 1.5^n at most, 292 of two stages of 7, and so many eps bound what it
  // rounds, as on S. Of three stages, in float, it is the first alone.
  double const rounding = 300 * eps<TestType>;
  for (int const n : {0, 1, 9})
    if (n < 9 || sizeof(TestType) == 8) hold_mapped(newton_schulz{n}, root, rounding);
  hold_mapped(newton_schulz{7, 2}, fourth, rounding);
  hold_mapped(newton_schulz{4, 3}, eighth, rounding);
  hold_mapped(newton_schulz{4, 3, evaluation::automatic(1e-4)}, eighth, rounding);
  hold_mapped(stiefel{}, own, rounding);
  hold_mapped(stiefel{.iterations = 0}, own, rounding);
  for (double const tolerance : {3e-4, 5e-4, 1e-5}) {
    if (tolerance == 1e-5 && sizeof(TestType) == 4) continue;  // there is no such table
    hold(
        direct_pred{.eps = 0.25, .evaluate = evaluation::gram(tolerance)},
        [](matrix_d const& s) -> matrix_d {
          return of_spectrum(s, [](double l) { return std::sqrt(std::max(l, 0.0)) + 0.25; });
        },
        root);
  }
}

TEMPLATE_TEST_CASE("An objective by rows is the objective by S", "[sample_side]", by_columns<float>, by_rows<float>,
                   by_columns<double>) {
  using M = TestType;
  double const e = eps<typename M::Scalar>;
  views<M> const v(9, 40, 5), w(6, 40, 6);
  auto const hold_alike = [&](auto rule, selfpred::objective_options options, evaluation of_s, evaluation of_rows) {
    auto by_s = rule, by_rows = rule;
    by_s.evaluate = of_s, by_rows.evaluate = of_rows;
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
  auto const hold = [&](auto const& rule, selfpred::objective_options const& options) {
    double const t = rule.evaluate.tolerance;
    hold_alike(rule, options, evaluation::rational(t), evaluation::gram(t));
  };
  hold(newton_schulz{.iterations = 9}, {});
  hold(newton_schulz{.iterations = 9}, {.predictor_momentum = 0});
  hold(newton_schulz{.iterations = 9}, {.per_direction = true});
  hold(visser{}, {.rescale = selfpred::rescaling::spectral});
  newton_schulz const twice{7, 2, evaluation::gram(1e-4)};
  hold(twice, {});
  hold(twice, {.predictor_momentum = 0});
  hold(newton_schulz{4, 3, evaluation::gram(2e-4)}, {.per_direction = true});
  stiefel const along{.evaluate = evaluation::gram(1e-4)};
  hold(along, {.rescale = selfpred::rescaling::spectral});
  hold(along, {.predictor_momentum = 0, .per_direction = true});
  hold(direct_pred{.evaluate = evaluation::gram(5e-4)}, {});
  hold(direct_pred{.eps = 0.25, .evaluate = evaluation::gram(4.5e-4)}, {.predictor_momentum = 0});
  for (double const momentum : {0.0, 0.99}) {  // where there is no table the recursion, of the rows by default
    auto const hold_recursion = [&](auto const& rule, selfpred::objective_options options) {
      options.predictor_momentum = momentum;
      hold_alike(rule, options, evaluation::iteration(), evaluation::automatic());
    };
    if (std::same_as<typename M::Scalar, double>) hold_recursion(newton_schulz{}, {});
    hold_recursion(newton_schulz{7, 2}, {});
    hold_recursion(newton_schulz{4, 3}, {.per_direction = true});
    hold_recursion(stiefel{}, {});
  }
}

TEST_CASE("By rows only where it means the same and costs less", "[sample_side]") {
  using M = by_columns<float>;
  views<M> const few(4, 40, 7), many(40, 24, 8);
  auto const same = [](auto rule, selfpred::objective_options const& options, views<M> const& v, evaluation how) {
    rule.evaluate = evaluation::rational(how.tolerance);
    auto a = selfpred::make_objective<M>(rule, options);
    rule.evaluate = how;
    auto b = selfpred::make_objective<M>(rule, options);
    step(a, v), step(b, v);
    return same_bits(a.predictor(), dense(b.predictor()));
  };
  auto const hold = [&](auto const& rule, double tolerance) {
    CHECK_FALSE(same(rule, {}, few, evaluation::automatic(tolerance)));
    CHECK_FALSE(same(rule, {}, few, evaluation::gram(tolerance)));
    CHECK(same(rule, {}, many, evaluation::automatic(tolerance)));
    CHECK(same(rule, {}, many, evaluation::gram(tolerance)));  // more rows than features: there is nothing to gain
    CHECK(same(rule, {.centred = true}, few, evaluation::gram(tolerance)));
    CHECK(same(rule, {.statistics_momentum = 0.5}, few, evaluation::gram(tolerance)));
  };
  hold(newton_schulz{.iterations = 7, .stages = 2}, 1e-4);
  hold(visser{}, 1e-5);
  hold(newton_schulz{}, 1e-5);
  hold(stiefel{}, 1e-4);
  hold(direct_pred{}, 3e-4);
  // Its own EMA of moments; and no table of the later stage.
  CHECK(same(direct_pred{.statistics_momentum = 0.3}, {}, few, evaluation::gram(3e-4)));
  CHECK_THROWS_AS(same(newton_schulz{.iterations = 7, .stages = 2}, {}, few, evaluation::gram(1e-5)),
                  selfpred::domain_error);
  // From which tolerances on there are tables; below, by rows all the same, and by S where the recursion was asked for.
  for (double const tolerance : {7.5e-5, 7.6e-5}) {
    newton_schulz const twice{7, 2, evaluation::gram(tolerance)};
    if (tolerance > 7.55e-5)
      CHECK(twice.error_bound<M>() > 0);
    else
      CHECK_THROWS_AS(twice.error_bound<M>(), selfpred::domain_error);
    CHECK(newton_schulz{7, 2, evaluation::automatic(tolerance)}.by_samples<M>(8, 40));
  }
  for (double const tolerance : {5.5e-5, 5.6e-5}) {
    stiefel const along{.evaluate = evaluation::automatic(tolerance)};
    CHECK((along.error_bound<M>() > 0) == (tolerance > 5.55e-5));
    CHECK(along.by_samples<M>(8, 40));
  }
  CHECK_FALSE(newton_schulz{.evaluate = evaluation::iteration()}.by_samples<M>(8, 40));
  CHECK_FALSE(stiefel{.evaluate = evaluation::iteration()}.by_samples<M>(8, 40));
  views<M> huge = few;  // their squares leave float: moments with a scale of their own
  for (M* const m : {&huge.z1, &huge.z2, &huge.t1, &huge.t2}) *m *= 1e25F;
  CHECK(same(newton_schulz{}, {}, huge, evaluation::gram()));
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
