// SPDX-License-Identifier: MIT
// The state machines behind an objective, one for all directions or one for each; and what it refuses.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/objective_options.hpp>

namespace selfpred::detail {

/// Statistics and pipelines: one of each, or with per_direction one of each online view.
template <matrix M, predictor_rule<M> Rule>
class rule_pipelines {
 public:
  rule_pipelines(Rule const& rule, objective_options const& o) : rule_(rule), options_(o) {
    rule.check();
    moments().check();
    grow(1);
  }
  moment_options moments() const {
    moment_options m = rule_.moments();
    m.centred = m.centred || options_.centred;
    m.momentum = options_.statistics_momentum.value_or(m.momentum);
    return m;
  }

  /// P of the next step, from a batch where the step makes a new one.
  template <class Z, class T>
  void stage(Z const& z, T const& t) {
    std::size_t const n = options_.per_direction ? count_views(z) : 1;
    if (n != size() && step() > 0)
      throw shape_error(complaint("objective.step", "the number of views", std::to_string(n), std::to_string(size())));
    grow(n);
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(n), all_.end());  // of a first step that failed
    refreshes_ = all_[0].pipeline.refreshes_next();
    if (!refreshes_) return;
    measurable_ = false;
    for (std::size_t i = 0; i < n; ++i) {
      auto& one = all_[i];
      std::size_t const view = options_.per_direction ? i : every_view;
      one.sums.clear();
      if (stage_by_samples(one, z, view)) continue;
      if constexpr (Rule::reads_cross_covariance)
        one.sums.add_list(z, t, view);
      else
        one.sums.add_list(z, std::tuple<>(), view);
      one.pipeline.stage(one.sums.compute());
    }
  }
  /// What the step that was staged applies, and what is in use.
  auto staged(std::size_t view) { return refreshes_ ? at_(view).pipeline.staged(view) : in_use(view); }
  auto in_use(std::size_t view) { return at_(view).pipeline.in_use(); }
  void commit() {
    for (auto& one : all_) one.pipeline.commit();
    measurable_ = measurable_ || refreshes_;
  }
  template <class W>
  void refresh(statistics<M, W>& sums) {
    moment_options const got = sums.options(), wanted = moments();
    if (options_.per_direction)
      throw state_error("objective.refresh: directions have their own predictors, expected per_direction = false");
    if (got.normalise_rows != wanted.normalise_rows || got.centred != wanted.centred)
      throw domain_error("objective.refresh: the sums are of other moments, expected statistics{objective.moments()}");
    refreshes_ = all_[0].pipeline.refreshes_next();
    if (refreshes_) measurable_ = false, all_[0].pipeline.stage(sums.compute());
    refreshes_ = false;  // these sums are the caller's: there is nothing here to measure
    all_[0].pipeline.commit();
  }

  index workspace_size() const {
    index n = 0;
    for (auto const& one : all_) n += one.pipeline.workspace_size() + one.sums.workspace_size();
    return n;
  }
  auto const& at(std::size_t view) const { return all_[checked(view)].pipeline; }
  Rule const& rule() const { return rule_; }
  std::int64_t step() const { return all_[0].pipeline.step(); }

  objective_status status() {
    objective_status s{step(), all_[0].pipeline.refreshes(), 0, options_.alpha, {}, {}, {}};
    if constexpr (requires { rule_.template error_bound<M>(); }) s.error_bound = rule_.template error_bound<M>();
    for (auto& one : all_) {
      s.predictor_norm = detail::max(s.predictor_norm, selfpred::value(one.pipeline.spectral_norm()));
      if (!measurable_) continue;
      if (one.rows)
        one.sums.clear(), one.sums.add_list(std::tie(*one.rows), std::tuple<>());  // S, which the step did without
      auto const c = one.sums.compute();
      s.residual = detail::max(s.residual.value_or(0), selfpred::value(one.pipeline.residual(c)));
      if (auto text = one.pipeline.caution(c); !text.empty()) s.cautions.push_back(std::move(text));
    }
    if (s.predictor_norm > 0 && s.predictor_norm < 0.1 * options_.alpha)
      s.cautions.push_back(complaint("objective", "||P||_2", std::to_string(s.predictor_norm),
                                     "not far below alpha = " + std::to_string(options_.alpha) +
                                         ": the predictor is nearly alpha I; see rescaling::spectral"));
    return s;
  }
  predictor_state state(std::size_t view) const { return at(view).state(); }
  template <class L>
  void restore(predictor_state const& s, L const& like, std::size_t view) {
    std::size_t const before = size(), i = options_.per_direction ? view : 0;
    if (i > before)
      throw state_error(complaint("objective.restore", "the view", std::to_string(view),
                                  "at most " + std::to_string(before) + ", the number of views so far"));
    grow(i + 1);
    try {
      all_[i].pipeline.restore(s, like);
    } catch (...) {
      if (i == before) all_.pop_back();
      throw;
    }
    measurable_ = false;
  }

