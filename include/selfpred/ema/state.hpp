// SPDX-License-Identifier: MIT
// What an EMA target knows about its leaves, and the three acts of an update: look at every leaf, accept or refuse, write.
#pragma once
#include <selfpred/ema/leaf.hpp>
#include <selfpred/ema/names.hpp>

namespace selfpred::detail {

/// An update between its look at every leaf and its last write.
struct update_under_way {
  std::int64_t step = 0;
  bool due = false, accepted = false;
  detail::pass pass = {};
  ema_report report = {};
};

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
    bool plainly = options.non_finite == non_finite_policy::unchecked && !options.count_stalls && shadows.empty();
    for (auto const& l : leaves) plainly = plainly && l.policy == leaf_policy::average;
    return plainly;
  }
  bool refuses() const { return options.non_finite == non_finite_policy::refuse; }
  bool skips() const { return options.non_finite == non_finite_policy::skip_leaves; }

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
    if constexpr (!host)
      if (average) expect_alike(target, x, y, at);
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
    if (refuses())
      report.non_finite += detail::count_non_finite(x);
    else if (!host && skips())  // now, for operations may fail
      skip_non_finite(x, state, report);
  }
  /// Whether the update may be written.
  bool accepts(ema_report& report) {
    if (!refuses()) return true;
    report.non_finite += plan.scan(options.threads);
    return report.non_finite == 0;
  }
  void run(pass const& p, ema_report& report) {
    count(skips() ? plan.run_finite(options.threads, p) : plan.run(options.threads, p), report);
  }
  static void count(tally const& t, ema_report& report) {
    report.non_finite += t.non_finite, report.stalled += t.stalled, report.skipped += t.skipped;
  }
  template <class X, class Y>
  void run_separately(X const& x, Y& y, std::size_t at, pass const& p, ema_report& report) {
    if constexpr (!std::is_void_v<leaf_element_t<Y>>)
      if (leaves[at].separately && skips()) skip_non_finite(x, leaves[at], report);
    if (leaves[at].separately)
      count(detail::update_separately(shadow_of(at), averages_leaf(leaves[at], y), p, x, y), report);
  }

 private:
  template <class X>
  static void skip_non_finite(X const& x, leaf_state& state, ema_report& report) {
    index const n = detail::count_non_finite(x);
    report.non_finite += n;
    if (n > 0) state.separately = false, ++report.skipped;
  }
  template <class Model, class X, class Y>
  [[noreturn, gnu::noinline]] static void refuse_shape(Model const& target, X const& x, Y const& y, std::size_t at) {
    throw shape_error(complaint("ema_target", "the online tensor " + detail::leaf_name(target, at),
                                detail::leaf_shape(x).text(), detail::leaf_shape(y).text() + " as in the target"));
  }
  template <class Model, class X, class Y>
  static void expect_alike(Model const& target, X const& x, Y const& y, std::size_t at) {
    try {
      operations_t<Y>::expect_alike(detail::operand(x), detail::operand(y));
    } catch (domain_error const& e) {
      throw domain_error("ema_target: the online tensor " + detail::leaf_name(target, at) + ": " + e.what());
    }
  }
  template <class Y>
  static bool averages_leaf(leaf_state const& state, Y const& y) {
    return state.policy == leaf_policy::average && detail::is_averageable(y);
  }
};

}  // namespace selfpred::detail
