// SPDX-License-Identifier: MIT
// Every rule through the objective, with its options: centring, averaged statistics, a predictor for each view, any
// number of views.
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
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Eigen::Index;
using selfpred::directions;
using selfpred::make_objective;
using selfpred::objective_options;
using selfpred::stop_gradient;

namespace {

/// f(rule, rounding of P in eps), as in the tests of the rules; numbered as in objective_options.txt.
template <class F>
void with_rule(int number, F f) {
  switch (number) {
    case 0:
      return f(selfpred::newton_schulz{}, 16 * std::pow(1.5, 9));
    case 1:
      return f(selfpred::direct_copy{}, 16);
    case 2:
      return f(selfpred::linear_regression{}, 800);  // conditions below 100
    case 3:
      return f(selfpred::neumann{}, 100);  // cancellation below 10
    case 4:
      return f(selfpred::visser{}, 4 * 54);
    case 5:
      return f(selfpred::newton_schulz{.iterations = 7, .stages = 2}, 16 * std::pow(1.5, 14));
    case 6:
      return f(selfpred::stiefel{}, 16 * std::pow(1.5, 18));
    case 7:
      return f(selfpred::direct_pred{}, 320);  // the root of the condition below 10
    default:
      return f(selfpred::direct_pred::published(), 320);
  }
}
constexpr int rules = 9;

template <class T>
auto stopped_all(std::vector<T> const& tensors) {
  std::vector<decltype(stop_gradient(tensors[0]))> all;
  for (T const& t : tensors) all.push_back(stop_gradient(t));
  return all;
}

/// Online latents and targets of any number of views: noisy readings of the same samples.
struct crowd {
  std::vector<matrix_d> z, t;
  crowd(std::size_t views, std::size_t targets, Index b, Index f, std::uint64_t seed) {
    matrix_d const base = latents(b, f, 100 * seed);
    for (std::size_t i = 0; i < views + targets; ++i)
      (i < views ? z : t).push_back(base + 0.5 * latents(b, f, 100 * seed + i + 1));
  }
};
template <class O>
auto step(O& o, crowd const& c) {
  return o.step(c.z, stopped_all(c.t));
}
template <class O>
auto evaluate(O& o, crowd const& c) {
  return o.evaluate(c.z, stopped_all(c.t));
}

template <class Form>
void check_golden(golden_case const& c, golden_case const& batches) {
  using M = selfpred::owner_t<typename Form::tensor>;
  auto const views = static_cast<std::size_t>(c.scalar("views")),
             targets = static_cast<std::size_t>(c.scalar("targets"));
  bool const apart = c.scalar("per_direction") != 0;
  double const averaged = c.scalar("statistics_momentum");
  objective_options options{.alpha = c.scalar("alpha"), .predictor_momentum = c.scalar("rho")};
  options.directions = c.scalar("mean") != 0 ? directions::mean : directions::sum;
  options.centred = c.scalar("centred") != 0;
  options.per_direction = apart;
  matrix_d const loss = dense(c.at("loss"));
  with_rule(static_cast<int>(c.scalar("rule")), [&](auto const& rule, double roundings) {
    if (averaged != rule.moments().momentum) options.statistics_momentum = averaged;
    double const tolerance = roundings * eps<typename Form::scalar>;
    auto o = make_objective<M>(rule, options);
    for (Index k = 0; k < loss.size(); ++k) {
      INFO("step " << k);
      std::string const suffix = "_" + std::to_string(k);
      auto const get = [&](std::string const& key, std::size_t i) {
        return dense(batches.at(key + std::to_string(i) + suffix));
      };
      auto const expected = [&](std::string const& key, std::size_t i) {
        return dense(c.at(key + std::to_string(i) + suffix));
      };
      std::vector<Form> z, t;
      for (std::size_t i = 0; i < views; ++i) z.emplace_back(get("z", i));
      for (std::size_t j = 0; j < targets; ++j) t.emplace_back(get("t", j));
      auto const check = [&](auto value, auto const& gradient) {
        for (std::size_t i = 0; i < (apart ? views : 1); ++i) {
          CHECK(distance(o.predictor(i), expected("applied", i)) < tolerance);
          if (averaged == 0) continue;
          auto const state = o.state(i);
          auto const f = static_cast<int>(state.size);
          double const few = 16 * eps<typename Form::scalar>;
          CHECK(distance(dense(golden_matrix{f, f, state.covariance}), expected("covariance", i)) < few);
          if (std::remove_cvref_t<decltype(rule)>::reads_cross_covariance)
            CHECK(distance(dense(golden_matrix{f, f, state.cross}), expected("cross", i)) < few);
          CHECK_THAT(state.statistics_product, WithinRel(std::pow(averaged, k + 1), 1e-14));
        }
        // As in objective.test.cpp: alpha I bounds what the error of P does to directions.
        CHECK_THAT(value, WithinAbs(loss(k), 10 * tolerance * std::max(1.0, loss(k))));
        for (std::size_t i = 0; i < views; ++i) CHECK(distance(gradient(i), expected("gradient", i)) < 10 * tolerance);
      };
      if (views == 2 && k != 1) {  // the four-argument step and the one over ranges are the same
        auto const r = o.step(z[0].get(), z[1].get(), stop_gradient(t[0].get()), stop_gradient(t[1].get()));
        check(r.loss, [&](std::size_t i) { return dense(i == 0 ? r.gradient1 : r.gradient2); });
      } else {
        std::vector<std::remove_cvref_t<decltype(z[0].get())>> online, held;
        for (auto const& x : z) online.push_back(x.get());
        for (auto const& x : t) held.push_back(x.get());
        auto const r = o.step(online, stopped_all(held));
        check(r.loss, [&](std::size_t i) { return dense(r.gradients[i]); });
      }
    }
  });
}

}  // namespace

