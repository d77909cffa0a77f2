// SPDX-License-Identifier: MIT
// One number for a model's values, to compare ranks by.
#pragma once
#include <selfpred/ema/names.hpp>
#include <selfpred/ema/plan.hpp>

namespace selfpred {
namespace detail {

/// The bits of an element as 64: types of equal values give equal bits, so a float model and its copy in double agree.
template <class S>
std::uint64_t element_bits(S const& x) {
  if constexpr (integral_element<S>)
    return static_cast<std::uint64_t>(x);
  else if constexpr (narrow_element<S>)
    return std::bit_cast<std::uint64_t>(static_cast<double>(narrow_float<S>::widen(x)));
  else
    return std::bit_cast<std::uint64_t>(static_cast<double>(x));
}
template <complex_element S>
std::uint64_t element_bits(S const& x) {
  return detail::mixed(detail::element_bits(x.real())) + detail::element_bits(x.imag());
}

/// f(x_i) in row-major order, whatever the strides.
template <class S, int R, class F>
void for_each_row_major(strided<S, R> const& x, F f) {
  index const n = x.shape().size();
  for (index i = 0; i < n; ++i) {
    index rest = i, at = 0;
    for (int k = x.rank - 1; k >= 0; --k) {
      auto const d = static_cast<std::size_t>(k);
      at += rest % x.extent[d] * x.stride[d], rest /= x.extent[d];
    }
    f(x.data[at]);
  }
}

}  // namespace detail

/// A number of 64 bits that is the same for the same names and values: ranks that should hold one model compare it. It is a
/// sum over leaves, modulo 2^64: the sum of the ranks' numbers is the whole model's, however its leaves are dealt out.
/// Memory order and padding do not enter; -0 differs from 0. Tensors that do their operations are read back (copy_out).
template <model M>
std::uint64_t checksum(M const& m) {
  std::uint64_t sum = 0;
  auto const add = [&](std::string const& name, auto const& x) {
    std::uint64_t h = 0xCBF2'9CE4'8422'2325U;  // FNV-1a
    for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3U;
    auto const mix = [&](auto const& e) { h = detail::mixed(h ^ detail::element_bits(e)); };
    if constexpr (std::is_void_v<detail::leaf_element_t<std::remove_reference_t<decltype(x)>>>) {
      std::vector<double> values(static_cast<std::size_t>(shape_of(x).size()));
      copy_out(x, values);
      for (double v : values) mix(v);
    } else
      detail::for_each_row_major(detail::memory(x), mix);
    sum += detail::mixed(h);
  };
  for_each_parameter(m, add);
  for_each_buffer(m, add);
  return sum;
}

}  // namespace selfpred
