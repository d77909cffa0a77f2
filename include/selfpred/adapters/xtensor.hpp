// SPDX-License-Identifier: MIT
// xtensor, 0.24 to 0.27: xarray, xtensor and xtensor_fixed, adapted memory, and views with strides, of any rank and either
// layout. xtensor gives data and strides; this header shows them, and selfpred's engine multiplies, for xtensor has no
// product. A rank that is static stays so: xtensor<float, 3> is a tensor and no matrix; an xarray's is checked when it
// happens. Lazy expressions have no memory and are refused: write xt::eval(...).
#pragma once
#if __has_include(<xtensor/containers/xarray.hpp>)  // 0.26 moved them
#include <algorithm>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#endif
#include <selfpred/host/engine.hpp>
#include <selfpred/host/solve.hpp>
#include <selfpred/ops.hpp>

namespace selfpred {
namespace detail {

template <class T>
concept xtensor_memory = std::derived_from<T, xt::xexpression<T>> && requires(T& x) {
  requires std::is_pointer_v<decltype(x.data())>;
  x.data_offset();
  x.strides();
  x.shape();
};
template <xtensor_memory T>
inline constexpr int xtensor_rank = static_cast<int>(xt::static_dimension<typename T::shape_type>::value);
template <xtensor_memory T>
inline constexpr xt::layout_type xtensor_layout =
    T::static_layout == xt::layout_type::column_major ? xt::layout_type::column_major : xt::layout_type::row_major;

// An adaptor of const memory has a mutable data() all the same, which does not compile.
template <xtensor_memory T>
inline constexpr bool xtensor_reads_only =
    std::is_const_v<std::remove_reference_t<decltype(std::declval<T&>().storage())>>;

template <xtensor_memory T, class S = std::remove_const_t<typename T::value_type>, int Rank = xtensor_rank<T>>
struct xtensor_owner {
  using type = xt::xtensor<S, Rank, xtensor_layout<T>>;
};
template <xtensor_memory T, class S>
struct xtensor_owner<T, S, any_rank> {
  using type = xt::xarray<S, xtensor_layout<T>>;
};

}  // namespace detail

template <detail::xtensor_memory T>
struct tensor_traits<T> : shows_memory {
  using owner = typename detail::xtensor_owner<T>::type;
  static auto view(auto& x) {
    auto const show = [](auto& y) {
      return view_tensor<detail::xtensor_rank<T>>(y.data() + y.data_offset(), y.shape(), y.strides());
    };
    if constexpr (detail::xtensor_reads_only<T>)
      return show(std::as_const(x));
    else
      return show(x);
  }
  static owner filled(T const&, shape const& s, double v) {
    typename owner::shape_type extents{};
    if constexpr (detail::xtensor_rank<T> == any_rank)
      extents.resize(static_cast<std::size_t>(s.rank));
    else if (s.rank != detail::xtensor_rank<T>)
      throw shape_error(selfpred::detail::complaint("filled", "the shape of an xtensor", s.text(),
                                                    std::to_string(detail::xtensor_rank<T>) + " extents"));
    std::ranges::transform(s, extents.begin(), [](index n) { return static_cast<std::size_t>(n); });
    return owner(extents, static_cast<typename owner::value_type>(v));
  }
};

}  // namespace selfpred
