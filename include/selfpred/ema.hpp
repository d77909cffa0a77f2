// SPDX-License-Identifier: MIT
// The target network: an exponential moving average of the online network.
#pragma once
#include <selfpred/ema/state.hpp>
#include <selfpred/ema/swap.hpp>
#include <selfpred/schedule/schedule.hpp>

namespace selfpred {

template <class Model>
class power_averages;

/// The EMA target of BYOL: xi <- xi + (1 - tau(k)) (theta - xi), which is tau xi + (1 - tau) theta with a standing theta
/// as exact fixed point (Grill et al. 2020, equation 1). The first update uses tau(0).
///
/// The target is a model of the user's own type, to be run; its outputs become targets through stop_gradient. Where
/// copying a model copies handles (libtorch), give the target yourself: ema_target{online, target, schedule, policy}.
/// A model with buffers must name their policy. bfloat16 and half leaves are averaged in a float shadow.
/// Errors: shape_error where the models differ in number, name or shape of a tensor; alias_error where they share
/// storage; domain_error for tau outside [0, 1]; state_error for a step used before and while weights are swapped. A failed
/// update leaves the target as it was.
/// Cost of an update: one pass over all tensors, cut once into options.threads.parts, no allocation, no synchronisation.
/// Example: examples/ema_alone.cpp
template <class Model, momentum_schedule Schedule>
class ema_target {
  static_assert(model<Model>,
                "selfpred: this type is neither a tensor (selfpred::tensor_traits) nor a model: write a free function "
                "parameters(model) in its namespace, or specialise selfpred::model_traits");

 public:
  ema_target(Model const& online, Schedule schedule)
      : ema_target(online, std::move(schedule), policy_of_a_model_without_buffers()) {}
  ema_target(Model const& online, Schedule schedule, leaf_policy buffers)
      : ema_target(online, std::move(schedule), ema_options{.leaves = buffers}) {}
  ema_target(Model const& online, Schedule schedule, ema_options options)
      : model_(online), schedule_(std::move(schedule)), state_(std::move(options)) {
    start(online);
  }
  /// The target is given and takes the online model's values, buffers included.
  ema_target(Model const& online, Model target, Schedule schedule)
      : ema_target(online, std::move(target), std::move(schedule), policy_of_a_model_without_buffers()) {}
  ema_target(Model const& online, Model target, Schedule schedule, leaf_policy buffers)
      : ema_target(online, std::move(target), std::move(schedule), ema_options{.leaves = buffers}) {}
  ema_target(Model const& online, Model target, Schedule schedule, ema_options options)
      : model_(std::move(target)), schedule_(std::move(schedule)), state_(std::move(options)) {
    start(online);
    each_leaf(online, [&](auto const& x, auto& y, auto, std::size_t at) {
      if (state_.leaves[at].policy != leaf_policy::skip) detail::assign(x, y);
    });
  }

  /// One update, after the optimiser's step.
  ema_report update(Model const& online) { return update(online, step_); }
  /// The update of the caller's step, counted from 0: state_error for one that an update has seen. Steps that the caller
  /// leaves out (a loss scaler's, micro-batches') do nothing.
  ema_report update(Model const& online, std::int64_t step) {
    detail::update_under_way u = begin(online, step);
    return write(online, u);
  }

  /// The target network. Errors: state_error while weights are swapped, and where refresh() is due.
  Model const& model() const { return expect_ready(), model_; }
  Model& model() { return expect_ready(), model_; }
  /// The step of the next update(online): the number of updates, where the caller counts no steps of its own.
  std::int64_t step() const { return step_; }
  /// Resume at a step: with model() and the shadows it is the whole state.
  void step(std::int64_t k) {
    if (k < 0) throw domain_error(detail::complaint("ema_target.step", "step", std::to_string(k), "at least 0"));
    step_ = k;
  }
  /// tau of the next update; 1 where the schedule lets that step pass.
  double momentum() const { return static_cast<double>(schedule_(step_)); }
  Schedule const& schedule() const { return schedule_; }
  ema_options const& options() const { return state_.options; }
  bool averages_plainly() const { return state_.averages_plainly(); }  ///< in place and no more, as fused_update does

  /// Evaluate with the target's weights: until the scope ends, `online` has them and the target has online's. update, model
  /// and a second swap throw state_error meanwhile, so nothing can be saved the wrong way round. O(1) a tensor that owns
  /// its memory, else one pass. Skipped leaves stay.
  auto swap_with(Model& online) {
    expect_ready();
    ema_report unused;
    look_at_all(online, {}, unused);
    detail::exchange_leaves(online, model_, state_.leaves);
    swapped_.on = true;
    return swapped_weights<ema_target, Model>(*this, online);
  }
  bool swapped() const { return swapped_.on; }
  /// online <- online + weight (target - online) of the leaves that are averaged: switch EMA; weight 1 copies.
  void write_back(Model& online, double weight = 1) {
    expect_ready();
    ema_report unused;
    look_at_all(online, {}, unused);
    std::size_t at = 0;
    auto const back = [&](auto& x, auto& y) {
      if (state_.leaves[at++].policy == leaf_policy::average) detail::write_back(weight, y, x);
    };
    pair_parameters(online, model_, back);
    pair_buffers(online, model_, back);
  }

  /// Narrow leaves from their float shadows, where options().narrow is cast_back::on_request.
  void refresh(bool stochastic = false) {
    expect_not_swapped("refresh");
    each_shadow([&](std::string const&, auto& own, auto& y) {
      detail::round_shadow(own, y, stochastic, static_cast<std::uint64_t>(step_));
    });
    stale_ = false;
  }
  /// f(name, shadow) for the float shadow of every narrow leaf, a strided<float>: state, beside model() and step().
  template <class F>
  void for_each_shadow(F f) {
    each_shadow(
        [&](std::string const& name, auto& own, auto& y) { f(name, detail::shadow_view(own, detail::memory(y))); });
  }

