// SPDX-License-Identifier: MIT
// Self-prediction with a linear encoder: two views, a slow target, one objective step, a backward pass by hand.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

namespace {

// What an augmentation does: the right half of the inputs says nothing, and comes out different every time.
Eigen::MatrixXf changed(Eigen::MatrixXf batch) {
  batch.rightCols(batch.cols() / 2).setRandom();
  return batch;
}

}  // namespace

int main() {
  std::srand(7);  // Eigen's Random draws from std::rand
  Eigen::MatrixXf const batch = Eigen::MatrixXf::Random(64, 32);
  std::vector<double> losses;

  // [quickstart]
  Eigen::MatrixXf encoder = 0.2F * Eigen::MatrixXf::Random(32, 16);  // z = x W
  selfpred::ema_target target{encoder, selfpred::constant_momentum{0.99}};
  auto objective = selfpred::make_objective<Eigen::MatrixXf>(selfpred::newton_schulz{}, {.alpha = 0.3});

  for (int k = 0; k < 100; ++k) {
    Eigen::MatrixXf const x1 = changed(batch), x2 = changed(batch);
    // [step]
    Eigen::MatrixXf const z1 = x1 * encoder, z2 = x2 * encoder;
    Eigen::MatrixXf const t1 = x1 * target.model(), t2 = x2 * target.model();
    auto const result = objective.step(z1, z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2));
    encoder -= 0.5F * (x1.transpose() * result.gradient1 + x2.transpose() * result.gradient2);
    target.update(encoder);
    // [/step]
    losses.push_back(result.loss);
  }
  // [/quickstart]

  auto const status = objective.status();
  std::printf("loss %.4f -> %.4f, |P|_2 %.3f beside alpha %.1f\n", losses.front(), losses.back(), status.predictor_norm,
              status.alpha);
  expect(std::isfinite(losses.front()) && losses.back() < 0.5 * losses.front());
  expect(encoder.topRows(16).norm() > 2 * encoder.bottomRows(16).norm());  // it has learnt what the views share
  expect(status.step == 100 && status.refreshes == 100 && objective.predictor().rows() == 16);
  return failures;
}
