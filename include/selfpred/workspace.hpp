// SPDX-License-Identifier: MIT
// Scratch tensors that live between steps, so that a steady-state step makes none.
#pragma once
#include <memory>
#include <selfpred/ops.hpp>
#include <vector>

namespace selfpred {

/// Numbered slots of owning tensors. A slot keeps one tensor for each of its last four shapes: a training loop whose last
/// batch is short alternates between two, and neither is made again after the first epoch.
template <tensor M>
class workspace {
 public:
  static constexpr std::size_t shapes_kept = 4;

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
    kept.insert(kept.begin(), entry{s, std::make_unique<M>(filled(like, s, v))});
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
