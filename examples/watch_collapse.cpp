// SPDX-License-Identifier: MIT
// Watching for collapse: a linear encoder trained with predictor, stop-gradient and slow target, and one without any of
// them, which finds out that equal latents agree best. The alarm rings on the second. What the theory says of P is printed
// beside: its stable rank grows, its distance from an orthogonal matrix falls.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/host/eigh.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

namespace {

using Eigen::MatrixXf;
namespace diagnostics = selfpred::diagnostics;

// An offset, which no augmentation changes; fifteen inputs that say what the object is, and sixteen that are noise.
MatrixXf objects() {
  MatrixXf x = MatrixXf::Random(128, 32);
  x.col(0).setOnes();
  return x;
}
MatrixXf changed(MatrixXf batch) {
  batch.middleCols(1, 15) += 0.5F * MatrixXf::Random(batch.rows(), 15);
  batch.rightCols(16).setRandom();
  return batch;
}

/// One encoder, trained until the alarm rings or 1000 steps are over.
struct watched {
  MatrixXf encoder = 0.2F * MatrixXf::Random(32, 16);
  MatrixXf x1, x2, z1, z2;
  int step = 0;
  std::string alarm;
  diagnostics::predictor_report first, last;

  template <class Gradients>
  void train(Gradients gradients) {
    std::printf("%6s %6s %6s %6s %6s %6s\n", "step", "std", "RankMe", "LiDAR", "align", "unif");
    // [alarm]
    diagnostics::collapse_alarm watch({.warm_up = 100, .consecutive = 3});
    for (; step < 1000 && alarm.empty(); ++step) {
      MatrixXf const batch = objects();
      x1 = changed(batch), x2 = changed(batch);
      z1 = x1 * encoder, z2 = x2 * encoder;
      if (step % 50 == 0) {
        diagnostics::feature_std<MatrixXf> spread;
        spread.add(z1), spread.add(z2);
        selfpred::statistics<MatrixXf> sums;
        sums.add(z1, z2);
        auto const verdict = watch.observe(
            step, {.feature_std = spread.relative(), .effective_rank = diagnostics::rank_me(sums.compute())});
        if (verdict) alarm = verdict.sentence;
      }
      auto const [gradient1, gradient2] = gradients(*this);
      encoder -= 0.5F * (x1.transpose() * gradient1 + x2.transpose() * gradient2) + 0.001F * encoder;
      // [/alarm]
      if (step % 100 == 0) print();
      // [alarm]
    }
    // [/alarm]
    std::printf("%s\n\n", alarm.empty() ? "no alarm" : alarm.c_str());
  }
  void print() const {
    diagnostics::feature_std<MatrixXf> spread;
    spread.add(z1), spread.add(z2);
    selfpred::statistics<MatrixXf> sums;
    sums.add(z1, z2);
    diagnostics::lidar<MatrixXf> told_apart;
    told_apart.add(z1, z2);
    diagnostics::hypersphere<MatrixXf> sphere;
    sphere.add(z1, z2);
    std::printf("%6d %6.3f %6.2f %6.2f %6.3f %6.3f\n", step, spread.relative(), diagnostics::rank_me(sums.compute()),
                told_apart.value(), sphere.alignment(), sphere.uniformity());
  }
};

using both = std::pair<MatrixXf, MatrixXf>;

}  // namespace

int main() {
  std::srand(7);  // Eigen's Random draws from std::rand
  watched good, bad;

  std::printf("predictor, stop-gradient, slow target\n");
  selfpred::ema_target target{good.encoder, selfpred::constant_momentum{0.99}};
  auto objective = selfpred::make_objective<MatrixXf>(selfpred::direct_pred{}, {.alpha = 0.3});
  good.train([&](watched& w) -> both {
    if (w.step > 0) target.update(w.encoder);
    MatrixXf const t1 = w.x1 * target.model(), t2 = w.x2 * target.model();
    auto const r = objective.step(w.z1, w.z2, selfpred::stop_gradient(t1), selfpred::stop_gradient(t2));
    // [report]
    if (w.step % 100 == 0) w.last = diagnostics::report(objective.predictor());
    // [/report]
    if (w.step == 0) w.first = w.last;
    return {r.gradient1, r.gradient2};
  });

  // The gradient of |z1/|z1| - z2/|z2||^2 through both views.
  std::printf("none of them\n");
  selfpred::workspace<MatrixXf> work;
  bad.train([&](watched& w) -> both {
    both g{w.z1, w.z2};
    selfpred::prediction_loss(w.z1, selfpred::stop_gradient(w.z2), g.first, work, selfpred::loss_options{});
    selfpred::prediction_loss(w.z2, selfpred::stop_gradient(w.z1), g.second, work, selfpred::loss_options{});
    return g;
  });

  std::printf("P of the first: stable rank %.3f -> %.3f, trace %.3f -> %.3f, polar distance %.3f -> %.3f\n",
              good.first.stable_rank, good.last.stable_rank, good.first.normalised_trace, good.last.normalised_trace,
              good.first.scaled_polar_distance, good.last.scaled_polar_distance);
  expect(good.alarm.empty() && good.step == 1000);
  expect(bad.alarm.starts_with("collapse: feature_std is 0.0") && bad.step == 201);  // the third look after the warm-up
  // Facts of the theory: P grows towards the identity in rank and trace, and nearer to orthogonal; it stays symmetric.
  expect(good.last.stable_rank > good.first.stable_rank + 0.1);
  expect(good.last.normalised_trace > good.first.normalised_trace + 0.1);
  expect(good.last.scaled_polar_distance < 0.5 * good.first.scaled_polar_distance);
  expect(good.last.quasi_symmetry < 1e-5);
  return failures;
}
