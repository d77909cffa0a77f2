// SPDX-License-Identifier: MIT
// The library's own owner of host memory, for tensors that name none (a span, a raw pointer) and for wide sums.
#pragma once
#include <selfpred/concepts.hpp>
#include <vector>

namespace selfpred {

/// A row-major array of any rank.
template <class S>
struct host_array {
  std::vector<S> values;
  selfpred::shape extent;

  host_array() = default;
  explicit host_array(selfpred::shape const& s, S v = S(0))
      : values(static_cast<std::size_t>(s.size()), v), extent(s) {}
};

template <class S>
struct tensor_traits<host_array<S>> : shows_memory {
  static auto view(auto& a) { return view_dense(a.values.data(), a.extent); }
  static host_array<S> filled(host_array<S> const&, shape const& s, double v) {
    return host_array<S>(s, static_cast<S>(v));
  }
};

}  // namespace selfpred
