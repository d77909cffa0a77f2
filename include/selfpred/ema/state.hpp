// SPDX-License-Identifier: MIT
// What an EMA target knows about its leaves, and the three acts of an update: look at every leaf, accept or refuse, write.
#pragma once
#include <selfpred/ema/leaf.hpp>
#include <selfpred/ema/names.hpp>

namespace selfpred::detail {

struct ema_state {
  ema_options options;
  std::vector<leaf_state> leaves = {};
  std::vector<shadow> shadows = {};
  detail::plan plan = {};
  bool separately = false;  // some leaf of this update is not in the plan

  explicit ema_state(ema_options o) : options(std::move(o)) {}

  void add(leaf_info const& info, bool narrow) {
    leaves.emplace_back().policy = options.leaves.of(info);
    plan.reserve(leaves.size());
    if (!narrow || leaves.back().policy != leaf_policy::average) return;
    leaves.back().shadow = static_cast<std::int32_t>(shadows.size());
    shadows.push_back({std::vector<float>(static_cast<std::size_t>(info.shape.size())), leaves.size() - 1});
  }
  shadow* shadow_of(std::size_t at) {
    auto const i = leaf(at).shadow;
    return i < 0 ? nullptr : &shadows[static_cast<std::size_t>(i)];
  }
  void clear() { plan.clear(), separately = false; }
  leaf_state& leaf(std::size_t at) {
    if (at < leaves.size()) return leaves[at];
    throw shape_error(complaint("ema_target", "the number of tensors", "above " + std::to_string(at),
                                std::to_string(leaves.size()) + " as when the target was made"));
  }
  bool averages_plainly() const {
    return options.non_finite == non_finite_policy::unchecked && !options.count_stalls && shadows.empty() &&
           std::ranges::all_of(leaves, [](auto const& l) { return l.policy == leaf_policy::average; });
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
    auto const u = detail::memory(x);
    auto const v = detail::memory(y);
    bool same = true;
    if constexpr (host)
      same = detail::same_extents(u, v);
    else
      same = shape_of(x) == shape_of(y);
    if (!same) refuse_shape(target, x, y, at);
    bool const average = averages_leaf(state, y);
    if (parameter && !average && state.policy == leaf_policy::average)
      throw domain_error(complaint("ema_target", "the parameter " + detail::leaf_name(target, at), "integral or narrow",
                                   "float or wider; list integers in buffers(model)"));
    // 0 * NaN: an online network that diverged must not reach a target that stands still
    if (state.policy == leaf_policy::keep || (average && p.weight == 0)) return;
    if constexpr (host) {
      segment s;
      bool whole = false;
      if constexpr (is_narrow_leaf<Y>)
        whole = average ? detail::make_narrow_segment(s, *shadow_of(at), p.narrow, u, v)
                        : detail::make_segment(s, false, u, v);
      else
        whole = detail::make_segment(s, average, u, v);
      if (whole) return s.size > 0 ? plan.add(s) : void();
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
    tally const t = detail::update_separately(shadow_of(at), averages_leaf(leaves[at], y), p, x, y);
    report.non_finite += t.non_finite, report.stalled += t.stalled;
  }

 private:
  template <class Model, class X, class Y>
  [[noreturn, gnu::noinline]] static void refuse_shape(Model const& target, X const& x, Y const& y, std::size_t at) {
    throw shape_error(complaint("ema_target", "the online tensor " + detail::leaf_name(target, at),
                                detail::leaf_shape(x).text(), detail::leaf_shape(y).text() + " as in the target"));
  }
  template <class Y>
  static bool averages_leaf(leaf_state const& state, Y const& y) {
    return state.policy == leaf_policy::average && detail::is_averageable(y);
  }
};

}  // namespace selfpred::detail
