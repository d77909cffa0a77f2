// SPDX-License-Identifier: MIT
// Post-hoc EMA: two averages are kept in training, the length of the one to ship is chosen afterwards.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

// Stands in for training: a weight that drifts and rattles.
Eigen::VectorXf network_after(int step) {
  float const t = static_cast<float>(step) / 2000;
  return Eigen::Vector3f(t, std::sin(6 * t), std::sqrt(t) + 0.2F * std::sin(90 * t));
}

int main() {
  using namespace selfpred;
  Eigen::VectorXf online = network_after(0);
  ema_target reference{online, power_momentum::of_sigma(0.08)};  // what nobody knew would be wanted

  // [training]
  power_averages<Eigen::VectorXf> averages(online, {power_gamma(0.05), power_gamma(0.10)});  // EDM2's two lengths
  std::vector<power_snapshot<Eigen::VectorXf>> saved;
  for (int step = 0; step < 2000; ++step) {
    online = network_after(step);
    averages.update(online);
    if (step % 100 == 99)
      for (auto& snapshot : averages.snapshots()) saved.push_back(std::move(snapshot));
    // [/training]
    reference.update(online);
    // [training]
  }
  // [/training]

  // [synthesis]
  Eigen::VectorXf chosen = online;  // of the right shape
  auto const weights = synthesize(saved, {.gamma = power_gamma(0.08), .time = 2000}, chosen);
  // [/synthesis]

  double sum = 0;
  for (double w : weights) sum += w;
  float const error = (chosen - reference.model()).norm(), distance = (online - reference.model()).norm();
  std::printf("from %d snapshots: %.2g off the average of length 0.08, online is %.2g off\n",
              static_cast<int>(saved.size()), static_cast<double>(error), static_cast<double>(distance));
  expect(saved.size() == 40 && std::abs(sum - 1) < 1e-12);
  expect(error < 2e-3F && distance > 0.05F);
  return failures;
}
