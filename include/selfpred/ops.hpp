// SPDX-License-Identifier: MIT
// The public verbs over tensor_traits, in BLAS's words. They are function objects: a plain function of these names would
// lose to at::dot or std::copy by argument-dependent lookup, and with a less lucky return type it would compile.
#pragma once
#include <selfpred/scalars.hpp>

namespace selfpred {
namespace detail {

struct shape_of_fn {
  template <tensor T>
  shape operator()(T const& x) const {
    return operations_t<T const>::shape(detail::operand(x));
  }
};
struct storage_fn {
  template <tensor T>
  void const* operator()(T const& x) const {
    return operations_t<T const>::storage(detail::operand(x));
  }
};
struct overlaps_fn {
  template <tensor X, compatible<X> Y>
  bool operator()(X const& x, Y const& y) const {
    return operations_t<X const>::overlaps(detail::operand(x), detail::operand(y));
  }
};
struct filled_fn {
  template <tensor T>
  owner_t<T> operator()(T const& like, shape const& s, double v = 0) const {
    return tensor_traits<bare<T>>::filled(like, s, v);
  }
};
struct accumulator_fn {
  template <tensor T>
  accumulator_t<T> operator()(T const& like, shape const& s) const {
    return operations_t<T const>::accumulator(detail::operand(like), s);
  }
};
struct accumulate_fn {
  template <tensor X>
  void operator()(scalar_t<X> a, X const& x, scalar_t<X> b, accumulator_t<X>& sum) const {
    decltype(auto) w = detail::operand(sum);
    operations_t<X const>::accumulate(a, detail::operand(x), b, w);
  }
};
struct narrow_fn {
  template <tensor Y>
    requires writable<Y>
  void operator()(scalar_t<Y> a, accumulator_t<Y> const& sum, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::narrow(a, detail::operand(sum), o);
  }
};
struct axpby_fn {
  template <tensor X, compatible<X> Y>
    requires writable<Y>
  void operator()(scalar_t<Y> a, X const& x, scalar_t<Y> b, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::axpby(a, detail::operand(x), b, o);
  }
};
struct lerp_fn {
  template <tensor X, compatible<X> Y>
    requires writable<Y>
  void operator()(scalar_t<Y> w, X const& x, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::lerp(w, detail::operand(x), o);
  }
};
struct copy_fn {
  template <tensor X, compatible<X> Y>
    requires writable<Y>
  void operator()(X const& x, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::copy(detail::operand(x), o);
  }
};
struct clone_fn {
  template <tensor T>
  owner_t<T> operator()(T const& x) const {
    auto y = filled_fn{}(x, shape_of_fn{}(x));
    copy_fn{}(x, y);
    return y;
  }
};
struct dot_fn {
  template <tensor X, compatible<X> Y>
  scalar_t<X> operator()(X const& x, Y const& y) const {
    return operations_t<X const>::dot(detail::operand(x), detail::operand(y));
  }
};
struct copy_out_fn {
  template <tensor T>
  void operator()(T const& x, std::span<double> row_major) const {
    operations_t<T const>::copy_out(detail::operand(x), row_major);
  }
};
struct copy_in_fn {
  template <tensor T>
    requires writable<T>
  void operator()(std::span<double const> row_major, T&& x) const {
    decltype(auto) o = detail::operand(x);
    operations_t<T>::copy_in(row_major, o);
  }
};
struct gemm_fn {
  template <matrix X, matrix Y, matrix Z>
    requires compatible<X, Y> && compatible<X, Z> && writable<Z>
  void operator()(scalar_t<Z> a, X const& x, op p, Y const& y, op q, scalar_t<Z> b, Z&& z) const {
    decltype(auto) o = detail::operand(z);
    operations_t<Z>::gemm(a, detail::operand(x), p, detail::operand(y), q, b, o);
  }
};
struct gemm_symmetric_fn {
  template <matrix X, matrix Y, matrix Z>
    requires compatible<X, Y> && compatible<X, Z> && writable<Z>
  void operator()(scalar_t<Z> a, X const& x, op p, Y const& y, op q, scalar_t<Z> b, Z&& z) const {
    decltype(auto) o = detail::operand(z);
    operations_t<Z>::gemm_symmetric(a, detail::operand(x), p, detail::operand(y), q, b, o);
  }
};
struct add_diagonal_fn {
  template <matrix X>
    requires writable<X>
  void operator()(scalar_t<X> a, X&& x) const {
    decltype(auto) o = detail::operand(x);
    operations_t<X>::add_diagonal(a, o);
  }
};
struct normalize_rows_fn {
  template <matrix X, matrix Y>
    requires compatible<X, Y> && writable<Y>
  void operator()(double epsilon, X const& x, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::normalize_rows(epsilon, detail::operand(x), o);
  }
};
struct normalize_rows_adjoint_fn {
  template <matrix X, matrix Y>
    requires compatible<X, Y> && writable<Y>
  void operator()(double epsilon, X const& x, Y&& g) const {
    decltype(auto) o = detail::operand(g);
    operations_t<Y>::normalize_rows_adjoint(epsilon, detail::operand(x), o);
  }
};
struct scale_rows_fn {
  template <matrix_with_row_scaling W, matrix X, matrix Y>
    requires compatible<W, X> && compatible<X, Y> && writable<Y>
  void operator()(W const& w, X const& x, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    operations_t<Y>::scale_rows(detail::operand(w), detail::operand(x), o);
  }
};
struct spd_solve_fn {
  template <matrix_with_solve X, matrix_with_solve Y>
    requires compatible<X, Y> && writable<X> && writable<Y>
  scalar_t<Y> operator()(X&& x, Y&& y) const {
    decltype(auto) a = detail::operand(x);
    decltype(auto) b = detail::operand(y);
    return operations_t<Y>::spd_solve(a, b);
  }
};
struct spd_inverse_fn {
  template <matrix_with_solve X, matrix_with_solve Y>
    requires compatible<X, Y> && writable<X> && writable<Y>
  scalar_t<Y> operator()(X&& x, Y&& y) const {
    using O = operations_t<Y>;
    decltype(auto) a = detail::operand(x);
    decltype(auto) b = detail::operand(y);
    if constexpr (requires { O::spd_inverse(a, b); }) {
      return O::spd_inverse(a, b);
    } else {
      O::axpby(scalar_t<Y>(0.0), a, scalar_t<Y>(0.0),
               b);  // an infinity of x becomes a NaN of y: the solve fails anyway
      O::add_diagonal(scalar_t<Y>(1.0), b);
      return O::spd_solve(a, b);
    }
  }
};
struct eigh_power_fn {
  template <matrix_with_eigh X, matrix_with_eigh Y>
    requires compatible<X, Y> && writable<Y>
  scalar_t<Y> operator()(X const& x, double power, Y&& y) const {
    decltype(auto) o = detail::operand(y);
    return operations_t<Y>::eigh_power(detail::operand(x), power, o);
  }
};
struct eigenvalues_fn {
  template <matrix_with_eigh X>
  void operator()(X const& x, std::span<double> ascending) const {
    operations_t<X const>::eigenvalues(detail::operand(x), ascending);
  }
};
struct eigenvectors_fn {
  template <matrix_with_eigh X, matrix_with_eigh V>
    requires compatible<X, V> && writable<V>
  void operator()(X const& x, std::span<double> ascending, V&& v) const {
    decltype(auto) o = detail::operand(v);
    operations_t<V>::eigenvectors(detail::operand(x), ascending, o);
  }
};

}  // namespace detail

// any tensor
inline constexpr detail::shape_of_fn shape_of{};
inline constexpr detail::storage_fn storage{};          ///< the address that tells tensors apart; nullptr for none
inline constexpr detail::overlaps_fn overlaps{};        ///< whether x and y share storage
inline constexpr detail::filled_fn filled{};            ///< a new owner like x: filled(like, shape, value = 0)
inline constexpr detail::clone_fn clone{};              ///< an independent owner with x's values
inline constexpr detail::copy_fn copy{};                ///< y <- x
inline constexpr detail::axpby_fn axpby{};              ///< y <- a x + b y; with b = 0, y is write-only
inline constexpr detail::lerp_fn lerp{};                ///< y <- y + w (x - y)
inline constexpr detail::dot_fn dot{};                  ///< sum of x_i y_i, in double or better
inline constexpr detail::copy_out_fn copy_out{};        ///< to row-major doubles on the host; synchronises
inline constexpr detail::copy_in_fn copy_in{};          ///< from row-major doubles on the host
inline constexpr detail::accumulator_fn accumulator{};  ///< a zero sum, wider than x where the backend can
inline constexpr detail::accumulate_fn accumulate{};    ///< sum <- a x + b sum; with b = 0, sum is write-only
inline constexpr detail::narrow_fn narrow{};            ///< y <- a sum
// matrices
inline constexpr detail::gemm_fn gemm{};                      ///< z <- a op(x) op(y) + b z
inline constexpr detail::gemm_symmetric_fn gemm_symmetric{};  ///< gemm whose caller promises a symmetric result
inline constexpr detail::add_diagonal_fn add_diagonal{};      ///< x <- x + a I
inline constexpr detail::normalize_rows_fn normalize_rows{};  ///< y_i <- x_i / sqrt(max(|x_i|^2, epsilon))
inline constexpr detail::normalize_rows_adjoint_fn normalize_rows_adjoint{};  ///< g <- (d normalize / d x)^T g
// capabilities
inline constexpr detail::scale_rows_fn scale_rows{};    ///< y_i <- w_i x_i, w a column
inline constexpr detail::spd_solve_fn spd_solve{};      ///< y <- x^-1 y; x is destroyed; smallest pivot, 0 = failed
inline constexpr detail::spd_inverse_fn spd_inverse{};  ///< y <- x^-1; x is destroyed; smallest pivot, 0 = failed
/// y <- x^power of a symmetric x, negative eigenvalues as 0; returns the largest eigenvalue of x, or 0
inline constexpr detail::eigh_power_fn eigh_power{};
inline constexpr detail::eigenvalues_fn eigenvalues{};    ///< of a symmetric x, ascending; synchronises
inline constexpr detail::eigenvectors_fn eigenvectors{};  ///< and the columns of v orthonormal, in the same order

}  // namespace selfpred
