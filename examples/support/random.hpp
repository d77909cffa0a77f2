// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <utility>
#include <vector>

namespace support {

/// A small generator (splitmix64) that is cheap enough to make anew for every image: what it draws depends on the keys
/// alone, never on the thread or on the standard library.
class random {
 public:
  random(std::initializer_list<std::uint64_t> keys) {
    for (auto const key : keys) state_ = (bits() ^ key) * 0x2545f4914f6cdd1dU;
  }

  auto bits() -> std::uint64_t {
    auto z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  auto uniform() -> double { return static_cast<double>(bits() >> 11U) * 0x1p-53; }
  auto uniform(double low, double high) -> double { return low + (high - low) * uniform(); }
  auto below(std::uint64_t n) -> std::uint64_t {
    return static_cast<std::uint64_t>(uniform() * static_cast<double>(n));
  }
  auto chance(double probability) -> bool { return uniform() < probability; }

  auto normal() -> double {
    auto const radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::uint64_t state_ = 0;
};

/// 0 ... n - 1 in random order.
template <class Index>
auto permutation(Index n, random draw) -> std::vector<Index> {
  auto order = std::vector<Index>(static_cast<std::size_t>(n));
  for (auto i = std::size_t{0}; i < order.size(); ++i) {
    auto const j = draw.below(i + 1);
    order[i] = order[j];
    order[j] = static_cast<Index>(i);
  }
  return order;
}

}  // namespace support
