// SPDX-License-Identifier: MIT
// A model is a walk over named tensors. For a type of yours write parameters(model), and buffers(model) if it has any, as
// free functions beside it; for a type that is not yours specialise model_traits. Tensors, tuples, pairs, ranges and
// maps are models already, and so is anything that nests them. A vector, array or span of numbers is one tensor.
#pragma once
#include <cstdint>
#include <selfpred/ops.hpp>
#include <selfpred/strided/shaped.hpp>
#include <tuple>

namespace selfpred {

/// A tensor under a name: parameters(model) may return std::tuple{named{"w", m.w}, named{"bias", m.bias}}.
template <class T>
struct named {
  std::string_view name;
  T& tensor;
};
template <class T>
named(std::string_view, T&) -> named<T>;

namespace detail {

void parameters() = delete;  // ordinary lookup stops here, so that only functions beside the model's type are found
void buffers() = delete;

template <class M>
concept has_adl_parameters = requires(M& m) { parameters(m); };
template <class M>
concept has_adl_buffers = requires(M& m) { buffers(m); };
template <class M>
decltype(auto) adl_parameters(M& m) {
  return parameters(m);
}
template <class M>
decltype(auto) adl_buffers(M& m) {
  return buffers(m);
}

}  // namespace detail

/// What a model's tensors are. Specialise it for a type that you do not own, with either or both functions.
template <class M>
struct model_traits {
  static decltype(auto) parameters(M& m)
    requires detail::has_adl_parameters<M>
  {
    return detail::adl_parameters(m);
  }
  static decltype(auto) buffers(M& m)
    requires detail::has_adl_buffers<M>
  {
    return detail::adl_buffers(m);
  }
};

namespace detail {

template <class T>
inline constexpr bool is_named = false;
template <class T>
inline constexpr bool is_named<named<T>> = true;

template <class T>
concept leaf = tensor<T> || std::is_arithmetic_v<bare<T>>;
template <class T>
concept tuple_like = requires { std::tuple_size<bare<T>>::value; } && !iterable<bare<T>>;
template <class T>
concept key_and_value = requires(T& t) {
  { std::string_view(t.first) };
  t.second;
};
template <class T>
concept item = requires(T& t) {  // torch::OrderedDict
  { t.key() } -> std::convertible_to<std::string_view>;
  t.value();
};
template <class T>
concept labelled = is_named<bare<T>> || key_and_value<T> || item<T>;
template <class T>
concept listed = requires(bare<T>& m) { model_traits<bare<T>>::parameters(m); };

template <class T>
std::string_view label(T& x) {
  if constexpr (is_named<bare<T>>)
    return x.name;
  else if constexpr (key_and_value<T>)
    return x.first;
  else
    return x.key();
}
template <class T>
auto& labelled_value(T& x) {
  if constexpr (is_named<bare<T>>)
    return x.tensor;
  else if constexpr (key_and_value<T>)
    return x.second;
  else
    return x.value();
}
// The user's functions take a mutable model; the library reads through them where the model is const.
template <class T>
decltype(auto) listed_parameters(T& m) {
  return model_traits<bare<T>>::parameters(const_cast<bare<T>&>(m));
}

template <class T>
concept walkable = leaf<T> || labelled<T> || tuple_like<T> || listed<T> || iterable<bare<T>>;

template <class T>
constexpr void expect_walkable() {
  static_assert(walkable<T>,
                "selfpred: this type is neither a tensor (selfpred::tensor_traits) nor a model: write a free function "
                "parameters(model) in its namespace, or specialise selfpred::model_traits");
}

template <class T, class F>
void walk_named(std::string const& name, T& x, F& f) {
  auto const below = [&](auto const& n) { return name.empty() ? std::string(n) : name + "." + std::string(n); };
  if constexpr (leaf<T>)
    f(name, x);
  else if constexpr (labelled<T>)
    detail::walk_named(below(detail::label(x)), detail::labelled_value(x), f);
  else if constexpr (tuple_like<T>)
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (detail::walk_named(labelled<std::tuple_element_t<I, bare<T>>> ? name : below(std::to_string(I)), std::get<I>(x),
                          f),
       ...);
    }(std::make_index_sequence<std::tuple_size_v<bare<T>>>{});
  else if constexpr (listed<T>) {
    auto&& p = detail::listed_parameters(x);
    detail::walk_named(name, p, f);
  } else if constexpr (iterable<bare<T>>) {
    std::size_t i = 0;
    for (auto&& e : x) detail::walk_named(labelled<decltype(e)> ? name : below(std::to_string(i)), e, f), ++i;
  } else
    expect_walkable<T>();
}

[[noreturn]] inline void leaf_count_error() {
  throw shape_error("selfpred: the two models have a different number of tensors, expected the same");
}

// In step, without names and without allocation. Labels are compared: two maps must have the same keys.
template <class X, class Y, class F>
void walk_pairs(X& x, Y& y, F& f) {
  if constexpr (leaf<X>)
    f(x, y);
  else if constexpr (labelled<X>) {
    if (detail::label(x) != detail::label(y))
      throw shape_error(complaint("selfpred", "the name of a tensor", "'" + std::string(detail::label(y)) + "'",
                                  "'" + std::string(detail::label(x)) + "'"));
    detail::walk_pairs(detail::labelled_value(x), detail::labelled_value(y), f);
  } else if constexpr (tuple_like<X>) {
    constexpr bool same = std::tuple_size_v<bare<X>> == std::tuple_size_v<bare<Y>>;
    static_assert(same, "selfpred: the two models have a different number of tensors");
    if constexpr (same)
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (detail::walk_pairs(std::get<I>(x), std::get<I>(y), f), ...);
      }(std::make_index_sequence<std::tuple_size_v<bare<X>>>{});
  } else if constexpr (listed<X>) {
    auto&& p = detail::listed_parameters(x);
    auto&& q = detail::listed_parameters(y);
    detail::walk_pairs(p, q, f);
  } else if constexpr (iterable<bare<X>>) {
    auto j = std::begin(y);
    for (auto&& e : x) {
      if (j == std::end(y)) leaf_count_error();
      auto&& o = *j;
      detail::walk_pairs(e, o, f);
      ++j;
    }
    if (j != std::end(y)) leaf_count_error();
  } else
    expect_walkable<X>();
}

}  // namespace detail

