// SPDX-License-Identifier: MIT
// Exchange of the weights of two models, leaf by leaf.
#pragma once
#include <selfpred/ema/leaf.hpp>
#include <utility>

namespace selfpred {

/// Whether std::swap of two T exchanges what they own: for owners of heap memory in O(1), without touching an element. As
/// far as the type tells; specialise it where it is wrong about a type of yours.
template <class T>
inline constexpr bool exchanges_handles =
    detail::by_view<T> && std::is_default_constructible_v<T> && std::is_nothrow_swappable_v<T> &&
    !std::is_trivially_copyable_v<T> &&
    std::is_same_v<std::remove_cvref_t<detail::operand_t<T const>>,
                   std::remove_cvref_t<detail::operand_t<detail::bare<owner_t<T>> const>>>;

namespace detail {

/// Set while weights are swapped: a copy of a target whose weights are elsewhere would be a target with wrong weights.
struct swap_mark {
  bool on = false;
  swap_mark() = default;
  swap_mark(swap_mark const& o) : on(o.on) {
    if (on) throw state_error("ema_target: its weights are swapped, expected the guard of swap_with to have ended");
  }
  swap_mark& operator=(swap_mark const& o) { return on = swap_mark(o).on, *this; }
};

/// x <-> y, of equal shapes.
template <class X, class Y>
void exchange(X& x, Y& y) {
  if constexpr (std::is_arithmetic_v<X>)
    std::swap(x, y);
  else if constexpr (exchanges_handles<X>) {
    using std::swap;
    swap(x, y);
  } else if constexpr (!std::is_void_v<leaf_element_t<X>>) {
    static_assert(writable<X&>, "selfpred: this model's tensors are read-only: its weights cannot be exchanged");
    detail::walk(detail::memory(x), detail::memory(y), [](index n, auto* u, index su, auto* v, index sv) {
      for (index i = 0; i < n; ++i) std::swap(u[i * su], v[i * sv]);
    });
  } else {
    auto const held = clone(x);
    copy(y, x);
    copy(held, y);
  }
}

/// Exchanges all leaves of two models but those that are skipped, or none where one throws.
template <class Model>
void exchange_leaves(Model& online, Model& target, std::vector<leaf_state> const& leaves) {
  std::size_t done = 0;
  auto const some = [&](std::size_t until) {  // the first `until` leaves
    std::size_t at = 0;
    auto const swap = [&](auto& x, auto& y) {
      if (at++ >= until) return;
      if (leaves[at - 1].policy != leaf_policy::skip) detail::exchange(x, y);
      ++done;
    };
    pair_parameters(online, target, swap);
    pair_buffers(online, target, swap);
  };
  try {
    some(leaves.size());
  } catch (...) {
    some(done);
    throw;
  }
}

/// y <- y + w (x - y) once, in any type: a narrow y is rounded to nearest.
template <class X, class Y>
void write_back(double w, X const& x, Y& y) {
  if constexpr (is_narrow_leaf<Y>)
    detail::walk(detail::memory(x), detail::memory(y), [w](index n, auto const* u, index su, auto* v, index sv) {
      using narrow = narrow_float<leaf_element_t<Y>>;
      for (index i = 0; i < n; ++i)
        v[i * sv] = narrow::round(
            w == 1 ? narrow::widen(u[i * su])
                   : ema_step<float>(static_cast<float>(w), narrow::widen(u[i * su]), narrow::widen(v[i * sv])));
    });
  else if constexpr (is_integral_leaf<Y>)
    detail::assign(x, y);
  else if constexpr (tensor<Y>)
    lerp(w, x, y);
  else
    y = w == 1 ? x : ema_step<Y>(static_cast<Y>(w), x, y);
}

}  // namespace detail

/// The scope in which a model runs with the weights of its EMA target: made by ema_target::swap_with, it gives the weights
/// back when it ends, also by an exception. Model and target must outlive it and stay where they are.
template <class Target, class Model>
class [[nodiscard]] swapped_weights {
 public:
  swapped_weights(swapped_weights&& o) noexcept
      : target_(std::exchange(o.target_, nullptr)), online_(std::exchange(o.online_, nullptr)) {}
  swapped_weights& operator=(swapped_weights&&) = delete;
  ~swapped_weights() { restore(); }
  /// Gives the weights back before the scope ends. A second call does nothing.
  void restore() {
    if (auto* const t = std::exchange(target_, nullptr)) t->swap_back(*online_);
  }

 private:
  swapped_weights(Target& t, Model& online) : target_(&t), online_(&online) {}
  friend Target;
  Target* target_;
  Model* online_;
};

}  // namespace selfpred
