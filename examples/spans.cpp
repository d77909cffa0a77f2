// SPDX-License-Identifier: MIT
// No tensor library: latents and weights are std::vector<float>, and shaped(...) says what their rows and columns are.
#include <selfpred/host/solve.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

namespace {

constexpr std::size_t rows = 32, inputs = 16, columns = 8;

std::vector<float> numbers(std::size_t n, double phase) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i)
    v[i] = static_cast<float>(std::sin(phase + 1.7 * static_cast<double>(i * i % 97)));
  return v;
}
// z = x w, by whatever the user has; here by the library's own product.
std::vector<float> forward(std::vector<float> const& x, std::vector<float> const& w) {
  std::vector<float> z(rows * columns);
  selfpred::gemm(1.0, selfpred::shaped(x, rows, inputs), selfpred::op::none, selfpred::shaped(w, inputs, columns),
                 selfpred::op::none, 0.0, selfpred::shaped(z, rows, columns));
  return z;
}

}  // namespace

int main() {
  std::vector<float> weight = numbers(inputs * columns, 0);
  selfpred::ema_target target{weight, selfpred::constant_momentum{0.99}};  // a vector is one tensor of a model
  auto objective = selfpred::make_objective<selfpred::host_array<float>>(selfpred::newton_schulz{}, {.alpha = 0.3});
  double first = 0, last = 0;
  for (int k = 0; k < 50; ++k) {
    auto const x1 = numbers(rows * inputs, 1.0), x2 = numbers(rows * inputs, 1.1);
    auto const z1 = forward(x1, weight), z2 = forward(x2, weight);
    auto const t1 = forward(x1, target.model()), t2 = forward(x2, target.model());
    // [shaped]
    using selfpred::shaped;
    using selfpred::stop_gradient;
    auto const result =
        objective.step(shaped(z1, rows, columns), shaped(z2, rows, columns), stop_gradient(shaped(t1, rows, columns)),
                       stop_gradient(shaped(t2, rows, columns)));
    std::vector<float> const& gradient1 = result.gradient1.values;  // row by row
    // [/shaped]
    for (auto const* part : {&x1, &x2})
      selfpred::gemm(-0.5, shaped(*part, rows, inputs), selfpred::op::transpose,
                     part == &x1 ? result.gradient1 : result.gradient2, selfpred::op::none, 1.0,
                     shaped(weight, inputs, columns));
    target.update(weight);
    (k == 0 ? first : last) = result.loss;
    expect(gradient1.size() == rows * columns);
  }
  std::printf("loss %.4f at the first step, %.4f at the last\n", first, last);
  expect(last < first);
  expect(target.model() != weight && target.model().size() == weight.size());
  return failures;
}
