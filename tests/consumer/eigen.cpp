// SPDX-License-Identifier: MIT
// A user of selfpred::eigen: one step of the objective.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#ifdef CONSUMER_EXPECTS_BLAS
static_assert(!selfpred::host_products_are_reproducible);
#else
static_assert(selfpred::host_products_are_reproducible);
#endif

int main() {
  Eigen::MatrixXf const z1 = Eigen::MatrixXf::Random(16, 4), z2 = Eigen::MatrixXf::Random(16, 4);
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::newton_schulz{.iterations = 9}, {.alpha = 0.3});
  auto const result = objective.step(z1, z2, selfpred::stop_gradient(Eigen::MatrixXf(z2)),
                                     selfpred::stop_gradient(Eigen::MatrixXf(z1)));
  return result.gradient1.allFinite() && result.gradient1.norm() > 0 ? 0 : 1;
}