TEMPLATE_TEST_CASE("Golden steps of every rule and every option", "[objective][golden]", owned<by_columns<float>>,
                   owned<by_rows<double>>, mapped<double>, in_array<float>, with_gaps<double>) {
  auto const file = golden("objective_options");
  for (auto const& [name, c] : file) {
    if (!c.count("rule")) continue;
    INFO(name);
    check_golden<TestType>(c, file.at("batches"));
  }
}

TEST_CASE("Gradients of every rule are central differences of the loss under a held P", "[objective]") {
  for (int number = 0; number < rules; ++number)
    for (auto const& [count, apart] : {std::pair<std::size_t, bool>{2, false}, {2, true}, {3, false}, {4, true}})
      with_rule(number, [&](auto const& rule, double) {
        INFO("rule " << number << ", " << count << " views, per_direction " << apart);
        objective_options options{.alpha = 0.3};
        options.per_direction = apart;
        options.directions = apart ? directions::mean : directions::sum;
        auto o = make_objective<matrix_d>(rule, options);
        crowd c(count, count == 4 ? 2 : count, 7, 4, 1);
        step(o, crowd(count, c.t.size(), 7, 4, 2));  // P is an average over two batches
        auto const r = step(o, c);
        std::vector<matrix_d> gradients;
        for (std::size_t i = 0; i < count; ++i) gradients.push_back(dense(r.gradients[i]));
        double const h = 1e-5;  // truncation h^2 = 1e-10 of third derivatives below 100, rounding eps / h = 1e-11
        for (std::size_t i = 0; i < count; ++i) {
          matrix_d numeric(7, 4);
          for (Index k = 0; k < numeric.size(); ++k) {
            double& at = c.z[i](k);
            double const x = at;
            at = x + h;
            double const up = evaluate(o, c).loss;
            at = x - h;
            numeric(k) = (up - evaluate(o, c).loss) / (2 * h);
            at = x;
          }
          CHECK(distance(gradients[i], numeric) < 1e-7);
        }
      });
}

