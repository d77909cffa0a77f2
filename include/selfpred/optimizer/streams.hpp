// SPDX-License-Identifier: MIT
// Several tensors of one shape in host memory, walked together: the streams of one tensor of a fused pass.
#pragma once
#include <selfpred/algorithm.hpp>
#include <selfpred/strided/operations.hpp>

namespace selfpred::detail {

template <class T>
auto memory_of(T& x) {
  static_assert(
      std::is_arithmetic_v<T> || requires { []<class S, int R>(strided<S, R> const&) {}(detail::operand(x)); },
      "selfpred: fused_update works on parameters in host memory");
  if constexpr (std::is_arithmetic_v<T>)
    return view_dense(&x, shape());
  else
    return []<class S, int R>(strided<S, R> const& v) { return strided<S>(v); }(detail::operand(x));
}
template <class V>
using element_t = std::remove_const_t<std::remove_pointer_t<decltype(V::data)>>;
template <class V>
std::array<index, max_rank> strides_of(V const& v) {
  std::array<index, max_rank> s{};
  detail::copy_n(v.stride.data(), v.rank, s.data());
  return s;
}

inline void expect_apart(std::string const& name, bytes const& a, bytes const& b, char const* what) {
  if (detail::meet(a, b))
    throw alias_error("fused_update: '" + name + "': the " + what + " share storage, expected memory of their own");
}

/// An element of a stream; nothing where there is no such stream (void).
template <class C>
C* offset_by(void* p, index offset) {
  if constexpr (std::is_void_v<C>)
    return nullptr;
  else
    return static_cast<C*>(p) + offset;
}

/// The loop over Streams tensors of one shape: dimensions in the memory order of the first, merged where all allow it.
template <std::size_t Streams>
struct stream_loop {
  int depth = 1;
  std::array<index, max_rank> extent{};
  std::array<std::array<index, Streams>, max_rank> stride{};

  stream_loop(selfpred::shape const& s, std::array<std::array<index, max_rank>, Streams> const& strides) {
    std::size_t n = 0;
    for (std::size_t d = 0; d < static_cast<std::size_t>(s.rank); ++d) {
      if (s.extent[d] == 1) continue;
      std::array<index, Streams> here;
      for (std::size_t k = 0; k < Streams; ++k) here[k] = strides[k][d];
      std::size_t k = n++;
      for (; k > 0 && stride[k - 1][0] < here[0]; --k) extent[k] = extent[k - 1], stride[k] = stride[k - 1];
      extent[k] = s.extent[d], stride[k] = here;
    }
    if (n == 0) {
      extent[0] = 1, stride[0].fill(1);
      return;
    }
    std::size_t m = 0;
    for (std::size_t d = 1; d < n; ++d) {
      bool merges = true;
      for (std::size_t s = 0; s < Streams; ++s) merges = merges && stride[m][s] == stride[d][s] * extent[d];
      if (merges)
        extent[m] *= extent[d], stride[m] = stride[d];
      else
        ++m, extent[m] = extent[d], stride[m] = stride[d];
    }
    depth = static_cast<int>(m) + 1;
  }

  /// run(n, offsets, strides) for the elements [begin, end), counted in the order of the loop.
  template <class Run>
  void operator()(index begin, index end, Run run) const {
    auto const last = static_cast<std::size_t>(depth) - 1;
    index const length = extent[last];
    while (begin < end) {
      index const inner = begin % length;
      index outer = begin / length;
      std::array<index, Streams> offset{};
      for (std::size_t s = 0; s < Streams; ++s) offset[s] = inner * stride[last][s];
      for (std::size_t d = last; d-- > 0; outer /= extent[d])
        for (std::size_t s = 0; s < Streams; ++s) offset[s] += outer % extent[d] * stride[d][s];
      index const n = detail::min(length - inner, end - begin);
      run(n, offset, stride[last]);
      begin += n;
    }
  }
};

/// Whether two layouts of shape s put every element at the same offset.
inline bool same_layout(shape const& s, std::array<index, max_rank> const& a, std::array<index, max_rank> const& b) {
  for (std::size_t d = 0; d < static_cast<std::size_t>(s.rank); ++d)
    if (s.extent[d] != 1 && a[d] != b[d]) return false;
  return true;
}

}  // namespace selfpred::detail
