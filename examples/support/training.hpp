// SPDX-License-Identifier: MIT
#pragma once

#include "augment.hpp"
#include "encoder.hpp"
#include "images.hpp"

#include <selfpred/adapters/eigen.hpp>
#include <selfpred/selfpred.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numbers>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

namespace support {

struct settings {
  int epochs = 20;
  Index batch = 128;
  std::uint64_t seed = 1;
  double learning_rate = 0.4;  // falls to 0 along a half cosine
  double sgd_momentum = 0.9;
  double weight_decay = 1e-4;
  double target_momentum = 0.99;  // rises to 1 along a half cosine
  augmentation views;
};

struct trained {
  encoder<float> model;
  double loss = 0;          // mean over the last epoch
  double milliseconds = 0;  // of a step
  double share = 0;         // of that time spent in the objective
  double predictor_share =
      std::numeric_limits<double>::quiet_NaN();  // of it in moments and P, without loss and gradients
};

/// Stochastic gradient descent with momentum on a tuple of tensors.
template <class... Tensor, class Gradients>
void descend(std::tuple<Tensor&...> tensors, Gradients const& gradients, std::tuple<Tensor&...> velocities, double rate,
             settings const& how) {
  auto const one = [&](auto& tensor, auto const& gradient, auto& velocity) {
    auto const decay = tensor.rows() > 1 ? static_cast<float>(how.weight_decay) : 0.0F;  // weights, not offsets
    velocity = static_cast<float>(how.sgd_momentum) * velocity + gradient + decay * tensor;
    tensor -= static_cast<float>(rate) * velocity;
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (one(std::get<I>(tensors), std::get<I>(gradients), std::get<I>(velocities)), ...);
  }(std::index_sequence_for<Tensor...>{});
}

template <class Tuple>
void set_zero(Tuple tensors) {
  std::apply([](auto&... tensor) { (tensor.setZero(), ...); }, tensors);
}

/// objective(z1, z2, t1, t2, rate): the loss and its gradients with respect to z1 and z2.
using target = selfpred::stopped<matrix const&>;
using objective_step =
    std::function<selfpred::step_result<matrix>(matrix const&, matrix const&, target const&, target const&, double)>;
/// observe(step, z1, z2): a look at the latents of a step that the objective has seen.
using observer = std::function<void(long, matrix const&, matrix const&)>;
inline constexpr long looks = 40;  // in a run, about

/// Trains an encoder on two views of every image; progress(steps done, steps, loss) is called after every step. `loss_of`,
/// where there is one, is a step of the objective that keeps its P and its state: at every look it is done once more
/// without P, which tells what P takes. What a look takes is not counted as time of a step.
template <class Progress>
auto train(image_set const& data, Index side, settings const& how, objective_step const& objective,
           objective_step const& loss_of, observer const& observe, Progress&& progress) -> trained {
  namespace sp = selfpred;
  using clock = std::chrono::steady_clock;
  auto const count = data.images.rows(), batch = std::min(how.batch, count), per_epoch = count / batch;
  auto const steps = per_epoch * how.epochs;

  auto result = trained{encoder<float>{side, {how.seed, 0}}};
  auto& online = result.model;
  auto gradient = online, velocity = online;
  set_zero(parameters(velocity));
  sp::ema_target target{online, sp::cosine_momentum{.base = how.target_momentum, .steps = steps},
                        sp::buffer_policy::copy};
  auto work = scratch<float>{};
  std::array<encoder_tape<float>, 2> tapes;
  auto target_tape = encoder_tape<float>{};
  std::array<matrix, 2> views, latents;

  auto const start = clock::now();
  auto inside = clock::duration{}, aside = clock::duration{}, predictor = clock::duration{};
  auto looked = 0;
  for (Index step = 0; step < steps; ++step) {
    auto const epoch = static_cast<std::uint64_t>(step / per_epoch);
    auto const order = permutation(count, {how.seed, 1, epoch});
    auto const chosen =
        std::span{order}.subspan(static_cast<std::size_t>(step % per_epoch * batch), static_cast<std::size_t>(batch));
    for (auto v = std::size_t{0}; v < 2; ++v) {
      augment(data.images, chosen, side, how.views, {how.seed, 2, epoch, v}, views[v]);
      latents[v] = forward(target.model(), views[v], target_tape, work);
      forward(online, views[v], tapes[v], work);
    }
    auto const rate = how.learning_rate *
                      (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps))) / 2;

    auto const before = clock::now();
    auto const r = objective(tapes[0].latents, tapes[1].latents, sp::stop_gradient(latents[0]),
                             sp::stop_gradient(latents[1]), rate);
    auto const after = clock::now();
    inside += after - before;
    if (step % std::max<Index>(1, steps / looks) == 0 || step == steps - 1) {
      observe(step, tapes[0].latents, tapes[1].latents);
      if (loss_of) {
        auto const again = clock::now();
        loss_of(tapes[0].latents, tapes[1].latents, sp::stop_gradient(latents[0]), sp::stop_gradient(latents[1]), rate);
        predictor += (after - before) - (clock::now() - again), ++looked;
      }
      aside += clock::now() - after;
    }

    set_zero(parameters(gradient));
    backward(online, views[0], r.gradient1, tapes[0], work, gradient);
    backward(online, views[1], r.gradient2, tapes[1], work, gradient);
    descend(parameters(online), parameters(gradient), parameters(velocity), rate, how);
    target.update(online);

    auto const loss = static_cast<double>(r.loss);
    if (!std::isfinite(loss)) throw std::runtime_error{"the loss is not finite at step " + std::to_string(step)};
    if (step >= steps - per_epoch) result.loss += loss / static_cast<double>(per_epoch);
    progress(step + 1, steps, loss);
  }
  auto const seconds = [](clock::duration d) { return std::chrono::duration<double>(d).count(); };
  auto const all = seconds(clock::now() - start - aside);
  result.milliseconds = 1e3 * all / static_cast<double>(steps);
  result.share = seconds(inside) / all;
  if (looked > 0)
    result.predictor_share = std::max(0.0, seconds(predictor) / looked) * static_cast<double>(steps) / all;
  return result;
}

}  // namespace support
