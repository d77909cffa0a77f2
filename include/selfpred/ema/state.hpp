// SPDX-License-Identifier: MIT
// What an EMA target knows about its leaves, and the three acts of an update: look at every leaf, accept or refuse, write.
#pragma once
#include <selfpred/ema/leaf.hpp>
#include <selfpred/ema/names.hpp>

namespace selfpred::detail {

struct ema_state {
  ema_options options;
  std::vector<leaf_state> leaves = {};
  detail::plan plan = {};
  bool separately = false;  // some leaf of this update is not in the plan

  explicit ema_state(ema_options o) : options(std::move(o)) {}

  void add(leaf_info const& info) {
    leaves.emplace_back().policy = options.leaves.of(info);
    plan.reserve(leaves.size());
  }
  void clear() { plan.clear(), separately = false; }
  leaf_state& leaf(std::size_t at) {
    if (at < leaves.size()) return leaves[at];
    throw shape_error(complaint("ema_target", "the number of tensors", "above " + std::to_string(at),
                                std::to_string(leaves.size()) + " as when the target was made"));
  }
  bool checks_first() const {
    return options.non_finite == non_finite_policy::refuse || options.non_finite == non_finite_policy::skip_leaves;
  }

  /// Checks a leaf and enters it into the plan. Nothing is written.
  template <class Model, class X, class Y, bool parameter>
  void look_at(Model const& target, X const& x, Y& y, std::bool_constant<parameter>, std::size_t at, pass const& p,
               ema_report& report) {
    static_assert(!parameter || !is_integral_leaf<Y>,
                  "selfpred: averaging an integral parameter has no meaning; list it in buffers(model)");
    constexpr bool host = !std::is_void_v<leaf_element_t<Y>>;
    leaf_state& state = leaf(at);
    state.separately = false;
    if (state.policy == leaf_policy::skip) return;
    bool same = true;
    if constexpr (host)
      same = detail::same_extents(detail::memory(x), detail::memory(y));
    else
      same = shape_of(x) == shape_of(y);
    if (!same)
      throw shape_error(complaint("ema_target", "the online tensor " + detail::leaf_name(target, at),
                                  detail::leaf_shape(x).text(), detail::leaf_shape(y).text() + " as in the target"));
    bool const average = averages_leaf(state, y);
    if (parameter && !average && state.policy == leaf_policy::average)
      throw domain_error(complaint("ema_target", "the parameter " + detail::leaf_name(target, at), "integral or narrow",
                                   "float or wider; list integers in buffers(model)"));
    // 0 * NaN: an online network that diverged must not reach a target that stands still
    if (state.policy == leaf_policy::keep || (average && p.weight == 0)) return;
    if constexpr (host) {
      segment s;
      s.leaf = at;
      if (detail::make_segment(s, state, average, p.narrow, x, y)) return s.size > 0 ? plan.add(s) : void();
    }
    state.separately = separately = true;
    if (!checks_first()) return;
    index const count = detail::count_non_finite(x);
    report.non_finite += count;
    if (count > 0) state.separately = false, ++report.skipped;
  }
  /// Whether the update may be written; leaves that are to be skipped are left out of the plan.
  bool accepts(ema_report& report) {
    if (!checks_first()) return true;
    report.non_finite += plan.scan(options.threads);
    report.skipped += plan.drop_non_finite();
    if (options.non_finite == non_finite_policy::skip_leaves) return true;
    report.skipped = 0;
    return report.non_finite == 0;
  }
  void run(pass const& p, ema_report& report) {
    tally const t = plan.run(options.threads, p);
    report.non_finite += t.non_finite, report.stalled += t.stalled;
  }
  template <class X, class Y>
  void run_separately(X const& x, Y& y, std::size_t at, pass const& p, ema_report& report) {
    if (!leaves[at].separately) return;
    tally const t = detail::update_separately(leaves[at], averages_leaf(leaves[at], y), p, at, x, y);
    report.non_finite += t.non_finite, report.stalled += t.stalled;
  }

 private:
  template <class Y>
  static bool averages_leaf(leaf_state const& state, Y const& y) {
    return state.policy == leaf_policy::average && detail::is_averageable(y);
  }
};

}  // namespace selfpred::detail
