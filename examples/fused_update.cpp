// SPDX-License-Identifier: MIT
// The optimiser's step and the target's in one pass over memory, and a rule of one's own.
#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include "support/expect.hpp"

namespace {

// [rule]
// Lion (Chen et al. 2023): the sign of a momentum.
struct lion {
  double rate = 1e-4, beta1 = 0.9, beta2 = 0.99;
  static constexpr std::size_t moments = 1;
  void check() const {}
  template <class S>
  auto element(std::int64_t /*step*/) const {
    return [r = S(rate), b1 = S(beta1), b2 = S(beta2)](S& w, S g, S& m) {
      S const c = b1 * m + (1 - b1) * g;
      w -= r * static_cast<S>((c > 0) - (c < 0));
      m = b2 * m + (1 - b2) * g;
    };
  }
};
// [/rule]

}  // namespace

int main() {
  std::vector<Eigen::MatrixXf> online{Eigen::MatrixXf::Constant(64, 32, 1), Eigen::MatrixXf::Constant(32, 1, 1)};
  auto gradients = online;
  std::vector<Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, Eigen::Dynamic>> narrow;
  for (auto const& w : online) narrow.push_back(w.cast<Eigen::bfloat16>());

  // [fused]
  selfpred::ema_target target{online, selfpred::constant_momentum{0.9}};
  selfpred::fused_update update{selfpred::adamw{.rate = 1e-2}, online};
  for (int k = 0; k < 10; ++k) {
    for (std::size_t i = 0; i < online.size(); ++i) gradients[i] = online[i];  // of |w|^2 / 2
    update(online, gradients, target, narrow);  // weights, moments, target, and weights in bfloat16
  }
  // [/fused]
  expect(update.step() == 10 && target.step() == 10);
  expect(online[0](0, 0) < 0.91F && online[0](0, 0) < target.model()[0](0, 0));
  expect(narrow[1](5) == Eigen::bfloat16(online[1](5)));

  selfpred::fused_update own{lion{.rate = 0.01}, online};
  float const before = online[0](3, 4);
  own(online, gradients);
  expect(std::abs(before - online[0](3, 4) - 0.01F) < 1e-6F);
  return failures;
}
