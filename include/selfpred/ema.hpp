// SPDX-License-Identifier: MIT
// The target network: an exponential moving average of the online network.
#pragma once
#include <limits>
#include <selfpred/model.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

/// What becomes of buffers (running means of BatchNorm, counters) at an update. Integral buffers are never averaged.
enum class buffer_policy {
  copy,     ///< take the online model's
  average,  ///< as parameters; integral buffers are copied
  keep      ///< leave the target its own
};

namespace detail {

// What averaging T would mean, as far as its type tells; libtorch knows only at run time.
template <class T>
struct element {
  static constexpr bool integral = false, narrow = false;
};
template <class S, int R>
struct element<strided<S, R>> {
  static constexpr bool integral = std::numeric_limits<S>::is_integer, narrow = !integral && sizeof(S) < sizeof(float);
};
template <class T>
  requires std::is_arithmetic_v<T>
struct element<T> {
  static constexpr bool integral = std::is_integral_v<T>, narrow = false;
};
template <class T>
struct element_of : element<T> {};
template <tensor T>
struct element_of<T> : element<write_t<T>> {};
template <class T>
consteval bool averages_by_type() {
  return !element_of<bare<T>>::integral && !element_of<bare<T>>::narrow;
}

}  // namespace detail

/// The EMA target of BYOL: xi <- xi + (1 - tau(k)) (theta - xi), which is tau xi + (1 - tau) theta with a standing theta
/// as exact fixed point (Grill et al. 2020, equation 1). The first update uses tau(0).
///
/// The target is a model of the user's own type, to be run; its outputs become targets through stop_gradient. Where
/// copying a model copies handles (libtorch), give the target yourself: ema_target{online, target, schedule, policy}.
/// A model with buffers must name their policy.
/// Errors: shape_error where the models differ in number, name or shape of a tensor; alias_error where they share
/// storage; domain_error for tau outside [0, 1]. A failed update leaves the target as it was.
/// Cost of an update: one pass over every tensor, no allocation, no synchronisation.
/// Example: examples/ema_alone.cpp
template <class Model, momentum_schedule Schedule>
class ema_target {
  static_assert(model<Model>,
                "selfpred: this type is neither a tensor (selfpred::tensor_traits) nor a model: write a free function "
                "parameters(model) in its namespace, or specialise selfpred::model_traits");

 public:
  ema_target(Model const& online, Schedule schedule)
      : ema_target(online, std::move(schedule), policy_of_a_model_without_buffers()) {}
  ema_target(Model const& online, Schedule schedule, buffer_policy policy)
      : model_(online), schedule_(std::move(schedule)), policy_(policy) {
    refuse_shared_storage(online);
  }
  /// The target is given and takes the online model's values, buffers included.
  ema_target(Model const& online, Model target, Schedule schedule)
      : ema_target(online, std::move(target), std::move(schedule), policy_of_a_model_without_buffers()) {}
  ema_target(Model const& online, Model target, Schedule schedule, buffer_policy policy)
      : model_(std::move(target)), schedule_(std::move(schedule)), policy_(policy) {
    refuse_shared_storage(online);
    expect_same_shapes(online);
    auto const take = [](auto const& x, auto& y) { assign(x, y); };
    pair_parameters(online, model_, take);
    pair_buffers(online, model_, take);
  }

  /// One update, after the optimiser's step.
  void update(Model const& online) {
    double const tau = momentum();
    if (!(tau >= 0 && tau <= 1))
      throw domain_error(detail::complaint("ema_target.update", "the schedule's tau", std::to_string(tau), "[0, 1]"));
    expect_same_shapes(online);  // everything is looked at before anything is written
    pair_parameters(online, model_, [=](auto const& x, auto& y) { average(1 - tau, x, y); });
    if (policy_ != buffer_policy::keep)
      pair_buffers(online, model_, [&](auto const& x, auto& y) {
        if constexpr (detail::averages_by_type<decltype(y)>()) {
          if (policy_ == buffer_policy::average && is_averageable(y)) return average(1 - tau, x, y);
        }
        assign(x, y);
      });
    ++step_;
  }

