// SPDX-License-Identifier: MIT
// Latents of AD scalars: the loss carries its derivatives, and they are the gradients that a step gives anyway.
#include <selfpred/adapters/eigen_autodiff.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

int main() {
  Eigen::MatrixXd const encoder = Eigen::MatrixXd::Random(5, 3), x1 = Eigen::MatrixXd::Random(16, 5),
                        x2 = Eigen::MatrixXd::Random(16, 5), target = Eigen::MatrixXd::Random(16, 3);
  // [autodiff]
  using active = Eigen::AutoDiffScalar<Eigen::VectorXd>;
  using latents = Eigen::Matrix<active, Eigen::Dynamic, Eigen::Dynamic>;
  latents w = encoder.cast<active>();  // each weight a variable
  for (Eigen::Index i = 0; i < w.size(); ++i) w.data()[i].derivatives() = Eigen::VectorXd::Unit(w.size(), i);

  latents const z1 = x1.cast<active>() * w, z2 = x2.cast<active>() * w, t = target.cast<active>();
  auto objective = selfpred::make_objective<latents>(selfpred::newton_schulz{}, {.alpha = 0.3});
  auto const result = objective.step(z1, z2, selfpred::stop_gradient(t), selfpred::stop_gradient(t));
  Eigen::VectorXd const gradient = result.loss.derivatives();  // dL/dw; P and the targets are constants
  // [/autodiff]

  auto by_hand = selfpred::make_objective<Eigen::MatrixXd>(selfpred::newton_schulz{}, {.alpha = 0.3});
  Eigen::MatrixXd const v1 = x1 * encoder, v2 = x2 * encoder;
  auto const plain = by_hand.step(v1, v2, selfpred::stop_gradient(target), selfpred::stop_gradient(target));
  Eigen::MatrixXd const expected = x1.transpose() * plain.gradient1 + x2.transpose() * plain.gradient2;
  double const difference = (gradient - expected.reshaped()).norm() / expected.norm();
  std::printf("loss %.6f; AD and the gradient by hand differ by %.1e\n", result.loss.value(), difference);
  expect(std::abs(result.loss.value() - plain.loss) < 1e-12);
  expect(difference < 1e-12);
  return failures;
}
