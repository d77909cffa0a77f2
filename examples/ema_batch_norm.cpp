// SPDX-License-Identifier: MIT
// A network with BatchNorm and its EMA: a policy for every kind of buffer, a guard against NaN, evaluation with the slow
// weights inside a scope, and steps that the optimiser has skipped.
#include <limits>
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

// [model]
struct batch_norm {
  Eigen::VectorXf scale = Eigen::VectorXf::Ones(4), shift = Eigen::VectorXf::Zero(4);
  Eigen::VectorXf running_mean = Eigen::VectorXf::Zero(4), running_var = Eigen::VectorXf::Ones(4);
  long batches = 0;
};
struct network {
  Eigen::MatrixXf weight = Eigen::MatrixXf::Ones(8, 4);
  batch_norm bn;
};
auto parameters(network& n) {
  using selfpred::named;
  return std::tuple{named{"weight", n.weight}, named{"bn.scale", n.bn.scale}, named{"bn.shift", n.bn.shift}};
}
auto buffers(network& n) {
  using selfpred::named;
  return std::tuple{named{"bn.running_mean", n.bn.running_mean}, named{"bn.running_var", n.bn.running_var},
                    named{"bn.batches", n.bn.batches}};
}
// [/model]

// Stands in for a forward pass in training mode and an optimiser's step.
void train(network& n) {
  n.weight *= 1.01F;
  n.bn.shift.array() += 0.25F;
  n.bn.running_mean += 0.1F * (Eigen::VectorXf::Ones(4) - n.bn.running_mean);
  ++n.bn.batches;
}
float evaluate(network const& n) { return n.weight.sum() + n.bn.shift.sum(); }

int main() {
  network online;
  // [policies]
  using selfpred::leaf_policy;
  selfpred::ema_target target{
      online, selfpred::cosine_momentum{.base = 0.9, .steps = 100},
      selfpred::ema_options{.leaves = selfpred::leaf_policies(leaf_policy::copy)       // every buffer, but:
                                          .name("bn.running_*", leaf_policy::average)  // as the parameters
                                          .where([](auto const& leaf) { return leaf.integral; }, leaf_policy::keep),
                            .non_finite = selfpred::non_finite_policy::refuse}};
  // [/policies]

  // [step]
  long refused = 0;
  for (int step = 0; step < 100; ++step) {
    if (step == 30) continue;  // the loss scaler has found an overflow: no optimiser's step, no update
    train(online);
    if (step == 50) online.weight(3, 2) = std::numeric_limits<float>::quiet_NaN();
    auto const report = target.update(online, step);  // state_error if this step was used before
    refused += report.non_finite;
    if (step == 50) online.weight(3, 2) = online.weight(3, 1);
  }
  // [/step]
  expect(refused == 1 && target.step() == 100);
  expect(target.model().weight.allFinite());
  expect(target.model().bn.batches == 0);                                 // kept
  expect(target.model().bn.running_mean[0] < online.bn.running_mean[0]);  // averaged

  float const fast = evaluate(online);
  // [swap]
  float slow = 0;
  {
    auto const guard = target.swap_with(online);  // O(1): handles are exchanged
    slow = evaluate(online);                      // with the target's weights
  }                                               // and back, also where evaluate throws
  // [/swap]
  expect(slow < fast && evaluate(online) == fast && evaluate(target.model()) == slow);
  std::printf("online %g, target %g after %d steps\n", static_cast<double>(fast), static_cast<double>(slow),
              static_cast<int>(target.step()));
  return failures;
}
