// SPDX-License-Identifier: MIT
// Scratch tensors that live between steps, so that a steady-state step makes none.
#pragma once
#include <memory>
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
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (kept[k].extent == s) {
        for (; k > 0; --k) std::swap(kept[k], kept[k - 1]);  // most recent first
        return *kept[0].tensor;
      }
    if (kept.size() == shapes_kept) kept.pop_back();
    kept.insert(kept.begin(), entry{s, std::make_unique<M>(detail::make_owner<M>(like, s, v))});
    return *kept[0].tensor;
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
    std::unique_ptr<M> tensor;  // its address stays while other slots and shapes come and go
  };
  std::vector<std::vector<entry>> slots_;
};

}  // namespace selfpred
