// SPDX-License-Identifier: MIT
// Element types as files name them, and tensors in host memory as runs of bytes, row-major, bit for bit.
#pragma once
#include <algorithm>
#include <bit>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <selfpred/concepts.hpp>
#include <vector>

namespace selfpred {

static_assert(std::endian::native == std::endian::little, "selfpred: files are little-endian, as this machine must be");

/// The element types of safetensors.
enum class dtype : unsigned char {
  none,
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  i64,
  u64,
  f64,
  c64
};

struct dtype_facts {
  std::string_view name;   ///< in safetensors
  std::string_view numpy;  ///< in npy; bytes of their own where numpy has no such type
  std::size_t size;        ///< in bytes
};
inline constexpr std::array<dtype_facts, 18> dtype_table{{{"none", "", 0},
                                                          {"BOOL", "|b1", 1},
                                                          {"U8", "|u1", 1},
                                                          {"I8", "|i1", 1},
                                                          {"F8_E5M2", "|V1", 1},
                                                          {"F8_E4M3", "|V1", 1},
                                                          {"F8_E8M0", "|V1", 1},
                                                          {"I16", "<i2", 2},
                                                          {"U16", "<u2", 2},
                                                          {"F16", "<f2", 2},
                                                          {"BF16", "|V2", 2},
                                                          {"I32", "<i4", 4},
                                                          {"U32", "<u4", 4},
                                                          {"F32", "<f4", 4},
                                                          {"I64", "<i8", 8},
                                                          {"U64", "<u8", 8},
                                                          {"F64", "<f8", 8},
                                                          {"C64", "<c8", 8}}};
constexpr dtype_facts const& facts(dtype t) { return dtype_table[static_cast<std::size_t>(t)]; }
/// dtype::none where safetensors has no such name.
constexpr dtype dtype_named(std::string_view name) {
  for (std::size_t i = 1; i < dtype_table.size(); ++i)
    if (dtype_table[i].name == name) return static_cast<dtype>(i);
  return dtype::none;
}

namespace detail {

template <class S>
constexpr dtype dtype_by_limits() {
  using limits = std::numeric_limits<S>;
  if constexpr (std::same_as<S, bool>)
    return dtype::boolean;
  else if constexpr (std::same_as<S, std::complex<float>>)
    return dtype::c64;
  else if constexpr (limits::is_integer && std::is_integral_v<S>) {
    constexpr dtype with_sign[] = {dtype::i8, dtype::i16, dtype::i32, dtype::i64};
    constexpr dtype without[] = {dtype::u8, dtype::u16, dtype::u32, dtype::u64};
    return sizeof(S) > 8 ? dtype::none : (limits::is_signed ? with_sign : without)[std::countr_zero(sizeof(S))];
  } else if constexpr (limits::is_specialized && !limits::is_integer) {
    if (sizeof(S) == 2) return limits::digits == 11 ? dtype::f16 : limits::digits == 8 ? dtype::bf16 : dtype::none;
    if (sizeof(S) == 4) return limits::digits == 24 ? dtype::f32 : dtype::none;
    if (sizeof(S) == 8) return limits::digits == 53 ? dtype::f64 : dtype::none;
    return dtype::none;
  } else
    return dtype::none;
}

}  // namespace detail

/// The dtype of an element type, from std::numeric_limits. A type without limits says it itself:
/// template <> inline constexpr selfpred::dtype selfpred::dtype_of<my::bf16> = selfpred::dtype::bf16;
template <class S>
inline constexpr dtype dtype_of = detail::dtype_by_limits<S>();

namespace detail {

/// run(p, n, stride) for every run of x in row-major order; dimensions that follow each other in memory are one.
template <class S, int R, class Run>
void row_major_runs(strided<S, R> const& x, Run run) {
  std::array<index, max_rank> extent{}, stride{}, at{};
  std::size_t depth = 0;
  for (int i = 0; i < x.rank; ++i) {
    auto const d = static_cast<std::size_t>(i);
    if (x.extent[d] == 0) return;
    if (x.extent[d] == 1) continue;
    if (depth > 0 && stride[depth - 1] == x.stride[d] * x.extent[d])
      extent[depth - 1] *= x.extent[d], stride[depth - 1] = x.stride[d];
    else
      extent[depth] = x.extent[d], stride[depth] = x.stride[d], ++depth;
  }
  if (depth == 0) return run(x.data, index{1}, index{1});
  std::size_t const last = depth - 1;
  for (;;) {
    S* p = x.data;
    for (std::size_t d = 0; d < last; ++d) p += at[d] * stride[d];
    run(p, extent[last], stride[last]);
    std::size_t d = last;
    for (; d > 0 && ++at[d - 1] == extent[d - 1]; --d) at[d - 1] = 0;
    if (d == 0) return;
  }
}

// a * b, or nothing where it overflows.
inline std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

inline constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

/// put(bytes) in row-major order, straight from memory where it is dense, else through a buffer of 1 MiB.
template <class S, int R, class Put>
void put_elements(strided<S, R> const& x, Put const& put) {
  using T = std::remove_const_t<S>;
  static_assert(std::is_trivially_copyable_v<T>, "selfpred: elements of a checkpoint must be trivially copyable");
  constexpr std::size_t room = chunk_bytes / sizeof(T);
  std::vector<std::byte> buffer;
  std::size_t used = 0;
  auto const flush = [&] { put(std::span<std::byte const>(buffer.data(), used)), used = 0; };
  row_major_runs(x, [&](S* p, index n, index step) {
    if (step == 1 && static_cast<std::size_t>(n) >= room / 16) {
      if (used > 0) flush();
      return put(std::as_bytes(std::span<S const>(p, static_cast<std::size_t>(n))));
    }
    if (buffer.empty()) buffer.resize(chunk_bytes);
    for (index i = 0; i < n; ++i) {
      std::memcpy(buffer.data() + used, p + i * step, sizeof(T));
      if ((used += sizeof(T)) + sizeof(T) > chunk_bytes) flush();
    }
  });
  if (used > 0) flush();
}

/// get(bytes) fills the next bytes, row-major. Any byte but 0 is a true bool.
template <class S, int R, class Get>
void get_elements(strided<S, R> const& y, Get const& get) {
  static_assert(std::is_trivially_copyable_v<S>, "selfpred: elements of a checkpoint must be trivially copyable");
  auto left = static_cast<std::size_t>(y.shape().size());  // elements that no buffer holds yet
  std::vector<std::byte> buffer;
  std::size_t at = 0, filled = 0;
  row_major_runs(y, [&](S* p, index n, index step) {
    auto const count = static_cast<std::size_t>(n);
    if (!std::same_as<S, bool> && step == 1 && at == filled && count >= chunk_bytes / sizeof(S) / 16) {
      left -= count;
      return get(std::as_writable_bytes(std::span<S>(p, count)));
    }
    for (index i = 0; i < n; ++i, at += sizeof(S)) {
      if (at == filled) {
        at = 0, filled = std::min(left, std::max<std::size_t>(1, chunk_bytes / sizeof(S))) * sizeof(S);
        left -= filled / sizeof(S);
        buffer.resize(filled);
        get(std::span<std::byte>(buffer.data(), filled));
      }
      if constexpr (std::same_as<S, bool>)
        p[i * step] = buffer[at] != std::byte{0};
      else
        std::memcpy(p + i * step, buffer.data() + at, sizeof(S));
    }
  });
}

}  // namespace detail
}  // namespace selfpred