 private:
  struct direction {
    predictor_pipeline<M, Rule> pipeline;
    statistics<M> sums;
    M const* rows = nullptr;  // of all views, where P was made of them and not of S
  };
  // Where the batch has fewer rows than features: without S. False where this rule or batch has no such way.
  template <class Z>
  bool stage_by_samples(direction& one, Z const& z, std::size_t view) {
    one.rows = nullptr;
    if constexpr (knows_samples<M, Rule>) {
      moment_options const m = moments();
      if (m.centred || m.normalise_rows || m.momentum != 0) return false;
      index rows = 0, f = 0;
      each_view(z, [&](std::size_t i, auto const& x) {
        if (view == every_view || view == i) rows += shape_of(x).rows(), f = shape_of(x).cols();
      });
      one.rows = one.pipeline.stage(z, view, rows, f);
    }
    return one.rows;
  }
  std::size_t size() const { return all_.size(); }
  void grow(std::size_t n) {
    predictor_options const p{options_.alpha, options_.predictor_momentum, options_.update_every, options_.rescale,
                              moments().momentum};
    while (size() < n) all_.push_back({predictor_pipeline<M, Rule>(rule_, p), statistics<M>(moments())});
  }
  direction& at_(std::size_t view) { return all_[checked(view)]; }
  std::size_t checked(std::size_t view) const {
    std::size_t const i = options_.per_direction ? view : 0;
    if (i >= size())
      throw state_error(complaint("objective", "the view", std::to_string(view),
                                  "below " + std::to_string(size()) + ", the number of views so far"));
    return i;
  }

  Rule rule_;
  objective_options options_;
  std::vector<direction> all_;
  bool refreshes_ = false;
  bool measurable_ = false;  // sums and the rules' P are those of the last refresh
};

/// trainable_linear: P is the user's.
struct no_pipelines {
  no_pipelines(trainable_linear, objective_options const& o) {
    predictor_options{o.alpha, o.predictor_momentum, o.update_every, o.rescale}.check();
  }
  void commit() { ++steps; }
  std::int64_t step() const { return steps; }
  static index workspace_size() { return 0; }
  trainable_linear const& rule() const { return its_rule; }
  trainable_linear its_rule = {};
  std::int64_t steps = 0;
};
template <class M, class Rule>
struct choose_pipelines {
  using type = rule_pipelines<M, Rule>;
};
template <class M>
struct choose_pipelines<M, trainable_linear> {
  using type = no_pipelines;
};

/// Shapes, counts and storage of a step's views and targets.
template <class Z, class T>
void check_views(char const* where, Z const& z, T const& t) {
  std::size_t const views = count_views(z), targets = count_views(t);
  if (views < 2 || targets < 1 || targets > views)
    throw shape_error(complaint(where, "the number of views and targets",
                                std::to_string(views) + " and " + std::to_string(targets),
                                "two views or more, and from one target to one a view"));
  shape s;
  auto const expect = [&](char const* what, std::size_t i, shape const& got) {
    if (got != s) throw shape_error(complaint(where, what + std::to_string(i + 1), got.text(), s.text() + " as z1"));
  };
  each_view(z, [&](std::size_t i, auto const& x) {
    if (i == 0) s = shape_of(x);
    expect("z", i, shape_of(x));
  });
  each_view(t, [&](std::size_t j, auto const& y) { expect("target", j, shape_of(y.get())); });
  if (s.rank != 2 || s.rows() == 0 || s.cols() == 0)
    throw shape_error(complaint(where, "z1", s.text(), "at least one row and one column"));
  each_view(t, [&](std::size_t j, auto const& y) {
    each_view(z, [&](std::size_t, auto const& x) {
      if (overlaps(y.get(), x))
        throw alias_error(std::string(where) + ": target" + std::to_string(j + 1) +
                          " shares its storage with online latents, expected the output of the target network");
    });
  });
}

/// Says which input made a loss that is not finite.
template <class Z, class T>
[[noreturn]] void explain_loss(char const* where, Z const& z, T const& t) {
  auto const look = [&](char const* what, std::size_t i, double squares) {
    if (!std::isfinite(squares))
      throw non_finite_error(std::string(where) + ": " + what + std::to_string(i + 1) +
                             " has a NaN or an infinity, expected finite values");
  };
  each_view(z, [&](std::size_t i, auto const& x) { look("z", i, dot(x, x)); });
  each_view(t, [&](std::size_t j, auto const& y) { look("target", j, dot(y.get(), y.get())); });
  throw non_finite_error(std::string(where) + ": the loss is not finite, expected latents whose predictions are");
}

template <bool Trainable, class Z1, class Z2, class T1, class T2, class... P>
void refuse_step() {
  constexpr bool stored = tensor<Z1> && tensor<Z2> && (true && ... && tensor<P>);
  constexpr bool are_stopped = stopped_tensor<T1> && stopped_tensor<T2>;
  static_assert(stored || !sizeof(Z1*),
                "selfpred: z1 and z2 must be stored tensors. A lazy expression needs .eval(); a type of your own needs "
                "selfpred::tensor_traits");
  static_assert(are_stopped || !sizeof(Z1*),
                "selfpred: targets must be stopped: write objective.step(z1, z2, selfpred::stop_gradient(target1), "
                "selfpred::stop_gradient(target2))");
  static_assert(!stored || !are_stopped || Trainable == (sizeof...(P) == 1) || !sizeof(Z1*),
                "selfpred: trainable_linear takes its P as fifth argument, closed-form predictors take none");
  static_assert(!stored || !are_stopped || Trainable != (sizeof...(P) == 1) || !sizeof(Z1*),
                "selfpred: the tensors of a step must be matrices of one kind: the element types differ from the "
                "objective's");
}

}  // namespace selfpred::detail