TEST_CASE("Two views as ranges are the four-argument step, to the bit", "[objective]") {
  for (int number = 0; number < rules; ++number)
    for (bool const apart : {false, true})
      with_rule(number, [&](auto const& rule, double) {
        INFO("rule " << number << ", per_direction " << apart);
        objective_options options{.alpha = 0.2, .predictor_momentum = 0.9};
        options.per_direction = apart;
        auto four = make_objective<matrix_d>(rule, options), ranges = make_objective<matrix_d>(rule, options);
        for (std::uint64_t k = 0; k < 3; ++k) {
          crowd const c(2, 2, 9, 4, k);
          auto const a = four.step(c.z[0], c.z[1], stop_gradient(c.t[0]), stop_gradient(c.t[1]));
          auto const b = step(ranges, c);
          CHECK(a.loss == b.loss);
          CHECK(same_bits(a.gradient1, b.gradients[0]));
          CHECK(same_bits(a.gradient2, b.gradients[1]));
          for (std::size_t i = 0; i < (apart ? 2 : 1); ++i) {
            CHECK(same_bits(four.predictor(i), ranges.predictor(i)));
            CHECK(four.state(i) == ranges.state(i));
          }
        }
      });
}

TEST_CASE("A view that meets no target has no loss: its gradient is zero", "[objective]") {
  for (int number = 0; number < rules; ++number)
    for (bool const apart : {false, true})
      with_rule(number, [&](auto const& rule, double) {
        INFO("rule " << number << ", per_direction " << apart);
        objective_options options{.alpha = 0.2};
        options.per_direction = apart;
        auto o = make_objective<matrix_d>(rule, options);
        for (std::uint64_t k = 0; k < 2; ++k) {
          crowd const c(2, 1, 9, 4, k);  // view 1 would predict target 2
          auto const r = step(o, c);
          CHECK(r.gradients[0].isZero(0));
          matrix_d const q = (c.z[1] * o.predictor(1)).rowwise().normalized(), u = c.t[0].rowwise().normalized();
          CHECK_THAT(r.loss, WithinRel((q - u).squaredNorm() / 9, 1e-12));
        }
      });
}

TEST_CASE("The order of the views changes rounding alone", "[objective]") {
  for (bool const apart : {false, true}) {
    objective_options options{.alpha = 0.2};
    options.per_direction = apart;
    auto a = make_objective<matrix_d>(selfpred::neumann{}, options),
         b = make_objective<matrix_d>(selfpred::neumann{}, options);
    crowd const c(3, 3, 9, 4, 5);
    crowd d = c;
    std::swap(d.z[0], d.z[2]), std::swap(d.t[0], d.t[2]);
    auto const r = step(a, c), s = step(b, d);
    CHECK_THAT(s.loss, WithinRel(r.loss, 1e-12));
    for (std::size_t i = 0; i < 3; ++i) CHECK(distance(s.gradients[2 - i], dense(r.gradients[i])) < 1e-12);
    if (apart) CHECK(distance(b.predictor(2), a.predictor(0)) < 1e-13);
  }
}

TEST_CASE("An average of statistics is unbiased: the first is the batch's, and equal batches keep it", "[objective]") {
  for (int number = 0; number < rules; ++number)
    with_rule(number, [&](auto const& rule, double roundings) {
      INFO("rule " << number);
      objective_options options{.alpha = 0.2, .predictor_momentum = 0};
      options.statistics_momentum = 0;
      auto batch = make_objective<matrix_d>(rule, options);
      options.statistics_momentum = 0.75;
      auto averaged = make_objective<matrix_d>(rule, options);
      crowd const c(2, 2, 9, 4, 6);
      step(batch, c);
      for (int k = 0; k < 4; ++k) {
        step(averaged, c);
        CHECK(distance(averaged.predictor(), batch.predictor()) < 4 * roundings * eps<double>);
      }
    });
}
