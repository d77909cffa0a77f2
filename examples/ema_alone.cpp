// SPDX-License-Identifier: MIT
// The EMA target alone: a network with BatchNorm, whose running statistics are buffers, and a slow copy of it.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

// [model]
struct network {
  Eigen::MatrixXf weight = Eigen::MatrixXf::Ones(8, 4);
  Eigen::VectorXf scale = Eigen::VectorXf::Ones(4);
  Eigen::VectorXf running_mean = Eigen::VectorXf::Zero(4);  // BatchNorm's: no gradient moves it
  long batches = 0;
};
auto parameters(network& n) { return std::tie(n.weight, n.scale); }
auto buffers(network& n) { return std::tie(n.running_mean, n.batches); }
// [/model]

// Stands in for an optimiser's step and for a forward pass through BatchNorm.
void train(network& n) {
  n.weight *= 1.01F;
  n.scale.array() += 0.5F;
  n.running_mean += 0.1F * (Eigen::VectorXf::Ones(4) - n.running_mean);
  ++n.batches;
}

int main() {
  // [ema]
  network online;
  selfpred::ema_target target{online, selfpred::cosine_momentum{.base = 0.9, .steps = 100},
                              selfpred::buffer_policy::copy};
  for (int step = 0; step < 100; ++step) {
    train(online);
    target.update(online);  // target <- target + (1 - tau) (online - target), tau from 0.9 up to 1
  }
  network const& slow = target.model();  // a network like any other: run it
  // [/ema]

  network again;
  float expected = 1, momentum = 0;
  for (int k = 0; k < 100; ++k) {
    train(again);
    momentum = static_cast<float>(target.schedule()(k));
    expected += (1 - momentum) * (again.scale[0] - expected);
  }
  std::printf("scale: online %g, target %g after %d updates; tau rose to %g\n", static_cast<double>(online.scale[0]),
              static_cast<double>(slow.scale[0]), static_cast<int>(target.step()), static_cast<double>(momentum));
  expect(target.step() == 100 && target.momentum() == 1);
  expect(std::abs(slow.scale[3] - expected) < 1e-5F * expected);
  expect(slow.weight(0, 0) > 1 && slow.weight(0, 0) < online.weight(0, 0));
  expect(slow.running_mean == online.running_mean && slow.batches == 100);  // copied, as the policy says
  return failures;
}