/// A tensor, or anything whose tensors can be listed.
template <class M>
concept model = detail::walkable<std::remove_const_t<M>>;

/// Whether buffers(model) exists, beside the model's type or in model_traits.
template <class M>
concept has_buffers = requires(detail::bare<M>& m) { model_traits<detail::bare<M>>::buffers(m); };

/// f(name, tensor) for every parameter, in order; names are paths such as "layers.0.w". A const model is read through
/// the same parameters(model); it is for f to leave it alone.
template <model M, class F>
void for_each_parameter(M& m, F f) {
  detail::walk_named(std::string(), m, f);
}

/// f(name, tensor) for every buffer, in order.
template <class M, class F>
void for_each_buffer(M& m, F f) {
  if constexpr (has_buffers<M>) {
    auto&& b = model_traits<detail::bare<M>>::buffers(const_cast<detail::bare<M>&>(m));
    detail::walk_named(std::string(), b, f);
  }
}

/// f(x, y) for the parameters of two models in step. Throws shape_error where count or names differ; allocates nothing.
template <model A, model B, class F>
void pair_parameters(A& a, B& b, F f) {
  detail::walk_pairs(a, b, f);
}

/// f(x, y) for the buffers of two models in step.
template <class A, class B, class F>
void pair_buffers(A& a, B& b, F f) {
  if constexpr (has_buffers<A>) {
    auto&& p = model_traits<detail::bare<A>>::buffers(const_cast<detail::bare<A>&>(a));
    auto&& q = model_traits<detail::bare<B>>::buffers(const_cast<detail::bare<B>&>(b));
    detail::walk_pairs(p, q, f);
  }
}

}  // namespace selfpred
