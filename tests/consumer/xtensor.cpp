// SPDX-License-Identifier: MIT
// A user of selfpred::xtensor: one step of the objective.
#include <selfpred/adapters/xtensor.hpp>
#include <selfpred/selfpred.hpp>

int main() {
  using latents = xt::xtensor<float, 2>;
  latents z({16, 4}, 0), t({16, 4}, 0);
  for (std::size_t i = 0; i < 64; ++i)
    z.flat(i) = static_cast<float>(i * i % 11), t.flat(i) = static_cast<float>(i % 7);
  auto objective = selfpred::make_objective<latents>(selfpred::newton_schulz{.iterations = 9}, {.alpha = 0.3});
  auto const result = objective.step(z, z, selfpred::stop_gradient(t), selfpred::stop_gradient(t));
  return std::isfinite(result.loss) && result.gradient1.shape(0) == 16 && result.gradient1(0, 0) != 0 ? 0 : 1;
}
