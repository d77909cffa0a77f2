// SPDX-License-Identifier: MIT
// Stop-gradient as a type. Targets of losses and objectives are stopped<T>; a live tensor there does not compile.
#pragma once
#include <selfpred/ops.hpp>

namespace selfpred {

/// A tensor through which no gradient flows: read-only, made by stop_gradient alone. T is a bare type (kept inside) or
/// T const& (viewed: the tensor must outlive it).
template <class T>
class stopped {
 public:
  /// The tensor's values.
  std::remove_reference_t<T> const& get() const { return x_; }

 private:
  explicit stopped(T x) : x_(static_cast<T&&>(x)) {}
  T x_;
  friend struct stop_gradient_fn;
};

namespace detail {
template <class T>
inline constexpr bool is_stopped = false;
template <class T>
inline constexpr bool is_stopped<stopped<T>> = true;
}  // namespace detail

template <class T>
concept stopped_tensor = detail::is_stopped<std::remove_cvref_t<T>>;

/// The tensor inside a stopped type.
template <stopped_tensor T>
using stopped_value_t = std::remove_cvref_t<decltype(std::declval<T const&>().get())>;

/// stop_gradient(x): an lvalue is viewed, an rvalue is owned, a tensor that carries a graph (libtorch) is detached, and of
/// AD scalars the values are taken. Stopping twice is stopping once. Cost: none on hosts; no copy, no allocation.
struct stop_gradient_fn {
  template <tensor T>
  auto operator()(T&& x) const {
    using traits = tensor_traits<detail::bare<T>>;
    using detached = decltype(traits::detach(std::as_const(x)));
    if constexpr (requires { requires operations_t<T>::carries_derivatives; }) {
      auto values = filled(x, shape_of(x));
      decltype(auto) y = detail::operand(values);
      operations_t<T>::drop_derivatives(detail::operand(std::as_const(x)), y);
      return stopped<owner_t<T>>(std::move(values));
    } else if constexpr (!std::is_reference_v<detached>)
      return stopped<detached>(traits::detach(std::as_const(x)));
    else if constexpr (std::is_lvalue_reference_v<T>)
      return stopped<detail::bare<T> const&>(x);
    else
      return stopped<detail::bare<T>>(std::forward<T>(x));
  }
  template <stopped_tensor T>
  std::remove_cvref_t<T> operator()(T&& x) const {
    return std::forward<T>(x);
  }
  template <class T>
    requires(!tensor<T> && !stopped_tensor<T>)
  void operator()(T&&) const {
    static_assert(!sizeof(T*),
                  "selfpred: stop_gradient takes a stored tensor. A lazy expression needs .eval(); a type of your own "
                  "needs selfpred::tensor_traits");
  }
};
inline constexpr stop_gradient_fn stop_gradient{};

}  // namespace selfpred
