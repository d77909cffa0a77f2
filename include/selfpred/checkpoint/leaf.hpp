// SPDX-License-Identifier: MIT
// How the elements of one tensor reach a file and come back.
#pragma once
#include <functional>
#include <selfpred/checkpoint/elements.hpp>
#include <selfpred/ops.hpp>
#include <selfpred/strided/operations.hpp>

namespace selfpred {

using byte_sink = std::function<void(std::span<std::byte const>)>;
using byte_source = std::function<void(std::span<std::byte>)>;

/// How the elements of a leaf reach a file and come back: `hold(x)` is kept in place of x (lists of tensors may be made on
/// the fly). Host memory goes bit for bit. This one is for tensors that show none: by copy_out and copy_in, as F64.
/// Specialise it for a tensor whose element type is known at run time only.
template <class T>
struct leaf_access {
  static T* hold(T& x) { return &x; }
  static dtype type(T const*) { return dtype::f64; }
  static selfpred::shape extent(T const* x) { return shape_of(*x); }
  static void put(T const* x, byte_sink const& sink) {
    std::vector<double> values(static_cast<std::size_t>(shape_of(*x).size()));
    copy_out(*x, values);
    sink(std::as_bytes(std::span(values)));
  }
  static void get(T* x, byte_source const& source) {
    std::vector<double> values(static_cast<std::size_t>(shape_of(*x).size()));
    source(std::as_writable_bytes(std::span(values)));
    copy_in(values, *x);
  }
};

namespace detail {

template <class S>
struct memory_access {
  using element = std::remove_const_t<S>;
  static_assert(
      dtype_of<element> != dtype::none,
      "selfpred: safetensors has no such element type (long double, complex<double>); for a type of your own: "
      "template <> inline constexpr selfpred::dtype selfpred::dtype_of<yours> = selfpred::dtype::bf16;");
  static dtype type(strided<S> const&) { return dtype_of<element>; }
  static selfpred::shape extent(strided<S> const& x) { return x.shape(); }
  static void put(strided<S> const& x, byte_sink const& sink) { put_elements(x, sink); }
  static void get(strided<S> const& x, byte_source const& source) {
    if constexpr (std::is_const_v<S>)
      throw state_error("load_checkpoint: a tensor is read-only, expected one that can be written");
    else
      get_elements(x, source);
  }
};
template <class T>
struct shown_element;
template <class S, int R>
struct shown_element<strided<S, R>> {
  using type = S;
};
template <class T>
concept in_memory = tensor<T> && requires { typename shown_element<std::remove_cvref_t<operand_t<T>>>::type; };

}  // namespace detail

template <class T>
  requires detail::in_memory<T>
struct leaf_access<T>
    : detail::memory_access<typename detail::shown_element<std::remove_cvref_t<detail::operand_t<T>>>::type> {
  static auto hold(T& x) {
    return strided<typename detail::shown_element<std::remove_cvref_t<detail::operand_t<T>>>::type>(detail::operand(x));
  }
};
template <class T>
  requires std::is_arithmetic_v<T>
struct leaf_access<T> : detail::memory_access<T> {
  static strided<T> hold(T& x) { return view_dense(&x, shape()); }
};

}  // namespace selfpred
