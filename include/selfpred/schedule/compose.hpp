// SPDX-License-Identifier: MIT
// Schedules out of schedules. Each is as pure as what it is made of.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/schedule/math.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

/// One update for every `every` steps, after steps every - 1, 2 every - 1, ..., with the product of their taus: what
/// `every` updates would do with an online network that stands still. Between them the target is not touched.
template <momentum_schedule S>
struct update_every {
  std::int64_t every = 1;
  S of = {};
  constexpr double operator()(std::int64_t k) const { return due(k, k).value_or(1); }
  /// Where the caller's steps have gaps, the first update at or after a due step stands for it.
  constexpr std::optional<double> due(std::int64_t next, std::int64_t step) const {
    if (every < 1) throw domain_error("update_every: every is below 1, expected at least 1");
    std::int64_t const done = next / every, now = (step + 1) / every;
    if (now <= done) return std::nullopt;
    return momentum_product(of, done * every, now * every - 1);
  }
};
template <class S>
update_every(std::int64_t, S) -> update_every<S>;

/// `before` for the first `steps` steps (0: the target is the online network; 1: it stands still), then the schedule `of`
/// from its own step 0.
template <momentum_schedule S>
struct start_after {
  std::int64_t steps = 0;
  S of = {};
  double before = 0;
  constexpr double operator()(std::int64_t k) const { return k < steps ? before : static_cast<double>(of(k - steps)); }
  constexpr std::optional<double> due(std::int64_t next, std::int64_t step) const {
    if (step < steps) return before;
    return momentum_due(of, detail::max<std::int64_t>(next - steps, 0), step - steps);
  }
};
template <class S>
start_after(std::int64_t, S) -> start_after<S>;
template <class S>
start_after(std::int64_t, S, double) -> start_after<S>;

/// `first` for its number of steps, then `second` from its own step 0.
template <momentum_schedule A, momentum_schedule B>
struct then_momentum {
  A first = {};
  std::int64_t steps = 0;
  B second = {};
  constexpr double operator()(std::int64_t k) const {
    return k < steps ? static_cast<double>(first(k)) : static_cast<double>(second(k - steps));
  }
};
template <class A, class B>
then_momentum(A, std::int64_t, B) -> then_momentum<A, B>;

/// A schedule of epochs: tau(k) = of(k / steps_per_epoch), rounded down (stable-pretraining, W-MSE's BYOL).
template <momentum_schedule S>
struct by_epoch {
  std::int64_t steps_per_epoch = 1;
  S of = {};
  constexpr double operator()(std::int64_t k) const {
    if (steps_per_epoch < 1) throw domain_error("by_epoch: steps_per_epoch is below 1, expected at least 1");
    return static_cast<double>(of(k / steps_per_epoch));
  }
};
template <class S>
by_epoch(std::int64_t, S) -> by_epoch<S>;

/// of(k) between least and most.
template <momentum_schedule S>
struct clamped_momentum {
  S of = {};
  double least = 0, most = 1;
  constexpr double operator()(std::int64_t k) const { return detail::clamp(static_cast<double>(of(k)), least, most); }
};
template <class S>
clamped_momentum(S, double, double) -> clamped_momentum<S>;

/// of(k)^(batch / reference): the same decay a sample whatever the batch (Marian: words, 1 - tau = 1e-4 a reference batch).
template <momentum_schedule S>
struct batch_corrected {
  S of = {};
  double batch = 1, reference = 1;
  constexpr double operator()(std::int64_t k) const {
    return detail::pow(static_cast<double>(of(k)), batch / reference);
  }
};
template <class S>
batch_corrected(S, double, double) -> batch_corrected<S>;

/// The average that starts from zero, divided by the weight it has gathered: 1 - tau' = (1 - tau(k)) / (1 - prod_j<=k
/// tau(j)). It is held debiased, so that the target is right at every step; the first update copies.
///
/// Source: Adam's correction; optax.ema(debias=True) and DyNet divide at the read, tiny-cuda-nn in the state as here.
/// Cost of a step: one product of taus: closed form for constant_momentum, else a loop over the steps that still count.
template <momentum_schedule S>
struct debiased {
  S of = {};
  constexpr double operator()(std::int64_t k) const {
    double const tau = static_cast<double>(of(k));
    if (k <= 0) return tau < 1 ? 0 : 1;
    double const left = momentum_product(of, 0, k);
    return left >= 1 ? 1 : 1 - (1 - tau) / (1 - left);
  }
};
template <class S>
debiased(S) -> debiased<S>;

}  // namespace selfpred