 private:
  friend class swapped_weights<ema_target, Model>;
  template <class>
  friend class power_averages;  // several targets in one pass

  static leaf_policy policy_of_a_model_without_buffers() {
    static_assert(!has_buffers<Model>,
                  "selfpred: this model has buffers; name what becomes of them: ema_target{online, schedule, "
                  "selfpred::buffer_policy::copy}, average, keep or skip");
    return leaf_policy::copy;
  }
  template <class F>
  void each_leaf(Model const& online, F f) {
    std::size_t at = 0;
    pair_parameters(online, model_, [&](auto const& x, auto& y) { f(x, y, std::true_type(), at++); });
    pair_buffers(online, model_, [&](auto const& x, auto& y) { f(x, y, std::false_type(), at++); });
  }
  template <class F>
  void each_shadow(F f) {
    std::size_t at = 0;
    auto const visit = [&](std::string const& name, auto& y) {
      if constexpr (detail::is_narrow_leaf<std::remove_reference_t<decltype(y)>>)
        if (auto* const own = state_.shadow_of(at)) f(name, *own, y);
      ++at;
    };
    for_each_parameter(model_, visit);
    for_each_buffer(model_, visit);
  }

  void start(Model const& online) {
    auto const describe = [&](leaf_role role) {
      return [this, role](std::string const& name, auto const& y) {
        using Y = std::remove_cvref_t<decltype(y)>;
        state_.add({name, role, detail::leaf_shape(y), !detail::is_averageable(y)}, detail::is_narrow_leaf<Y>);
      };
    };
    for_each_parameter(std::as_const(model_), describe(leaf_role::parameter));
    for_each_buffer(std::as_const(model_), describe(leaf_role::buffer));
    state_.options.leaves.expect_known(detail::leaf_names(model_));
    each_leaf(online, [&](auto const& x, auto& y, auto, std::size_t at) {
      if (state_.leaf(at).policy == leaf_policy::skip) return;
      if constexpr (tensor<decltype(x)>)
        if (overlaps(x, y))
          throw alias_error("ema_target: the target's tensor " + detail::leaf_name(model_, at) +
                            " shares storage with the online model's: copying this model copied handles. Build the "
                            "target model yourself and pass it: ema_target{online, target, schedule, policy}");
    });
    ema_report unused;
    look_at_all(online, {}, unused);
    each_leaf(online, [&](auto const& x, auto& y, auto, std::size_t at) {
      if constexpr (detail::is_narrow_leaf<std::remove_reference_t<decltype(y)>>)
        if (auto* const own = state_.shadow_of(at)) detail::fill_shadow(*own, x, y);
    });
  }

  void look_at_all(Model const& online, detail::pass const& p, ema_report& report) {
    state_.clear();
    try {
      each_leaf(online, [&](auto const& x, auto& y, auto role, std::size_t at) {
        state_.look_at(model_, x, y, role, at, p, report);
      });
    } catch (shape_error const& e) {
      throw shape_error(e.what() + detail::leaf_difference(online, model_));
    }
  }
  // Everything is looked at before anything is written.
  detail::update_under_way begin(Model const& online, std::int64_t step) {
    expect_not_swapped("update");
    if (step < step_)
      throw state_error(detail::complaint("ema_target.update", "the step", std::to_string(step),
                                          "at least " + std::to_string(step_) + ": each is used once"));
    std::optional<double> const tau = momentum_due(schedule_, step_, step);
    if (tau && !(*tau >= 0 && *tau <= 1))
      throw domain_error(detail::complaint("ema_target.update", "the schedule's tau", std::to_string(*tau), "[0, 1]"));
    detail::pass const p{1 - tau.value_or(1), state_.options.non_finite == non_finite_policy::propagate,
                         state_.options.count_stalls, state_.options.narrow, static_cast<std::uint64_t>(step)};
    detail::update_under_way u{step, tau.has_value(), false, p, {}};
    look_at_all(online, p, u.report);
    return u;
  }
  ema_report write(Model const& online, detail::update_under_way& u) {
    u.accepted = u.due && state_.accepts(u.report);
    if (u.accepted) state_.run(u.pass, u.report);
    return end(online, u);
  }
  // What is in no plan, once the plan has run.
  ema_report end(Model const& online, detail::update_under_way& u) {
    if (u.accepted) {
      if (state_.separately)
        each_leaf(online, [&](auto const& x, auto& y, auto, std::size_t at) {
          state_.run_separately(x, y, at, u.pass, u.report);
        });
      stale_ = stale_ || (!state_.shadows.empty() && u.pass.narrow == cast_back::on_request);
      u.report.applied = true, u.report.tau = 1 - u.pass.weight;
    }
    if (!u.due || u.accepted) step_ = u.step + 1;
    return u.report;
  }

  void swap_back(Model& online) {
    detail::exchange_leaves(online, model_, state_.leaves);
    swapped_.on = false;
  }
  void expect_not_swapped(char const* verb) const {
    if (swapped_.on)
      throw state_error(
          "ema_target." + std::string(verb) +
          ": its weights are swapped with the online model's, expected the guard of swap_with to have ended");
  }
  void expect_ready() const {
    expect_not_swapped("model");
    if (stale_)
      throw state_error(
          "ema_target.model: its narrow tensors are older than their float shadows, expected refresh() first");
  }

  Model model_;
  Schedule schedule_;
  detail::ema_state state_;
  std::int64_t step_ = 0;
  bool stale_ = false;
  detail::swap_mark swapped_;
};

}  // namespace selfpred
