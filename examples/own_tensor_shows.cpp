// SPDX-License-Identifier: MIT
// A matrix class of your own that keeps its elements in host memory: it shows them, and every predictor runs on it.
#include <selfpred/host/eigh.hpp>
#include <selfpred/selfpred.hpp>
#include <selfpred/testing/conformance.hpp>

#include "adapters/shop.hpp"
#include "support/expect.hpp"

static_assert(selfpred::matrix_with_solve<shop::matrix>, "what memory shows, it can do: products and solves");
static_assert(std::same_as<selfpred::owner_t<shop::matrix>, shop::matrix>, "gradients are shop's own matrices");
static_assert(selfpred::writable<shop::matrix> && !selfpred::writable<shop::matrix const>);

namespace {

shop::matrix latents(std::size_t rows, std::size_t columns, double phase) {
  shop::matrix m(rows, columns, 0);
  for (std::size_t i = 0; i < m.values.size(); ++i)
    m.values[i] = std::sin(phase + 1.7 * static_cast<double>(i * i % 97));
  return m;
}

shop::matrix const z1 = latents(32, 8, 0.0), z2 = latents(32, 8, 0.1), t1 = latents(32, 8, 0.2),
                   t2 = latents(32, 8, 0.3);

void check(char const* name, auto const& result) {
  std::printf("%-18s loss %.6f, |dL/dZ1| %.6f\n", name, result.loss,
              std::sqrt(selfpred::dot(result.gradient1, result.gradient1)));
  expect(std::isfinite(result.loss) && result.loss > 0);
  expect(result.gradient1.rows == 32 && result.gradient1.columns == 8);
}

void run(char const* name, auto rule) {
  auto objective = selfpred::make_objective<shop::matrix>(rule, {.alpha = 0.3});
  check(name, objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2)));
}

}  // namespace

int main() {
  // [done]
  auto const report = selfpred::testing::conformance(shop::matrix(2, 3, 0));
  std::printf("%s", report.text().c_str());
  expect(report.passed());
  // [/done]
  run("newton_schulz", selfpred::newton_schulz{});
  run("linear_regression", selfpred::linear_regression{});
  run("direct_copy", selfpred::direct_copy{});
  auto objective = selfpred::make_objective<shop::matrix>(selfpred::trainable_linear{});
  shop::matrix p = latents(8, 8, 0.4);  // the optimiser's, as the encoder is
  check("trainable_linear", objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2), p));
  return failures;
}
