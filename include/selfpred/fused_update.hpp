// SPDX-License-Identifier: MIT
// One pass over a model's memory for the optimiser and the EMA target.
#pragma once
#include <selfpred/ema.hpp>
#include <selfpred/executor.hpp>
#include <selfpred/optimizer/plan.hpp>

namespace selfpred {

/// Runs chunks one after the other. An executor of one's own has for_each_chunk(n, f), which calls f(0) to f(n - 1), each
/// once, in any order and on any threads; the results are the same bits.
struct serial_executor {
  template <class F>
  void for_each_chunk(std::size_t n, F const& f) const {
    for (std::size_t i = 0; i < n; ++i) f(i);
  }
};

namespace detail {

// An executor that runs parts: each takes its share of the chunks.
template <class E, class F>
void run_in_parts(E const& executor, std::size_t n, F const& f) {
  int const parts = executor.parts;
  if (!executor.run || parts < 2) return serial_executor{}.for_each_chunk(n, f);
  auto const share = [=](int i) { return n * static_cast<std::size_t>(i) / static_cast<std::size_t>(parts); };
  auto part = [&](int i) {
    for (std::size_t k = share(i); k < share(i + 1); ++k) f(k);
  };
  executor.run(parts, part_task(part));
}
template <class E, class F>
void for_each_chunk(E const& executor, std::size_t n, F const& f) {
  if constexpr (requires { executor.for_each_chunk(n, f); })
    executor.for_each_chunk(n, f);
  else
    detail::run_in_parts(executor, n, f);
}

}  // namespace detail

/// A model that follows the online one by a tau of the caller's: fused_update's third argument where there is no ema_target.
template <model M>
struct follower {
  M& model;
  double tau;
};
template <model M>
follower(M&, double) -> follower<M>;

/// An optimiser that updates weights, moments, target and a narrow copy in one pass: each is read and written once.
///
///   fused_update update{adamw{.rate = 1e-3}, online};   // moments are made here, and start at 0
///   update(online, gradients);                          // the optimiser alone
///   update(online, gradients, target);                  // the same, then target.update(online): one pass
///   update(online, gradients, target, narrow);          // and narrow <- online, rounded to its type
///
/// The target's xi <- xi + (1 - tau) (w - xi) uses the new w. Fused or in two calls the bits are the same where the
/// compiler contracts no a * b + c (-ffp-contract=off), and within 1 ulp otherwise; they never depend on the executor.
/// Parameters are float or double in host memory. Buffers are not touched: a model with buffers is followed through
/// follower{target.model(), tau}, and its buffers are the caller's.
/// Errors, before anything is written: shape_error for number, names and shapes of tensors; alias_error for weights in the
/// storage of gradient or target; domain_error for options, tau, and a target that does more than average. Cost: one pass, one more over w and g for rules that
/// read norms (lars); no allocation after construction.
/// Example: examples/fused_update.cpp
template <optimizer_rule Rule, class Executor = serial_executor>
class fused_update {
 public:
  template <model M>
  fused_update(Rule rule, M const& like, Executor executor = {})
      : rule_(std::move(rule)), executor_(std::move(executor)), plan_(like) {
    rule_.check();
  }

  template <model M, model G>
  void operator()(M& online, G const& gradients) {
    gather(online, gradients);
    run();
  }
  template <model M, model G, class Target>
  void operator()(M& online, G const& gradients, Target&& target) {
    gather(online, gradients);
    follow(online, target);
    run();
    count(target);
  }
  template <model M, model G, class Target, model N>
  void operator()(M& online, G const& gradients, Target&& target, N& narrow) {
    gather(online, gradients);
    follow(online, target);
    plan_.template take_copy<M, N>(online, narrow);
    run();
    count(target);
  }

  /// Options may change from step to step; they are checked at the next.
  Rule& rule() { return rule_; }
  Rule const& rule() const { return rule_; }
  /// Steps taken.
  std::int64_t step() const { return step_; }
  /// Resume at a step: with the moments and the rule it is the whole state.
  void step(std::int64_t k) {
    if (k < 0) throw domain_error(detail::complaint("fused_update.step", "step", std::to_string(k), "at least 0"));
    step_ = k;
  }
  /// f(name, view) for every moment of every tensor; names are "0.w", the number of the moment first.
  template <class F>
  void for_each_moment(F f) {
    plan_.for_each_moment(f);
  }

 private:
  template <class M, class G>
  void gather(M& online, G const& gradients) {
    rule_.check();
    plan_.template take_gradient<M, G>(online, gradients);
  }
  template <class M, class T, class Schedule>
  void follow(M& online, ema_target<T, Schedule>& target) {
    static_assert(!has_buffers<T>,
                  "selfpred: fused_update does not know what becomes of this model's buffers: pass "
                  "follower{target.model(), tau}, and copy or average the buffers yourself");
    if (!target.averages_plainly())
      throw domain_error(
          "fused_update: the target has policies, shadows or guards of its own, expected every leaf averaged and "
          "non_finite unchecked; or call target.update(online) after a step without it");
    plan_.take_target(online, target.model(), target.momentum());
  }
  template <class M, class T>
  void follow(M& online, follower<T>& target) {
    plan_.take_target(online, target.model, target.tau);
  }
  template <class T, class Schedule>
  static void count(ema_target<T, Schedule>& target) {
    target.step(target.step() + 1);
  }
  template <class T>
  static void count(follower<T>&) {}

  void run() {
    if constexpr (detail::reads_norms<Rule>) {
      detail::for_each_chunk(executor_, plan_.chunks(), [&](std::size_t i) { plan_.measure(i); });
      plan_.combine();
    }
    auto const elements = plan_.elements(rule_, step_);
    detail::for_each_chunk(executor_, plan_.chunks(), [&](std::size_t i) { plan_.run(i, rule_, step_, elements); });
    ++step_;
  }

  Rule rule_;
  [[no_unique_address]] Executor executor_;
  detail::update_plan<Rule> plan_;
  std::int64_t step_ = 0;
};
template <class Rule, class M>
fused_update(Rule, M const&) -> fused_update<Rule>;
template <class Rule, class M, class Executor>
fused_update(Rule, M const&, Executor) -> fused_update<Rule, Executor>;

}  // namespace selfpred
