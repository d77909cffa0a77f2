// SPDX-License-Identifier: MIT
#include <selfpred/objective.hpp>
#include <selfpred/predictor/direct_copy.hpp>

#include "support/catch.hpp"
#include "support/latents.hpp"

using namespace selfpred_tests;
using Catch::Matchers::ContainsSubstring;
using selfpred::direct_copy;
using selfpred::make_objective;

TEMPLATE_TEST_CASE("Golden P of DirectCopy", "[direct_copy][golden]", owned<by_columns<float>>, owned<by_rows<double>>,
                   mapped<double>, blocked<float>, in_array<double>, with_gaps<float>) {
  using form = TestType;
  auto const file = golden("direct_copy");
  for (auto const& [name, c] : file) {
    INFO(name);
    bool const two = c.count("z1") > 0;
    form const z1(dense(c.at(two ? "z1" : "z"))), z2(dense(c.at(two ? "z2" : "z")));
    auto o = make_objective<typename form::tensor>(direct_copy{});
    // The targets may be anything: P does not depend on them.
    form const t(matrix_d::Ones(dense(c.at(two ? "z1" : "z")).rows(), dense(c.at("P")).cols()));
    o.step(z1.get(), z2.get(), selfpred::stop_gradient(t.get()), selfpred::stop_gradient(t.get()));
    // Sums of at most 18 products, one division, and (1 - rho) P / (1 - rho): 8 roundings are plenty.
    CHECK(distance(o.predictor(), dense(c.at("P"))) < 8 * eps<typename form::scalar>);
    CHECK(*o.status().residual == 0);
  }
}

TEST_CASE("A DirectCopy that leaves its range is refused, and changes nothing", "[direct_copy]") {
  using M = by_columns<float>;
  views<M> const v(12, 4, 1);
  views<M> huge = v;
  huge.z1 *= 1e+30f, huge.z2 *= 1e+30f;
  auto o = make_objective<M>(direct_copy{}, {.alpha = 0.3});
  CHECK_THROWS_AS(step(o, huge), selfpred::non_finite_error);
  CHECK(o.step() == 0);
  CHECK_THROWS_AS(o.predictor(), selfpred::state_error);
  step(o, v);
  auto const before = o.state();
  CHECK_THROWS_WITH(step(o, huge), ContainsSubstring("predictor") && ContainsSubstring("too large"));
  CHECK(o.state() == before);
}

TEST_CASE("DirectCopy where the result can be written", "[direct_copy]") {
  views<> const v(12, 4, 2);
  auto one = make_objective<matrix_d>(direct_copy{});
  step(one, v);
  for (int const k : {100, -100}) {  // S is kept with its scale apart, which is put back exactly
    views<> scaled = v;
    scaled.z1 *= std::exp2(k), scaled.z2 *= std::exp2(k);
    auto o = make_objective<matrix_d>(direct_copy{});
    step(o, scaled);
    CHECK(same_bits(o.predictor(), std::exp2(2 * k) * one.predictor()));
  }
}
