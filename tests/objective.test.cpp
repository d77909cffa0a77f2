// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>
#include <selfpred/predictor/linear_regression.hpp>
#include <selfpred/predictor/newton_schulz.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::direct_copy;
using selfpred::directions;
using selfpred::linear_regression;
using selfpred::loss_kind;
using selfpred::make_objective;
using selfpred::newton_schulz;
using selfpred::objective_options;
using selfpred::reduction;
using selfpred::statistics;
using selfpred::stop_gradient;

namespace {

template <class Form, class Rule>
void check_golden(Rule rule, golden_case const& c, double tolerance) {
  auto o =
      make_objective<typename Form::tensor>(rule, {.alpha = c.scalar("alpha"), .predictor_momentum = c.scalar("rho")});
  matrix_d const loss = dense(c.at("loss"));
  for (Index k = 0; k < loss.size(); ++k) {
    std::string const suffix = "_" + std::to_string(k);
    INFO("step " << k);
    auto const get = [&](std::string const& key) { return dense(c.at(key + suffix)); };
    Form const z1(get("z1")), z2(get("z2")), t1(get("t1")), t2(get("t2"));
    auto const r = o.step(z1.get(), z2.get(), stop_gradient(t1.get()), stop_gradient(t2.get()));
    CHECK(distance(o.predictor(), get("applied")) < tolerance);
    // The loss and the gradients of unit vectors move by the relative error of P times its condition: with alpha I in
    // it no more than 10.
    CHECK_THAT(r.loss, WithinAbs(loss(k), 10 * tolerance));
    CHECK(distance(r.gradient1, get("gradient1")) < 10 * tolerance);
    CHECK(distance(r.gradient2, get("gradient2")) < 10 * tolerance);
  }
}

/// A few eps a step of each rule, as in the tests of the rules.
template <class S>
double rounding(int rule) {
  return eps<S> * (rule == 0 ? 16 * std::pow(1.5, 9) : rule == 1 ? 16 : 800);
}

}  // namespace

TEMPLATE_TEST_CASE("Golden steps of the objective with Newton-Schulz, for every form", "[objective][golden]",
                   owned<by_columns<float>>, owned<by_rows<float>>, owned<by_columns<double>>, owned<by_rows<double>>,
                   mapped<float>, blocked<double>, in_array<float>, with_gaps<double>) {
  auto const file = golden("objective");
  for (auto const& [name, c] : file) {
    INFO(name);
    if (c.scalar("rule") == 0 && c.scalar("per_direction") == 0)
      check_golden<TestType>(newton_schulz{}, c, rounding<typename TestType::scalar>(0));
  }
}

TEMPLATE_TEST_CASE("Golden steps of the objective with the other rules", "[objective][golden]",
                   owned<by_columns<float>>, mapped<double>) {
  auto const file = golden("objective");
  check_golden<TestType>(direct_copy{}, file.at("direct_copy"), rounding<typename TestType::scalar>(1));
  check_golden<TestType>(linear_regression{}, file.at("linear_regression"), rounding<typename TestType::scalar>(2));
}

TEST_CASE("Gradients are central differences of the loss under a held P", "[objective]") {
  for (auto const& [b, f] : {std::pair<Index, Index>{7, 4}, {1, 4}, {3, 1}, {2, 6}})
    for (auto const kind : {loss_kind::normalized, loss_kind::squared})
      for (auto const rows : {reduction::mean, reduction::sum})
        for (auto const both : {directions::sum, directions::mean}) {
          INFO(b << " x " << f);
          auto o = make_objective<matrix_d>(newton_schulz{},
                                            {.alpha = 0.3, .loss = {.kind = kind, .rows = rows}, .directions = both});
          views<> v(b, f, 1);
          auto const r = step(o, v);
          double const h = 1e-5;  // truncation h^2 = 1e-10 of third derivatives below 100, rounding eps / h = 1e-11
          for (auto const& [z, gradient] : {std::pair{&v.z1, &r.gradient1}, {&v.z2, &r.gradient2}}) {
            matrix_d numeric(b, f);
            for (Index i = 0; i < b; ++i)
              for (Index j = 0; j < f; ++j) {
                double const at = (*z)(i, j);
                (*z)(i, j) = at + h;
                double const up = evaluate(o, v).loss;
                (*z)(i, j) = at - h;
                numeric(i, j) = (up - evaluate(o, v).loss) / (2 * h);
                (*z)(i, j) = at;
              }
            if (f == 1 && kind == loss_kind::normalized)  // on a line directions do not move
              CHECK(gradient->cwiseAbs().maxCoeff() < 1e-14);
            else
              CHECK(distance(*gradient, numeric) < 1e-7);
          }
        }
}

