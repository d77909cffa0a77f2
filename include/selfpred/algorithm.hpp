// SPDX-License-Identifier: MIT
// What the core needs of <algorithm>, which is 0.05 s of every translation unit: for numbers and pointers.
#pragma once
#include <cstring>
#include <type_traits>

namespace selfpred::detail {

// Of equal numbers, and where one is a NaN, the first, as std's.
template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
template <class T>
constexpr T clamp(T x, T least, T most) {
  return x < least ? least : most < x ? most : x;
}

template <class T, class N>
void copy_n(T const* from, N n, T* to) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    if (n > 0) std::memmove(static_cast<void*>(to), from, static_cast<std::size_t>(n) * sizeof(T));
  } else
    for (N i = 0; i < n; ++i) to[i] = from[i];
}

}  // namespace selfpred::detail
