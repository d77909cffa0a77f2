// SPDX-License-Identifier: MIT
// The library's own objects as parts of a checkpoint: EMA targets, optimisers, objectives.
#pragma once
#include <cmath>
#include <selfpred/checkpoint/parts.hpp>

namespace selfpred {
namespace detail {

template <class T>
concept averaged_target = requires(T& t, std::int64_t k) { t.model(), t.schedule()(k), t.step(k), t.step(); };
template <class T>
concept stateful_optimizer = requires(T& t, std::int64_t k) {
  t.rule(), t.step(), t.step(k), t.for_each_moment([](std::string const&, auto const&) {});
};
template <class T>
concept restorable = requires(T& t) { t.restore(t.state(), t.predictor()), t.options(); };

}  // namespace detail

/// An EMA target is its model, its step, and its schedule: its options, and tau(step) in case they say too little.
template <detail::averaged_target T>
struct checkpoint_traits<T> {
  static void list(checkpoint_list& list, std::string const& name, T& t) {
    detail::list_model(list, name, t.model());
    auto const k = std::make_shared<std::int64_t>(t.step());
    list.number<std::int64_t>(name + ".step", t.step(), [k, name](std::int64_t step) {
      if (step < 0)
        throw file_error(detail::complaint("checkpoint", "'" + name + ".step'", std::to_string(step), "at least 0"));
      *k = step;
    });
    list.commit.push_back([k, &t] { t.step(*k); });
    auto const tau = [&t](std::int64_t step) { return detail::number_text(static_cast<double>(t.schedule()(step))); };
    list.option(name + ".schedule", describe(t.schedule()).dump());
    list.option(name + ".momentum", tau(t.step()));
    list.notes.back().take = [k, tau, name](std::string const& text) {
      if (tau(*k) != text)
        throw file_error(detail::complaint("checkpoint", "'" + name + ".momentum', tau of step " + std::to_string(*k),
                                           text, tau(*k) + " as the schedule here gives"));
    };
    if constexpr (requires { t.for_each_shadow([](std::string const&, auto const&) {}); })
      t.for_each_shadow(
          [&](std::string const& path, auto const& v) { list.view(detail::below(name + ".shadow", path), v); });
  }
};

/// An optimiser is its moments, its step and its rule. The rate, which schedules change, is state: it comes back too.
template <detail::stateful_optimizer T>
struct checkpoint_traits<T> {
  static void list(checkpoint_list& list, std::string const& name, T& o) {
    o.for_each_moment([&](std::string const& moment, auto const& v) { list.view(name + "." + moment, v); });
    auto const k = std::make_shared<std::int64_t>(o.step());
    list.number<std::int64_t>(name + ".step", *k, [k](std::int64_t step) { *k = step; });
    list.check.push_back([k, &o] { o.step(*k); });
    list.undo.push_back([before = o.step(), &o] { o.step(before); });
    auto rule = describe(o.rule());
    rule.erase("rate");
    list.option(name + ".rule", rule.dump());
    if constexpr (requires { o.rule().rate = 1.0; }) {
      auto const rate = std::make_shared<double>(o.rule().rate);
      list.number<double>(name + ".rate", *rate, [rate](double r) { *rate = r; });
      list.commit.push_back([rate, &o] { o.rule().rate = *rate; });
    }
  }
};

/// An objective with the tensor that its state is made like: its device and type.
template <class O, class L>
struct placed {
  O& part;
  L const& like;
};

namespace detail {

// With directions of their own (per_direction) an objective has one state of each online view; on most there is one.
template <class O>
std::size_t views_of(O& o) {
  std::size_t n = 1;
  if constexpr (requires { o.options().per_direction, o.state(n); }) try {
      for (; o.options().per_direction; ++n) o.state(n);
    } catch (state_error const&) {
    }
  return n;
}

template <class O, class L>
void list_state(checkpoint_list& list, std::string const& name, O& o, L const& like, auto... view) {
  using state = decltype(o.state());
  auto const next = std::make_shared<state>();
  state before;
  bool const there = !(... || (static_cast<std::size_t>(view) >= views_of(o)));
  if (there) before = o.state(view...);
  auto const into = [next](auto member) { return [next, member](auto v) { (*next).*member = v; }; };
  list.number<std::int64_t>(name + ".step", before.step, into(&state::step));
  list.number<std::int64_t>(name + ".refreshes", before.refreshes, into(&state::refreshes));
  list.number<double>(name + ".momentum_product", before.momentum_product, into(&state::momentum_product));
  auto const square = [&](char const* what, std::vector<double> state::*member) {
    auto const values = std::make_shared<std::vector<double>>(before.*member);
    list.square(name + "." + what, values, values->empty() ? 0 : before.size);
    list.check.push_back([next, member, values] {
      (*next).*member = *values;
      if (!values->empty())
        next->size = static_cast<index>(std::llround(std::sqrt(static_cast<double>(values->size()))));
    });
  };
  square("average", &state::average);
  if constexpr (requires { before.statistics_product, before.covariance, before.cross; }) {
    list.number<double>(name + ".statistics_product", before.statistics_product, into(&state::statistics_product));
    square("covariance", &state::covariance), square("cross", &state::cross);
  }
  list.check.push_back([next, &o, &like, view...] { o.restore(*next, like, view...); });
  if (there) list.undo.push_back([before, &o, &like, view...] { o.restore(before, like, view...); });
}

template <class O, class L>
void list_objective(checkpoint_list& list, std::string const& name, O& o, L const& like) {
  list.option(name + ".options", describe(o.options()).dump());
  if constexpr (requires { o.rule(); }) list.option(name + ".rule", describe(o.rule()).dump());
  list_state(list, name, o, like);
  if constexpr (requires { o.state(std::size_t{1}); }) {
    auto const view = [&](std::size_t i) { return name + ".view" + std::to_string(i); };
    std::size_t n = views_of(o);
    if (list.file)  // as many as the file has
      for (n = 1; list.file->metadata.contains(view(n) + ".step");) ++n;
    for (std::size_t i = 1; i < n; ++i) list_state(list, view(i), o, like, i);
  }
}

}  // namespace detail

template <class O, class L>
struct checkpoint_traits<placed<O, L>> {
  static void list(checkpoint_list& list, std::string const& name, placed<O, L>& p) {
    detail::list_objective(list, name, p.part, p.like);
  }
};
/// In host memory a default tensor will do.
template <detail::restorable O>
struct checkpoint_traits<O> {
  static void list(checkpoint_list& list, std::string const& name, O& o) {
    using owner = std::remove_cvref_t<decltype(o.predictor())>;
    static_assert(detail::in_memory<owner> && std::default_initializable<owner>,
                  "selfpred: say which tensor the objective's state is to be made like: placed{objective, z1}");
    static owner const like{};
    detail::list_objective(list, name, o, like);
  }
};

}  // namespace selfpred