TEST_CASE("mean and sum, over rows and over directions", "[objective]") {
  views<> const v(8, 5, 2);
  auto const with = [&](reduction rows, directions both) {
    auto o = make_objective<matrix_d>(newton_schulz{}, {.loss = {.rows = rows}, .directions = both});
    auto const r = step(o, v);
    return std::tuple(r.loss, dense(r.gradient1), dense(r.gradient2));
  };
  auto const [loss, g1, g2] = with(reduction::mean, directions::sum);
  auto const [half, half1, half2] = with(reduction::mean, directions::mean);
  auto const [sum, sum1, sum2] = with(reduction::sum, directions::sum);
  CHECK(half == loss / 2);  // powers of two: exact
  CHECK(same_bits(half1, g1 / 2));
  CHECK(same_bits(half2, g2 / 2));
  CHECK(sum == 8 * loss);
  CHECK(same_bits(sum1, 8 * g1));
  CHECK(same_bits(sum2, 8 * g2));
}

TEST_CASE("Exchanging the views exchanges the gradients", "[objective]") {
  views<> const v(9, 5, 3);
  views<> w = v;
  std::swap(w.z1, w.z2), std::swap(w.t1, w.t2);
  auto a = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.2}),
       b = make_objective<matrix_d>(newton_schulz{}, {.alpha = 0.2});
  auto const r = step(a, v), s = step(b, w);
  // The two products are added in the other order: S is the same to an eps, and P to rounding(9).
  CHECK_THAT(s.loss, WithinRel(r.loss, 1e-12));
  CHECK(distance(s.gradient1, r.gradient2) < rounding<double>(0));
  CHECK(distance(s.gradient2, r.gradient1) < rounding<double>(0));
}

TEST_CASE("refresh(sums) and evaluate are a step", "[objective]") {
  objective_options const options{.alpha = 0.3, .predictor_momentum = 0.9, .update_every = 2};
  auto whole = make_objective<matrix_d>(linear_regression{}, options);
  auto split = make_objective<matrix_d>(linear_regression{}, options);
  auto micro = make_objective<matrix_d>(linear_regression{}, options);
  for (std::uint64_t k = 0; k < 5; ++k) {
    views<> const v(12, 4, k);
    auto const r = step(whole, v);
    statistics<matrix_d> sums;
    sums.add(v.z1, v.z2, stop_gradient(v.t1), stop_gradient(v.t2));
    split.refresh(sums);
    auto const e = evaluate(split, v);
    CHECK(e.loss == r.loss);
    CHECK(same_bits(e.gradient1, r.gradient1));
    CHECK(same_bits(e.gradient2, r.gradient2));
    CHECK(split.state() == whole.state());

    statistics<matrix_d, matrix_d> pieces;  // in two micro-batches, summed in the native type
    for (Index const first : {0, 5}) {
      Index const n = first == 0 ? 5 : 7;
      auto const t1 = v.t1.middleRows(first, n), t2 = v.t2.middleRows(first, n);
      pieces.add(v.z1.middleRows(first, n), v.z2.middleRows(first, n), stop_gradient(t1), stop_gradient(t2));
    }
    micro.refresh(pieces);
    CHECK(micro.step() == whole.step());
    CHECK(distance(micro.predictor(), whole.predictor()) < rounding<double>(2));
  }
  statistics<matrix_d> nothing;
  auto fresh = make_objective<matrix_d>(newton_schulz{});
  CHECK_THROWS_AS(fresh.refresh(nothing), selfpred::state_error);
  CHECK(fresh.step() == 0);
}

TEST_CASE("Results stay put until the next step of their shape", "[objective]") {
  auto o = make_objective<matrix_d>(newton_schulz{});
  views<> const v(8, 4, 1), w(5, 4, 2);
  auto const a = step(o, v);
  matrix_d const g = a.gradient1;
  auto const b = step(o, w);
  CHECK(b.gradient1.rows() == 5);
  CHECK(same_bits(a.gradient1, g));  // another b: its own memory
  CHECK(&step(o, v).gradient1 == &a.gradient1);
}

TEST_CASE("Latents of any scale train: loss and predictor of float latents of 1e+-18", "[objective]") {
  using M = by_columns<float>;
  views<M> const v(16, 5, 4);
  auto o = make_objective<M>(newton_schulz{}, {.rescale = selfpred::rescaling::frobenius});
  auto const r = step(o, v);
  for (float const c : {1e+18f, 1e-5f}) {  // not below: q = z P falls under the floor of the loss at 1e-6
    views<M> scaled = v;
    scaled.z1 *= c, scaled.z2 *= c;
    auto s = make_objective<M>(newton_schulz{}, {.rescale = selfpred::rescaling::frobenius});
    auto const t = step(s, scaled);
    CHECK_THAT(t.loss, WithinRel(r.loss, rounding<float>(0)));
    CHECK(distance(t.gradient1, dense(r.gradient1) / static_cast<double>(c)) < 10 * rounding<float>(0));
  }
  for (float const c : {1e+30f, 1e-30f}) {  // P itself is right
    views<M> scaled = v;
    scaled.z1 *= c, scaled.z2 *= c;
    auto s = make_objective<M>(newton_schulz{}, {.rescale = selfpred::rescaling::frobenius});
    step(s, scaled);
    CHECK(distance(s.predictor(), dense(o.predictor())) < rounding<float>(0));
  }
}
