// SPDX-License-Identifier: MIT
// The customisation point. A tensor either shows another tensor that does the work, or does the operations itself:
//
//   template <> struct selfpred::tensor_traits<T> : shows_memory       { static auto view(auto& x); };
//   template <> struct selfpred::tensor_traits<T> : does_operations<T> { ... eleven operations ... };
//
// The first way is resolved before anything else happens, so algorithms only ever see operations. docs/concepts.md has
// the laws that they obey; testing/conformance.hpp checks them on a user's type.
#pragma once
#include <cmath>
#include <concepts>
#include <selfpred/view.hpp>
#include <span>
#include <utility>

namespace selfpred {

/// The single customisation point, undefined on purpose: an unknown type is an error, never a guess.
template <class T>
struct tensor_traits;

/// Operations that every tensor has and few need to write. Each may be overridden; all are demanded by the concept, so
/// an override of the wrong signature hides the default and is a compile error. `Ops` is the class with the rest.
template <class Ops>
struct default_operations {
  using defaults = default_operations;
  using scalar_type = double;
  static constexpr double unit_roundoff = 0;          // of the element type; 0: not known when compiling
  static constexpr bool carries_derivatives = false;  // AD scalars; drop_derivatives(x, y) then takes their values
  template <class C>
  static bool averageable(C const&) {
    return true;
  }
  template <class C, class D>
  static void expect_alike(C const&, D const&) {}  // throws domain_error: devices or run-time types that cannot meet
  template <class C, class D>
  static bool overlaps(C const& x, D const& y) {
    return Ops::storage(x) != nullptr && Ops::storage(x) == Ops::storage(y);
  }
  template <class C, class M>
  static void copy(C const& x, M& y) {
    Ops::axpby(1.0, x, 0.0, y);
  }
  template <class A, class C, class M>
  static void lerp(A w, C const& x, M& y) {  // y <- (1 - w) y + w x
    Ops::axpby(w, x, A(1.0) + A(-1.0) * w, y);
  }
  template <class A, class C, class D, class B, class M>
  static void gemm_symmetric(A a, C const& x, op p, D const& y, op q, B b, M& z) {
    Ops::gemm(a, x, p, y, q, b, z);
  }
  // Where sums over many batches are kept: a tensor of a wider type where there is one (hosts: double), else the same.
  template <class C>
    requires requires(C const& x, shape const& s) { Ops::filled(x, s, 0.0); }
  static auto accumulator(C const& like, shape const& s) {
    return Ops::filled(like, s, 0.0);
  }
  template <class A, class C, class W>
  static void accumulate(A a, C const& x, A b, W& sum) {  // sum <- a x + b sum
    Ops::axpby(a, x, b, sum);
  }
  template <class A, class W, class M>
  static void narrow(A a, W const& sum, M& y) {  // y <- a sum, rounded once
    Ops::axpby(a, sum, A(0.0), y);
  }
};

/// Way 1: `static auto view(auto& x)` returns a tensor that does the operations (for host memory: view_row_major, ...).
struct shows_memory {
  using way = shows_memory;
  /// The owner in which results and workspaces are made; inherited, it is the owner that the shown tensor names.
  static auto filled(auto const& like, shape const& s, double v);
  static auto const& detach(auto const& x) { return x; }  // by reference: there is no gradient to leave behind
};

/// Way 2: the operations themselves, as static members of the specialisation (list in docs/concepts.md).
template <class T>
struct does_operations : default_operations<tensor_traits<T>> {
  using way = does_operations;
  using operations = tensor_traits<T>;
  static T const& detach(T const& x) { return x; }
};

namespace detail {

template <class T>
using bare = std::remove_cvref_t<T>;

template <class T>
concept adapted = requires {
  sizeof(tensor_traits<bare<T>>);
  typename tensor_traits<bare<T>>::way;
};
template <class T>
concept by_view = adapted<T> && std::same_as<typename tensor_traits<bare<T>>::way, shows_memory>;

template <class T>
decltype(auto) operand(T& x) {
  if constexpr (by_view<T>)
    return tensor_traits<bare<T>>::view(x);
  else
    return (x);
}
template <class T>
using operand_t = decltype(detail::operand(std::declval<T&>()));

template <class T>
struct resolve {
  using operations = typename tensor_traits<bare<T>>::operations;
};
template <by_view T>
struct resolve<T> : resolve<std::remove_reference_t<decltype(tensor_traits<bare<T>>::view(std::declval<T&>()))>> {};

void sqrt() = delete;
void value() = delete;
void reciprocal() = delete;
template <class S>
concept has_adl_handle = requires(S const& s) {
  { sqrt(s) } -> std::convertible_to<S>;
  { reciprocal(s) } -> std::convertible_to<S>;
  { value(s) } -> std::convertible_to<double>;
};

}  // namespace detail

/// Coefficients and results of reductions: double on hosts, a 0-dimensional value on a device or a remote machine.
/// Never the element type. Arithmetic on it is not a synchronisation; selfpred::value(s) is, and the only one.
template <class S>
concept scalar_handle = std::copyable<S> && std::constructible_from<S, double> && requires(S const& a) {
  { a* a } -> std::convertible_to<S>;
  { a + a } -> std::convertible_to<S>;
} && (std::same_as<S, double> || detail::has_adl_handle<S>);

/// The class whose static members work on T, and its scalar. Tensors with the same operations may meet in one call.
template <class T>
using operations_t = typename detail::resolve<std::remove_reference_t<T>>::operations;
template <class T>
using scalar_t = typename operations_t<T>::scalar_type;

/// The owning tensor that holds results and workspaces for T: what tensor_traits<T>::filled returns.
template <class T>
using owner_t = std::remove_cvref_t<decltype(tensor_traits<detail::bare<T>>::filled(
    std::declval<detail::bare<T> const&>(), std::declval<shape const&>(), 0.0))>;

/// The tensor in which sums over batches are kept (wider than T where the backend can).
template <class T>
using accumulator_t = std::remove_cvref_t<decltype(operations_t<T>::accumulator(
    std::declval<detail::operand_t<detail::bare<T> const>>(), std::declval<shape const&>()))>;

namespace detail {

// C is what operations read, M what they write: what the owner of T shows. W is the accumulator's operand.
// One flat requires-expression a rung: compilers then name the missing operation.
template <class T>
using read_t = std::remove_cvref_t<operand_t<bare<T> const>>;
template <class T>
using write_t = std::remove_cvref_t<operand_t<owner_t<T>>>;
template <class T>
using sum_t = std::remove_cvref_t<operand_t<accumulator_t<T>>>;

template <class O, class C, class M, class W, class S = typename O::scalar_type>
concept tensor_operations =
    requires(C const& x, M& y, W& w, S a, shape const& s, std::span<double> out, std::span<double const> in) {
      { O::shape(x) } -> std::same_as<shape>;
      { O::storage(x) } -> std::convertible_to<void const*>;
      { O::overlaps(x, x) } -> std::same_as<bool>;
      { O::averageable(x) } -> std::same_as<bool>;
      { O::expect_alike(x, x) } -> std::same_as<void>;
      O::filled(x, s, 0.0);
      { O::axpby(a, x, a, y) } -> std::same_as<void>;
      { O::lerp(a, x, y) } -> std::same_as<void>;
      { O::copy(x, y) } -> std::same_as<void>;
      { O::dot(x, x) } -> std::same_as<S>;
      { O::copy_out(x, out) } -> std::same_as<void>;
      { O::copy_in(in, y) } -> std::same_as<void>;
      { O::accumulate(a, x, a, w) } -> std::same_as<void>;
      { O::narrow(a, w, y) } -> std::same_as<void>;
    };
template <class O, class C, class M, class S = typename O::scalar_type>
concept matrix_operations = requires(C const& x, M& y, S a, op t) {
  { O::gemm(a, x, t, x, t, a, y) } -> std::same_as<void>;
  { O::gemm_symmetric(a, x, t, x, t, a, y) } -> std::same_as<void>;
  { O::add_diagonal(a, y) } -> std::same_as<void>;
  { O::normalize_rows(0.0, x, y) } -> std::same_as<void>;
  { O::normalize_rows_adjoint(0.0, x, y) } -> std::same_as<void>;
};
template <class O, class M, class S = typename O::scalar_type>
concept solve_operations = requires(M& x, M& y) {
  { O::spd_solve(x, y) } -> std::same_as<S>;
};
template <class O, class C, class M, class S = typename O::scalar_type>
concept eigh_operations = requires(C const& x, M& y, std::span<double> w) {
  { O::eigh_power(x, 0.5, y) } -> std::same_as<S>;
  { O::eigenvalues(x, w) } -> std::same_as<void>;
  { O::eigenvectors(x, w, y) } -> std::same_as<void>;
};
template <class O, class C, class M>
concept row_scaling_operations = requires(C const& w, C const& x, M& y) {
  { O::scale_rows(w, x, y) } -> std::same_as<void>;
};

template <class T>
inline constexpr int rank_of = any_rank;
template <class S, int R>
inline constexpr int rank_of<strided<S, R>> = R;

}  // namespace detail

/// Elementwise work at any rank: enough for EMA.
template <class T>
concept tensor = detail::adapted<T> && scalar_handle<scalar_t<T>> &&
                 detail::tensor_operations<operations_t<T>, detail::read_t<T>, detail::write_t<T>, detail::sum_t<T>>;

/// Products: enough for Newton-Schulz, DirectCopy, the trainable predictor and the loss.
template <class T>
concept matrix =
    tensor<T> && (detail::rank_of<detail::read_t<T>> == any_rank || detail::rank_of<detail::read_t<T>> == 2) &&
    detail::matrix_operations<operations_t<T>, detail::read_t<T>, detail::write_t<T>>;

/// A symmetric positive definite solve: linear regression.
template <class T>
concept matrix_with_solve = matrix<T> && detail::solve_operations<operations_t<T>, detail::write_t<T>>;

/// A symmetric eigendecomposition: DirectPred, diagnostics.
template <class T>
concept matrix_with_eigh = matrix<T> && detail::eigh_operations<operations_t<T>, detail::read_t<T>, detail::write_t<T>>;

/// Rows times a column of weights: weighted statistics.
template <class T>
concept matrix_with_row_scaling =
    matrix<T> && detail::row_scaling_operations<operations_t<T>, detail::read_t<T>, detail::write_t<T>>;

/// T and U may meet in one call: they have the same operations (for hosts: the same element type).
template <class T, class U>
concept compatible = tensor<T> && tensor<U> && std::same_as<operations_t<T>, operations_t<U>>;

/// T may be an output. A const tensor, a Map<Matrix const>, a span<float const> are tensors but not writable.
template <class T>
concept writable = tensor<T> && !std::is_const_v<std::remove_reference_t<detail::operand_t<T>>> &&
                   (std::same_as<std::remove_cvref_t<detail::operand_t<T>>, detail::write_t<T>> ||
                    std::convertible_to<detail::operand_t<T>, detail::write_t<T>>);

auto shows_memory::filled(auto const& like, shape const& s, double v) {
  return operations_t<decltype(like)>::filled(detail::operand(like), s, v);
}

}  // namespace selfpred
