// SPDX-License-Identifier: MIT
// Several power profiles of one training run, and their snapshots for post-hoc EMA.
#pragma once
#include <selfpred/ema.hpp>
#include <selfpred/ema/posthoc.hpp>
#include <selfpred/schedule/compose.hpp>
#include <selfpred/schedule/power.hpp>

namespace selfpred {

/// Averages of one online model by several power profiles: t^gamma for each gamma, from the first update on.
///
/// EDM2 keeps two, sigma_rel 0.05 and 0.10, and a snapshot of both every few per cent of training; from these, synthesize
/// makes the average of any length between. With options, `every` steps share one update, which changes no weight of an
/// interval. Cost of an update: one pass over the online model, which moves every average; with skip_leaves one a profile.
/// Example: examples/post_hoc_ema.cpp
template <class Model>
class power_averages {
 public:
  using target = ema_target<Model, update_every<power_momentum>>;

  power_averages(Model const& online, std::vector<double> const& gammas, ema_options const& options = {},
                 std::int64_t every = 1) {
    for (double g : gammas) {
      if (!(g >= 0)) throw domain_error(detail::complaint("power_averages", "gamma", std::to_string(g), "at least 0"));
      targets_.push_back(target(online, update_every<power_momentum>{every, {g}}, options));
    }
    if (targets_.empty()) throw domain_error("power_averages: there are 0 gammas, expected at least 1");
    updates_.resize(size()), tallies_.resize(size());
  }

  void update(Model const& online) { update(online, step()); }
  /// The update of the caller's step; state_error for one used before, as of ema_target.
  void update(Model const& online, std::int64_t step) {
    for (std::size_t i = 0; i < size(); ++i) updates_[i] = targets_[i].begin(online, step);
    auto& first = targets_.front().state_;
    bool together = !first.skips();
    for (std::size_t i = 0; i < size(); ++i)
      together = together && updates_[i].due && targets_[i].state_.plan.reads_as(first.plan);
    if (!together) {
      for (std::size_t i = 0; i < size(); ++i) targets_[i].write(online, updates_[i]);
      return;
    }
    bool const accepted = first.accepts(updates_[0].report);
    if (accepted) run_together(first.options.threads);
    for (std::size_t i = 0; i < size(); ++i) updates_[i].accepted = accepted, targets_[i].end(online, updates_[i]);
  }
  std::size_t size() const { return targets_.size(); }
  target& operator[](std::size_t i) { return targets_.at(i); }
  target const& operator[](std::size_t i) const { return targets_.at(i); }
  double gamma(std::size_t i) const { return targets_.at(i).schedule().of.gamma; }
  std::int64_t step() const { return targets_.front().step(); }

  /// A copy of every average with its profile: what to save now, and to synthesize from later.
  /// Errors: state_error before the first update.
  std::vector<power_snapshot<Model>> snapshots() const {
    std::int64_t const every = targets_.front().schedule().every, seen = step() / every * every;
    if (seen == 0) throw state_error("power_averages.snapshots: there was no update yet, expected at least one");
    std::vector<power_snapshot<Model>> all;
    for (std::size_t i = 0; i < size(); ++i)
      all.push_back({{gamma(i), static_cast<double>(seen)}, targets_[i].model()});
    return all;
  }

 private:
  // Block by block, every target: of the online model each block is read from memory once.
  void run_together(executor const& threads) {
    tallies_.assign(size(), {});
    targets_.front().state_.plan.each_block(threads, [this](std::size_t segment, index first, index last) {
      for (std::size_t i = 0; i < size(); ++i)
        targets_[i].state_.plan.run_block(tallies_[i], segment, updates_[i].pass, first, last);
    });
    for (std::size_t i = 0; i < size(); ++i) detail::ema_state::count(tallies_[i], updates_[i].report);
  }

  std::vector<target> targets_;
  std::vector<detail::update_under_way> updates_;  // of the last step
  std::vector<detail::tally> tallies_;
};

}  // namespace selfpred