  /// The target network.
  Model const& model() const { return model_; }
  Model& model() { return model_; }
  /// Updates made so far.
  std::int64_t step() const { return step_; }
  /// Resume at a step: with model() it is the whole state.
  void step(std::int64_t k) {
    if (k < 0) throw domain_error(detail::complaint("ema_target.step", "step", std::to_string(k), "at least 0"));
    step_ = k;
  }
  /// tau of the next update.
  double momentum() const { return static_cast<double>(schedule_(step_)); }
  Schedule const& schedule() const { return schedule_; }

 private:
  static buffer_policy policy_of_a_model_without_buffers() {
    static_assert(!has_buffers<Model>,
                  "selfpred: this model has buffers; name what becomes of them: ema_target{online, schedule, "
                  "selfpred::buffer_policy::copy}, average or keep");
    return buffer_policy::copy;
  }
  template <class T>
  static bool is_averageable(T const& x) {
    if constexpr (tensor<T>)
      return operations_t<T const>::averageable(detail::operand(x));
    else
      return std::is_floating_point_v<T>;
  }
  template <class X, class Y>
  static void assign(X const& x, Y& y) {
    if constexpr (tensor<X>)
      copy(x, y);
    else
      y = x;
  }
  template <class X, class Y>
  static void average(double weight, X const& x, Y& y) {
    static_assert(!detail::element_of<Y>::integral,
                  "selfpred: averaging an integral parameter has no meaning; list it in buffers(model)");
    static_assert(!detail::element_of<Y>::narrow,
                  "selfpred: averaging in a narrow type loses every small update; keep the average in float");
    if (weight == 0) return;  // 0 * NaN: an online network that diverged must not reach a target that stands still
    if constexpr (tensor<X>)
      lerp(weight, x, y);
    else
      y = weight == 1 ? x : static_cast<Y>(y + weight * (x - y));
  }
  template <class F>
  void each_leaf(Model const& online, F f) const {
    pair_parameters(online, model_, [&](auto const& x, auto const& y) { f(x, y, true); });
    pair_buffers(online, model_, [&](auto const& x, auto const& y) { f(x, y, false); });
  }
  void expect_same_shapes(Model const& online) const {
    std::size_t at = 0;
    each_leaf(online, [&](auto const& x, auto const& y, bool parameter) {
      if constexpr (tensor<decltype(x)>) {
        if (shape_of(x) != shape_of(y))
          throw shape_error(detail::complaint("ema_target", "the online tensor " + name_of(at), shape_of(x).text(),
                                              shape_of(y).text() + " as in the target"));
        if (parameter && !is_averageable(y))
          throw domain_error(detail::complaint("ema_target", "the parameter " + name_of(at), "integral or narrow",
                                               "float or wider; list integers in buffers(model)"));
      }
      ++at;
    });
  }
  void refuse_shared_storage(Model const& online) const {
    std::size_t at = 0;
    each_leaf(online, [&](auto const& x, auto const& y, bool) {
      if constexpr (tensor<decltype(x)>)
        if (overlaps(x, y))
          throw alias_error("ema_target: the target's tensor " + name_of(at) +
                            " shares storage with the online model's: copying this model copied handles. Build the "
                            "target model yourself and pass it: ema_target{online, target, schedule, policy}");
      ++at;
    });
  }
  std::string name_of(std::size_t at) const {  // only for messages: it allocates
    std::string found;
    auto const look = [&](std::string const& name, auto const&) {
      if (at-- == 0) found = "'" + name + "'";
    };
    for_each_parameter(model_, look);
    for_each_buffer(model_, look);
    return found;
  }

  Model model_;
  Schedule schedule_;
  buffer_policy policy_;
  std::int64_t step_ = 0;
};

}  // namespace selfpred
