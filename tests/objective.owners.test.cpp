// SPDX-License-Identifier: MIT
// Latents and targets may be any compatible tensors, whatever owner they would name for themselves.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/catch.hpp"

namespace sp = selfpred;
using columns = Eigen::MatrixXd;
using rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace {

columns sample(int seed) {
  columns m(12, 4);
  for (int i = 0; i < m.size(); ++i) m.data()[i] = std::sin(seed + 1.3 * i * i);
  return m;
}
columns const z1 = sample(1), z2 = sample(2), t1 = sample(3), t2 = sample(4);

template <class Owner, class Rule>
void same_numbers_from_any_first_tensor(Rule rule) {
  auto reference = sp::make_objective<columns>(rule, {.alpha = 0.3, .predictor_momentum = 0.5});
  auto objective = sp::make_objective<Owner>(rule, {.alpha = 0.3, .predictor_momentum = 0.5});
  rows const r1 = z1;
  std::vector<double> const memory(t1.data(), t1.data() + t1.size());
  auto const span = sp::view_column_major(memory.data(), 12, 4);
  for (int k = 0; k < 2; ++k) {
    auto const a = reference.step(z1, z2, sp::stop_gradient(t1), sp::stop_gradient(t2));
    auto const b =
        objective.step(r1, Eigen::Map<columns const>(z2.data(), 12, 4), sp::stop_gradient(span), sp::stop_gradient(t2));
    CHECK(std::abs(a.loss - b.loss) <= 1e-13 * a.loss);  // another order of the same sums
    CHECK(sp::shape_of(b.gradient1) == sp::shape(12, 4));
    std::vector<double> g(48), h(48);
    sp::copy_out(a.gradient2, g);
    sp::copy_out(b.gradient2, h);
    for (std::size_t i = 0; i < 48; ++i) CHECK(std::abs(g[i] - h[i]) <= 1e-13);
  }
  auto twin = sp::make_objective<Owner>(rule, {.alpha = 0.3, .predictor_momentum = 0.5});
  twin.restore(objective.state(), span);
  CHECK(twin.state() == objective.state());
}

}  // namespace

TEST_CASE("an objective makes its own owner from latents of another") {
  same_numbers_from_any_first_tensor<columns>(sp::linear_regression{});
  same_numbers_from_any_first_tensor<rows>(sp::linear_regression{});
  same_numbers_from_any_first_tensor<sp::host_array<double>>(sp::newton_schulz{});
}
