// SPDX-License-Identifier: MIT
// A tensor whose elements nobody can touch, on another machine: it does the operations. A step waits for nothing.
#include <selfpred/selfpred.hpp>

#include "adapters/remote.hpp"
#include "support/expect.hpp"

static_assert(selfpred::matrix<remote::tensor>);
static_assert(!selfpred::matrix_with_solve<remote::tensor>,
              "the server cannot solve: linear_regression does not compile");
static_assert(!std::copyable<remote::tensor>, "and nothing copies a ticket by accident");

namespace {

remote::tensor latents(selfpred::index rows, selfpred::index columns, double phase) {
  std::vector<double> values(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(phase + 1.7 * static_cast<double>(i * i % 97));
  remote::tensor x({rows, columns}, 0);
  x.upload(values);
  return x;
}

// Operations of a steady step: the second, when P and the workspaces exist.
template <class Objective, class... P>
long operations(char const* name, Objective objective, selfpred::index b, selfpred::index f, P const&... p) {
  auto const z1 = latents(b, f, 0.0), z2 = latents(b, f, 0.1), t1 = latents(b, f, 0.2), t2 = latents(b, f, 0.3);
  objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2), p...);
  remote::count = {};
  auto const result = objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2), p...);
  auto const [asked, made, read_back] = remote::count;
  expect(made == 0);
  expect(read_back == 0);
  double const loss = selfpred::value(result.loss);  // here, and only here, the program waits
  expect(std::isfinite(loss) && remote::count.read_back == 1);
  std::printf("%-17s b %3d, f %2d: %ld operations, loss %.6f\n", name, static_cast<int>(b), static_cast<int>(f), asked,
              loss);
  return asked;
}

void constant(char const* name, auto rule) {
  auto const objective = [&] { return selfpred::make_objective<remote::tensor>(rule, {.alpha = 0.3}); };
  expect(operations(name, objective(), 16, 4) == operations(name, objective(), 64, 24));
}

}  // namespace

int main() {
  constant("newton_schulz", selfpred::newton_schulz{});
  constant("direct_copy", selfpred::direct_copy{});
  auto const trainable = [] { return selfpred::make_objective<remote::tensor>(selfpred::trainable_linear{}); };
  expect(operations("trainable_linear", trainable(), 16, 4, latents(4, 4, 0.4)) ==
         operations("trainable_linear", trainable(), 64, 24, latents(24, 24, 0.4)));
  return failures;
}
