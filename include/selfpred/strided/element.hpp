// SPDX-License-Identifier: MIT
// What the element types of host memory are good for, and the one elementwise step of every exponential moving average.
#pragma once
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace selfpred {

/// Conversions of a floating-point type below 32 bits (Eigen::bfloat16, Eigen::half, one of yours), which are the type's
/// own casts. Specialise it where these are missing or slow. The bits must be sign, exponent and significand in this order.
template <class S>
struct narrow_float {
  static float widen(S const& x) { return static_cast<float>(x); }
  static S round(float x) { return static_cast<S>(x); }  ///< to nearest
};

/// narrow_float of any type whose 16 bits are the upper half of a float's, in arithmetic that compilers vectorise:
/// template <> struct selfpred::narrow_float<my::bf16> : selfpred::upper_half_of_float<my::bf16> {};
template <class S>
struct upper_half_of_float {
  static float widen(S const& x) {
    std::uint16_t bits;  // by memcpy: g++ 12 does not vectorise a bit_cast from a class
    std::memcpy(&bits, &x, sizeof bits);
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  static S round(float x) {
    auto const bits = std::bit_cast<std::uint32_t>(x);
    bool const is_nan = (bits & 0x7FFF'FFFFU) > 0x7F80'0000U;
    std::uint32_t const rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16, quiet = (bits >> 16) | 0x40U;
    return std::bit_cast<S>(static_cast<std::uint16_t>(is_nan ? quiet : rounded));
  }
};

namespace detail {

template <class S>
inline constexpr bool integral_element = std::numeric_limits<S>::is_integer;
/// Below 24 bits of significand an average stalls: an update under half an ulp is lost.
template <class S>
inline constexpr bool narrow_element = !integral_element<S> && sizeof(S) < sizeof(float);
/// Integers are copied and never averaged; narrow floats are averaged in a float shadow only.
template <class S>
inline constexpr bool averages = !integral_element<S> && !narrow_element<S>;

/// std::complex and its like, which is an array of two: known by its members, for <complex> includes half of iostream.
template <class S>
concept complex_element = requires(S const& s) {
  { s.real() } -> std::convertible_to<typename S::value_type>;
  { s.imag() } -> std::convertible_to<typename S::value_type>;
} && sizeof(S) == 2 * sizeof(typename S::value_type);

/// The type of weights: real for complex elements.
template <class S>
struct coefficient {
  using type = S;
};
template <complex_element S>
struct coefficient<S> {
  using type = typename S::value_type;
};
template <class S>
using coefficient_t = typename coefficient<S>::type;

/// y + w (x - y), which has x = y as an exact fixed point. (1 - w) y + w x has not: the two rounded weights need not sum
/// to 1, and at w = 1e-4 in float a standing x is missed by 3e-4. Every pass of the library that averages calls this.
template <class S>
[[gnu::always_inline]] inline S ema_step(coefficient_t<S> w, S const& x, S const& y) {
  return y + w * (x - y);
}

/// Whether x is an infinity or a NaN, from the bits of its exponent: -ffast-math deletes every other test.
inline bool non_finite(float x) { return (std::bit_cast<std::uint32_t>(x) & 0x7F80'0000U) == 0x7F80'0000U; }
inline bool non_finite(double x) {
  return (std::bit_cast<std::uint64_t>(x) & 0x7FF0'0000'0000'0000U) == 0x7FF0'0000'0000'0000U;
}
inline bool non_finite(long double x) {
  if constexpr (std::numeric_limits<long double>::digits == 64 ||
                std::numeric_limits<long double>::digits == 113) {  // x87, quad: 15 bits of exponent below the sign
    constexpr std::size_t last = std::numeric_limits<long double>::digits == 64 ? 8 : 14;
    std::uint16_t top;
    std::memcpy(&top, reinterpret_cast<char const*>(&x) + last, sizeof top);
    return (top & 0x7FFFU) == 0x7FFFU;
  } else
    return detail::non_finite(static_cast<double>(x));
}
template <class S>
bool non_finite(S const& x) {
  if constexpr (integral_element<S>)
    return false;
  else if constexpr (narrow_element<S>)
    return detail::non_finite(narrow_float<S>::widen(x));
  else if constexpr (std::is_convertible_v<S, double>)
    return detail::non_finite(static_cast<double>(x));
  else
    return false;
}
template <complex_element S>
bool non_finite(S const& x) {
  return detail::non_finite(x.real()) || detail::non_finite(x.imag());
}

/// A hash of 64 bits (splitmix64's finaliser): random numbers by position, the same for any number of threads.
constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E37'79B9'7F4A'7C15U;
  x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9U;
  x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBU;
  return x ^ (x >> 31);
}

/// A number in [0, 1) for element i of a leaf.
constexpr float uniform(std::uint64_t seed, std::uint64_t leaf, std::uint64_t i) {
  return static_cast<float>(detail::mixed(detail::mixed(seed ^ detail::mixed(leaf)) + i) >> 40) * 0x1p-24F;
}

/// x rounded to one of its two neighbours in S with probabilities that make its mean x; `uniform` is in [0, 1).
template <class S>
S round_stochastic(float x, float uniform) {
  static_assert(sizeof(S) <= 2, "selfpred: stochastic rounding is for types of 8 and 16 bits");
  using bits_type = std::conditional_t<sizeof(S) == 1, std::uint8_t, std::uint16_t>;
  using narrow = narrow_float<S>;
  S const near = narrow::round(x);
  float const wide = narrow::widen(near);
  if (wide == x || detail::non_finite(wide) || detail::non_finite(x)) return near;
  // The neighbour on the other side of x: one unit further from zero, or one nearer.
  unsigned const sign = 1U << (8 * sizeof(S) - 1),
                 bits = wide == 0 ? (x < 0 ? sign : 0U) : std::bit_cast<bits_type>(near);
  bool const outward = wide == 0 || (wide > 0) == (x > wide);
  S const other = std::bit_cast<S>(static_cast<bits_type>(outward ? bits + 1 : bits - 1));
  float const far = narrow::widen(other);
  if (detail::non_finite(far)) return near;
  return uniform * std::abs(far - wide) < std::abs(x - wide) ? other : near;
}

}  // namespace detail
}  // namespace selfpred
