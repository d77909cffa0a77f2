// SPDX-License-Identifier: MIT
// Scratch tensors that live between steps, so that a steady-state step makes none.
#pragma once
#include <optional>
#include <selfpred/ops.hpp>
#include <vector>

namespace selfpred {

namespace detail {

/// A new M for results of work on `like`. Usually that is what `like` itself names as its owner; where it names another
/// (row-major latents, an objective on column-major matrices), M must say how it is made from nothing.
template <tensor M, compatible<M> L>
M make_owner(L const& like, shape const& s, double v = 0) {
  if constexpr (std::same_as<owner_t<L>, M>)
    return filled(like, s, v);
  else {
    static_assert(std::default_initializable<M>,
                  "selfpred: these tensors have another owner than the objective, and its own cannot be made from "
                  "nothing: give it a default constructor, or pass tensors whose owner it is");
    return filled(M(), s, v);
  }
}

}  // namespace detail

/// Numbered slots of owning tensors. A slot keeps one tensor for each of its last four shapes: a training loop whose last
/// batch is short alternates between two, and neither is made again after the first epoch.
template <tensor M>
class workspace {
 public:
  static constexpr std::size_t shapes_kept = 4;

  // Movable alone, and said so: a vector of what holds a workspace would otherwise ask for a copy where moving M may throw.
  workspace() = default;
  workspace(workspace&&) = default;
  workspace& operator=(workspace&&) = default;

  /// The slot's tensor of this shape, made with the value v on first use; later its values are what the last user left.
  template <tensor L>
  M& get(std::size_t slot, L const& like, shape const& s, double v = 0) {
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    auto& kept = slots_[slot];
    entry* place = nullptr;
    for (entry& e : kept) {
      if (e.extent == s) return e.used = ++clock_, *e.tensor;
      if (!place || e.used < place->used) place = &e;
    }
    M made = detail::make_owner<M>(like, s, v);
    if (kept.size() < shapes_kept) {
      kept.reserve(shapes_kept);  // entries stay where they are: tensors are handed out by reference
      place = &kept.emplace_back();
    }
    place->tensor.emplace(std::move(made));
    place->extent = s, place->used = ++clock_;
    return *place->tensor;
  }
  template <tensor L>
  M& get(std::size_t slot, L const& like, index rows, index cols) {
    return get(slot, like, shape(rows, cols));
  }

  /// Number of elements held, over all slots.
  index size() const {
    index n = 0;
    for (auto const& slot : slots_)
      for (auto const& e : slot) n += e.extent.size();
    return n;
  }

 private:
  struct entry {
    shape extent;
    std::optional<M> tensor;
    std::size_t used = 0;  // when last
  };
  std::vector<std::vector<entry>> slots_;
  std::size_t clock_ = 0;
};

}  // namespace selfpred
