// SPDX-License-Identifier: MIT
// Everything in Eigen that has memory: Matrix, Array, Map, Ref, Block, Transpose; fixed and dynamic, either order. Eigen
// gives data and strides; this header shows them. Lazy expressions have no memory and are refused: write .eval().
#pragma once
#include <Eigen/Core>
#include <selfpred/host/engine.hpp>
#include <selfpred/host/solve.hpp>
#include <selfpred/ops.hpp>

namespace selfpred {

/// Eigen's own cast writes halves of a word through a pointer, which no compiler vectorises.
template <>
struct narrow_float<Eigen::bfloat16> : upper_half_of_float<Eigen::bfloat16> {};

namespace detail {

template <class T>
concept eigen_memory = requires { typename T::Scalar; } && std::derived_from<T, Eigen::DenseBase<T>> &&
                       bool(Eigen::internal::traits<T>::Flags & Eigen::DirectAccessBit);

}  // namespace detail

template <detail::eigen_memory T>
struct tensor_traits<T> : shows_memory {
  using owner = Eigen::Matrix<typename T::Scalar, Eigen::Dynamic, Eigen::Dynamic,
                              T::IsRowMajor && T::ColsAtCompileTime != 1 ? Eigen::RowMajor : Eigen::ColMajor>;
  static auto view(auto& a) { return view_matrix(a.data(), a.rows(), a.cols(), a.rowStride(), a.colStride()); }
  static owner filled(T const&, shape const& s, double v) {
    if (s.rank != 2)
      throw shape_error(selfpred::detail::complaint("filled", "the shape of an Eigen matrix", s.text(), "two extents"));
    return owner::Constant(s.rows(), s.cols(), static_cast<typename T::Scalar>(v));
  }
};

}  // namespace selfpred
