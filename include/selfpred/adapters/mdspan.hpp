// SPDX-License-Identifier: MIT
// Anything shaped like an mdspan: std::mdspan, cuda::std::mdspan, Kokkos's, a view of your own. It is known by its
// members, so this header includes none of them:
//
//   rank()                a constant      extent(r), stride(r)      counted in elements
//   data_handle(), or data()              a plain pointer to the first element, in memory that the host may read
//
// A layout without strides and an accessor that computes (a scaled or conjugated one) are refused. An mdspan owns nothing
// and is shallowly const: copies are handles, and results are host_array. Needs only the standard library; products need
// <selfpred/host/solve.hpp> as well.
#pragma once
#include <selfpred/strided/operations.hpp>

namespace selfpred {
namespace detail {

template <class T>
concept has_extents_and_strides = requires(T const& x) {
  { x.rank() } -> std::convertible_to<int>;
  { x.extent(0) } -> std::convertible_to<index>;
  { x.stride(0) } -> std::convertible_to<index>;
} && requires { typename std::integral_constant<int, static_cast<int>(T::rank())>; };
template <class T>
concept plain_access = !requires { typename T::accessor_type; } ||
                       std::same_as<typename T::accessor_type::reference, typename T::accessor_type::element_type&>;
template <class T>
concept strided_layout =
    !requires { typename T::mapping_type; } || requires { requires T::mapping_type::is_always_strided(); };

auto* mdspan_data(auto& x)
  requires requires { x.data_handle(); }
{
  return x.data_handle();
}
auto* mdspan_data(auto& x)
  requires(!requires { x.data_handle(); })
{
  return x.data();
}
template <class T>
concept mdspan_like = std::is_class_v<T> && has_extents_and_strides<T> && plain_access<T> && strided_layout<T> &&
                      (
                          requires(T& x) { *x.data_handle(); } || requires(T& x) { *x.data(); });

}  // namespace detail

template <detail::mdspan_like T>
struct tensor_traits<T> : shows_memory {
  static auto view(auto& x) {
    constexpr int rank = static_cast<int>(T::rank());
    strided<std::remove_pointer_t<decltype(detail::mdspan_data(x))>, rank> v;
    v.data = detail::mdspan_data(x);
    if constexpr (rank > 0)  // at rank 0 a std::mdspan has a stride() that does not compile
      for (std::size_t d = 0; d < static_cast<std::size_t>(rank); ++d) {
        v.extent[d] = static_cast<index>(x.extent(d));
        v.stride[d] = static_cast<index>(x.stride(d));
      }
    return v;
  }
};

}  // namespace selfpred
