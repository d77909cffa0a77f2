// SPDX-License-Identifier: MIT
// std::function without <functional>, which is 0.08 s of every translation unit.
#pragma once
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace selfpred {

template <class Signature>
class callable;

/// A copy of a function object or a pointer to a function, as std::function<R(A...)> holds one. Empty when it is made from
/// nothing, a null pointer or an empty std::function; an empty one must not be called.
/// Example: callable<bool(int)>([](int i) { return i > 0; })(1) is true
template <class R, class... A>
class callable<R(A...)> {
 public:
  callable(std::nullptr_t = nullptr) {}
  template <class F>
    requires(!std::same_as<F, callable> && std::copy_constructible<F> && std::is_invocable_r_v<R, F&, A...>)
  callable(F f) {
    if constexpr (requires { f == nullptr; })
      if (f == nullptr) return;
    held_ = new holder<F>(std::move(f));
  }
  callable(callable const& o) : held_(o ? o.held_->clone() : nullptr) {}
  callable(callable&& o) noexcept : held_(std::exchange(o.held_, nullptr)) {}
  callable& operator=(callable o) noexcept {
    std::swap(held_, o.held_);
    return *this;
  }
  ~callable() { delete held_; }

  explicit operator bool() const { return held_ != nullptr; }
  R operator()(A... a) const { return held_->call(static_cast<A&&>(a)...); }

 private:
  struct function {
    virtual ~function() = default;
    virtual function* clone() const = 0;
    virtual R call(A&&... a) = 0;
  };
  template <class F>
  struct holder final : function {
    explicit holder(F&& f) : f_(std::move(f)) {}
    function* clone() const override { return new holder(F(f_)); }
    R call(A&&... a) override { return static_cast<R>(f_(static_cast<A&&>(a)...)); }
    F f_;
  };

  function* held_ = nullptr;
};

}  // namespace selfpred
